"""The code that makes what is on the screen, for a model of any shape; and its files."""

from __future__ import annotations

import json
import math
import textwrap
from typing import TYPE_CHECKING, Any

from demo.page.maps import part
from demo.page.pictures import as_image, png_url, sheet
from demo.page.templates import fill
from demo.single import words
from vae_onnx.store.bundled import FOLDER

if TYPE_CHECKING:
    import gradio as gr
    from numpy.typing import NDArray

    from demo.library.single import Single

SPELT = 640  # numbers that the code spells out; more are read from a file
MOST = 200_000  # numbers that the page carries; of more rows the first ones
DIGITS = 4  # decimals of z in the code
COLUMNS = 80
HOSTS = (
    ("Python, vae_onnx", "vae_onnx"),
    ("Python, onnxruntime alone", "onnxruntime"),
    ("JavaScript, onnxruntime-web", "javascript"),
)


class UseTab:
    """Shows how to make the picture that some other tab showed last.

    Attributes:
        panel: The component that the other tabs' handlers give what `reconstructs` or `decodes`
            returns to; the first example makes the first.
    """

    def __init__(self) -> None:
        self.panel: gr.HTML = part("use.html", None, "use.js", render=False)
        self.parts: list[gr.HTML] = []  # the tab on which one looks at a picture fills it

    def values(self, name: str) -> list[Any]:
        """Values of `self.parts`."""
        return []

    def build(self, choice: gr.Radio) -> None:
        """Lay the tab out in the `gr.Blocks` that is open."""
        self.panel.render()  # type: ignore[no-untyped-call]


def reconstructs(single: Single, seen: NDArray[Any], x_recon: NDArray[Any], z: Any) -> Any:
    """The value of `UseTab.panel` for a picture and its reconstruction, each (1, ...)."""
    facts = _facts(single, seen.shape[1:], z.shape[1:])
    return {
        "what": "The picture, redrawn",
        "model": single.name,
        "picture": png_url(as_image(x_recon[0])),
        "seen": png_url(as_image(seen[0])),
        "z": _json(z) if z.size <= MOST else None,
        "codes": _codes("reconstruct", facts),
    }


def decodes(single: Single, z: NDArray[Any], what: str) -> Any:
    """The value of `UseTab.panel` for pictures at places z (N, *latent_shape)."""
    z = z[: max(1, MOST // math.prod(z.shape[1:]))].round(DIGITS)
    pictures = single.model.decode(z)  # of these very numbers, rounded as they are
    facts = _facts(single, pictures.shape[1:], z.shape[1:]) | _numbers(z)
    return {
        "what": what,
        "model": single.name,
        "picture": png_url(sheet(pictures)),
        "z": _json(z),
        "codes": _codes("decode", facts),
    }


def _codes(name: str, facts: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"name": host, "code": fill(f"own.{name}.{suffix}.txt", **facts)} for host, suffix in HOSTS
    ]


def _facts(single: Single, picture: tuple[int, ...], z: tuple[int, ...]) -> dict[str, Any]:
    channels = single.model.image_shape[0]
    height, width = picture[:2]
    return {
        "folder": single.name if single.folder.parent == FOLDER else single.folder,
        "picture": ", ".join(map(str, picture)),
        "latent": ", ".join(map(str, z)),
        "x": f"{channels}, {height}, {width}",
        "channels": channels,
        "height": height,
        "width": width,
        "wanted": words.wanted(single),
        "colours": "grey" if channels == 1 else "rgb",
        "named": "z" if single.kind == "ae" else "mu: z",
        "code": "z" if single.kind == "ae" else "mu",
        "squeezed": "" if channels in (3, 4) else "[..., 0]",
        "shown": channels if channels in (3, 4) else 3,
        "channel": "c" if channels in (3, 4) else "0",
    }


def _numbers(z: NDArray[Any]) -> dict[str, Any]:
    """How the code comes by z: spelt out, or from the file that the page gives."""
    if z.size <= SPELT and z.ndim == 2:
        rows = ",\n    ".join(_wrapped(row) for row in _plain(z))
        told = f"[\n    {rows}\n]"
        return {
            "z": told, "z_javascript": told, "count": len(z), "json": "", "beside": "",
            "and_numbers": "",
        }  # fmt: skip
    return {
        "z": 'json.loads(Path("latents.json").read_text())',
        "z_javascript": 'await (await fetch("latents.json")).json()',
        "count": len(z),
        "json": "import json\nfrom pathlib import Path\n\n",
        "beside": "; latents.json: a link on this page",
        "and_numbers": " and latents.json",
    }


def _plain(z: NDArray[Any]) -> Any:
    """Numbers as lists, each as short as its decimals are."""
    if z.ndim == 1:
        return [float(f"{value:.{DIGITS}f}") for value in z]
    return [_plain(row) for row in z]


def _json(z: NDArray[Any]) -> str:
    return json.dumps(_plain(z), separators=(",", ":"))


def _wrapped(row: list[float]) -> str:
    return textwrap.fill(str(row), COLUMNS, subsequent_indent=" " * 5, break_on_hyphens=False)
