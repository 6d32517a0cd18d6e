"""The tab on how the models came about: curves, figures, and what was published."""

from __future__ import annotations

import html
import itertools
import json
import re
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demo.library.testset import DATA
from demo.page.templates import fill

if TYPE_CHECKING:
    from demo.library.lane import Lane
    from demo.library.models import Group, Library

WIDTH, HEIGHT = 420, 240  # of a chart, in units of its own
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 12, 26  # of its margins
INSET = 10  # of the first epoch: its ring is clear of the figures at the axis
EPOCHS = (1, 10, 25, 50, 100, 200)  # that the table has a row of
SEEN = (
    "Those trained on all images were trained on the validation images as well: only the test "
    "figures are of images that they have not seen."
)
KEYS = {"train": "training"}
PANELS = {"loss": "Total loss", "recon": "Reconstruction", "kld": "KL divergence from the prior"}


class TrainingTab:
    """Curves of the training of each model, and a table that compares them."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.parts: list[gr.HTML] = []

    def values(self, title: str) -> list[str]:
        """Values of `self.parts` for a group of models."""
        group = self.library.groups[title]
        return [f'<div class="training">{_table(group)}{"".join(map(_curves, group.lanes))}</div>']

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        self.parts = [gr.HTML(apply_default_css=False)]


def published(lane: Lane) -> dict[str, str]:
    """What the published report says of this model, row by row; nothing of most."""
    config = lane.card["config"]
    if (config.get("hidden_dim"), lane.latent_dim) != (400, 2):
        return {}
    told: dict[str, dict[str, str]] = json.loads((DATA / "published.json").read_text("utf-8"))
    return told.get(f"{lane.dataset}-{lane.kind}", {})


def _table(group: Group) -> str:
    """Models side by side, by their cards, and what was published beside ours."""
    lanes = group.lanes
    heads = "".join(f"<th>{html.escape(lane.name)}</th>" for lane in lanes)
    rows = [
        ("test", [_test(lane) for lane in lanes]),
        _theirs("test", lanes),
        *itertools.chain.from_iterable(_epoch(epoch, lanes) for epoch in EPOCHS),
        ("numbers per image", [str(lane.latent_dim) for lane in lanes]),
        ("parameters", [f"{lane.card['parameters']:,}" for lane in lanes]),
        ("epochs", [str(lane.card["config"]["epochs"]) for lane in lanes]),
        ("minutes of training", [_minutes(lane) for lane in lanes]),
    ]
    body = "".join(
        f"<tr{' class=theirs' if name.startswith('published') else ''}><th>{name}</th>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, cells in rows
        if any(cells)
    )
    seen = any(lane.card["config"].get("train_on") == "all" for lane in lanes)
    return fill("training.html", heads=heads, rows=body, seen=SEEN if seen else "")


def _epoch(epoch: int, lanes: list[Lane]) -> list[tuple[str, list[str]]]:
    """The rows of an epoch: ours, and what was published beside it."""
    name = f"epoch {epoch}, validation"
    return [(name, [_validation(lane, epoch) for lane in lanes]), _theirs(name, lanes)]


def _theirs(row: str, lanes: list[Lane]) -> tuple[str, list[str]]:
    return f"published, {row}", [published(lane).get(row, "") for lane in lanes]


def _losses(losses: dict[str, float]) -> str:
    """Show a loss and its parts as the report does: "261.10 (254.80 + 6.30)"."""
    total = losses.get("loss", losses.get("total", 0.0))
    if "kld" not in losses:
        return f"{total:.2f}"
    return f"{total:.2f} ({losses['recon']:.2f} + {losses['kld']:.2f})"


def _test(lane: Lane) -> str:
    return _losses(lane.card["metrics"])


def _validation(lane: Lane, epoch: int) -> str:
    return _losses(lane.history[epoch - 1]["validation"]) if len(lane.history) >= epoch else ""


def _minutes(lane: Lane) -> str:
    minutes = sum(epoch["seconds"] for epoch in lane.history) / 60
    if minutes < 1:
        return "less than 1" if lane.history else ""
    return f"{minutes:.0f}"


def _curves(lane: Lane) -> str:
    """The charts of one model, as the report has them: a VAE's total and its parts, an AE's one."""
    name = html.escape(lane.name)
    command = html.escape(lane.card.get("command", ""))
    if not lane.history:
        return fill(
            "curves.html",
            name=name,
            command=command,
            keys="",
            charts="<p>The folder of this model has no <code>history.jsonl</code>: there are no "
            "curves. <code>python -m export onnx</code> writes one.</p>",
        )
    panels = [panel for panel in PANELS if panel in lane.history[0]["train"]]
    if lane.kind == "ae":
        panels = ["loss"]
    charts = "".join(_chart(lane, panel) for panel in panels)
    keys = ["train", "validation", *(["published"] if published(lane) else [])]
    told = "".join(f'<span class="{key}">{KEYS.get(key, key)}</span>' for key in keys)
    return fill("curves.html", name=name, command=command, charts=charts, keys=told)


def _chart(lane: Lane, panel: str) -> str:
    """One chart as SVG: training, validation, and the published figures as rings."""
    epochs = np.array([epoch["epoch"] for epoch in lane.history], float)
    lines = {
        part: np.array([epoch[part][panel] for epoch in lane.history])
        for part in ("train", "validation")
    }
    rings = _published_points(lane, panel)
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
        label=f"{PANELS[panel]} of {html.escape(lane.name)} by epoch; at the end {last}",
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


def _published_points(lane: Lane, panel: str) -> list[tuple[str, int, float]]:
    """The published figures of a panel: training or validation, epoch, nats."""
    points = []
    for row, cell in published(lane).items():
        found = re.fullmatch(r"epoch (\d+), (training|validation)", row)
        figures = [float(figure) for figure in re.findall(r"\d+\.\d+", cell)]
        if found is None or not figures:
            continue
        named = dict(zip(PANELS, figures, strict=False))
        if panel in named:
            part = {"training": "train"}.get(found[2], found[2])
            points.append((part, int(found[1]), named[panel]))
    return points


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between two."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(power * min(factor for factor in (1, 2, 5, 10) if factor * power >= rough))
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [round(i * step, 6) for i in range(first, last + 1)]
