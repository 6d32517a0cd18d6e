"""The page on which one draws: pad, pictures, and one map per model."""

from __future__ import annotations

import html
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import gradio as gr
import numpy as np
from PIL import Image

import vae_onnx
from demo import pad
from demo.latent_map import COLOURS, PRIOR_RADIUS, LatentMap
from demo.page import fill, png_url, static

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWN = (1, 28, 28)  # channels, height, width of what `drawing_to_x` makes of a drawing
LONG_NAMES = {"vae": "variational autoencoder", "ae": "plain autoencoder"}
ABOUT = {
    "vae": "Training pulls every code towards the dashed circle, so the classes share one map "
    "with few gaps.",
    "ae": "Nothing pulls the codes anywhere: they spread as they please, past the same circle "
    "or not, with holes between.",
}


class Strip(TypedDict):
    """What `strip.html` shows: pictures as data URLs."""

    seen: str
    vae: str
    ae: str


class Marker(TypedDict):
    """What `marker.html` shows: a place on the map in percent from the left and the top."""

    x: float
    y: float
    off_map: bool


class Reading(TypedDict):
    """What `reading.html` says."""

    z: str
    name: str
    votes: int
    of: int
    off_map: bool


Answer = tuple[Strip | None, Marker | None, Reading | None, Marker | None, Reading | None]


@dataclass(frozen=True)
class Lane:
    """One model with its map, and what it makes of a drawing."""

    model: vae_onnx.Autoencoder
    map: LatentMap

    @property
    def dataset(self) -> str:
        """What the model was trained on."""
        return self.model.metadata.get("dataset", self.model.folder.name)

    @classmethod
    def load(cls, name: str | Path) -> Lane:
        """Open a model, by the name of a bundled one or by its folder, and its map."""
        model = vae_onnx.load(name)
        return cls(model, LatentMap.of(model))

    def encode(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], str]:
        """Encode x (1, 1, 28, 28): z (2,), and z in words; a VAE is sure only to within sigma."""
        if self.model.kind == "ae":
            z = self.model.encode(x)[0]
            return z, ", ".join(map(_number, z))
        q = self.model.posterior(x)
        pairs = zip(q.mu[0], np.exp(0.5 * q.log_var[0]), strict=True)
        return q.mu[0], ", ".join(f"{_number(mu)} ± {_number(sigma)}" for mu, sigma in pairs)

    def look(self, x: NDArray[np.float32]) -> tuple[str, Marker, Reading]:
        """What x (1, 1, 28, 28) becomes: its reconstruction, its place on the map, and words."""
        z, words = self.encode(x)
        spot = self.map.window.place(z)
        off_map = bool((spot < 0).any() or (spot > 100).any())
        left, top = (round(float(percent), 2) for percent in spot.clip(0, 100))
        name, votes, of = self.map.nearest_class(z)
        return (
            png_url(_grey(self.model.decode(z[None])[0])),
            Marker(x=left, y=top, off_map=off_map),
            Reading(z=words, name=name, votes=votes, of=of, off_map=off_map),
        )


class DrawPage:
    """Draw a digit; see what the models see, what each makes of it, and where it lands."""

    def __init__(self, models: Path | None = None) -> None:
        """Load the two models, the bundled ones of MNIST or those in a folder of models.

        Raises:
            FileNotFoundError: A model or its map is missing.
        """
        vae, ae = ("mnist-vae", "mnist-ae") if models is None else _pair(models)
        self.vae, self.ae = Lane.load(vae), Lane.load(ae)

    def look(self, value: str | None) -> Answer:
        """Answer a drawing: the function behind the pad.

        Args:
            value: The pad's value, a PNG data URL, or "" while nothing is drawn.

        Raises:
            gradio.Error: The value is no drawing; the page shows the message.
        """
        try:
            ink = pad.read_ink(value)
        except pad.DrawingError as error:
            raise gr.Error(f"This is not a drawing: {error}.", print_exception=False) from error
        if ink is None:
            return None, None, None, None, None
        x = vae_onnx.drawing_to_x(ink)
        vae, vae_marker, vae_reading = self.vae.look(x)
        ae, ae_marker, ae_reading = self.ae.look(x)
        strip = Strip(seen=png_url(_grey(x[0, 0])), vae=vae, ae=ae)
        return strip, vae_marker, vae_reading, ae_marker, ae_reading

    def build(self) -> None:
        """Lay the page out in the `gr.Blocks` that is open."""
        with gr.Row(elem_id="draw"):
            with gr.Column(elem_id="hand", min_width=0):
                drawing = pad.component()
                strip = _part("strip.html")
                gr.HTML(_legend(self.vae.map), apply_default_css=False, elem_id="legend")
            outputs = [strip]
            for lane in (self.vae, self.ae):
                outputs += _build_lane(lane)
        drawing.input(
            self.look,
            inputs=drawing,
            outputs=outputs,
            queue=False,  # a queue costs a second request per picture
            trigger_mode="always_last",  # while one is answered only the newest one waits
            show_progress="hidden",
            api_visibility="private",
        )


