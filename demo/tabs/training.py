"""The tab on how the models came about: curves, figures, and what was published."""

from __future__ import annotations

import html
import itertools
import json
import re
from typing import TYPE_CHECKING

import gradio as gr

from demo.library.testset import DATA
from demo.page import charts
from demo.page.templates import fill

if TYPE_CHECKING:
    from demo.library.lane import Lane
    from demo.library.models import Group, Library

EPOCHS = (1, 10, 25, 50, 100, 200)  # that the table has a row of
SEEN = (
    "Those trained on all images were trained on the validation images as well: only the test "
    "figures are of images that they have not seen."
)


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
    """The charts of one model, the published figures as rings."""
    rings = {panel: _published_points(lane, panel) for panel in charts.PANELS}
    return charts.curves(lane, rings if published(lane) else {})


def _published_points(lane: Lane, panel: str) -> list[charts.Ring]:
    """The published figures of a panel: training or validation, epoch, nats."""
    points = []
    for row, cell in published(lane).items():
        found = re.fullmatch(r"epoch (\d+), (training|validation)", row)
        figures = [float(figure) for figure in re.findall(r"\d+\.\d+", cell)]
        if found is None or not figures:
            continue
        named = dict(zip(charts.PANELS, figures, strict=False))
        if panel in named:
            part = {"training": "train"}.get(found[2], found[2])
            points.append((part, int(found[1]), named[panel]))
    return points
