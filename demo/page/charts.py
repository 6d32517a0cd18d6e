"""The losses of a model, epoch by epoch, as charts."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from demo.page.templates import fill

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH, HEIGHT = 420, 240  # of a chart, in units of its own
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 12, 26  # of its margins
INSET = 10  # of the first epoch: its ring is clear of the figures at the axis
KEYS = {"train": "training"}
PANELS = {"loss": "Total loss", "recon": "Reconstruction", "kld": "KL divergence from the prior"}
NONE = (
    "The folder of this model has no <code>history.jsonl</code>: there are no curves. "
    "<code>python -m export onnx</code> writes one."
)

Ring = tuple[str, int, float]  # "train" or "validation", epoch, nats


class Trained(Protocol):
    """What is asked of a model here."""

    name: str
    card: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind, "vae" or "ae"."""

    @property
    def history(self) -> list[dict[str, Any]]:
        """Losses of every epoch."""


def curves(model: Trained, rings: Mapping[str, list[Ring]]) -> str:
    """The charts of one model, as the report has them: a VAE's total and its parts, an AE's one.

    Args:
        model: Whose.
        rings: Of each panel, figures that were published of it.
    """
    name, command = html.escape(model.name), html.escape(model.card.get("command", ""))
    if not model.history:
        return fill("curves.html", name=name, command=command, keys="", charts=f"<p>{NONE}</p>")
    panels = [panel for panel in PANELS if panel in model.history[0]["train"]]
    if model.kind == "ae":
        panels = ["loss"]
    told = "".join(_chart(model, panel, rings.get(panel, [])) for panel in panels)
    keys = "".join(
        f'<span class="{key}">{KEYS.get(key, key)}</span>'
        for key in ("train", "validation", *(["published"] if rings else []))
    )
    return fill("curves.html", name=name, command=command, charts=told, keys=keys)


def _chart(model: Trained, panel: str, rings: list[Ring]) -> str:
    """One chart as SVG: training, validation, and the published figures as rings."""
    epochs = np.array([epoch["epoch"] for epoch in model.history], float)
    lines = {
        part: np.array([epoch[part][panel] for epoch in model.history])
        for part in ("train", "validation")
    }
    values = np.concatenate([*lines.values(), [value for *_, value in rings]])
    # The first epochs tower over all others: they may leave the frame.
    low, high = values.min(), max(np.percentile(values, 97), *(v for *_, v in rings), values.min())
    low, high = low - 0.05 * (high - low), high + 0.08 * (high - low) + 1e-6

    def x(epoch: Any) -> Any:
        part = np.log(epoch) / np.log(max(epochs[-1], 2))
        return LEFT + INSET + (WIDTH - LEFT - INSET - RIGHT) * part

    def y(value: Any) -> Any:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    marks = []
    for tick in _ticks(low, high):
        marks.append(f'<path class="rule" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/>')
        marks.append(f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" class="end">{tick:g}</text>')
    for epoch in (1, 2, 5, 10, 20, 50, 100, 200, 500):
        if epoch <= epochs[-1]:
            marks.append(f'<text x="{x(epoch):.1f}" y="{HEIGHT - 8}" class="mid">{epoch}</text>')
    paths = "".join(
        f'<path class="{part}" clip-path="url(#frame)" d="M'
        + "L".join(f"{x(e):.1f} {y(v):.1f}" for e, v in zip(epochs, line, strict=True))
        + '"/>'
        for part, line in lines.items()
    )
    circles = "".join(
        f'<circle class="published {part}" cx="{x(epoch):.1f}" cy="{y(value):.1f}" r="5"/>'
        for part, epoch, value in rings
    )
    last = ", ".join(f"{part} {line[-1]:.2f}" for part, line in lines.items())
    return fill(
        "chart.html",
        title=PANELS[panel],
        label=f"{PANELS[panel]} of {html.escape(model.name)} by epoch; at the end {last}",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        top=TOP,
        inner_width=WIDTH - LEFT - RIGHT,
        inner_height=HEIGHT - TOP - BOTTOM,
        marks="".join(marks),
        paths=paths,
        circles=circles,
    )


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between two."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(power * min(factor for factor in (1, 2, 5, 10) if factor * power >= rough))
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [round(i * step, 6) for i in range(first, last + 1)]
