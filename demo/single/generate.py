"""Generate: draws from the prior or of where the codes lie, the way between two, and sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from demo.library.asked import MAX_TEMPERATURE, RangeError, seed_of, whole, within
from demo.page.live import LIVE, clipped
from demo.page.maps import part
from demo.page.pictures import PictureError, animation, as_image, data_url, png_url, sheet
from demo.page.templates import fill
from demo.single import frame, use
from demo.single.sums import Sums
from vae_onnx import latent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from demo.library.models import Library
    from demo.library.single import Seen, Single
    from demo.single.use import UseTab

MAX_COUNT, COUNT, COLUMNS = 24, 12, 6  # of pictures
MAX_STEPS, STEPS = 12, 7
MOST = 192 * 192  # pixels of each on the way, for a model of any size
LARGE = 256  # pixels a side, above which fewer are drawn at first
FROM = {
    "prior": "z is drawn from the model's prior, N(0, I), and decoded.",
    "codes": "The model states no prior. z is drawn from a Gaussian with the mean and deviation of "
    "the codes that it was exported with: the pictures show what lies there, no more.",
    "nothing": "The model states no prior, and not where its codes lie: z is drawn from N(0, I).",
}
WHY = {
    "prior": "z from the prior. Few pictures cannot fill so many dimensions: much of what is drawn "
    "lies between the codes of real pictures.",
    "codes": "The same noise, with the mean and the covariance of the codes of the test pictures: "
    "nearer to where the decoder has learned to draw.",
}
MAP = " Each place of the map of codes is drawn by itself: textures come of it, not scenes."
OPEN = (
    "This model takes pictures of any size, and its codes grow with them: nothing says how large a "
    "picture to draw. The way between two pictures, below, works."
)
HINT = "{}: drop or click"


class GenerateTab:
    """Samples, the way between two pictures, and arithmetic with classes."""

    def __init__(self, library: Library, use_tab: UseTab) -> None:
        self.library, self.use = library, use_tab
        self.sums = Sums(library, use_tab)
        self.parts: list[Any] = []

    def sample(self, count: float, seed: float, temperature: float, name: str) -> list[Any]:
        """Decode draws; the arguments are those of the digits' tab.

        Returns:
            A message, what `sheets.html` shows, and the value of `UseTab.panel`.
        """
        single = self.library.singles.get(name)
        if single is None or single.is_open:
            return [None, None, gr.skip()]
        try:
            rows = whole("count", count, 1, MAX_COUNT)
            scale = within("temperature", temperature, 0, MAX_TEMPERATURE)
            z = single.codes(rows, seed_of(seed), scale)
        except RangeError as error:
            return [f"{error}.", gr.skip(), gr.skip()]
        sheets = [_sheet(single, z)]
        if (near := _near_codes(single, z)) is not None:
            sheets = [_sheet(single, z, WHY["prior"]), _sheet(single, near, WHY["codes"], "codes")]
        return [None, sheets, use.decodes(single, z, "Draws")]

    def interpolate(self, a: object, b: object, fit: object, steps: float, name: str) -> list[Any]:
        """Walk from one picture to another through the latent space.

        Args:
            a: Value of a frame, see `frame.read`.
            b: Value of a frame; where the model takes any size, it is brought to that of a.
            fit: "crop", "pad" or "stretch".
            steps: Pictures, 2 to 12.
            name: Of the model.

        Returns:
            A message, what `walks.html` shows, and the value of `UseTab.panel`.
        """
        single = self.library.singles.get(name)
        if single is None:
            return [gr.skip()] * 3
        count = int(min(max(steps or 2, 2), MAX_STEPS))
        try:
            seen = [frame.read(value, single, fit, MOST) for value in (a, b)]
        except PictureError as error:
            return [f"This cannot be shown to the model: {error}.", None, gr.skip()]
        first, second = seen
        if first is None or second is None:
            return ["Put a picture into both frames.", None, gr.skip()]
        pictures = single.alike(first.picture, second.picture)
        z_a, z_b = (single.model.encode(picture)[0] for picture in pictures)
        z = latent.interpolate(z_a, z_b, count)
        walk = _walk(single, single.model.decode(z))
        shown = use.decodes(single, z, "The way from one picture to the other")
        return [_notes(first, second), [walk], shown]

    def values(self, name: str) -> list[Any]:
        """Values of `self.parts` for a model."""
        single = self.library.singles[name]
        large = max(single.model.image_shape[1:]) > LARGE
        _, sheets, _ = self.sample(4 if large else COUNT, 0, 1.0, name)
        last = len(single.examples) - 1
        first, second = frame.example(single, 0), frame.example(single, max(last, 0))
        note, walks, _ = self.interpolate(first, second, single.fit, STEPS, name)
        return [
            _head("From the prior" if single.has_prior else "Draws", _from(single)),
            gr.update(visible=not single.is_open),
            None, sheets, first, second, *[frame.offers(single)] * 2,
            frame.fit_shown(single), note, walks, *self.sums.values(name),
        ]  # fmt: skip

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        with gr.Column(elem_id="single-generate", elem_classes="single", min_width=0):
            head = gr.HTML(apply_default_css=False)
            with gr.Row(elem_classes="controls") as controls:
                count = gr.Slider(1, MAX_COUNT, COUNT, step=1, label="Count")
                seed = gr.Number(0, label="Seed", precision=0)
                temperature = gr.Slider(0, MAX_TEMPERATURE, 1, step=0.05, label="Temperature")
            message, sheets = part("message.html"), part("sheets.html")
            self.parts = [head, controls, message, sheets]
            gr.on(
                [count.input, seed.input, temperature.input],
                self.sample,
                [count, seed, temperature, choice],
                [message, sheets, self.use.panel],
                js=clipped(f"[1, {MAX_COUNT}]", "null", f"[0, {MAX_TEMPERATURE}]", "null"),
                **LIVE,
            )
            self._build_walk(choice)
            self.sums.build(choice)
        self.parts += self.sums.parts

    def _build_walk(self, choice: gr.Radio) -> None:
        gr.HTML(_head("Between two pictures", "Upload or choose two: the model shows the way."))
        with gr.Row(elem_classes="lanes ends"):
            hands, rows = [], []
            for letter in "AB":
                with gr.Column(elem_classes="hand", min_width=0):
                    hands.append(frame.component(f"frame-{letter.lower()}", HINT.format(letter)))
                    rows.append(frame.offered())
            with gr.Column(elem_classes="walks", min_width=0):
                steps = gr.Slider(2, MAX_STEPS, STEPS, step=1, label="Pictures")
                fit = frame.choice_of_fit()
                message, walks = part("message.html"), part("walks.html")
        self.parts += [*hands, *rows, fit, message, walks]
        gr.on(
            [*(hand.input for hand in hands), steps.input, fit.input],
            self.interpolate,
            [*hands, fit, steps, choice],
            [message, walks, self.use.panel],
            js=clipped("null", "null", "null", f"[2, {MAX_STEPS}]", "null"),
            **LIVE,
        )


def _from(single: Single) -> str:
    if single.is_open:
        return OPEN
    untold = "nothing" if single.statistics is None else "codes"
    return FROM["prior" if single.has_prior else untold] + ("" if single.is_flat else MAP)


def _notes(*seen: Seen) -> str | None:
    return " ".join(dict.fromkeys(note for one in seen for note in one.notes)) or None


def _near_codes(single: Single, z: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The same draws where the codes of the test set lie; None where the prior is no prior."""
    many = single.latents is not None and len(single.latents) > 2 * single.model.latent_dim
    if single.directions is None or not many or not single.has_prior:
        return None
    return single.directions.at(z)


def _sheet(
    single: Single, z: NDArray[np.float32], why: str = "", of: str = "samples"
) -> dict[str, str]:
    return {
        "name": single.name,
        "why": why,
        "src": png_url(sheet(single.model.decode(z), min(COLUMNS, len(z)))),
        "file": f"{single.name.replace('/', '-')}-{of}.png",
    }


def _walk(single: Single, frames: NDArray[np.float32]) -> dict[str, Any]:
    images = [as_image(one) for one in frames]
    scale = max(1, 140 // images[0].width)
    large = [one.resize((one.width * scale, one.height * scale), 0) for one in images]
    return {
        "name": single.name,
        "strip": png_url(sheet(frames, len(frames))),
        "file": single.name.replace("/", "-"),
        "gif": data_url("image/gif", animation(large, "gif")),
        "webp": data_url("image/webp", animation(large, "webp")),
    }


def _head(title: str, text: str) -> str:
    return fill("section.html", title=title, text=text)
