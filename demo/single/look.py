"""Draw: what a model sees of a picture, what it redraws, how near that is, and the code between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demo.library.single import LARGE
from demo.page.maps import number, part
from demo.page.pictures import PictureError, as_image, png_url
from demo.single import frame, use, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.models import Library
    from demo.library.single import Seen, Single
    from demo.single.use import UseTab

SHOWN = 16  # numbers of a flat code that are written out
MAPS = 7  # channels of a map of codes that are shown
DRAWS = 6  # of the posterior
HINT = "Drop a picture here, or click to choose one"
NO_NATS = "The model states no likelihood, so there are no nats."
ABOUT = (
    "PSNR is the peak signal-to-noise ratio: 20 dB is rough, 30 good, 40 hardly to be told apart."
)


class LookTab:
    """Hand in a picture; see what the model sees and redraws."""

    def __init__(self, library: Library, use_tab: UseTab) -> None:
        self.library, self.use = library, use_tab
        self.parts: list[Any] = []

    def look(self, value: object, fit: object, name: str) -> list[Any]:
        """Answer a picture.

        Args:
            value: The frame's value, see `frame.read`.
            fit: "crop", "pad" or "stretch".
            name: Of the model.

        Returns:
            A message, what `pair.html` and `measured.html` show, and the value of `UseTab.panel`.
        """
        single = self.library.singles.get(name)
        if single is None:
            return [gr.skip()] * 4
        try:
            seen = frame.read(value, single, fit)
        except PictureError as error:
            return [f"This cannot be shown to the model: {error}.", None, None, gr.skip()]
        if seen is None:
            return [None, None, None, gr.skip()]
        return [" ".join(seen.notes) or None, *_answer(single, seen)]

    def values(self, name: str) -> list[Any]:
        """Values of `self.parts` for a model: an example is looked at."""
        single = self.library.singles[name]
        first = frame.example(single, frame.opening(single))
        message, pair, measured, shown = self.look(first, single.fit, name)
        return [
            first, frame.fit_shown(single), frame.offers(single),
            message, pair, measured, shown,
        ]  # fmt: skip

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        with gr.Row(elem_classes="single-look"):
            with gr.Column(elem_classes="hand", min_width=0):
                hand = frame.component("frame", HINT)
                fit = frame.choice_of_fit()
                message, offers = part("message.html"), frame.offered()
            with gr.Column(min_width=0):
                pair, measured = part("pair.html"), part("measured.html")
        self.parts = [hand, fit, offers, message, pair, measured, self.use.panel]
        gr.on(
            [hand.input, fit.input],
            self.look,
            inputs=[hand, fit, choice],
            outputs=[message, pair, measured, self.use.panel],
            queue=False,
            trigger_mode="always_last",
            show_progress="hidden",
            api_visibility="private",
        )


def _answer(single: Single, seen: Seen) -> list[Any]:
    z = single.model.encode(seen.picture)
    x_recon = single.model.decode(z)
    shape = seen.picture.shape[1:]
    pair = {
        "seen": png_url(as_image(seen.picture[0])),
        "redrawn": png_url(as_image(x_recon[0])),
        "name": single.name,
        "size": words.size(shape),
        "from": f"from {z[0].size:,} numbers",
        "fine": words.is_large(shape),
    }
    return [pair, _measured(single, seen, z), use.reconstructs(single, seen.picture, x_recon, z)]


def _measured(single: Single, seen: Seen, z: NDArray[Any]) -> dict[str, Any]:
    """What `measured.html` shows."""
    scores = single.score(seen.picture)
    figures = [
        ("PSNR", f"{scores.psnr[0]:.1f} dB"),
        ("mean squared error", f"{scores.mse[0]:.5f}"),
    ]
    if scores.nats is not None:
        bound = single.kind == "vae" and single.has_prior
        told = f"{-scores.nats[0]:,.1f} nats".replace("-", "\N{MINUS SIGN}")
        figures.append(("ELBO" if bound else "log p(x | z)", told))
    return {
        "figures": [{"name": name, "value": value} for name, value in figures],
        "about": ABOUT if scores.nats is not None else f"{ABOUT} {NO_NATS}",
        "code": words.ratio(single, seen.picture.shape[1:], z.shape[1:]),
        "numbers": _written(single, seen, z),
        **_maps(z),
        "draws": _draws(single, seen),
    }


def _written(single: Single, seen: Seen, z: NDArray[Any]) -> str | None:
    """The numbers of a flat code, each with its deviation where the model gives one."""
    if not single.is_flat:
        return None
    if single.kind == "ae":
        pairs = [number(value) for value in z[0, :SHOWN]]
    else:
        q = single.model.posterior(seen.picture)
        sigma = np.exp(0.5 * q.log_var[0])
        both = zip(q.mu[0, :SHOWN], sigma, strict=False)
        pairs = [f"{number(mu)} ± {number(one)}" for mu, one in both]
    return ", ".join(pairs) + (", …" if z.shape[1] > SHOWN else "")


def _maps(z: NDArray[Any]) -> dict[str, Any]:
    """The channels of a map of codes as grey pictures, those that differ most first."""
    if z.ndim == 2:
        return {"maps": [], "maps_told": ""}
    order = np.argsort(-z[0].std(axis=(1, 2)), kind="stable")[:MAPS]
    pictures = []
    for channel in z[0][order]:
        low, high = float(channel.min()), float(channel.max())
        pictures.append(png_url(as_image((channel - low) / max(high - low, 1e-9))))
    of = f"{len(order)} of its {z.shape[1]} channels" if z.shape[1] > MAPS else "Its channels"
    return {"maps": pictures, "maps_told": f"{of}, those that vary most first:"}


def _draws(single: Single, seen: Seen) -> list[str]:
    if single.kind == "ae" or seen.picture.size > LARGE:
        return []
    repeated = np.repeat(seen.picture, DRAWS, axis=0)
    pictures = single.model.reconstruct(repeated, np.random.default_rng(0))
    return [png_url(as_image(picture)) for picture in pictures]
