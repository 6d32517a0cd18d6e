"""The tab on which one draws: pad, pictures, one map per model, and the function between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from PIL import Image

from demo.library.asked import ELBO_DRAWS, NEAREST
from demo.library.lane import DIGITS
from demo.page import maps
from demo.page.maps import number, part
from demo.page.pictures import PictureError, as_image, png_url
from demo.tabs import pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from demo.library.lane import Lane
    from demo.library.models import Group, Library
    from demo.tabs.use import UseTab

POSTERIOR_DRAWS = 6  # of each VAE
RING = "your drawing; for the VAE one and two sigma of its posterior"
BARS = 32  # of the histogram behind a drawing's ELBO
ODD = 1.0  # percent of real test images: a drawing that fewer are below is called odd


class DrawTab:
    """Draw; see what the models see, what each makes of it, and where it lands."""

    def __init__(self, library: Library, use: UseTab) -> None:
        self.library, self.use = library, use
        self.parts: list[gr.HTML] = []

    def look(self, value: object, title: str) -> list[Any]:
        """Answer a drawing: the function behind the pad.

        Args:
            value: The pad's value, see `pad.read`.
            title: The group of models that is shown.

        Returns:
            Values of `self.parts`, those that a drawing changes.
        """
        group = self.library.groups[title]
        try:
            seen = pad.read(value, group)
        except PictureError as error:
            return [f"This cannot be shown to the models: {error}.", *self._nothing(group)]
        if seen is None:
            return [None, *self._nothing(group)]
        return [seen.note or None, *self._all(seen.x, group)]

    def values(self, title: str) -> list[Any]:
        """Values of `self.parts` for a group of models, before anything is drawn."""
        group = self.library.groups[title]
        fixed: list[Any] = [maps.legend(group.vae, RING), pad.example_list(group), None]
        for lane in (group.vae, group.ae):
            fixed += [maps.heading(lane), maps.ground(lane)]
        return [*fixed, None, *self._nothing(group)[:-1]]

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        group = self.library.first
        with gr.Row(elem_id="draw", elem_classes="lanes"):
            with gr.Column(elem_id="hand", elem_classes="hand", min_width=0):
                drawing = pad.component("pad", "Draw here")
                message = part("message.html")
                strip = part("strip.html", _strip(group))
                examples = pad.examples(group)
            fixed, changed = [], []
            for lane in (group.vae, group.ae):
                parts = _build_lane(lane)
                fixed += parts[:2]
                changed += parts[2:]
            legend = gr.HTML(
                maps.legend(group.vae, RING),
                apply_default_css=False,
                elem_id="legend",
                elem_classes="legend",
            )
        belief = part("belief.html")
        self.parts = [legend, examples, drawing, *fixed, message, strip, *changed, belief]
        drawing.input(
            self.look,
            inputs=[drawing, choice],
            outputs=[message, strip, *changed, belief, self.use.panel],
            queue=False,  # a queue costs a second request per picture
            trigger_mode="always_last",  # while one is answered only the newest one waits
            show_progress="hidden",
            api_visibility="private",
        )

    def _nothing(self, group: Group) -> list[Any]:
        """Values of what a drawing changes, without one."""
        return [_strip(group), None, None, None, None, None, gr.skip()]

    def _all(self, x: Any, group: Group) -> list[Any]:
        lanes = [lane.model.encode(x)[0] for lane in group.lanes]
        recons = [lane.decode(z[np.newaxis])[0] for lane, z in zip(group.lanes, lanes, strict=True)]
        sources = [png_url(as_image(picture)) for picture in (x[0, 0], *recons)]
        vae = _place(group.vae, x)
        ae = _place(group.ae, x)
        best = lanes[-1] if group.wide else lanes[0]
        shown = self.use.show(group.best, best[np.newaxis], "The drawing, reconstructed")
        return [_strip(group, sources), *vae, *ae, _belief(group, x, best), shown]


def _build_lane(lane: Lane) -> list[gr.HTML]:
    """One model: heading, map, marker over it, and a reading below; these are returned."""
    with gr.Column(elem_id=lane.kind, elem_classes="lane", min_width=0):
        head = gr.HTML(maps.heading(lane), apply_default_css=False)
        with gr.Column(elem_classes="map", min_width=0):
            # Two components: the picture is heavy and stays, the marker moves.
            ground = gr.HTML(maps.ground(lane), apply_default_css=False)
            marker = part("marker.html")
        return [head, ground, marker, part("reading.html")]


def _strip(group: Group, sources: Sequence[str | None] = ()) -> list[dict[str, str | None]]:
    """What `strip.html` shows: what the models see, and what each makes of it."""
    told = [("Models see", "What the models see: your drawing, centred")]
    for lane in group.lanes:
        label = lane.kind.upper()
        if lane is group.wide:
            label = f"{label}, {lane.latent_dim}-d"
        told.append((label, f"Your drawing, redrawn by {lane.name}"))
    pictures = sources or [None] * len(told)
    return [
        {"src": src, "label": label, "alt": alt}
        for src, (label, alt) in zip(pictures, told, strict=True)
    ]


def _place(lane: Lane, x: Any) -> tuple[maps.Marker, dict[str, Any]]:
    """Where x lands on a model's map, and that in words."""
    if lane.kind == "ae":
        z, sigma = lane.model.encode(x)[0], None
        words = ", ".join(map(number, z))
    else:
        q = lane.model.posterior(x)
        z, sigma = q.mu[0], np.exp(0.5 * q.log_var[0])
        pairs = zip(z, sigma, strict=True)
        words = ", ".join(f"{number(mu)} ± {number(one)}" for mu, one in pairs)
    marker = maps.marker(lane, z, sigma)
    name, votes, of = lane.map.nearest_class(z)
    reading = {"z": words, "name": name, "votes": votes, "of": of, "off_map": marker["off_map"]}
    return marker, reading


