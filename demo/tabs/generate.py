"""The tab on which models make pictures: from the prior, between two, and out of averages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demo.library.asked import MAX_TEMPERATURE, RangeError, draws, within
from demo.page.live import LIVE, clipped
from demo.page.maps import part
from demo.page.pictures import PictureError, animation, as_image, data_url, png_url, sheet
from demo.page.templates import fill
from demo.tabs import pad

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.lane import Lane
    from demo.library.models import Group, Library
    from demo.tabs.use import UseTab

MAX_COUNT = 64  # pictures of each model on the page
MAX_STEPS = 24
AMOUNTS = np.linspace(0, 1, 7, dtype=np.float32)

WHY = {
    "wide": "Training made the codes fill the prior. Strokes are sharp, but so many dimensions "
    "leave much room between the classes: not every draw is a whole picture of one.",
    "vae": "The prior is the map that you know: each draw is near some class, as blurred as two "
    "numbers leave it.",
    "ae": "The same z. Nothing made the AE's codes fill the prior, which covers but a part of its "
    "map, holes and all: some classes hardly come, others too often.",
}
NOTHING = "nothing"
SUMS = (
    ("8", "3", "9"),  # without what makes it a 3, an 8 closes to a 9
    ("Dress", "T-shirt/top", "Pullover"),  # a dress gets long sleeves
)


class GenerateTab:
    """Samples, interpolations, class averages and arithmetic with them."""

    def __init__(self, library: Library, use: UseTab) -> None:
        self.library, self.use = library, use
        self.parts: list[Any] = []

    def sample(self, count: float, seed: float, temperature: float, title: str) -> list[Any]:
        """Decode draws from the prior by every model of a group.

        Args:
            count: Pictures of each, 1 to 64.
            seed: Of the noise.
            temperature: Standard deviation of the draws.
            title: The group of models that is shown.

        Returns:
            A message, what `sheets.html` shows, and the value of `UseTab.panel`.
        """
        group = self.library.groups[title]
        try:
            within("count", count, 1, MAX_COUNT)
            z = {lane.name: draws(lane, count, seed, temperature) for lane in group.lanes}
        except RangeError as error:
            return [f"{error}.", gr.skip(), gr.skip()]
        sheets = [_sheet(lane, z[lane.name], group) for lane in _best_first(group)]
        shown = self.use.show(group.best, z[group.best.name], "Draws from the prior")
        return [None, sheets, shown]

    def interpolate(self, a: object, b: object, steps: float, title: str) -> list[Any]:
        """Walk from one picture to another in the latent space of every model of a group.

        Args:
            a: Value of a pad, see `pad.read`.
            b: Value of a pad.
            steps: Pictures, 2 to 24.
            title: The group of models that is shown.

        Returns:
            A message, what `walks.html` shows, and the value of `UseTab.panel`.
        """
        group = self.library.groups[title]
        steps = int(min(max(steps or 2, 2), MAX_STEPS))
        try:
            seen = [pad.read(value, group) for value in (a, b)]
        except PictureError as error:
            return [f"This cannot be shown to the models: {error}.", None, gr.skip()]
        first, second = seen
        if first is None or second is None:
            return ["Put something into both frames.", None, gr.skip()]
        walks, shown = [], None
        for lane in _best_first(group):
            z = _line(lane.model.encode(first.x)[0], lane.model.encode(second.x)[0], steps)
            frames = lane.decode(z)
            walks.append(_walk(lane, frames, group))
            if lane is group.best:
                shown = self.use.show(lane, z, "The way from one picture to the other")
        return [None, walks, shown]

    def calculate(self, start: str, minus: str, plus: str, a: object, title: str) -> list[Any]:
        """Add and take away class averages in the latent space of the best model of a group.

        Args:
            start: Name of a class, or "picture A".
            minus: Name of a class, or "nothing".
            plus: Name of a class, or "nothing".
            a: Value of the first pad.
            title: The group of models that is shown.

        Returns:
            A message, what `sums.html` shows, and the value of `UseTab.panel`.
        """
        group = self.library.groups[title]
        lane = group.best
        averages = lane.averages()
        try:
            if start in averages:
                z = averages[start]
            else:
                seen = pad.read(a, group)
                if seen is None:
                    return ["Put something into frame A.", gr.skip(), gr.skip()]
                z = lane.model.encode(seen.x)[0]
        except PictureError as error:
            return [f"This cannot be shown to the models: {error}.", gr.skip(), gr.skip()]
        zero = np.zeros(lane.latent_dim, np.float32)
        change = averages.get(plus, zero) - averages.get(minus, zero)
        path = z + AMOUNTS[:, np.newaxis] * change
        pictures = lane.decode(path)
        shown = self.use.show(lane, path[-1:], f"{start} \N{MINUS SIGN} {minus} + {plus}")
        return [None, _sums(group, start, minus, plus, pictures), shown]

    def values(self, title: str) -> list[Any]:
        """Values of `self.parts` for a group of models."""
        group = self.library.groups[title]
        names = list(group.best.averages())
        first, second = _defaults(group)
        _, sheets, _ = self.sample(24, 0, 1.0, title)
        note, walks, _ = self.interpolate(first, second, 10, title)
        start, minus, plus = _terms(names)
        _, sums, _ = self.calculate(start, minus, plus, first, title)
        lists = [pad.example_list(group)] * 2
        return [
            None, sheets, first, second, *lists, note, walks,
            gr.update(choices=["picture A", *names], value=start),
            gr.update(choices=[NOTHING, *names], value=minus),
            gr.update(choices=[NOTHING, *names], value=plus),
            None, sums,
        ]  # fmt: skip

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        # The values are made when the tab is first opened: the page opens without them.
        with gr.Column(elem_id="generate", min_width=0):
            self._build_samples(choice)
            self._build_sums(choice, self._build_walk(choice))

    def _build_samples(self, choice: gr.Radio) -> None:
        gr.HTML(_head("From the prior", "z is drawn from a Gaussian, and decoded."))
        with gr.Row(elem_classes="controls"):
            count = gr.Slider(1, MAX_COUNT, 24, step=1, label="Count")
            seed = gr.Number(0, label="Seed", precision=0)
            temperature = gr.Slider(0, MAX_TEMPERATURE, 1, step=0.05, label="Temperature")
        message, sheets = part("message.html"), part("sheets.html")
        self.parts += [message, sheets]
        gr.on(
            [count.input, seed.input, temperature.input],
            self.sample,
            inputs=[count, seed, temperature, choice],
            outputs=[message, sheets, self.use.panel],
            js=clipped(f"[1, {MAX_COUNT}]", "null", f"[0, {MAX_TEMPERATURE}]", "null"),
            **LIVE,
        )

    def _build_walk(self, choice: gr.Radio) -> gr.HTML:
        """Lay the section out; the first of its pads is returned."""
        gr.HTML(
            _head("Between two pictures", "Draw, upload or choose two: each model shows its way.")
        )
        with gr.Row(elem_classes="lanes ends"):
            hands, rows = [], []
            for letter in "AB":
                with gr.Column(elem_classes="hand", min_width=0):
                    hands.append(pad.component(f"pad-{letter.lower()}", f"{letter}: draw here"))
                    rows.append(pad.examples(self.library.first))
            with gr.Column(elem_classes="walks", min_width=0):
                steps = gr.Slider(2, MAX_STEPS, 10, step=1, label="Pictures")
                message, walks = part("message.html"), part("walks.html")
        self.parts += [*hands, *rows, message, walks]
        gr.on(
            [*(hand.input for hand in hands), steps.input],
            self.interpolate,
            inputs=[*hands, steps, choice],
            outputs=[message, walks, self.use.panel],
            js=clipped("null", "null", f"[2, {MAX_STEPS}]", "null"),
            **LIVE,
        )
        return hands[0]

    def _build_sums(self, choice: gr.Radio, a: gr.HTML) -> None:
        gr.HTML(
            _head(
                "Averages and arithmetic", "The mean code of each class, decoded; and sums of them."
            )
        )
        with gr.Row(elem_classes="controls"):
            terms = [gr.Dropdown([], label=label) for label in ("Start with", "Take away", "Add")]
        message, sums = part("message.html"), part("sums.html")
        self.parts += [*terms, message, sums]
        gr.on(
            [term.input for term in terms],
            self.calculate,
            inputs=[*terms, a, choice],
            outputs=[message, sums, self.use.panel],
            **LIVE,
        )


def _best_first(group: Group) -> list[Lane]:
    return [lane for lane in (group.wide, group.vae, group.ae) if lane is not None]


def _role(lane: Lane, group: Group) -> str:
    return "wide" if lane is group.wide else lane.kind


def _name(lane: Lane) -> str:
    return f"{lane.kind.upper()}, {lane.latent_dim} numbers"


def _sheet(lane: Lane, z: NDArray[np.float32], group: Group) -> dict[str, str]:
    columns = int(np.ceil(np.sqrt(len(z) * 1.5)))
    return {
        "name": _name(lane),
        "why": WHY[_role(lane, group)],
        "src": png_url(sheet(lane.decode(z), min(columns, len(z)))),
        "file": f"{lane.name.replace('/', '-')}-samples.png",
    }


def _line(a: Any, b: Any, steps: int) -> Any:
    weights = np.linspace(0, 1, steps, dtype=np.float32)[:, np.newaxis]
    return (1 - weights) * a + weights * b


def _walk(lane: Lane, frames: NDArray[np.float32], group: Group) -> dict[str, Any]:
    images = [as_image(frame) for frame in frames]
    walk: dict[str, Any] = {
        "name": _name(lane),
        "strip": png_url(sheet(frames, len(frames))),
        "file": lane.name.replace("/", "-"),
    }
    if lane is group.best:
        large = [image.resize((140, 140 * image.height // image.width), 0) for image in images]
        walk["gif"] = data_url("image/gif", animation(large, "gif"))
        walk["webp"] = data_url("image/webp", animation(large, "webp"))
    return walk


def _sums(group: Group, start: str, minus: str, plus: str, pictures: Any) -> dict[str, Any]:
    lane = group.best
    averages = lane.averages()
    return {
        "averages": [
            {"name": name, "src": png_url(as_image(picture))}
            for name, picture in zip(
                averages, lane.decode(np.stack([*averages.values()])), strict=True
            )
        ],
        "model": _name(lane),
        "start": start,
        "minus": minus,
        "plus": plus,
        "path": [png_url(as_image(picture)) for picture in pictures],
    }


def _defaults(group: Group) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What the two frames hold at first: test images of the first and the last class."""
    tests = group.vae.tests
    if tests is None or len(tests.firsts) < 2:
        return None, None
    first, *_, last = pad.example_list(group)
    return {"kind": "test", **first}, {"kind": "test", **last}


def _terms(names: list[str]) -> tuple[str, str, str]:
    """A sum to begin with, one that comes out well where the classes are known."""
    for sum_ in SUMS:
        if set(sum_) <= set(names):
            return sum_
    return names[0], names[min(1, len(names) - 1)], names[-1]


def _head(title: str, text: str) -> str:
    return fill("section.html", title=title, text=text)
