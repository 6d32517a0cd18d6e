"""The execution providers of onnxruntime: what is known of each, and where it comes from."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import onnxruntime as ort

from vae_onnx.errors import DeviceError

CPU: Final = "CPUExecutionProvider"


class Known(NamedTuple):
    """What this package knows about one execution provider."""

    provider: str
    remedy: str
    plugins: tuple[str, ...] = ()  # modules that bring it beside the CPU's onnxruntime
    options: Mapping[str, str] = MappingProxyType({})


INSTEAD: Final = "pip uninstall onnxruntime, then pip install {}: two of them overwrite each other"

KNOWN: Final[Mapping[str, Known]] = {
    "cpu": Known(CPU, "every onnxruntime has it"),
    "cuda": Known(
        "CUDAExecutionProvider",
        INSTEAD.format("'onnxruntime-gpu[cuda,cudnn]'"),
        plugins=("onnxruntime_ep_cuda13", "onnxruntime_ep_cuda12"),
        options={"use_tf32": "0"},  # its own choice keeps 10 bits of the 23 of a float32
    ),
    "tensorrt-rtx": Known(
        "NvTensorRTRTXExecutionProvider",
        "pip install 'vae-onnx[tensorrt-rtx]' on a machine with an NVIDIA RTX GPU",
        plugins=("onnxruntime_ep_nv_tensorrt_rtx",),
    ),
    "openvino": Known(
        "OpenVINOExecutionProvider",
        "pip install 'vae-onnx[openvino]' on a machine with an Intel CPU, GPU or NPU; elsewhere "
        + INSTEAD.format("onnxruntime-openvino"),
        plugins=("onnxruntime_ep_openvino",),
        options={"precision": "FP32"},  # on some CPUs its own choice is bfloat16
    ),
    "webgpu": Known(
        "WebGpuExecutionProvider",
        "pip install 'vae-onnx[webgpu]' on a machine with a GPU and its driver",
        plugins=("onnxruntime_ep_webgpu",),
    ),
    "mlx": Known(
        "MLXExecutionProvider",
        "pip install 'vae-onnx[mlx]' on a Mac with Apple silicon",
        plugins=("onnxruntime_ep_mlx",),
    ),
    "coreml": Known("CoreMLExecutionProvider", "onnxruntime for macOS has it, others do not"),
    "directml": Known("DmlExecutionProvider", INSTEAD.format("onnxruntime-directml, on Windows")),
    "migraphx": Known(
        "MIGraphXExecutionProvider", INSTEAD.format("onnxruntime-migraphx, for AMD GPUs")
    ),
}

_registering = threading.Lock()


def check_available(provider: str) -> None:
    """Raise DeviceError, with the remedy, where onnxruntime does not have an execution provider."""
    if provider in ort.get_available_providers() or plugin_devices(provider):
        return
    module = plugin(provider)
    reason = (
        f"{module} is installed and finds no hardware that it can use"
        if module
        else f"this onnxruntime ({ort.__version__}) has {', '.join(ort.get_available_providers())}"
    )
    raise DeviceError(f"{provider} cannot be had: {reason}; {_remedy(provider)}")


def plugin_devices(provider: str) -> list[Any]:
    """Return the hardware that an installed plugin offers for an execution provider, or nothing.

    The plugin is registered with onnxruntime, for the rest of the process, unless the program has
    done that itself.
    """
    with _registering:  # onnxruntime refuses whoever comes second
        found = _devices(provider)
        if not found:
            _register(provider)
            found = _devices(provider)
    return found


def plugin(provider: str) -> str | None:
    """Return the installed module that brings an execution provider, if there is one."""
    modules = [module for known in KNOWN.values() if known.provider == provider
               for module in known.plugins]  # fmt: skip
    return next((module for module in modules if importlib.util.find_spec(module)), None)


def add_provider(options: ort.SessionOptions, provider: str, settings: Mapping[str, str]) -> None:
    """Ask for an execution provider in the options of a session, wherever it comes from."""
    if provider == KNOWN["cuda"].provider:
        _preload()
    if _is_built_in(provider):
        options.add_provider(provider, dict(settings))
    else:
        options.add_provider_for_devices(plugin_devices(provider)[:1], dict(settings))


def _remedy(provider: str) -> str:
    for known in KNOWN.values():
        if known.provider == provider:
            return known.remedy
    return "install an onnxruntime that has it, or choose another device"


def _is_built_in(provider: str) -> bool:
    """Whether onnxruntime has it without a plugin; newer ones list what plugins bring, too."""
    from_plugin = any("library_path" in device.ep_metadata for device in _devices(provider))
    return provider in ort.get_available_providers() and not from_plugin


def _devices(provider: str) -> list[Any]:
    return [device for device in ort.get_ep_devices() if device.ep_name == provider]


@functools.cache
def _register(provider: str) -> None:
    module = plugin(provider)
    if module is None:
        return
    try:
        imported = importlib.import_module(module)
        library = getattr(imported, "get_library_path", None) or imported.library_path
        ort.register_execution_provider_library(provider, library())
    except Exception as error:  # a broken plugin may raise whatever it likes
        if "already registered" in str(error):  # by the program itself
            return
        raise DeviceError(
            f"{provider} cannot be had: the plugin {module} does not load: {error}; install it "
            f"again, in a version made for onnxruntime {ort.__version__}"
        ) from error


@functools.cache
def _preload() -> None:
    """Load the CUDA libraries that pip has installed, where onnxruntime would not look."""
    with contextlib.redirect_stdout(sys.stderr):  # it prints what it does not find
        ort.preload_dlls()
