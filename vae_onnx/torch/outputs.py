"""What comes out of an encoder or decoder, understood as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from vae_onnx.crossing.model import Measure
from vae_onnx.errors import OutputError

# Names that libraries give to the parts of their outputs, in order of preference.
POSTERIOR: Final = ("latent_dist", "posterior", "dist")
MEAN: Final = ("embedding", "mu", "mean", "loc", "z_mean")
CODE: Final = ("latents", "latent", "z", "code")
PICTURE: Final = ("reconstruction", "sample", "x_recon", "recon_x", "x_hat")
SPREAD: Final[dict[str, Measure]] = {
    **dict.fromkeys(
        ("log_covariance", "log_var", "logvar", "log_variance", "z_log_var"), "log_var"
    ),
    **dict.fromkeys(("log_std", "log_sigma", "log_scale"), "log_std"),
    **dict.fromkeys(("std", "sigma", "scale", "stddev"), "std"),
    **dict.fromkeys(("var", "variance"), "var"),
}


class Codes(NamedTuple):
    """What an encoder gave: z, or the mean and the spread of q(z | x)."""

    parts: tuple[Tensor, ...]
    measure: Measure | None = None  # of the spread, where what came says it itself


def codes(out: Any) -> Codes:
    """Understand the output of an encoder.

    A tensor; a pair of them; a Normal or an Independent one; a dictionary, dataclass or object
    whose parts have names that are known.

    Raises:
        OutputError: It is something else.
    """
    if isinstance(out, Tensor):
        return Codes((out,))
    if isinstance(out, Independent):
        out = out.base_dist
    if isinstance(out, Normal):
        return Codes((out.loc, out.scale), "std")
    named = _named(out)
    for name in POSTERIOR:
        if name in named:
            return codes(named[name])
    if (mean := _first(named, MEAN)) is not None:
        spread = _first(named, SPREAD)
        if spread is not None:
            return Codes((named[mean], named[spread]), SPREAD[spread])
        if mean == "embedding":
            return Codes((named[mean],))
    elif (code := _first(named, CODE)) is not None:
        return Codes((named[code],))
    elif not named and isinstance(out, tuple | list):
        if len(out) == 1:
            return codes(out[0])
        if len(out) == 2 and all(isinstance(part, Tensor) for part in out):
            return Codes((out[0], out[1]))
    raise OutputError(
        f"the encoder gives {told(out)}; one code, or the mean and log variance of one, is needed"
    )


def picture(out: Any) -> Tensor:
    """Understand the output of a decoder: a tensor, or something known with one in it.

    Raises:
        OutputError: It is something else.
    """
    if isinstance(out, Tensor):
        return out
    if isinstance(out, Independent):
        out = out.base_dist
    if isinstance(out, Normal | Bernoulli):
        mean: Tensor = out.mean
        return mean
    named = _named(out)
    if (name := _first(named, PICTURE)) is not None:
        value: Tensor = named[name]
        return value
    if not named and isinstance(out, tuple | list) and len(out) == 1:
        return picture(out[0])
    raise OutputError(f"the decoder gives {told(out)}; one tensor of pictures is needed")


def remedy(out: Any, encoder: bool) -> str:
    """Return what takes the wanted part out of what came, with `{}` for the call."""
    named = _named(out)
    if named:
        tensors = [name for name, part in named.items() if isinstance(part, Tensor)]
        name = next(iter(tensors or named))
        return f'{{}}["{name}"]' if isinstance(out, Mapping) else f"{{}}.{name}"
    if isinstance(out, Distribution):
        return "{}.mean"
    if isinstance(out, tuple | list):
        shapes = [part.shape for part in out[:3] if isinstance(part, Tensor)]
        # z, mu and log variance, as many encoders give all three
        return "{}[1:3]" if encoder and len(shapes) == 3 and len(set(shapes)) == 1 else "{}[0]"
    return "... of {}"


def told(out: Any) -> str:
    """Say what came, for an error."""
    if isinstance(out, Tensor):
        return f"{str(out.dtype).removeprefix('torch.')} {tuple(out.shape)}"
    named = _named(out)
    kind = type(out).__name__
    if named and not isinstance(out, Distribution):
        return f"{kind} with " + ", ".join(
            f"{name}: {_short(part)}" for name, part in named.items()
        )
    if isinstance(out, tuple | list):
        return f"a {kind} of {len(out)}: {', '.join(map(_short, out))}"
    return f"a {kind}"


def _short(part: Any) -> str:
    return told(part) if isinstance(part, Tensor) else type(part).__name__


def _first(named: Mapping[str, Any], names: Any) -> str | None:
    """Return the first of the names that a tensor has."""
    return next((name for name in names if isinstance(named.get(name), Tensor)), None)


def _named(out: Any) -> dict[str, Any]:
    """Return the parts of what came by their names, or nothing where they have none."""
    if isinstance(out, Mapping):
        return {str(name): part for name, part in out.items()}
    if hasattr(out, "_asdict"):
        return dict(out._asdict())
    if dataclasses.is_dataclass(out):
        return {field.name: getattr(out, field.name) for field in dataclasses.fields(out)}
    if isinstance(out, tuple | list | Distribution | torch.nn.Module):
        return {}
    return dict(getattr(out, "__dict__", {}))
