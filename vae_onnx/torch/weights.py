"""Saved weights, in the ways that people wrap them -> a module."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

from vae_onnx import checks
from vae_onnx.errors import ModelTypeError, WeightsError, accessing

Module = TypeVar("Module", bound=nn.Module)

SHOWN: Final = 3  # names of an error


def load_weights(module: Module, weights: str | os.PathLike[str] | Mapping[str, Any]) -> Module:
    """Load saved weights into a module, however they were wrapped.

    A state dict may lie under "state_dict", "model" and the like (Lightning, most training
    scripts), its names may begin with "module." (DataParallel), "_orig_mod." (torch.compile) or the
    name that the model has in another module, and its numbers may be float16: the module keeps its
    own dtype. Only tensors are read of a file, never code. What else is in it, an optimiser or a
    loss network, is left alone, but every weight of the module must be there.

    Args:
        module: The network, as built.
        weights: A file of `torch.save` or safetensors, or a dictionary.

    Returns:
        The module, in evaluation mode.

    Raises:
        WeightsError: They do not fit the module, or the file holds none.
        ModelTypeError: `module` is no nn.Module.
        FileMissingError: There is no such file.
        FileAccessError: It cannot be read.
    """
    if not isinstance(module, nn.Module):
        kind = module.__name__ if isinstance(module, type) else type(module).__name__
        raise ModelTypeError(f"module must be an nn.Module that was built, got {kind}")
    saved = weights if isinstance(weights, Mapping) else _read(weights)
    wanted = module.state_dict()
    if not wanted:
        return module.eval()
    found = _fitting(saved, wanted)
    if found is None:
        raise WeightsError(
            "there are no tensors in the weights; a state_dict is needed, or a dictionary with one "
            f"in it, got {_keys(saved)}"
        )
    missing = [name for name in wanted if name not in found]
    if missing:
        raise WeightsError(
            f"the weights lack {_some(missing)} of {type(module).__name__}, and have "
            f"{_some([name for name in found if name not in wanted] or list(found))}: are they of "
            "another network, or of one built with other numbers?"
        )
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape:
            raise WeightsError(
                f"{name} is {tuple(found[name].shape)} in the weights, and {tuple(tensor.shape)} "
                f"in {type(module).__name__}: build it with the numbers that it was trained with"
            )
    module.load_state_dict({name: found[name].to(t.dtype) for name, t in wanted.items()})
    return module.eval()


def _read(path: str | os.PathLike[str]) -> Any:
    file = checks.path(path, "weights")
    with accessing(file):
        file.open("rb").close()
        try:
            if file.suffix == ".safetensors":
                return _read_safetensors(file)
            return torch.load(file, map_location="cpu", weights_only=True)
        except OSError:
            raise
        except pickle.UnpicklingError as error:
            raise WeightsError(
                f"{file} holds more than tensors, which could run code, or is damaged; save "
                "model.state_dict() alone where it was trained: "
                "torch.save(model.state_dict(), 'weights.pt')"
            ) from error
        except Exception as error:  # torch has many
            raise WeightsError(f"{file} is not a file of torch.save: {error}") from error


def _read_safetensors(file: os.PathLike[str]) -> Any:
    try:
        from safetensors.torch import load_file  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise WeightsError(
            f"{file} needs the package safetensors: pip install safetensors"
        ) from error
    return load_file(file)


def _fitting(saved: Any, wanted: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return the tensors of a file under the names that most of the wanted ones have."""
    best: dict[str, Tensor] | None = None
    score = (-1, -1)
    for tensors in _dictionaries(saved):
        for prefix in ("", *_prefixes(tensors, wanted)):
            named = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            common = [name for name in wanted if name in named]
            same = sum(named[name].shape == wanted[name].shape for name in common)
            if (same, len(common)) > score:
                best, score = named, (same, len(common))
    return best


def _dictionaries(saved: Any) -> list[dict[str, Tensor]]:
    """Return every dictionary of tensors in what was saved, the outermost first."""
    if isinstance(saved, nn.Module):
        return [dict(saved.state_dict())]
    if not isinstance(saved, Mapping):
        return []
    tensors = {str(n): t for n, t in saved.items() if isinstance(t, Tensor)}
    inner = [found for part in saved.values() for found in _dictionaries(part)]
    return [tensors, *inner] if tensors else inner


def _prefixes(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """Return what stands before a wanted name in names of the file."""
    known = {name[: -len(end)] for name in tensors for end in wanted if name.endswith(f".{end}")}
    return sorted(known, key=len)


def _keys(saved: Any) -> str:
    if isinstance(saved, Mapping):
        return f"one with {_some([str(key) for key in saved])}"
    return type(saved).__name__


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "nothing"
