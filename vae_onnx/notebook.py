"""What a notebook shows of a model and of scores: HTML, of which nothing is taken on trust."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vae_onnx.engine import sizes
from vae_onnx.errors import VaeOnnxError
from vae_onnx.pictures.showing import png, seen, show

if TYPE_CHECKING:
    from vae_onnx.autoencoder import Autoencoder
    from vae_onnx.distributions import Float64
    from vae_onnx.evaluation import Scores

SAMPLES: Final = 8  # in a strip of small pictures
STRIP: Final = 512  # pixels: how wide it may be, so that large models are not kept busy by a look
WORDS: Final = 80  # letters of a value that are shown
TONES: Final = {1: "grey", 3: "RGB", 4: "RGBA"}  # by the number of channels
TOLD: Final = {  # what is shown of the metadata
    "dataset": "trained on",
    "likelihood": "p(x | z)",
    "prior": "prior",
    "test_total": "test, nats per image",
    "licence": "licence",
}


def of_model(model: Autoencoder) -> str:
    """A model: what it is, what goes in and comes out, where it runs, and some samples."""
    metadata = model.metadata
    channels, *side = model.image_shape
    tones = TONES.get(channels, f"{channels} channels")
    rows = {
        "kind": model.kind,
        "pictures": f"{sizes.text(tuple(side)).replace(', ', ' x ')}, {tones}",
        "code": sizes.text(model.latent_shape),
        **{name: metadata[key] for key, name in TOLD.items() if key in metadata},
        "precision": model.precision,
        "device": model.device,
    }
    name = metadata.get("name", model.folder.name)
    return f"<div><strong>{_shown(name)}</strong>{_strip(model)}{_list(rows)}</div>"


def of_scores(scores: Scores) -> str:
    """Scores: how many, and how they spread."""
    columns = {"squared error": scores.mse, "PSNR, dB": scores.psnr}
    if scores.nats is not None:
        columns["nats"] = scores.nats
    lines: dict[str, Callable[[Float64], Any]] = {
        "least": np.min,
        "median": np.median,
        "mean": np.mean,
        "most": np.max,
    }
    body = [
        [name, *(f"{measure(values):,.4g}" for values in columns.values())]
        for name, measure in lines.items()
    ]
    return _table([f"of {len(scores.mse):,} images", *columns], body)


def _strip(model: Autoencoder) -> str:
    """Samples side by side; nothing where the model cannot draw any, or they are too large."""
    width = model.image_shape[2]
    count = min(SAMPLES, STRIP // width) if width > 0 else 0
    if not count:
        return ""
    try:
        sheet = show(model.sample(count, np.random.default_rng(0)), columns=count)
    except VaeOnnxError:  # closed, of five channels, with damaged metadata: its facts are shown
        return ""
    content = base64.b64encode(png(seen(sheet.pixels))).decode("ascii")
    style = "display: block; margin: 0.5em 0; max-width: 100%"
    return f'<img src="data:image/png;base64,{content}" alt="{count} samples" style="{style}">'


def _list(rows: Mapping[str, str]) -> str:
    lines = [
        f'<tr><th scope="row" style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{_shown(value)}</td></tr>'
        for name, value in rows.items()
    ]
    return f"<table><tbody>{''.join(lines)}</tbody></table>"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = [
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in body
    ]
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _shown(value: str) -> str:
    """A value that a stranger may have written."""
    return escape(value if len(value) <= WORDS else f"{value[: WORDS - 1]}…")
