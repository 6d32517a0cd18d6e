"""What an onnxruntime that was built for CUDA needs: a driver, and libraries of its own version."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

from vae_onnx.doctor import pip
from vae_onnx.doctor.packages import normal
from vae_onnx.doctor.report import Check, Finding

GROUP: Final = "devices"
GPU: Final = "onnxruntime-gpu"
CUDA12: Final = "onnxruntime-gpu[cuda,cudnn]>=1.24,<1.27"  # the last ones: 1.27 needs CUDA 13
UNSET: Final = (
    "set CUDA_VISIBLE_DEVICES=" if sys.platform == "win32" else "unset CUDA_VISIBLE_DEVICES"
)
Load = Callable[[str], Any]


def load(name: str) -> Any:
    """Load a library for the whole process; raises OSError if that fails."""
    return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)


def driver_cuda(load: Load = load) -> tuple[int, int] | None:
    """Return the newest CUDA that the NVIDIA driver knows, None where there is no driver."""
    version = ctypes.c_int()
    try:
        library = load("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        failed = library.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return None if failed else (version.value // 1000, version.value % 1000 // 10)


def libraries(major: int, *, windows: bool) -> list[str]:
    """Return the libraries that onnxruntime asks for, those first that others need."""
    cufft = 12 if major >= 13 else 11  # which counts for itself
    if windows:
        names = ["cublasLt64_{0}", "cublas64_{0}", "cufft64_{1}", "cudart64_{0}", "cudnn64_9"]
        return [f"{name}.dll".format(major, cufft) for name in names]
    return [
        f"libcudart.so.{major}",
        f"libcublasLt.so.{major}",
        f"libcublas.so.{major}",
        f"libnvrtc.so.{major}",
        "libcurand.so.10",
        f"libcufft.so.{cufft}",
        "libcudnn.so.9",
    ]


def missing_libraries(names: Iterable[str], folder: Path, load: Load = load) -> list[str]:
    """Return which libraries load neither from where pip puts them nor from the system.

    Args:
        names: Their file names.
        folder: The site-packages, in which `nvidia` is.
        load: Loads one, or raises OSError.
    """
    return [name for name in names if not any(_loads(path, load) for path in _paths(name, folder))]


def pip_majors(distributions: Iterable[Distribution]) -> set[int]:
    """Return for which versions of CUDA there are libraries from pip."""
    majors = set()
    for distribution in distributions:
        name = normal(distribution.name)
        suffix = re.fullmatch(r"nvidia-.*-cu(\d+)", name)
        if suffix:
            majors.add(int(suffix[1]))
        elif name == "nvidia-cuda-runtime":  # from CUDA 13 on without a suffix
            majors.add(int(distribution.version.split(".")[0]))
    return majors


def check(
    built: Mapping[str, str],
    driver: tuple[int, int] | None,
    missing: Sequence[str],
    majors: set[int],
    environment: Mapping[str, str] = os.environ,
) -> Check:
    """CUDA, for an onnxruntime that was built for it.

    Args:
        built: As `packages.built_for` gives it.
        driver: As `driver_cuda` gives it.
        missing: As `missing_libraries` gives it.
        majors: As `pip_majors` gives it.
        environment: The environment variables.
    """
    cuda = built["cuda_version"]
    name = f"{built['package_name']} {built['__version__']}"
    knows = f"{driver[0]}.{driver[1]}" if driver else None
    value = f"built for {cuda}; driver {f'for {knows}' if knows else 'missing'}; libraries " + (
        f"missing: {', '.join(missing)}" if missing else "found"
    )
    facts = {
        "built_for": cuda,
        "driver": knows,
        "missing": list(missing),
        "pip_majors": sorted(majors),
    }
    finding = _finding(name, int(cuda.split(".")[0]), driver, missing, majors)
    hidden = environment.get("CUDA_VISIBLE_DEVICES")
    if finding is None and hidden in ("", "-1"):
        message = f"CUDA_VISIBLE_DEVICES is {hidden!r}, which hides every GPU from {name}."
        finding = Finding("cuda-hidden", "error", message, UNSET)
    return Check("cuda", GROUP, "CUDA", value, facts, [finding] if finding else [])


def _finding(
    name: str,
    major: int,
    driver: tuple[int, int] | None,
    missing: Sequence[str],
    majors: set[int],
) -> Finding | None:
    """The first thing that is wrong: what comes after it cannot be told before it is right."""
    if driver is None:
        message = (
            f"{name} was built for CUDA {major}, but there is no NVIDIA driver. With a GPU, get it "
            "from https://www.nvidia.com/drivers, or start the container with --gpus all; without "
            "one, take the plain onnxruntime:"
        )
        return Finding("cuda-driver-missing", "error", message, pip.replace([GPU], "onnxruntime"))
    if driver[0] < major:
        message = (
            f"{name} was built for CUDA {major}, the driver knows CUDA {driver[0]}.{driver[1]}. "
            "Update the driver, or "
        )
        if driver[0] == 12:
            message += "take the last onnxruntime-gpu for CUDA 12:"
            return Finding("cuda-major-mismatch", "error", message, pip.install(CUDA12))
        message += "take the onnxruntime for the CPU:"
        return Finding("cuda-major-mismatch", "error", message, pip.replace([GPU], "onnxruntime"))
    if not missing:
        return None
    message = f"{name} needs the libraries of CUDA {major} and cannot load {', '.join(missing)}"
    if majors and major not in majors:
        message += f"; pip has installed those of CUDA {', '.join(map(str, sorted(majors)))}."
        id_ = "cuda-major-mismatch"
    else:
        message += "."
        id_ = "cuda-libraries-missing"
    return Finding(id_, "error", message, pip.install(f"{GPU}[cuda,cudnn]"))


def _paths(name: str, folder: Path) -> list[str]:
    return [*(str(path) for path in sorted(folder.glob(f"nvidia/**/{name}"))), name]


def _loads(path: str, load: Load) -> bool:
    try:
        load(path)
    except OSError:
        return False
    return True
