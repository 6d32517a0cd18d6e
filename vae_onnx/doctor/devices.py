"""What models can run on here: execution providers, plugins, and a decode on each device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import Distribution
from typing import Any, Final

from vae_onnx.doctor import pip
from vae_onnx.doctor.packages import Machine, modules, requirements, within
from vae_onnx.doctor.report import Check, Finding

GROUP: Final = "devices"
OLDEST: Final = re.compile(r'minimum required version "([\d.]+)"')  # as a plugin refuses
TOLERANCE: Final = 1e-2  # of a pixel in 0..1; what computes in TF32 or float16 stays below


def plugins(distributions: Iterable[Distribution]) -> dict[str, Distribution]:
    """Return the plugins for onnxruntime that are installed: module -> distribution."""
    return {
        module: distribution
        for distribution in distributions
        for module in modules(distribution, r"onnxruntime_ep_\w+")
    }


def check_providers(providers: Sequence[str]) -> Check:
    """The execution providers that are built into onnxruntime."""
    facts = {"providers": list(providers)}
    return Check("providers", GROUP, "built in", ", ".join(providers), facts)


def check_plugin(
    module: str, distribution: Distribution, runtime: str, device: str | None
) -> Check:
    """An installed plugin.

    Args:
        module: It.
        distribution: Its package.
        runtime: The version of onnxruntime.
        device: Which device it brings; None if vae_onnx does not know it.
    """
    name, limits = distribution.name, requirements(distribution).get("onnxruntime", "")
    findings = []
    if not within(runtime, limits):
        message = f"{name} {distribution.version} needs onnxruntime {limits}, there is {runtime}."
        command = pip.install(f"onnxruntime{limits}")
        findings.append(Finding("plugin-unsupported", "error", message, command))
    use = f"for device {device}" if device else "unknown to vae_onnx, which does not use it"
    value = f"{name} {distribution.version}, {use}"
    facts = {"package": name, "version": distribution.version, "device": device, "needs": limits}
    return Check(f"plugin.{module}", GROUP, "plugin", value, facts, findings)


def check_device(
    name: str,
    provider: str,
    package: Distribution | None,
    answer: Mapping[str, Any],
    machine: Machine,
    *,
    explained: bool = False,
) -> Check:
    """A decode on a device.

    Args:
        name: Of the device, as in `vae_onnx.engine.providers.KNOWN`.
        provider: Its execution provider.
        package: What brings it: a plugin, or onnxruntime.
        answer: What came of `trial.on_device`, or "stage" and "error".
        machine: Where.
        explained: Whether another check has found why it fails.
    """
    findings, failed = [], "error" in answer
    if failed:
        value = answer["error"]
        if not explained:
            findings.append(_failing(name, provider, package, answer, machine))
    else:
        placement, difference = answer["placement"], answer["difference"]
        total = sum(placement.values())
        where = ", ".join(f"{count} on {each}" for each, count in placement.items())
        value = f"decodes in {answer['milliseconds']:.2g} ms; of {total} nodes {where}"
        apart = "no number" if difference is None else f"{difference:.1g}"
        value += "" if name == "cpu" else f"; {apart} from the CPU"
        if difference is None or difference > TOLERANCE:
            message = (
                f"{provider} decodes {answer['model']} to other pixels than the CPU: the largest "
                f"difference is {apart}, at most {TOLERANCE} was expected."
            )
            command = pip.again(package) if package else pip.install("--upgrade", "onnxruntime")
            findings.append(Finding("device-differs", "error", message, command))
    facts = {"provider": provider, **answer}
    return Check(f"device.{name}", GROUP, name, value, facts, findings, failed)


def _failing(
    name: str,
    provider: str,
    package: Distribution | None,
    answer: Mapping[str, Any],
    machine: Machine,
) -> Finding:
    what = f"{package.name} {package.version}" if package else "the onnxruntime installed here"
    error = str(answer["error"]).rstrip(".")
    again = pip.again(package) if package else pip.install("--upgrade", "onnxruntime")
    match answer["stage"]:
        case "load":
            message = f"The device {name} cannot be had: the plugin {what} does not load: {error}."
            needed = OLDEST.search(error)
            if needed:
                command = pip.install(f"onnxruntime>={needed[1]}")
                return Finding("plugin-unsupported", "error", message, command)
            return Finding("plugin-broken", "error", message, again)
        case "hardware" if package:
            message = f"The device {name} cannot be had: {what} finds no hardware that it can use."
            if name == "openvino" and machine.architecture == "x86_64":
                message += (
                    " It takes Intel's alone; onnxruntime-openvino, in the place of onnxruntime, "
                    "runs on this processor too:"
                )
                names = ["onnxruntime", package.name]
                command = pip.replace(names, "onnxruntime-openvino")
            else:
                message += " Where there is none, it is of no use:"
                command = pip.uninstall(package.name)
            return Finding("plugin-no-hardware", "error", message, command)
    message = f"The device {name} does not run: {provider} of {what}: {error}."
    return Finding("device-fails", "error", message, again)
