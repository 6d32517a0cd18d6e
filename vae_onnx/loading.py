"""Models by name, by folder, or from the Hugging Face Hub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vae_onnx import checks
from vae_onnx.autoencoder import Autoencoder, Precision
from vae_onnx.engine.device import Provider, pick
from vae_onnx.errors import FileMissingError, InputError, InputTypeError, accessing, is_folder
from vae_onnx.store import bundled

HUB: Final = "hf://"  # begins the reference of a model on the Hugging Face Hub


def models() -> tuple[str, ...]:
    """Return the names of the bundled models, sorted."""
    return tuple(bundled.names())


def load(
    model: str | os.PathLike[str],
    *,
    device: str = "auto",
    providers: Sequence[Provider] | None = None,
    strict: bool = False,
    threads: int | None = None,
    precision: Precision = "float32",
    spin: bool = False,
    offline: bool = False,
) -> Autoencoder:
    """Open a bundled model by name, a folder with its graphs, or one of the Hugging Face Hub.

    Args:
        model: A bundled name goes first: write "./mnist-vae" for a folder of that name.
            `hf://owner/repo[@revision][/folder]` is downloaded once, and checked against the
            sha256 of its card each time; see `vae_onnx.store.hub.fetch`.
        device: "cpu", "cuda", "openvino", "coreml" ...: see `vae_onnx.engine.providers.KNOWN`.
            "auto" takes an NVIDIA GPU where onnxruntime has been installed for one, else the CPU;
            where the GPU cannot be had it runs on the CPU and says so once, in a DeviceWarning.
        providers: Execution providers instead, in order and as onnxruntime spells them:
            [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"].
        strict: Refuse a device that leaves some nodes of a graph to the CPU.
        threads: How many share the work on a large batch; by default all that there are.
        precision: "float32", or a variant that the model has: "int8", "float16".
        spin: Let onnxruntime's threads go on waiting actively for 45 ms after each call, for small
            calls in a loop: the next one finds them awake. In that time every thread but the
            caller's keeps a core busy. Changes no bit of a result.
        offline: Take a model of the Hub from the cache and ask nobody; names and folders never do.

    Raises:
        FileMissingError: There is no such model, folder or repository, the folder lacks a graph,
            or an `offline` model is not in the cache.
        FileAccessError: The Hub cannot be reached, or does not let this user in; or the system does
            not let the folder be read.
        FileError: A file of the Hub is not the one that its card tells of.
        GraphError: A file is no such graph, or the two do not belong together.
        PackageMissingError: "hf://" needs huggingface_hub.
        DeviceError: A device asked for by name cannot be had, or does not run the graphs.
        InputTypeError: `model` is no name and no path, or another argument of the wrong type.
        InputError: `threads` is below 1, or 1 with `spin`, there is no such device or precision, or
            the reference to the Hub is none.
    """
    if not isinstance(model, str | os.PathLike):
        raise InputTypeError(f"model must be a name or a path, got {type(model).__name__}")
    folder = _find(model, offline)
    if spin and threads == 1:
        raise InputError("spin keeps threads awake between calls, and threads=1 has none to keep")
    chosen = pick(device, providers, strict=strict)._replace(spin=spin)
    return Autoencoder(folder, device=chosen, threads=threads, precision=precision)


def _find(model: str | os.PathLike[str], offline: bool) -> Path:
    if isinstance(model, str) and model.startswith(HUB):
        from vae_onnx.store import hub

        return hub.fetch(model, offline=offline)
    if isinstance(model, str) and model in models():
        return bundled.file(model)
    folder = checks.path(model, "model")
    with accessing(folder):
        found = is_folder(folder)
    if not found:
        told = (
            f"bundled: {', '.join(models())}"
            if models()
            else f"none is bundled, since {bundled.absence()}"
        )
        raise FileMissingError(
            f"no bundled model and no folder is called {os.fspath(model)!r}; "
            f"{told}; models of the Hugging Face Hub: {HUB}owner/repo"
        )
    return folder
