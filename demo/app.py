"""Build and serve the demo.

`python -m demo` runs it from the repository. A Hugging Face Space runs this file as a script.
"""

from __future__ import annotations

import html
import importlib.util
import sys
from pathlib import Path

if __name__ == "__main__":
    # A script belongs to no package, and on a Space not even its folder is called `demo`.
    _folder = Path(__file__).resolve().parent
    _spec = importlib.util.spec_from_file_location(
        "demo", _folder / "__init__.py", submodule_search_locations=[str(_folder)]
    )
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["demo"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["demo"])

import gradio as gr

from demo.draw import DrawPage
from demo.page import STATIC, fill, static, theme

TITLE = "Two numbers are enough to draw a digit"


def build(models: Path | None = None) -> gr.Blocks:
    """Load the models and put the page together.

    Args:
        models: Folder with a VAE and an AE to show; the bundled ones of MNIST unless given.

    Raises:
        FileNotFoundError: A model or its map is missing.
    """
    page = DrawPage(models)
    title = TITLE if models is None else f"Two numbers are enough: {page.vae.dataset}"
    blocks = gr.Blocks(title=title, fill_width=True, analytics_enabled=False)
    with blocks:
        gr.HTML(fill("header.html", title=html.escape(title)), apply_default_css=False)
        page.build()
    return blocks


def launch(host: str, port: int, *, share: bool = False, models: Path | None = None) -> None:
    """Serve the demo until Ctrl-C.

    Raises:
        OSError: The port is taken, or a model or its map is missing.
    """
    build(models).launch(
        server_name=host,
        server_port=port,
        share=share,
        theme=theme(),
        css=static("parts.css") + static("style.css"),
        favicon_path=STATIC / "favicon.png",
        footer_links=[],
        ssr_mode=False,
    )


if __name__ == "__main__":
    from demo.__main__ import main

    sys.exit(main())