def _pair(models: Path) -> tuple[Path, Path]:
    """The first VAE and the first AE in a folder of models that a drawing can be shown to."""
    first: dict[str, Path] = {}
    for path in sorted(models.glob("*/encoder.onnx")):
        encoder = vae_onnx.Encoder(path)
        if encoder.latent_dim == 2 and encoder.image_shape == DRAWN:
            first.setdefault(encoder.kind, path.parent)
    if first.keys() != LONG_NAMES.keys():
        raise FileNotFoundError(
            f"{models} must hold folders of a VAE and of an AE of 28x28 grey pixels and "
            f"latent_dim 2, found {', '.join(first) or 'neither'}; `python -m export all` writes "
            "such to OUT/models"
        )
    return first["vae"], first["ae"]


def _build_lane(lane: Lane) -> list[gr.HTML]:
    """One model's map with a marker over it and a reading below; the last two are returned."""
    kind = lane.model.kind
    with gr.Column(elem_id=kind, elem_classes="lane", min_width=0):
        about = fill("lane.html", short=kind.upper(), long=LONG_NAMES[kind], about=ABOUT[kind])
        gr.HTML(about, apply_default_css=False)
        with gr.Column(elem_classes="map", min_width=0):
            # Two components: the picture is heavy and stays, the marker moves.
            gr.HTML(_ground(lane), apply_default_css=False)
            marker = _part("marker.html")
        return [marker, _part("reading.html")]


def _part(name: str) -> gr.HTML:
    """A part of the page that shows its value, a dictionary, through a template in `static/`."""
    return gr.HTML(
        value=None,
        html_template=static(name),
        js_on_load=None,
        apply_default_css=False,
    )


def _ground(lane: Lane) -> str:
    kind, window = lane.model.kind, lane.map.window
    prior = window.place(np.zeros(2))
    return fill(
        "map.html",
        alt=f"Map of the {kind.upper()}'s codes of the test images, coloured by class",
        picture=png_url(lane.map.picture().quantize(method=Image.Quantize.FASTOCTREE)),
        prior_x=prior[0],
        prior_y=prior[1],
        prior_size=100 * 2 * PRIOR_RADIUS / window.side,
        ticks=_ticks(lane.map),
        names=_names(lane.map),
    )


def _ticks(latent_map: LatentMap) -> str:
    window = latent_map.window
    spans = []
    for value in window.ticks():
        x, y = window.place(np.array([value, value]))
        label = _minus(f"{value:g}")
        # The corner belongs to both axes: left out, nothing collides there.
        if 8 < x < 96:
            spans.append(f'<span class="tick across" style="left: {x:.2f}%">{label}</span>')
        if 4 < y < 92:
            spans.append(f'<span class="tick up" style="top: {y:.2f}%">{label}</span>')
    return "\n".join(spans)


def _names(latent_map: LatentMap) -> str:
    """Each class's name at the middle of its dots."""
    spots = [
        (latent_map.class_names[label], spot, COLOURS[label % len(COLOURS)])
        for label, spot in latent_map.name_spots().items()
    ]
    return "\n".join(
        f'<span class="name" style="left: {x:.2f}%; top: {y:.2f}%; --hue: {colour}">'
        f"{html.escape(name)}</span>"
        for name, (x, y), colour in spots
    )


def _legend(latent_map: LatentMap) -> str:
    classes = "".join(
        f'<li style="--hue: {colour}">{html.escape(name)}</li>'
        for name, colour in zip(latent_map.class_names, itertools.cycle(COLOURS), strict=False)
    )
    return fill("legend.html", count=f"{len(latent_map.z):,}", classes=classes)


def _grey(picture: NDArray[np.float32]) -> Image.Image:
    """A picture (height, width) in [0, 1] as a grey image."""
    return Image.fromarray(vae_onnx.to_uint8(picture))


def _number(value: float) -> str:
    return _minus(f"{value:.2f}")


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