def _belief(group: Group, x: Any, z: Any) -> dict[str, Any]:
    """What `belief.html` shows: draws from the posteriors, ELBOs, and the nearest test images."""
    vaes = [lane for lane in group.lanes if lane.kind == "vae"]
    scores = [_score(lane, x) for lane in vaes]
    best = scores[-1]
    nearest, tests = group.best.nearest(z, NEAREST), group.best.tests
    return {
        "posterior": [_draws(lane, x) for lane in vaes],
        "scores": scores,
        "odd": best.get("odd", False),
        "verdict": best.get("verdict"),
        "nearest_by": f"By their codes of {group.best.latent_dim} numbers:"
        if nearest
        else "The demo has no test images of this data set.",
        "nearest": [
            {
                "src": png_url(Image.fromarray(tests.images[one])),
                "name": group.best.class_names[tests.labels[one]],
            }
            for one in nearest
            if tests is not None
        ],
    }


def _thing(lane: Lane) -> str:
    """What a model was trained on, one of it."""
    if lane.dataset == DIGITS:
        return "a digit"
    return f"a picture of {lane.title}"


def _draws(lane: Lane, x: Any) -> dict[str, Any]:
    q = lane.model.posterior(np.repeat(x, POSTERIOR_DRAWS, axis=0))
    pictures = lane.decode(q.sample(np.random.default_rng(0)))
    return {
        "name": f"Draws from the posterior of {lane.latent_dim} numbers:",
        "pictures": [png_url(as_image(picture)) for picture in pictures],
    }


def _score(lane: Lane, x: Any) -> dict[str, Any]:
    """The ELBO of x and how it stands to those of real test images."""
    nats = float(lane.elbo(x, ELBO_DRAWS)[0])
    score: dict[str, Any] = {"name": f"{lane.latent_dim} numbers", "nats": number(nats)}
    ranking, percent = lane.ranking, lane.percentile(nats)
    if percent is None:
        return score
    low, high = ranking[len(ranking) // 200], ranking[-1]
    counts, _ = np.histogram(ranking, BARS, (low, high))
    at = min(max((nats - low) / (high - low), 0), 1)
    odd = percent < ODD
    verdict = (
        f"This does not look like {_thing(lane)} to the model: fewer than {ODD:.0f} % of real test "
        "images are as improbable."
        if odd
        else "To the model it looks like what it was trained on."
    )
    return score | {
        "rank": f"above {percent:.0f} % of real test images",
        "bars": [round(100 * int(count) / int(counts.max())) for count in counts],
        "at": round(100 * float(at), 1),
        "odd": odd,
        "verdict": verdict,
    }
