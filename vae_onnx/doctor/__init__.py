"""`vae-onnx doctor`: what is right on this machine, what is not, and the command that fixes it.

Nothing here imports numpy or onnxruntime: what they can do is asked of a process of its own
(`trial`), so that the report comes whatever is broken. The other modules each gather facts of one
kind by functions that are given what they look at, and turn them into checks (`report`).
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

import vae_onnx
from vae_onnx import terminal
from vae_onnx.doctor import cuda, devices, machine, models, packages, report, trial
from vae_onnx.doctor.packages import Machine
from vae_onnx.doctor.report import Check

SUMMARY: Final = "what is wrong on this machine, and the commands that put it right"


@terminal.plain()
def main(arguments: Sequence[str]) -> int:
    """Run `vae-onnx doctor`; returns 0 if nothing is wrong, 1 otherwise."""
    options = make_parser().parse_args(arguments)
    checks = examine(options.models)
    told = report.as_json(checks) + "\n" if options.json else report.as_text(checks, sys.stdout)
    sys.stdout.write(told)
    return int(any(check.findings for check in checks))


def make_parser() -> argparse.ArgumentParser:
    """What `vae-onnx doctor` takes."""
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
    return parser


def examine(names: Sequence[str] = ()) -> list[Check]:
    """Look at everything; `names` are models beside the bundled ones."""
    try:
        runtime = trial.ask("runtime")
    except trial.TrialError as error:
        runtime = {"numpy": {}, "onnxruntime": {"error": str(error)}}
    installed = [] if trial.packed() else packages.everything()
    scene = Scene(installed, runtime, cuda.driver_cuda())
    of_packages = _packages(scene)
    explained = any(check.findings for check in of_packages)
    of_models = _models(scene, names, explained)
    whole = {check.label for check in of_models if check.status == "ok"}
    intact = [name for name in models.bundled() if name in whole]
    return [
        *of_packages,
        *_machine(scene),
        *_devices(scene, intact, explained),
        *of_models,
    ]


@dataclass(frozen=True)
class Scene:
    """What most checks look at.

    Attributes:
        installed: All packages.
        runtime: What came of `trial.runtime`; "providers" is there if onnxruntime works.
        driver: The newest CUDA that the NVIDIA driver knows.
    """

    installed: Sequence[Distribution]
    runtime: Mapping[str, Any]
    driver: tuple[int, int] | None

    @property
    def works(self) -> bool:
        """Whether onnxruntime can be imported."""
        return "providers" in self.runtime

    @property
    def machine(self) -> Machine:
        """What decides which package fits."""
        return Machine.here(nvidia=self.driver is not None)

    def package(self, name: str) -> Distribution | None:
        """An installed package."""
        return packages.named(self.installed, name)


def _packages(scene: Scene) -> list[Check]:
    own = scene.package("vae-onnx")
    limits = packages.requirements(own)
    python = (own and own.metadata["Requires-Python"]) or ""
    return [
        *([packages.check_packed(sys.executable)] if trial.packed() else []),
        packages.check_python(platform.python_version(), sys.executable, python),
        packages.check_vae_onnx(vae_onnx.__version__, Path(vae_onnx.__file__).parent),
        packages.check_numpy(
            scene.package("numpy"), scene.runtime["numpy"], limits.get("numpy", "")
        ),
        packages.check_onnxruntime(
            packages.rivals(scene.installed),
            scene.runtime["onnxruntime"],
            limits.get("onnxruntime", ""),
            scene.machine,
        ),
    ]


def _machine(scene: Scene) -> list[Check]:
    checks = [machine.check_platform(), machine.check_cpu(machine.cpu_text(platform.system()))]
    if "threads" in scene.runtime:
        checks.append(machine.check_threads(**scene.runtime["threads"]))
    return checks


def _devices(scene: Scene, intact: Sequence[str], explained: bool) -> list[Check]:
    """What can be run on; a decode on each device if there is an intact model for it."""
    if not scene.works:
        return []
    plugins = devices.plugins(scene.installed)
    known = {told["plugin"]: name for name, told in scene.runtime["devices"].items()}
    version = scene.runtime["onnxruntime"]["version"]
    checks = [devices.check_providers(scene.runtime["providers"])]
    checks += [
        devices.check_plugin(module, package, version, known.get(module))
        for module, package in plugins.items()
    ]
    checks += _cuda(scene)
    if not intact:
        return checks
    smallest = min(intact, key=lambda name: models.size(models.bundled()[name]))
    rivals, failed = packages.rivals(scene.installed), {each.id for each in checks if each.findings}
    for name, told in scene.runtime["devices"].items():
        module = told["plugin"]
        if not (told["built_in"] or module):
            continue
        package = rivals[0] if rivals else None
        checks.append(
            devices.check_device(
                name,
                told["provider"],
                package if told["built_in"] else plugins.get(module),
                _on_device(name, smallest),
                scene.machine,
                explained=explained or bool({f"plugin.{module}", name} & failed),
            )
        )
    return checks


def _cuda(scene: Scene) -> list[Check]:
    """CUDA, if the installed onnxruntime was built for it."""
    rivals = packages.rivals(scene.installed)
    if not rivals:
        return []
    folder = Path(str(rivals[0].locate_file("")))
    built = packages.built_for(folder / packages.RUNTIME)
    if not built.get("cuda_version"):
        return []
    major = int(built["cuda_version"].split(".")[0])
    wanted = cuda.libraries(major, windows=sys.platform == "win32")
    missing = cuda.missing_libraries(wanted, folder)
    return [cuda.check(built, scene.driver, missing, cuda.pip_majors(scene.installed))]


def _on_device(name: str, model: str) -> trial.Answer:
    try:
        return trial.ask("on_device", name, model)
    except trial.TrialError as error:
        return {"stage": "run", "error": str(error)}


def _models(scene: Scene, names: Sequence[str], explained: bool) -> list[Check]:
    folders = models.bundled()
    wanted = list(dict.fromkeys([*folders, *names]))
    answers = _opens(wanted) if scene.works and wanted else {}
    checks = [] if folders else [models.check_absence(scene.package("vae-onnx"))]
    for name in wanted:
        answer = answers.get(name, {})
        folder = folders.get(name)
        if folder is None and (answer.get("folder") or Path(name).is_dir()):
            folder = Path(answer.get("folder", name))
        checks.append(
            models.check(name, folder, answer, scene.package("vae-onnx"), explained=explained)
        )
    return checks


def _opens(names: Sequence[str]) -> trial.Answer:
    try:
        return trial.ask("opens", *names)
    except trial.TrialError as error:
        if len(names) == 1:
            return {names[0]: {"error": str(error)}}
    return {name: answer for each in names for name, answer in _opens([each]).items()}
