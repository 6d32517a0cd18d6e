"""Build the page out of its tabs, and serve it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from demo.environment import Address
from demo.library.models import Library
from demo.page.pictures import MAX_BYTES
from demo.page.templates import STATIC, fill, static, style, theme
from demo.server.endpoints import CONCURRENCY, Endpoints
from demo.server.routes import routes
from demo.server.words import Page, on_full_disk
from demo.tabs.draw import DrawTab
from demo.tabs.explore import ExploreTab
from demo.tabs.generate import GenerateTab
from demo.tabs.training import TrainingTab
from demo.tabs.use import UseTab

TITLE = "Two numbers are enough to draw a digit"
WAITING = 256  # calls in the queue; whoever comes then is asked to try again
SWEEP, KEPT = 30, 120  # seconds between two sweeps of Gradio's files, and how long each is kept


def build(library: Library) -> gr.Blocks:
    """Put the page together."""
    group = library.first
    use = UseTab(library)
    draw, explore = DrawTab(library, use), ExploreTab(library, use)
    generate, training = GenerateTab(library, use), TrainingTab(library)
    tabs: dict[str, Any] = {
        "Draw": draw,
        "Explore": explore,
        "Generate": generate,
        "Training": training,
        "Use it": use,
    }
    blocks = Page(title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=(SWEEP, KEPT))
    with blocks:
        Endpoints(library).build()  # first: the names without a number are theirs
        gr.HTML(
            fill("header.html", title=TITLE),
            js_on_load=static("header.js"),
            apply_default_css=False,
        )
        choice = gr.Radio(
            list(library.groups),
            value=group.title,
            label="Models of",
            elem_id="choice",
            visible=len(library.groups) > 1,
        )
        with gr.Tabs(elem_id="tabs"):
            for name, tab in tabs.items():
                with gr.Tab(name, id=name):
                    tab.build(choice)
        _fill(choice.input, choice, list(tabs.values()))
        # What nobody sees at first is made when somebody comes, not when the demo starts.
        _fill(blocks.load, choice, [generate, training])
    return blocks


def _fill(event: Any, choice: gr.Radio, tabs: Sequence[Any]) -> None:
    """On an event, show the chosen models on some tabs."""
    event(
        lambda title: [value for tab in tabs for value in tab.values(title)],
        inputs=choice,
        outputs=[part for tab in tabs for part in tab.parts],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )


def launch(
    address: Address,
    *,
    share: bool = False,
    models: Path | None = None,
    device: str = "auto",
    root_path: str | None = None,
    mcp: bool = False,
) -> None:
    """Serve the demo until Ctrl-C.

    Args:
        address: Where to listen.
        share: Ask Gradio's servers for a public link.
        models: A user's folder of models, shown before the bundled ones.
        device: What to run the models on, as `vae_onnx.load` takes it.
        root_path: The prefix below which a proxy in front serves the page, "/demo".
        mcp: Serve the endpoints as tools of the Model Context Protocol, too.

    Raises:
        OSError: The port is taken, or a model or its map is missing.
        ValueError: The card of a model is damaged.
        RuntimeError: The device cannot be had, or a package for `mcp` is missing.
    """
    if mcp and importlib.util.find_spec("mcp") is None:
        raise RuntimeError("--mcp needs the package `mcp`: pip install 'gradio[mcp]'")
    library = Library(models, device)
    _ = library.first.vae.model  # a device that cannot be had is told now, not in the page
    blocks = build(library).queue(max_size=WAITING, default_concurrency_limit=CONCURRENCY)
    blocks.launch(
        server_name=address.server_name,
        server_port=address.port,
        share=share,
        theme=theme(),
        css=style(),
        favicon_path=STATIC / "favicon.png",
        footer_links=["api"],  # without it ?view=api shows nothing; frame.css hides the footer
        ssr_mode=False,
        root_path=root_path or "",
        mcp_server=mcp,
        max_file_size=MAX_BYTES,
        app_kwargs={
            "routes": routes(library),
            "exception_handlers": {OSError: on_full_disk},
        },
        quiet=True,  # what it prints of an IPv6 address, or of 0.0.0.0, cannot be opened
        prevent_thread_lock=True,
    )
    print(f"The demo is on {address.url} until Ctrl-C.", flush=True)
    blocks.block_thread()
