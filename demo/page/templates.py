"""What every page of the demo is made of: its theme, its style sheet, its files."""

from __future__ import annotations

from pathlib import Path
from string import Template

import gradio as gr

STATIC = Path(__file__).parent / "static"
STYLES = (  # in this order: a later one has the last word
    "parts.css",  # what every page has
    "frame.css",  # the page, the choice of models, the tabs
    "layout.css",
    "hand.css",  # pad, examples, strip
    "lanes.css",  # one model and its map
    "cards.css",
    "belief.css",
    "explore.css",
    "generate.css",
    "training.css",
    "use.css",
    "single.css",
)


def static(name: str) -> str:
    """The text of a file in `static/`."""
    return (STATIC / name).read_text(encoding="utf-8")


def fill(name: str, /, **values: object) -> str:
    """The text of a file in `static/` with its `$names` filled in; values are HTML already."""
    return Template(static(name)).substitute(values)


def style() -> str:
    """The style sheet of the page, joined."""
    return "".join(map(static, STYLES))


def theme() -> gr.themes.Base:
    """Quiet greys, one accent, and the fonts of the reader's own system: nothing is fetched.

    Gradio's own parts follow these values; `frame.css` has them as variables.
    """
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_background_fill="#f3f4f7",
        body_background_fill_dark="#0d1015",
        body_text_color="#161a21",
        body_text_color_dark="#e9ecf1",
        body_text_color_subdued="#596273",
        body_text_color_subdued_dark="#9aa5b5",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#151a22",
        background_fill_secondary="#f3f4f7",
        background_fill_secondary_dark="#0d1015",
        block_background_fill="#ffffff",
        block_background_fill_dark="#151a22",
        input_background_fill="#f3f4f7",
        input_background_fill_dark="#0d1015",
        border_color_primary="#dde1e8",
        border_color_primary_dark="#29303b",
    )
