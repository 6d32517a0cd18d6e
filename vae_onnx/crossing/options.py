"""What a user may say of a model, checked before any work is done."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict, cast, get_args

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.crossing.folding import pixels
from vae_onnx.crossing.folding.pixels import Numbers, Pixels
from vae_onnx.crossing.gates.parity import TOLERANCE
from vae_onnx.crossing.model import Measure
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.pictures.arrays import Shape, to_x

LARGEST_TOLERANCE: Final = 1e-3
FEWEST, MOST = 2, 64  # pictures
Likelihood = Literal["bernoulli", "gaussian", "none"]
Prior = Literal["normal", "none"]


class Options(TypedDict, total=False):
    """What may be said of a model, in `vae_onnx.torch.export` and `vae_onnx.adopt` alike.

    What the pixels are in the network; folded into the graphs, the way back and a clip, too:
        pixel_range: (low, high), (0, 1) unless stated; a stated one is believed.
        mean, std: Subtracted and divided by afterwards, one number or one for each channel.
        bgr: Blue comes first.

    What comes out of it:
        spread: What the second output of the encoder is: "log_var", "log_std", "std" or "var".
        outputs: "pixels", or "logits" that a sigmoid belongs after.
        dynamic_size: Pictures may have any height and width that some number divides, which is
            found by trying.

    What stands in the metadata:
        likelihood: What the decoder was trained as: "bernoulli", "gaussian" or "none", which it
            is unless stated; "bernoulli" of logits.
        sigma: Of the Gaussian, for pixels in [0, 1].
        prior: "normal" or "none"; by default normal for a VAE whose codes have a deviation near 1.
        name: By default that of the folder.
        licence: Of the model, "MIT" for example.
        class_names: Of the labels.
        latents: Codes (N, latent_dim) for a map of the latent space; by default those of the
            pictures, where there are labels.
        labels: Whole numbers (N,), of the latents or else of the pictures.

    How it is done:
        tolerance: Largest difference between graph and model, relative to the largest magnitude
            where that is above 1: 1e-5, at most 1e-3.
        strict: False turns the gate of the reconstruction into an ExportWarning, for models that
            are not trained.
        overwrite: The folder may hold anything. Files of another model are replaced.
        progress: A line on stderr for each step; True unless stated.
    """

    pixel_range: Sequence[float]
    mean: Numbers
    std: Numbers
    bgr: bool
    spread: Measure
    outputs: Literal["pixels", "logits"]
    dynamic_size: bool
    likelihood: Likelihood
    sigma: float
    prior: Prior
    name: str
    licence: str
    class_names: Sequence[str]
    latents: npt.ArrayLike
    labels: npt.ArrayLike
    tolerance: float
    strict: bool
    overwrite: bool
    progress: bool


@dataclass(frozen=True)
class Wishes:
    """The options, checked and with what they are by default."""

    pixel_range: Sequence[float] | None = None
    mean: Numbers | None = None
    std: Numbers | None = None
    bgr: bool = False
    spread: Measure | None = None
    outputs: Literal["pixels", "logits"] = "pixels"
    dynamic_size: bool = False
    likelihood: Likelihood | None = None
    sigma: float | None = None
    prior: Prior | None = None
    name: str | None = None
    licence: str | None = None
    class_names: Sequence[str] | None = None
    latents: npt.ArrayLike | None = None
    labels: npt.ArrayLike | None = None
    tolerance: float = TOLERANCE
    strict: bool = True
    overwrite: bool = False
    progress: bool = True

    @property
    def logits(self) -> bool:
        """Whether the decoder gives logits."""
        return self.outputs == "logits"

    def pixels(self, channels: int) -> Pixels:
        """Return what the user says of the pixels; errors as in `pixels.read`."""
        return pixels.read(self.pixel_range, self.mean, self.std, self.bgr, channels)


def read(options: Options) -> Wishes:
    """Return the options, checked as far as the pictures have no part in it.

    Raises:
        InputTypeError: There is no such option, or it is of another type.
        InputError: A value that it cannot have.
    """
    known = {field.name for field in dataclasses.fields(Wishes)}
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"
            )
            raise InputTypeError(f"there is no option {name!r}{hint}")
    wishes = Wishes(**cast(Any, options))
    _one_of("spread", wishes.spread, get_args(Measure), optional=True)
    _one_of("outputs", wishes.outputs, ("pixels", "logits"))
    _one_of("likelihood", wishes.likelihood, get_args(Likelihood), optional=True)
    _one_of("prior", wishes.prior, get_args(Prior), optional=True)
    for name in ("bgr", "dynamic_size", "strict", "overwrite", "progress"):
        if not isinstance(getattr(wishes, name), bool):
            raise InputTypeError(f"{name} must be True or False, got {getattr(wishes, name)!r}")
    for name in ("name", "licence"):
        text = getattr(wishes, name)
        if text is not None and not (isinstance(text, str) and text.strip()):
            raise InputTypeError(f"{name} must be a text, got {text!r}")
    tolerance = _number("tolerance", wishes.tolerance)
    if not 0 < tolerance <= LARGEST_TOLERANCE:
        raise InputError(
            f"tolerance must be above 0 and at most {LARGEST_TOLERANCE}, got {tolerance}"
        )
    _check_likelihood(wishes)
    _check_classes(wishes.class_names)
    return wishes


def pictures(images: npt.ArrayLike) -> Array:
    """Return a user's pictures as x (N, channels, height, width) float32 in [0, 1].

    Args:
        images: uint8 in [0, 255] or float in [0, 1], 2 to 64 of one size: (N, H, W) grey,
            (N, H, W, C) or (N, C, H, W). Of the last two, the shorter axis holds the channels.

    Raises:
        InputTypeError: The dtype is neither.
        InputError: Another shape or range, or too few or too many.
    """
    array = checks.array(images, "pictures")
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise InputError(
            f"pictures must be (N, H, W), (N, H, W, C) or (N, C, H, W), got shape {array.shape}"
            + ("; flat pictures need their shape: pictures.reshape(-1, H, W)" * (array.ndim == 2))
        )
    if array.ndim == 3 and array.shape[2] <= 4 < min(array.shape[:2]):
        raise InputError(
            f"pictures must be {FEWEST} to {MOST}, got one of shape {array.shape}; give more of "
            "them, np.stack([...])"
        )
    if not FEWEST <= len(array) <= MOST:
        raise InputError(
            f"pictures must be {FEWEST} to {MOST} of your own, got {len(array)}"
            + (f"; give pictures[:{MOST}]" if len(array) > MOST else "")
        )
    return to_x(array, _shape(array.shape))


def _shape(shape: tuple[int, ...]) -> Shape:
    if len(shape) == 3:
        return (1, shape[1], shape[2])
    if shape[1] < shape[3]:
        return (shape[1], shape[2], shape[3])
    return (shape[3], shape[1], shape[2])


def latents(wishes: Wishes, codes: Array) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    """Return the codes and labels for a map of the latent space, or None.

    Args:
        wishes: What the user says.
        codes: Of the pictures, (N, *latent_shape).

    Raises:
        InputTypeError: Labels that are no whole numbers, or latents that are no real numbers.
        InputError: They do not belong together, or the codes are maps.
    """
    if wishes.latents is None and wishes.labels is None:
        return None
    if codes.ndim != 2:
        raise InputError(
            "latents and labels are for a map of flat codes, and the codes of this model are "
            f"{codes.shape[1:]}"
        )
    z = codes if wishes.latents is None else checks.array(wishes.latents, "latents")
    if z.dtype.kind not in "fiu":
        raise InputTypeError(f"latents must hold real numbers, got {z.dtype}")
    if z.ndim != 2 or z.shape[1] != codes.shape[1] or len(z) == 0:
        raise InputError(f"latents must have shape (N, {codes.shape[1]}), got {z.shape}")
    if wishes.labels is None:
        raise InputError("latents need labels, a whole number each; zeros if there are none")
    labels = checks.array(wishes.labels, "labels")
    if labels.dtype.kind not in "iu":
        raise InputTypeError(f"labels must be whole numbers, got {labels.dtype}")
    if labels.shape != (len(z),) or labels.min() < 0:
        raise InputError(
            f"labels must be {len(z)} numbers from 0, one for each of the codes, got {labels.shape}"
        )
    names = wishes.class_names
    if names is not None and labels.max() >= len(names):
        raise InputError(f"a label is {labels.max()}, and class_names has {len(names)} names")
    return z, labels


def _one_of(name: str, value: Any, known: Sequence[str], optional: bool = False) -> None:
    if value in known or (optional and value is None):
        return
    raise InputError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InputTypeError(f"{name} must be a number, got {value!r}")
    return float(value)


def _check_likelihood(wishes: Wishes) -> None:
    if wishes.likelihood == "gaussian":
        if wishes.sigma is None or not 0 < _number("sigma", wishes.sigma) < float("inf"):
            raise InputError(
                "likelihood='gaussian' needs sigma, its deviation for pixels in [0, 1]: 1.0 where "
                "the loss was half the squared error"
            )
    elif wishes.sigma is not None:
        raise InputError("sigma belongs to likelihood='gaussian'")
    if wishes.logits and wishes.likelihood == "gaussian":
        raise InputError("outputs='logits' are of a Bernoulli likelihood, not of a Gaussian one")


def _check_classes(names: Any) -> None:
    if names is None:
        return
    if isinstance(names, str) or not all(isinstance(name, str) for name in names) or not names:
        raise InputTypeError(f"class_names must be a list of texts, got {names!r}")
