"""Explore: a plane through a flat code, decoded all over; of a map of codes, why there is none."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from demo.library.latent_map import dots
from demo.page.live import LIVE
from demo.page.maps import number, part, switches
from demo.page.pictures import as_image, data_url, png_url, sheet
from demo.single import use, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.models import Library
    from demo.library.single import Single
    from demo.single.use import UseTab

REACH = 3.0  # deviations from the middle to the rim
GRID = 9  # pictures a side
CELL = 64  # pixels, the most of each
PRINCIPAL = "principal plane of the codes"
MAP = (
    "There is no plane to walk on: the code of a picture is {}, and each number is about one place "
    "of the picture. The Picture tab shows such a code, the Generate tab the way between two."
)
ONE = "The code of a picture is one number: there is no plane to walk on."
WALK = (
    "Click or drag on the plane, or focus it and use the arrow keys: what stands there is decoded."
)
ABOUT = {
    "codes": "The plane goes through the mean of the codes beside the model, along the two "
    "directions in which they spread most; its rim is three standard deviations away.",
    "told": "All other numbers stay at the mean of the codes that the model was exported with; the "
    "rim is three standard deviations away.",
    "prior": "All other numbers stay at 0, the middle of the prior; the rim is three of its "
    "standard deviations away.",
    "nothing": "Nothing tells where the codes lie: all other numbers stay at 0, the rim is 3.",
}


class Plane(NamedTuple):
    """A plane through the latent space."""

    middle: NDArray[np.float32]  # (latent_dim,)
    axes: NDArray[np.float32]  # (2, latent_dim), each as long as a deviation is
    about: str

    def at(self, percent: NDArray[np.floating]) -> NDArray[np.float32]:
        """The z (..., latent_dim) at places (..., 2), percent from the left and from the top."""
        steps = (percent / 50 - 1) * REACH * np.array([1, -1])
        z: NDArray[np.float32] = self.middle + (steps @ self.axes).astype(np.float32)
        return z

    def place(self, z: NDArray[np.float32]) -> NDArray[np.float64]:
        """Where z (N, latent_dim) falls straight on the plane; `at` the other way round."""
        steps = (z - self.middle) @ self.axes.T / np.square(self.axes).sum(axis=1)
        percent: NDArray[np.float64] = 50 * (1 + steps.astype(float) / REACH * np.array([1, -1]))
        return percent


class ExploreTab:
    """Walk on a plane through the latent space."""

    def __init__(self, library: Library, use_tab: UseTab) -> None:
        self.library, self.use = library, use_tab
        self.parts: list[Any] = []

    def walk(self, value: object, right: object, up: object, name: str) -> list[Any]:
        """Decode a place on the plane.

        Args:
            value: {"x", "y"}, in percent from the left and the top.
            right: What grows to the right: PRINCIPAL, or the number of a dimension.
            up: The same, upwards.
            name: Of the model.

        Returns:
            What `place.html` shows, and the value of `UseTab.panel`.
        """
        single, place = self.library.singles.get(name), _place(value)
        plane = plane_of(single, right, up) if single else None
        if single is None or plane is None or place is None:
            return [gr.skip(), gr.skip()]
        z = plane.at(place)
        shown = use.decodes(single, z[np.newaxis], "The place on the plane")
        return [_peek(single, z, plane), shown]

    def turn(self, right: object, up: object, name: str) -> list[Any]:
        """Show another plane; the dimensions are those of `walk`."""
        single = self.library.singles.get(name)
        plane = plane_of(single, right, up) if single else None
        if single is None or plane is None:
            return [gr.skip()] * 4
        is_principal = right == PRINCIPAL
        return [
            {"src": _ground(single, plane), "points": _points(single, plane)},
            {"x": 50, "y": 50},
            _peek(single, plane.middle, plane),
            gr.update(visible=not is_principal and single.model.latent_shape != (2,)),
        ]

    def values(self, name: str) -> list[Any]:
        """Values of `self.parts` for a model."""
        single = self.library.singles[name]
        choices = planes(single)
        if not choices:
            return [_sentence(single), *[gr.update(visible=False)] * 2, None, None, None, ""]
        dims = choices[-single.model.latent_dim :]
        first, second = _widest(single)
        right = choices[0] if choices[0] == PRINCIPAL else dims[first]
        ground, place, peek, shown = self.turn(right, dims[second], name)
        several = len(choices) > 2
        return [
            f'<p class="sentence">{WALK}</p>',
            gr.update(choices=choices, value=right, visible=several),
            {**shown, "choices": dims, "value": dims[second]},
            ground, place, peek, _switches(single),
        ]  # fmt: skip

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        with gr.Column(elem_classes="single", min_width=0):
            told = gr.HTML(apply_default_css=False)
            with gr.Row(elem_classes="controls"):
                right = gr.Dropdown([], label="To the right", visible=False)
                up = gr.Dropdown([], label="Upwards", visible=False)
            with gr.Row(elem_classes="single-plane"):
                with gr.Column(elem_classes="map", elem_id="plane", min_width=0):
                    ground = part("plane.html")
                    walker = part("walker.html", None, "walker.js")
                with gr.Column(min_width=0):
                    peek = part("place.html")
                    switches = gr.HTML(apply_default_css=False)
        self.parts = [told, right, up, ground, walker, peek, switches]
        walker.input(self.walk, [walker, right, up, choice], [peek, self.use.panel], **LIVE)
        gr.on(
            [right.input, up.input],
            self.turn,
            [right, up, choice],
            [ground, walker, peek, up],
            **LIVE,
        )


def planes(single: Single) -> list[str]:
    """What may lie to the right; nothing where there is no plane."""
    if not single.is_flat or single.model.latent_dim < 2:
        return []
    dims = [f"z[{i}]" for i in range(single.model.latent_dim)]
    return [PRINCIPAL, *dims] if single.directions and len(dims) > 2 else dims


def plane_of(single: Single, right: object, up: object) -> Plane | None:
    """The plane that two choices mean; None where they mean none."""
    choices = planes(single)
    if right not in choices or (right != PRINCIPAL and up not in choices):
        return None
    if right == PRINCIPAL and single.directions:
        mean, axes, sigmas = single.directions
        return Plane(mean, axes[:2] * sigmas[:2, np.newaxis], ABOUT["codes"])
    dim = single.model.latent_dim
    middle, std, about = _middle(single)
    dims = [int(str(choice)[2:-1]) for choice in (right, up)]
    axes = np.zeros((2, dim), np.float32)
    axes[[0, 1], dims] = std[dims]
    return Plane(middle, axes, "" if dim == 2 else about)


def _middle(single: Single) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """Where planes meet, how long a deviation is, and whence that is known."""
    dim = single.model.latent_dim
    zero, one = np.zeros(dim, np.float32), np.ones(dim, np.float32)
    if single.has_prior:
        return zero, one, ABOUT["prior"]
    if single.statistics is None:
        return zero, one, ABOUT["nothing"]
    return *single.statistics, ABOUT["told"]


def _widest(single: Single) -> tuple[int, int]:
    """The two dimensions in which the codes spread most, as the model tells; the first two else."""
    if single.statistics is None or single.model.latent_dim == 2:
        return 0, 1
    first, second = np.argsort(-single.statistics[1], kind="stable")[:2].tolist()
    return first, second


def _sentence(single: Single) -> str:
    told = ONE if single.is_flat else MAP.format(words.code(single))
    return f'<p class="sentence">{told}</p>'


def _ground(single: Single, plane: Plane) -> str:
    """The plane as pictures, decoded all over."""
    middles = 100 * (np.arange(GRID) + 0.5) / GRID
    down, right = np.meshgrid(middles, middles, indexing="ij")
    z = plane.at(np.stack([right.ravel(), down.ravel()], axis=-1))
    pictures = single.model.decode(z)
    step = -(-max(pictures.shape[1:3]) // CELL)
    picture = sheet(pictures[:, ::step, ::step], GRID)
    side = max(picture.size)
    out = io.BytesIO()
    square = picture.convert("RGB").resize((side, side), Image.Resampling.NEAREST)
    square.save(out, "JPEG", quality=90)
    return data_url("image/jpeg", out.getvalue())


def _points(single: Single, plane: Plane) -> list[dict[str, Any]]:
    """The codes of the test set on the plane, one picture for each class."""
    if single.classes is None or single.latents is None:
        return []
    places, points = plane.place(single.latents), []
    for label in np.unique(single.classes.labels).tolist():
        mine = single.classes.labels == label
        picture = dots(places[mine], np.full(mine.sum(), label), rim="white")
        picture = picture.quantize(32, Image.Quantize.FASTOCTREE)
        points.append({"label": label, "src": png_url(picture)})
    return points


def _switches(single: Single) -> str:
    """The legend of the points, which switches classes off, as HTML."""
    if single.classes is None:
        return ""
    labels, names = single.classes
    counts = np.bincount(labels, minlength=len(names)).tolist()
    return switches(names, counts)


def _peek(single: Single, z: NDArray[np.float32], plane: Plane) -> dict[str, Any]:
    """What `place.html` shows."""
    dims = [int(axis.argmax()) for axis in plane.axes]
    spelt = ", ".join(f"z[{i}] = {number(z[i])}" for i in dims)
    told = spelt if np.count_nonzero(plane.axes) <= 2 else "On the principal plane"
    picture = single.model.decode(z[np.newaxis])[0]
    return {"src": png_url(as_image(picture)), "place": told, "about": plane.about}


def _place(value: object) -> NDArray[np.float64] | None:
    """A place that came over the network, in percent; None if it is none."""
    try:
        place = np.array([float(value[key]) for key in ("x", "y")])  # type: ignore[index]
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    return place.clip(0, 100) if np.isfinite(place).all() else None
