"""The door for models of PyTorch: anybody's encoder and decoder -> a folder for `vae_onnx.load`.

>>> import vae_onnx.torch
>>> vae_onnx.torch.export("models/mine", vae.encode, vae.decode, pictures)

Reading order: `export`, below; `sides` (which module, method or function is which half), `outputs`
(what comes out of it), `freezing` (it becomes a graph), `weights` (saved weights -> a module). What
the model has to pass, and what is written, is in `vae_onnx.crossing`, which graphs that exist
already pass as well. Nothing else of the package imports this room, and this one alone needs torch.
"""

from __future__ import annotations

from vae_onnx.errors import PackageMissingError

try:
    import onnx as _onnx  # noqa: F401
    import onnxscript as _onnxscript  # noqa: F401
    import torch as _torch
except ImportError as _error:
    raise PackageMissingError(
        f"{_error.name or _error} is needed to export models of PyTorch: "
        "pip install 'vae-onnx[torch]'"
    ) from _error
if tuple(map(int, _torch.__version__.split(".")[:2])) < (2, 9):
    raise PackageMissingError(
        f"torch 2.9 or newer is needed to export models, this is {_torch.__version__}: "
        "pip install --upgrade 'vae-onnx[torch]'"
    )

from vae_onnx.torch.exporting import export
from vae_onnx.torch.weights import load_weights

__all__ = ["export", "load_weights"]
