"""Which module, method or function is the encoder and which the decoder, as copies to work on."""

from __future__ import annotations

import copy
import functools
import os
import sysconfig
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from vae_onnx.errors import ModelTypeError

Call = Callable[[Tensor], Any]
PAIRS: Final = (("encode", "encoder"), ("decode", "decoder"))  # a method goes before a module

LAZY: Final = (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer)
STDLIB: Final = sysconfig.get_path("stdlib")


def find(model: Any) -> tuple[Any, Any]:
    """Return the encoder and the decoder of a model: its methods, or else its modules.

    Of diffusers' AutoencoderKL the modules alone are not the model: a convolution between the two
    belongs to the methods.

    Raises:
        ModelTypeError: It has none, or parts that neither of the modules holds.
    """
    model = unwrap(model, "model")
    sides = [
        next((getattr(model, name) for name in names if _has(model, name)), None) for names in PAIRS
    ]
    encoder, decoder = sides
    if encoder is None or decoder is None:
        children = ", ".join(name for name, _ in model.named_children())
        raise ModelTypeError(
            f"{type(model).__name__} has no encode and decode, and no encoder and decoder (its "
            f"parts: {children or 'none'}); write what they are: export(folder, lambda x: "
            "model....(x), lambda z: model....(z), pictures)"
        )
    if isinstance(encoder, nn.Module) and isinstance(decoder, nn.Module):
        used = {id(p) for side in (encoder, decoder) for p in side.parameters()}
        others = {n.partition(".")[0] for n, p in model.named_parameters() if id(p) not in used}
        if others:
            raise ModelTypeError(
                f"{type(model).__name__} has encoder and decoder, and weights that neither holds: "
                f"{', '.join(sorted(others))}. If these stand between the two, write it out: "
                f"lambda x: model.{min(others)}(model.encoder(x)); if not, name the two: "
                "export(folder, model.encoder, model.decoder, pictures)"
            )
    return encoder, decoder


