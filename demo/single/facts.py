"""Training: what is known of a model, and the curves of its training where somebody told of it."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

import gradio as gr

from demo.page import charts
from demo.page.maps import LONG_NAMES
from demo.page.pictures import data_url
from demo.page.templates import fill
from demo.single import words
from vae_onnx.store import model_files

if TYPE_CHECKING:
    from demo.library.models import Library
    from demo.library.single import Single

FINISHED = (
    "How it was trained is not told: it came here finished, through <code>{}</code>, without a "
    "history. This is what is known."
)
OURS = "It was trained by <code>python -m export</code>."
SEEN = (
    "With all images, those of the validation as well: only the test figures are of pictures that "
    "it has not seen."
)
OWN = "The pictures that it was exported with"
UNSEEN = "Pictures of the test set, which it has not seen"


class FactsTab:
    """The card of a model, and the strip of pictures that it was exported with."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.parts: list[gr.HTML] = []

    def values(self, name: str) -> list[str]:
        """Values of `self.parts` for a model."""
        return [_page(self.library.singles[name])]

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        self.parts = [gr.HTML(apply_default_css=False)]


def facts(single: Single) -> dict[str, str]:
    """What is known, by what it is about; what is not is left out."""
    told, card = single.model.metadata, single.card
    measured, folded = _dict(card.get("measured")), _dict(card.get("folded_in"))
    rows = {
        "pictures": words.pictures(single),
        "code": words.code(single),
        "parameters": _text(card.get("parameters"), ","),
        "data set": single.dataset,
        "epochs": _text(_dict(card.get("config")).get("epochs"), ",", _minutes(single)),
        "likelihood": told.get("likelihood"),
        "sigma": _rounded(told.get("sigma")),
        "prior": told.get("prior"),
        "PSNR": _text(measured.get("reconstruction_psnr"), ".1f", " dB, on its own pictures"),
        "test": _test(single.measured),
        "squared error": _text(single.measured.get("mse"), ".4f", " per value, of test pictures"),
        "tolerance": _text(measured.get("tolerance"), ".1e", ", of the graphs and the model"),
        "clipped": _text(measured.get("clipped") or None, ".2%", " of the values, to [0, 1]"),
        "folded in": "; ".join(f"{name}: {value}" for name, value in folded.items()),
        "classes": _classes(told.get("class_names")),
        "licence": told.get("licence"),
        "versions": ", ".join(f"{k} {v}" for k, v in _dict(card.get("versions")).items()),
    }
    return {name: value for name, value in rows.items() if value}


def _page(single: Single) -> str:
    rows = "".join(
        f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in facts(single).items()
    )
    return fill(
        "single_facts.html",
        name=html.escape(single.name),
        kind=LONG_NAMES[single.kind],
        made_by=_made_by(single),
        rows=rows,
        strip=_strip(single),
        curves=charts.curves(single, {}) if single.history else "",
    )


def _made_by(single: Single) -> str:
    """Whence it comes, in HTML."""
    if single.dataset is not None:
        seen = f" {SEEN}" if _dict(single.card["config"]).get("train_on") == "all" else ""
        return f"{OURS}{seen}" if single.history else f"{OURS}{seen} {charts.NONE}"
    return FINISHED.format(html.escape(str(single.card.get("made_by"))))


def _test(measured: dict[str, Any]) -> str | None:
    """The mean loss on the test set and its parts, as the other Training tab has them."""
    total, parts = measured.get("total"), [measured.get(name) for name in ("recon", "kld")]
    if not isinstance(total, int | float):
        return None
    both = [f"{part:,.2f}" for part in parts if isinstance(part, int | float)]
    inside = f" ({' + '.join(both)})" if len(both) == 2 else ""
    told = f"{total:,.2f}{inside} nats per picture".replace("-", "\N{MINUS SIGN}")
    return f"{told}, of {measured['images']:,} pictures" if "images" in measured else told


def _minutes(single: Single) -> str:
    seconds = sum(epoch.get("seconds", 0) for epoch in single.history)
    return f", in {max(1, round(seconds / 60))} minutes" if seconds else ""


def _strip(single: Single) -> str:
    path = single.folder / model_files.STRIP
    if not path.is_file():
        return ""
    what = UNSEEN if single.dataset is not None else OWN
    return fill("single_strip.html", what=what, src=data_url("image/png", path.read_bytes()))


def _dict(value: object) -> dict[str, Any]:
    """A part of a card, which anybody may have written."""
    return value if isinstance(value, dict) else {}


def _text(value: object, form: str, unit: str = "") -> str | None:
    return f"{value:{form}}{unit}" if isinstance(value, int | float) else None


def _rounded(told: str | None) -> str | None:
    """A number of the metadata, with as many digits as one reads."""
    return None if told is None else f"{float(told):.3g}"


def _classes(told: str | None) -> str | None:
    return None if told is None else ", ".join(map(str, json.loads(told)))
