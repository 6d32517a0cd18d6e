"""How a map of the latent plane, its legend and the things on it are shown, on every tab alike."""

from __future__ import annotations

import html
import itertools
from typing import TYPE_CHECKING, TypedDict

import gradio as gr
import numpy as np

from demo.library.latent_map import COLOURS, PRIOR_RADIUS, LatentMap
from demo.page.templates import fill, static

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from demo.library.lane import Lane

LONG_NAMES = {"vae": "variational autoencoder", "ae": "plain autoencoder"}
ABOUT = {
    "vae": "Training pulls every code towards the dashed circle, so the classes share one map "
    "with few gaps.",
    "ae": "Nothing pulls the codes anywhere: they spread as they please, past the same circle "
    "or not, with holes between.",
}


class Marker(TypedDict):
    """What `marker.html` shows: a place on the map in percent from the left and the top."""

    x: float
    y: float
    off_map: bool
    ellipses: list[dict[str, float]]  # width and height in percent, of two sigma and of one


def part(
    name: str, value: object = None, script: str | None = None, *, render: bool = True
) -> gr.HTML:
    """A part of the page that shows its value through a template in `static/`.

    Args:
        name: The template.
        value: What is shown at first, a dictionary.
        script: The file in `static/` that brings it to life, if it is more than a picture.
        render: Whether it takes its place in the page now.
    """
    return gr.HTML(
        value=value,
        html_template=static(name),
        js_on_load=static(script) if script else None,
        apply_default_css=False,
        render=render,
    )


def heading(lane: Lane) -> str:
    """What a model is, as HTML."""
    kind = lane.kind
    return fill("lane.html", short=kind.upper(), long=LONG_NAMES[kind], about=ABOUT[kind])


def ground(lane: Lane) -> str:
    """The map of a model as HTML: dots, the grid behind them, the prior, ticks and names."""
    window = lane.map.window
    prior = window.place(np.zeros(2))
    return fill(
        "map.html",
        alt=f"Map of the {lane.kind.upper()}'s codes of the test images, coloured by class",
        name=html.escape(lane.name),
        prior_x=prior[0],
        prior_y=prior[1],
        prior_size=100 * 2 * PRIOR_RADIUS / window.side,
        ticks=_ticks(lane.map),
        names=_names(lane.map),
    )


def legend(lane: Lane, ring: str) -> str:
    """What the colours and signs on the maps mean, as HTML; `ring` says it of the marker."""
    classes = "".join(
        f'<li style="--hue: {colour}">{html.escape(name)}</li>'
        for name, colour in zip(lane.class_names, itertools.cycle(COLOURS), strict=False)
    )
    return fill("legend.html", count=f"{len(lane.map.z):,}", classes=classes, ring=ring)


def switches(names: Sequence[str], counts: Sequence[int]) -> str:
    """A legend of points on a plane that switches them off, all or a class of them, as HTML.

    Args:
        names: Of the classes.
        counts: How many points each has; what has none is left out.
    """
    shown = [(label, name) for label, name in enumerate(names) if counts[label]]
    classes = "".join(
        f'<li style="--hue: {COLOURS[label % len(COLOURS)]}"><label>'
        f'<input type="checkbox" data-class="{label}" checked /> {html.escape(name)} '
        f"<small>{counts[label]:,}</small></label></li>"
        for label, name in shown
    )
    rules = "".join(
        f'.single-plane:has([data-class="{label}"]:not(:checked)) .points-{label}{{display:none}}'
        for label, _ in shown
    )
    return fill("switches.html", classes=classes, count=f"{sum(counts):,}", rules=rules)


def marker(lane: Lane, z: NDArray[np.floating], sigma: NDArray[np.floating] | None) -> Marker:
    """Where z (2,) stands on a model's map, and how far around it the posterior reaches."""
    window = lane.map.window
    spot = window.place(z)
    left, top = (round(float(percent), 2) for percent in spot.clip(0, 100))
    ellipses = [] if sigma is None else [_ellipse(sigma * k, window.side) for k in (2, 1)]
    off_map = bool((spot < 0).any() or (spot > 100).any())
    return Marker(x=left, y=top, off_map=off_map, ellipses=ellipses)


def number(value: float) -> str:
    """A number with two places and a proper minus."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _ellipse(radii: NDArray[np.floating], side: float) -> dict[str, float]:
    width, height = (round(100 * 2 * float(radius) / side, 3) for radius in radii)
    return {"width": width, "height": height}


def _ticks(latent_map: LatentMap) -> str:
    window = latent_map.window
    spans = []
    for value in window.ticks():
        x, y = window.place(np.array([value, value]))
        label = f"{value:g}".replace("-", "\N{MINUS SIGN}")
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
