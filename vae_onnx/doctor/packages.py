"""Which packages there are: their versions, two that overwrite each other, files gone missing."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import operator
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

from vae_onnx.doctor import pip
from vae_onnx.doctor.report import Check, Finding

GROUP: Final = "packages"
RUNTIME: Final = "onnxruntime"  # the module, and the package that everybody starts with
SMALL: Final = 2**20  # bytes; of larger files the size alone is compared


@dataclass(frozen=True)
class Machine:
    """What decides which package fits."""

    system: str  # as `platform.system` says
    architecture: str  # "x86_64", "arm64" ...
    nvidia: bool  # whether there is the driver of an NVIDIA GPU
    amd: bool  # whether there is that of an AMD GPU

    @classmethod
    def here(cls, *, nvidia: bool) -> Machine:
        """Return this machine."""
        architecture = platform.machine().lower().replace("amd64", "x86_64")
        return cls(platform.system(), architecture, nvidia, amd=Path("/dev/kfd").exists())


# The packages that are the module onnxruntime for special hardware, and where they fit. Whoever has
# installed one beside the plain onnxruntime wants the special one; so the first that fits is kept.
FITS: Final[Mapping[str, Callable[[Machine], bool]]] = {
    "onnxruntime-gpu": lambda machine: machine.nvidia,
    "onnxruntime-directml": lambda machine: machine.system == "Windows",
    "onnxruntime-migraphx": lambda machine: machine.amd,
    "onnxruntime-openvino": lambda machine: machine.architecture == "x86_64",
}
COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def everything() -> list[Distribution]:
    """Return all that is installed; what a failed installation has left behind has no name."""
    return [each for each in importlib.metadata.distributions() if "Name" in each.metadata]


def named(distributions: Iterable[Distribution], name: str) -> Distribution | None:
    """Return the distribution of that name that Python would import, or None."""
    return next((found for found in distributions if normal(found.name) == name), None)


def normal(name: str) -> str:
    """Return the name of a package as registries spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def modules(distribution: Distribution, pattern: str) -> list[str]:
    """Return the modules of a distribution whose names are like the pattern."""
    record = distribution.read_text("RECORD") or ""
    return re.findall(rf"^({pattern})/__init__\.py,", record, re.MULTILINE)


def rivals(distributions: Iterable[Distribution]) -> list[Distribution]:
    """Return the distributions that all are the module onnxruntime, in one folder."""
    having = [each for each in distributions if modules(each, RUNTIME)]
    return [each for each in having if each.locate_file("") == having[0].locate_file("")]


def requirements(distribution: Distribution | None) -> dict[str, str]:
    """Return what a distribution needs without extras: name -> range such as ">=1.26,<3"."""
    lines = [] if distribution is None else distribution.requires or []
    parts = [re.match(r"([\w.-]+)([^;\[]*)$", line) for line in lines]
    return {normal(part[1]): part[2].replace(" ", "") for part in parts if part}


def within(version: str, limits: str) -> bool:
    """Whether a version is in a range such as ">=1.24,<2"; only the numbers of both count."""
    for part in limits.split(","):
        limit = re.match(r"\s*(>=|<=|==|!=|>|<)(.+)", part)
        if limit:
            ours, theirs = _numbers(version), _numbers(limit[2])
            ours += [0] * (len(theirs) - len(ours))
            theirs += [0] * (len(ours) - len(theirs))
            if not COMPARE[limit[1]](ours, theirs):
                return False
    return True


def damaged(distribution: Distribution) -> list[str]:
    """Return the files of the module onnxruntime that are missing, or not those of the package.

    RECORD is read here: from Python 3.12 on, `Distribution.files` leaves out what is missing.
    """
    rows = csv.reader((distribution.read_text("RECORD") or "").splitlines())
    return [
        name
        for name, told, size in (row for row in rows if len(row) == 3)
        if name.startswith(f"{RUNTIME}/")
        and told
        and not _is_own(Path(str(distribution.locate_file(name))), told, size)
    ]


def built_for(folder: Path) -> dict[str, str]:
    """Return what the module in a folder says of itself: package_name, __version__, cuda_version.

    It is read, not imported: nothing of onnxruntime need work.
    """
    try:
        text = (folder / "capi" / "build_and_package_info.py").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return dict(re.findall(r"^(\w+) = ['\"](.*)['\"]$", text, re.MULTILINE))


def check_python(version: str, executable: str, limits: str) -> Check:
    """The interpreter."""
    findings = []
    if not within(version, limits):
        least = ".".join(map(str, _numbers(limits)[:2]))
        message = f"vae_onnx needs Python {limits}, this is {version}."
        command = f"python{least} -m venv .venv"
        findings.append(Finding("unsupported-version", "error", message, command))
    wanted = f" ({limits})" if limits else ""
    facts = {"version": version, "executable": executable, "supported": limits}
    return Check("python", GROUP, "Python", f"{version}{wanted}  {executable}", facts, findings)


