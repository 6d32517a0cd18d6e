"""Arithmetic with classes: a picture, without what makes one class, with what makes another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demo.library.asked import RangeError, within
from demo.page.live import LIVE, clipped
from demo.page.maps import part
from demo.page.pictures import PictureError, as_image, png_url
from demo.page.templates import fill
from demo.single import frame, use

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.models import Library
    from demo.library.single import Single
    from demo.single.use import UseTab

MAX_STRENGTH, STRENGTH = 3, 1.5
PICTURES = 7  # from no strength to all of it
NOTHING = "nothing"
GOOD = ((7, "symbols", "flags"),)  # an example and classes of a sum that comes out well
TOLD = (
    "The mean code of each class, decoded; and the code of a picture without the mean of one, with "
    "that of another."
)


class Sums:
    """A section of the Generate tab, of models whose codes have classes with names."""

    def __init__(self, library: Library, use_tab: UseTab) -> None:
        self.library, self.use = library, use_tab
        self.parts: list[Any] = []

    def calculate(
        self, value: object, minus: object, plus: object, strength: object, fit: object, title: str
    ) -> list[Any]:
        """Add to the code of a picture what tells one class from another, more and more of it.

        Args:
            value: Value of a frame, see `frame.read`.
            minus: Name of a class, or "nothing".
            plus: Name of a class, or "nothing".
            strength: Factor of the difference in the end, 0 to 3.
            fit: "crop", "pad" or "stretch".
            title: Of the model.

        Returns:
            A message, what `sums.html` shows, and the value of `UseTab.panel`.
        """
        single = self.library.singles.get(title)
        averages = single.averages() if single else {}
        if single is None or not averages:
            return [gr.skip()] * 3
        try:
            amount = within("strength", strength, 0, MAX_STRENGTH)
            seen = frame.read(value, single, fit)
        except (PictureError, RangeError) as error:
            return [f"This cannot be calculated: {error}.", gr.skip(), gr.skip()]
        if seen is None:
            return ["Put a picture into the frame.", None, gr.skip()]
        zero = np.zeros(single.model.latent_dim, np.float32)
        change = averages.get(str(plus), zero) - averages.get(str(minus), zero)
        steps = np.linspace(0, amount, PICTURES, dtype=np.float32)[:, np.newaxis]
        path = single.model.encode(seen.picture)[0] + steps * change
        told = f"{amount:g} x ({plus} \N{MINUS SIGN} {minus}) + the picture"
        shown = use.decodes(single, path[-1:], told)
        return [
            " ".join(seen.notes) or None,
            _shown(single, averages, str(minus), str(plus), path),
            shown,
        ]

    def values(self, title: str) -> list[Any]:
        """Values of `self.parts` for a model."""
        single = self.library.singles[title]
        names = list(single.averages())
        if not names:
            hidden = gr.update(visible=False)
            return [hidden, None, None, gr.skip(), gr.skip(), gr.skip(), gr.skip(), None, None]
        number, minus, plus = _first(single, names)
        value = frame.example(single, number)
        note, sums, _ = self.calculate(value, minus, plus, STRENGTH, single.fit, title)
        choices = [NOTHING, *names]
        return [
            gr.update(visible=True), value, frame.offers(single),
            gr.update(choices=choices, value=minus), gr.update(choices=choices, value=plus),
            STRENGTH, frame.fit_shown(single), note, sums,
        ]  # fmt: skip

    def build(self, choice: gr.Radio) -> None:
        """Lay the section out in the `gr.Blocks` that is open."""
        with gr.Column(elem_id="single-sums", min_width=0) as section:
            gr.HTML(fill("section.html", title="Averages and arithmetic", text=TOLD))
            with gr.Row(elem_classes="lanes ends one"):
                with gr.Column(elem_classes="hand", min_width=0):
                    hand = frame.component("frame-sum", "Drop or click")
                    offers = frame.offered()
                with gr.Column(elem_classes="walks", min_width=0):
                    with gr.Row(elem_classes="controls"):
                        minus = gr.Dropdown([], label="Take away")
                        plus = gr.Dropdown([], label="Add")
                        strength = gr.Slider(0, MAX_STRENGTH, STRENGTH, step=0.1, label="Strength")
                    fit = frame.choice_of_fit()
                    message, sums = part("message.html"), part("sums.html")
        self.parts = [section, hand, offers, minus, plus, strength, fit, message, sums]
        takes: list[Any] = [hand, minus, plus, strength, fit]
        gr.on(
            [one.input for one in takes],
            self.calculate,
            [*takes, choice],
            [message, sums, self.use.panel],
            js=clipped("null", "null", "null", f"[0, {MAX_STRENGTH}]", "null", "null"),
            **LIVE,
        )


def _first(single: Single, names: list[str]) -> tuple[int, str, str]:
    """A sum to begin with: the number of an example, and two classes."""
    for number, minus, plus in GOOD:
        if {minus, plus} <= set(names) and number < len(single.examples):
            return number, minus, plus
    return 0, names[0], names[-1]


def _shown(
    single: Single,
    averages: dict[str, NDArray[np.float32]],
    minus: str,
    plus: str,
    path: NDArray[np.float32],
) -> dict[str, Any]:
    """What `sums.html` shows."""
    means = single.model.decode(np.stack([*averages.values()]))
    return {
        "averages": [
            {"name": name, "src": png_url(as_image(picture))}
            for name, picture in zip(averages, means, strict=True)
        ],
        "model": single.name,
        "start": "The picture",
        "minus": minus,
        "plus": plus,
        "path": [png_url(as_image(picture)) for picture in single.model.decode(path)],
    }
