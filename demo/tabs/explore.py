"""The tab on which one walks: the maps of VAE and AE, and what stands at any place of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demo.page import maps
from demo.page.maps import number, part
from demo.page.pictures import PictureError, as_image, png_url
from demo.page.templates import static

if TYPE_CHECKING:
    from demo.library.lane import Lane
    from demo.library.models import Group, Library
    from demo.tabs.use import UseTab

SLIDERS = 8  # principal directions that can be moved along
REACH = 3.0  # sigmas to either side
RING = "the place that is decoded"


class ExploreTab:
    """Click or drag on a map; move along the directions of the larger latent space."""

    def __init__(self, library: Library, use: UseTab) -> None:
        self.library, self.use = library, use
        self.parts: list[gr.HTML] = []

    def walk(self, kind: str, value: object, title: str) -> list[Any]:
        """Decode the place on a map: the function behind the walkers.

        Args:
            kind: "vae" or "ae".
            value: {"x", "y"}, in percent from the left and the top of the map.
            title: The group of models that is shown.

        Returns:
            What `peek.html` shows, and the value of `UseTab.panel`.
        """
        group = self.library.groups[title]
        lane = group.vae if kind == "vae" else group.ae
        try:
            spot = _numbers(value, ("x", "y"), 0, 100)
        except PictureError:
            return [gr.skip(), gr.skip()]
        z = lane.map.window.at(spot)
        picture = lane.decode(z[np.newaxis])[0]
        shown = self.use.show(lane, z[np.newaxis], "The place on the map")
        return [_peek(lane, z, picture), shown]

    def slide(self, value: object, title: str) -> list[Any]:
        """Decode the place that the sliders say: the function behind them.

        Args:
            value: {"steps": sigmas along each of the first directions}.
            title: The group of models that is shown.

        Returns:
            The picture as `slid.html` shows it, and the value of `UseTab.panel`.
        """
        lane = self.library.groups[title].wide
        steps = value.get("steps") if isinstance(value, dict) else None
        if lane is None or not isinstance(steps, list) or len(steps) > lane.latent_dim:
            return [gr.skip(), gr.skip()]
        try:
            told = {str(i): step for i, step in enumerate(steps)}
            z = lane.directions.at(_numbers(told, tuple(told), -REACH, REACH))
        except PictureError:
            return [gr.skip(), gr.skip()]
        picture = lane.decode(z[np.newaxis])[0]
        shown = self.use.show(lane, z[np.newaxis], "The place that the sliders say")
        return [{"src": png_url(as_image(picture))}, shown]

    def values(self, title: str) -> list[Any]:
        """Values of `self.parts` for a group of models."""
        group = self.library.groups[title]
        values: list[Any] = []
        for lane in (group.vae, group.ae):
            values += [maps.heading(lane), maps.ground(lane), *_start(lane)]
        return [*values, maps.legend(group.vae, RING), *_sliders(group)]

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        group = self.library.first
        with gr.Column(elem_id="explore", min_width=0):
            gr.HTML(
                static("explore.html"), js_on_load=static("explore.js"), apply_default_css=False
            )
            with gr.Row(elem_classes="lanes two"):
                for lane in (group.vae, group.ae):
                    self._build_lane(lane, choice)
            legend = gr.HTML(
                maps.legend(group.vae, RING), apply_default_css=False, elem_classes="legend"
            )
            with gr.Row(elem_id="sliders"):
                board, slid = _sliders(group)
                sliders = part("sliders.html", board, "sliders.js")
                picture = part("slid.html", slid)
            self.parts += [legend, sliders, picture]
            _live(sliders, self.slide, choice, [picture, self.use.panel])

    def _build_lane(self, lane: Lane, choice: gr.Radio) -> None:
        kind = lane.kind
        with gr.Column(elem_id=f"walk-{kind}", elem_classes="lane", min_width=0):
            head = gr.HTML(maps.heading(lane), apply_default_css=False)
            place, peek = _start(lane)
            with gr.Column(elem_classes="map", min_width=0):
                ground = gr.HTML(maps.ground(lane), apply_default_css=False)
                walker = part("walker.html", place, "walker.js")
            seen = part("peek.html", peek)
        self.parts += [head, ground, walker, seen]

        def walk(value: object, title: str) -> list[Any]:
            return self.walk(kind, value, title)

        _live(walker, walk, choice, [seen, self.use.panel])


def _live(source: gr.HTML, fn: Any, choice: gr.Radio, outputs: list[gr.HTML]) -> None:
    source.input(
        fn,
        inputs=[source, choice],
        outputs=outputs,
        queue=False,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
    )


def _numbers(value: object, names: tuple[str, ...], low: float, high: float) -> Any:
    """Numbers of a dictionary that came over the network, clipped to their range.

    Raises:
        PictureError: It is no dictionary, or one of them no finite number.
    """
    try:
        assert isinstance(value, dict)
        numbers = np.array([float(value[name]) for name in names])
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise PictureError("expected numbers") from error
    if not np.isfinite(numbers).all():
        raise PictureError("expected finite numbers")
    return numbers.clip(low, high)


def _start(lane: Lane) -> tuple[dict[str, float], dict[str, Any]]:
    """The walker in the middle of the prior, and what stands there."""
    z = np.zeros(2, np.float32)
    left, top = lane.map.window.place(z)
    place = {"x": round(float(left), 2), "y": round(float(top), 2)}
    return place, _peek(lane, z, lane.decode(z[np.newaxis])[0])


def _peek(lane: Lane, z: Any, picture: Any) -> dict[str, Any]:
    """What `peek.html` shows: the picture at z, and whose place it is."""
    name, votes, of = lane.map.nearest_class(z)
    return {
        "src": png_url(as_image(picture)),
        "z": ", ".join(map(number, z)),
        "name": name,
        "votes": votes,
        "of": of,
    }


def _sliders(group: Group) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What `sliders.html` and `slid.html` show; nothing where there is no larger model."""
    lane = group.wide
    if lane is None:
        return None, None
    count = min(SLIDERS, lane.latent_dim)
    ends = np.concatenate([np.eye(count) * -REACH, np.eye(count) * REACH])
    pictures = [png_url(as_image(one)) for one in lane.decode(lane.directions.at(ends))]
    share = np.square(lane.directions.sigmas) / np.square(lane.directions.sigmas).sum()
    axes = [
        {
            "number": i + 1,
            "low": pictures[i],
            "high": pictures[count + i],
            "share": f"{100 * share[i]:.0f}",
        }
        for i in range(count)
    ]
    board = {"axes": axes, "dims": lane.latent_dim, "reach": REACH, "steps": [0.0] * count}
    middle = lane.decode(lane.directions.at(np.zeros((1, count))))[0]
    return board, {"src": png_url(as_image(middle))}
