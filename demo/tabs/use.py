"""The tab that hands over: the code that makes the picture on the screen, and the files."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

import vae_onnx
from demo.page.maps import part
from demo.page.pictures import png_url, sheet
from demo.page.templates import fill

if TYPE_CHECKING:
    import gradio as gr
    from numpy.typing import NDArray

    from demo.library.lane import Lane
    from demo.library.models import Group, Library

MOST = 64  # pictures that the code spells out the numbers of
DIGITS = 4  # decimals of z in the code: a picture does not show more
COLUMNS = 80  # of the code: nobody has to scroll for the numbers of 16 dimensions


class UseTab:
    """Shows how to make the picture that some other tab showed last.

    Attributes:
        panel: The component that the other tabs' handlers give `show(...)` to.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self.panel: gr.HTML = part("use.html", self._start(library.first), "use.js", render=False)
        self.parts = [self.panel]

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        self.panel.render()  # type: ignore[no-untyped-call]

    def values(self, title: str) -> list[Any]:
        """Values of `self.parts` for a group of models."""
        return [self._start(self.library.groups[title])]

    def show(
        self,
        lane: Lane,
        z: NDArray[np.float32],
        what: str,
    ) -> dict[str, Any]:
        """The value of `panel` for pictures on the screen.

        Args:
            lane: The model that made them.
            z: (N, latent_dim) what they were decoded from.
            what: What they are, in a few words.
        """
        z = z[:MOST].round(DIGITS)
        pictures = lane.decode(z)  # of these very numbers, rounded as they are
        numbers = [[float(f"{value:.{DIGITS}f}") for value in row] for row in z]
        facts = {
            "model": lane.name.rpartition("/")[2],
            "folder": lane.name if lane.folder.name in vae_onnx.models() else str(lane.folder),
            "z": ",\n    ".join(map(_wrapped, numbers)),
            "count": len(z),
            "latent_dim": lane.latent_dim,
            "height": pictures.shape[1],
            "width": pictures.shape[2],
        }
        return {
            "what": what,
            "model": lane.name,
            "picture": png_url(sheet(pictures)),
            "z": json.dumps(numbers),
            "codes": [
                {"name": name, "code": fill(f"use.{suffix}.txt", **facts)}
                for name, suffix in (
                    ("Python, vae_onnx", "vae_onnx"),
                    ("Python, onnxruntime alone", "onnxruntime"),
                    ("JavaScript, onnxruntime-web", "javascript"),
                )
            ],
        }

    def _start(self, group: Group) -> dict[str, Any]:
        lane = group.vae
        return self.show(lane, np.zeros((1, 2), np.float32), "The middle of the map")


def _wrapped(row: list[float]) -> str:
    """One z as code, on as many lines as it takes."""
    return textwrap.fill(str(row), COLUMNS, subsequent_indent=" " * 5, break_on_hyphens=False)