def unwrap(value: Any, what: str) -> Any:
    """Return what somebody meant: without torch.compile and DataParallel around it.

    Raises:
        ModelTypeError: It cannot be run, or is a scripted module.
    """
    while True:
        if isinstance(value, nn.parallel.DataParallel | nn.parallel.DistributedDataParallel):
            value = value.module
        elif hasattr(value, "_orig_mod"):  # torch.compile of a module
            value = value._orig_mod
        elif hasattr(value, "_torchdynamo_orig_callable"):  # of a function
            value = value._torchdynamo_orig_callable
        else:
            break
    if isinstance(value, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        raise ModelTypeError(
            f"the {what} is scripted or traced by torch.jit, which cannot be exported; give the "
            "nn.Module that it was made from"
        )
    if isinstance(value, Mapping):
        raise ModelTypeError(
            f"the {what} is a dictionary ({len(value)} entries), perhaps a state_dict, which holds "
            "weights alone; build the network and load them: "
            "vae_onnx.torch.load_weights(Network(), 'best.pt')"
        )
    if isinstance(value, str | bytes | os.PathLike):
        raise ModelTypeError(
            f"the {what} must be an nn.Module, a method of one or a function, got {value!r}; of a "
            "file of weights: vae_onnx.torch.load_weights(Network(), file)"
        )
    if isinstance(value, type):
        raise ModelTypeError(
            f"the {what} is the class {value.__name__}; give one of it: {value.__name__}(...)"
        )
    if not callable(value) and not (what == "model" and any(_has(value, n) for n in PAIRS[0])):
        raise ModelTypeError(
            f"the {what} must be an nn.Module, a method of one or a function, got "
            f"{type(value).__name__}"
        )
    return value


class Copier:
    """Makes copies that share nothing with what they were made from, in float32 on the CPU.

    Functions and methods are copied with the modules and tensors that they refer to, so that the
    encoder and the decoder of one model stay two parts of one copy.

    Attributes:
        modules: The copies of modules that were made.
    """

    def __init__(self) -> None:
        self.modules: list[nn.Module] = []
        self._memo: dict[int, Any] = {}
        self._kept: list[Any] = []  # what the memo speaks of must not be freed

    def __call__(self, value: Any) -> Any:
        """Return a copy of a module, method or function.

        Raises:
            ModelTypeError: Something in it cannot be copied, or has no weights.
        """
        value = unwrap(value, "model") if isinstance(value, nn.Module) else value
        if id(value) in self._memo:
            return self._memo[id(value)]
        made: Any
        if isinstance(value, nn.Module):
            made = self._module(value)
        elif isinstance(value, Tensor):
            made = value.detach().to("cpu").clone()
            made = made.float() if made.is_floating_point() else made
        elif isinstance(value, types.MethodType):
            made = types.MethodType(value.__func__, self(value.__self__))
        elif isinstance(value, functools.partial):
            words = {name: self(word) for name, word in value.keywords.items()}
            made = functools.partial(self(value.func), *map(self, value.args), **words)
        elif isinstance(value, types.FunctionType):
            made = self._function(value)
        elif isinstance(value, list | tuple) and type(value) in (list, tuple):
            made = type(value)(map(self, value))
        elif type(value) is dict:
            made = {name: self(part) for name, part in value.items()}
        elif _holds_modules(value):
            made = copy.copy(value)
            self._remember(value, made)
            for name, part in vars(value).items():
                made.__dict__[name] = self(part)
        else:
            return value
        self._remember(value, made)
        return made

    def _remember(self, value: Any, made: Any) -> None:
        self._memo[id(value)] = made
        self._kept.append(value)

    def _module(self, module: nn.Module) -> nn.Module:
        for part in module.modules():
            if isinstance(part, torch.jit.ScriptModule):
                unwrap(part, f"part {type(part).__name__} of the model")
            for value in vars(part).values():
                if isinstance(value, Tensor) and not value.is_leaf:  # as weight_norm keeps
                    self._remember(value, value.detach().clone())
        tensors = [*module.named_parameters(), *module.named_buffers()]
        if empty := [name for name, tensor in tensors if tensor.is_meta]:
            raise ModelTypeError(
                f"the model has no weights: {empty[0]} is on the device meta; load them first, or "
                "build the network without torch.device('meta')"
            )
        if lazy := [n for n, p in tensors if isinstance(p, LAZY)]:
            raise ModelTypeError(
                f"the model has no weights: {lazy[0]} of a lazy module was never initialised; run "
                "it once, and load its weights"
            )
        try:
            made = copy.deepcopy(module, self._memo).to("cpu").float().eval()
        except Exception as error:  # each library has its own
            raise ModelTypeError(
                f"{type(module).__name__} cannot be copied to float32 on the CPU "
                f"({type(error).__name__}: {_line(error)}); give encoder and decoder alone, in "
                "float32 and without what is attached for training"
            ) from error
        for part in made.modules():
            part._compiled_call_impl = None  # of module.compile()
        self.modules.append(made.requires_grad_(False))
        return made

    def _function(self, function: types.FunctionType) -> types.FunctionType:
        """Copy a function whose closure, defaults or globals lead to modules or tensors."""
        self._remember(function, function)  # one that calls itself
        names = function.__code__.co_freevars
        cells = dict(zip(names, function.__closure__ or (), strict=True))
        inside = self._changed({n: c.cell_contents for n, c in cells.items() if _filled(c)})
        outside = self._changed(_globals(function))
        defaults = self._changed(dict(enumerate(function.__defaults__ or ())))
        words = self._changed(function.__kwdefaults__ or {})
        if not (inside or outside or defaults or words):
            return function
        made = types.FunctionType(
            function.__code__,
            {**function.__globals__, **outside},
            function.__name__,
            tuple(defaults.get(n, value) for n, value in enumerate(function.__defaults__ or ())),
            tuple(types.CellType(inside[n]) if n in inside else cells[n] for n in names),
        )
        made.__kwdefaults__ = {**(function.__kwdefaults__ or {}), **words}
        return made

    def _changed(self, parts: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return copies of those parts that lead to modules or tensors."""
        return {name: made for name, part in parts.items() if (made := self(part)) is not part}


def _has(model: Any, name: str) -> bool:
    return callable(getattr(model, name, None))


def _holds_modules(value: Any) -> bool:
    """Whether an object of somebody's class has modules among its attributes."""
    if isinstance(value, type | types.ModuleType):
        return False
    parts = getattr(value, "__dict__", None)
    return isinstance(parts, dict) and any(isinstance(part, nn.Module) for part in parts.values())


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _globals(function: types.FunctionType) -> dict[str, Any]:
    """Return what a function of the user's own refers to in its module; of a library's, nothing."""
    file = Path(function.__code__.co_filename)
    if {"site-packages", "dist-packages"} & set(file.parts) or file.is_relative_to(STDLIB):
        return {}
    known = function.__globals__
    return {name: known[name] for name in _names(function.__code__) if name in known}


def _names(code: types.CodeType) -> set[str]:
    """Return the global names in a function, and in the functions within."""
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