def check_packed(executable: str) -> Check:
    """A program that was packed together with all that it needs."""
    value = "this program; commands are for the Python that it was packed from: pack it again then"
    return Check("packed", GROUP, "packed", value, {"executable": executable})


def check_vae_onnx(version: str, folder: Path) -> Check:
    """This package."""
    facts = {"version": version, "folder": str(folder)}
    return Check("vae_onnx", GROUP, "vae_onnx", f"{version}  {folder}", facts)


def check_numpy(
    distribution: Distribution | None, imported: Mapping[str, str], limits: str
) -> Check:
    """The package numpy.

    Args:
        distribution: As it is installed.
        imported: What came of importing it: "version", or "error".
        limits: The versions that vae_onnx needs.
    """
    return _check_package("numpy", [distribution] if distribution else [], imported, limits, [])


def check_onnxruntime(
    installed: Sequence[Distribution],
    imported: Mapping[str, str],
    limits: str,
    machine: Machine,
) -> Check:
    """The one package, it is hoped, that is the module onnxruntime.

    Args:
        installed: All that are, as `rivals` gives them.
        imported: What came of importing the module: "version", or "error".
        limits: The versions that vae_onnx needs.
        machine: Which of them fits.
    """
    findings = []
    if len(installed) > 1:
        findings.append(_duplicates(installed, machine))
    elif installed:
        (distribution,) = installed
        bad = damaged(distribution)
        if bad:
            several = f"{len(bad)} of its files are" if len(bad) > 1 else "One of its files is"
            message = (
                f"{distribution.name} {distribution.version} is damaged: {several} missing or "
                f"another package's ({', '.join(bad[:2])}{' ...' if len(bad) > 2 else ''}), as "
                "after a second onnxruntime package was installed or uninstalled."
            )
            command = pip.again(distribution)
            findings.append(Finding("package-damaged", "error", message, command))
    return _check_package(RUNTIME, installed, imported, limits, findings)


def _check_package(
    module: str,
    installed: Sequence[Distribution],
    imported: Mapping[str, str],
    limits: str,
    findings: list[Finding],
) -> Check:
    names = [f"{each.name} {each.version}" for each in installed]
    package = normal(installed[0].name) if installed else module
    version, error = imported.get("version"), imported.get("error")
    if installed and not imported:  # something else ended the trial
        version = installed[0].version
    if error and not installed and f"No module named {module!r}" in error:
        message = f"{module} is not installed, and vae_onnx needs it."
        command = pip.install(f"{module}{limits}")
        findings.append(Finding("package-missing", "error", message, command))
    elif error and not findings:
        message = f"{' '.join(names) or module} cannot be imported: {error.rstrip('.')}."
        again = pip.install("--force-reinstall", f"{module}{limits}")
        command = pip.again(installed[0]) if installed else again
        findings.append(Finding("package-broken", "error", message, command))
    elif version and not within(version, limits):
        message = f"vae_onnx needs {module} {limits}, installed is {version}."
        command = pip.install(f"{package}{limits}")
        findings.append(Finding("unsupported-version", "error", message, command))
    value = "cannot be imported" if error else version or "unknown"
    value += f" ({limits})" if limits and not error else ""
    if names and names != [f"{module} {version}"]:
        value += f"  {' and '.join(names)}"
    facts = {"version": version, "error": error, "supported": limits, "packages": names}
    return Check(module, GROUP, module, value, facts, findings)


def _duplicates(installed: Sequence[Distribution], machine: Machine) -> Finding:
    names = sorted(normal(each.name) for each in installed)
    kept = next(
        (name for name, fits in FITS.items() if name in names and fits(machine)),
        RUNTIME if RUNTIME in names else names[0],
    )
    folder = Path(str(installed[0].locate_file(RUNTIME)))
    winner = built_for(folder).get("package_name", "another package")
    message = (
        f"{' and '.join(f'{each.name} {each.version}' for each in installed)} overwrite each "
        f"other's files in {folder}; what is there now is mostly {winner}. Uninstalling one of "
        f"them would break what is left, so uninstall all; {kept} fits this machine."
    )
    return Finding("duplicate-packages", "error", message, pip.replace(names, kept))


def _is_own(path: Path, told: str, size: str) -> bool:
    mode, _, value = told.partition("=")
    try:
        if str(path.stat().st_size) != size:
            return False
        if mode != "sha256" or path.stat().st_size > SMALL:
            return True
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == value


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])]
