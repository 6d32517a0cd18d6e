"""What the endpoints answer of a model that is shown by itself: of any pictures, with any code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from demo.library.asked import MAX_COUNT, MAX_TEMPERATURE, seed_of, whole, within
from demo.library.single import MOST
from demo.page.pictures import PictureError
from vae_onnx.engine.sizes import ANY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.single import Single

PIXELS = 2**22  # of all pictures of an answer together


def told(single: Single) -> dict[str, Any]:
    """A model as /models lists it; a size that is open is -1."""
    model = single.model
    nats = single.measured.get("total")
    return {
        "name": single.name,
        "kind": single.kind,
        "dataset": single.dataset,
        "latent_shape": list(model.latent_shape),
        "image_shape": list(model.image_shape),
        "size_multiple": model.size_multiple,
        "likelihood": model.metadata.get("likelihood"),
        "prior": model.metadata.get("prior"),
        **({} if nats is None else {"test_nats_per_image": nats}),
    }


def encoded(single: Single, picture: NDArray[np.float32]) -> dict[str, Any]:
    """The code of a picture (1, ...), and how near its reconstruction comes."""
    scores = single.score(picture)
    answer: dict[str, Any] = {"mse": float(scores.mse[0]), "psnr": float(scores.psnr[0])}
    if single.kind == "ae":
        answer["z"] = single.model.encode(picture)[0].tolist()
    else:
        q = single.model.posterior(picture)
        answer |= {"z": q.mu[0].tolist(), "sigma": np.exp(0.5 * q.log_var[0]).tolist()}
    if scores.nats is not None:
        bound = single.kind == "vae" and single.has_prior
        answer["elbo" if bound else "log_px_given_z"] = -float(scores.nats[0])
    return answer


def rows(single: Single, z: list[Any]) -> NDArray[np.float32]:
    """Places (N, *latent_shape) that came over the network.

    Raises:
        PictureError: They are no numbers, or more than are decoded at once.
        InputError: Their shape is another one.
    """
    try:
        array = np.array(z, np.float32)
    except (TypeError, ValueError) as error:
        raise PictureError("z must be lists of numbers of the model's latent_shape") from error
    checked = single.model.decoder.as_rows(array)
    area = _area(single, checked.shape[1:])
    if area > MOST and single.is_open:
        raise PictureError(f"z is of a picture of {area:,} pixels; at most {MOST:,} are decoded")
    if len(checked) > MAX_COUNT:
        raise PictureError(f"z holds {len(checked)} rows; at most {MAX_COUNT} are taken")
    check_count(single, len(checked), area)
    return checked


def ends(single: Single, a: Any, b: Any, steps: int) -> tuple[Any, Any]:
    """Two pictures (1, ...) of one size, for a way of so many steps between them.

    Raises:
        PictureError: They are too large for so many.
    """
    check_count(single, steps, math.prod(a.shape[1:3]))
    return single.alike(a, b)


def drawn(single: Single, count: object, seed: object, temperature: object) -> Any:
    """Draw z (count, *latent_shape); see `Single.codes`.

    Raises:
        RangeError: A number is out of its range.
        PictureError: The model takes pictures of any size, or they are too many of its size.
    """
    if single.is_open:
        raise PictureError(
            f"{single.name} takes pictures of any size: nothing says how large to draw; /decode a z"
        )
    number = whole("count", count, 1, MAX_COUNT)
    check_count(single, number)
    scale = within("temperature", temperature, 0, MAX_TEMPERATURE)
    return single.codes(number, seed_of(seed), scale)


def check_count(single: Single, count: int, area: int | None = None) -> None:
    """See that so many pictures can be decoded for one answer.

    Raises:
        PictureError: They are too many of their size.
    """
    area = area or _area(single, single.model.latent_shape)
    most = max(1, PIXELS // area)
    if count > most:
        raise PictureError(f"{count} pictures of {area:,} pixels were asked for; at most {most}")


def _area(single: Single, latent_shape: tuple[int, ...]) -> int:
    """Pixels of the picture of a code."""
    _, *sides = single.model.image_shape
    if ANY not in sides:
        return math.prod(sides)
    return math.prod(latent_shape[1:]) * single.model.size_multiple**2
