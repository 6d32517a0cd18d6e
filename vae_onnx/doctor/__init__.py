"""`vae-onnx doctor`: what is right on this machine, what is not, and the command that fixes it.

Nothing here imports numpy or onnxruntime: what they can do is asked of a process of its own
(`trial`), so that the report comes whatever is broken. The other modules each gather facts of one
kind by functions that are given what they look at, and turn them into checks (`report`).
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

import vae_onnx
from vae_onnx.doctor import cuda, devices, machine, models, packages, report, trial
from vae_onnx.doctor.packages import Machine
from vae_onnx.doctor.report import Check

SUMMARY: Final = "what is wrong on this machine, and the commands that put it right"


def main(arguments: Sequence[str]) -> int:
    """Run `vae-onnx doctor`; returns 0 if nothing is wrong, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="vae-onnx doctor",
        description=f"Tell {SUMMARY}.",
        epilog="The exit status is 0 if nothing is wrong, 1 otherwise.",
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="what `load` takes: checked beside the bundled models",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for scripts")
    options = parser.parse_args(arguments)
    checks = examine(options.models)
    told = report.as_json(checks) + "\n" if options.json else report.as_text(checks, sys.stdout)
    sys.stdout.write(told)
    return int(any(check.findings for check in checks))


def examine(names: Sequence[str] = ()) -> list[Check]:
    """Look at everything; `names` are models beside the bundled ones."""
    installed = packages.everything()
    try:
        runtime = trial.ask("runtime")
    except trial.TrialError as error:
        runtime = {"numpy": {}, "onnxruntime": {"error": str(error)}}
    works = "providers" in runtime
    driver = cuda.driver_cuda()
    here = Machine.here(nvidia=driver is not None)
    return [
        *_packages(installed, runtime, here),
        *_machine(runtime),
        *(_devices(installed, runtime, driver, here) if works else []),
        *_models(installed, names, works=works),
    ]


def _packages(installed: list[Distribution], runtime: dict[str, Any], here: Machine) -> list[Check]:
    own = packages.named(installed, "vae-onnx")
    limits = packages.requirements(own)
    python = (own and own.metadata["Requires-Python"]) or ""
    return [
        packages.check_python(platform.python_version(), sys.executable, python),
        packages.check_vae_onnx(vae_onnx.__version__, Path(vae_onnx.__file__).parent),
        packages.check_numpy(
            packages.named(installed, "numpy"), runtime["numpy"], limits.get("numpy", "")
        ),
        packages.check_onnxruntime(
            packages.rivals(installed),
            runtime["onnxruntime"],
            limits.get("onnxruntime", ""),
            here,
        ),
    ]


def _machine(runtime: dict[str, Any]) -> list[Check]:
    checks = [machine.check_platform(), machine.check_cpu(machine.cpu_text(platform.system()))]
    if "threads" in runtime:
        checks.append(machine.check_threads(**runtime["threads"]))
    return checks


def _devices(
    installed: list[Distribution],
    runtime: dict[str, Any],
    driver: tuple[int, int] | None,
    here: Machine,
) -> list[Check]:
    version = runtime["onnxruntime"]["version"]
    plugins = devices.plugins(installed)
    brings = {told["plugin"]: name for name, told in runtime["devices"].items()}
    checks = [devices.check_providers(runtime["providers"])]
    checks += [
        devices.check_plugin(module, package, version, brings.get(module))
        for module, package in plugins.items()
    ]
    checks += _cuda(installed, driver)
    failed = {check.id for check in checks if check.findings}
    for name, told in runtime["devices"].items():
        module = told["plugin"]
        if told["built_in"] or module:
            package = None if told["built_in"] else plugins.get(module)
            explained = f"plugin.{module}" in failed or (name == "cuda" and "cuda" in failed)
            checks.append(
                devices.check_device(
                    name,
                    told["provider"],
                    package or next(iter(packages.rivals(installed)), None),
                    _on_device(name),
                    here,
                    explained=explained,
                )
            )
    return checks


def _cuda(installed: list[Distribution], driver: tuple[int, int] | None) -> list[Check]:
    """CUDA, if the installed onnxruntime was built for it."""
    rivals = packages.rivals(installed)
    if not rivals:
        return []
    folder = Path(str(rivals[0].locate_file("")))
    built = packages.built_for(folder / packages.RUNTIME)
    if not built.get("cuda_version"):
        return []
    major = int(built["cuda_version"].split(".")[0])
    wanted = cuda.libraries(major, windows=sys.platform == "win32")
    missing = cuda.missing_libraries(wanted, folder)
    return [cuda.check(built, driver, missing, cuda.pip_majors(installed))]


def _on_device(name: str) -> trial.Answer:
    try:
        return trial.ask("on_device", name)
    except trial.TrialError as error:
        return {"stage": "run", "error": str(error)}


def _models(installed: list[Distribution], names: Sequence[str], *, works: bool) -> list[Check]:
    folders = models.bundled()
    wanted = list(dict.fromkeys([*folders, *names]))
    answers: trial.Answer = {}
    if works:
        try:
            answers = trial.ask("opens", *wanted)
        except trial.TrialError as error:
            answers = {name: {"error": str(error)} for name in wanted}
    package = packages.named(installed, "vae-onnx")
    checks = []
    for name in wanted:
        answer = answers.get(name, {})
        folder = folders.get(name)
        if folder is None and (answer.get("folder") or Path(name).is_dir()):
            folder = Path(answer.get("folder", name))
        checks.append(models.check(name, folder, answer, package))
    return checks
