"""Build the page out of its tabs, and serve it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from demo import single
from demo.environment import Address
from demo.library.models import Library
from demo.page.pictures import MAX_BYTES
from demo.page.templates import STATIC, fill, static, style, theme
from demo.server.endpoints import CONCURRENCY, Endpoints
from demo.server.limits import Limits
from demo.server.routes import routes
from demo.server.words import Page, on_full_disk
from demo.tabs.draw import DrawTab
from demo.tabs.explore import ExploreTab
from demo.tabs.generate import GenerateTab
from demo.tabs.training import TrainingTab
from demo.tabs.use import UseTab

TABS = ("Draw", "Explore", "Generate", "Training", "Use it")
LATER = ("Generate", "Training")
TITLE = "Two numbers are enough to draw a digit"
WAITING = 256  # calls in the queue; whoever comes then is asked to try again
SWEEP, KEPT = 30, 120  # seconds between two sweeps of Gradio's files, and how long each is kept


class Side:
    """The tabs of one sort of models.

    Args:
        name: Which, for the style sheet: of two, the head of the page says which is shown.
        tabs: By name, those of TABS.
        titles: Of what is shown on them.
    """

    def __init__(self, name: str, tabs: Sequence[Any], titles: Collection[str]) -> None:
        self.name, self.titles = name, titles
        self.tabs = dict(zip(TABS, tabs, strict=True))

    def build(self, tab: str, choice: gr.Radio) -> None:
        """Lay one tab out in the `gr.Tab` that is open."""
        self.tabs[tab].build(choice)

    def build_pane(self, tab: str, choice: gr.Radio) -> None:
        """The same, in a pane that can be hidden."""
        with gr.Column(elem_classes=f"side {self.name}", min_width=0):
            self.build(tab, choice)

    def parts(self, tabs: Sequence[str]) -> list[Any]:
        """What another choice changes on some tabs."""
        return [part for name in tabs for part in self.tabs[name].parts]

    def values(self, title: str, tabs: Sequence[str]) -> list[Any]:
        """Values of `parts`; none where something else is shown."""
        if title not in self.titles:
            return [gr.skip()] * len(self.parts(tabs))
        return [value for name in tabs for value in self.tabs[name].values(title)]


def build(library: Library) -> gr.Blocks:
    """Put the page together."""
    opening = library.titles[0]
    sides = [_pairs(library), *([_alone(library)] if library.singles else [])]
    blocks = Page(title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=(SWEEP, KEPT))
    with blocks:
        Endpoints(library).build()  # first: the names without a number are theirs
        head = gr.HTML(
            _head(library, opening), js_on_load=static("header.js"), apply_default_css=False
        )
        choice = gr.Radio(
            library.titles,
            value=opening,
            label="Models of",
            elem_id="choice",
            visible=len(library.titles) > 1,
        )
        labelled: list[gr.Tab] = []
        with gr.Tabs(elem_id="tabs"):
            for name in TABS:
                with gr.Tab(_label(library, name, opening), id=name) as tab:
                    labelled.append(tab)
                    for side in sides:
                        (side.build_pane if len(sides) > 1 else side.build)(name, choice)
        # A picture is redrawn at once; what a large model makes for the other tabs takes its time.
        first, others = (TABS[:1], TABS[1:]) if library.singles else (TABS, ())
        _fill(choice.input, choice, sides, first, [head, labelled[0]], partial(_frame, library))
        if others:
            _fill(choice.input, choice, sides, others)
        # What nobody sees at first is made when somebody comes, not when the demo starts.
        for tabs in (first, others) if opening in library.singles else (LATER,):
            _fill(blocks.load, choice, sides, tabs)
    return blocks


def _pairs(library: Library) -> Side:
    use = UseTab(library)
    draw, explore = DrawTab(library, use), ExploreTab(library, use)
    generate, training = GenerateTab(library, use), TrainingTab(library)
    return Side("pairs", (draw, explore, generate, training, use), library.groups)


def _alone(library: Library) -> Side:
    use = single.UseTab()
    look, explore = single.LookTab(library, use), single.ExploreTab(library, use)
    generate, facts = single.GenerateTab(library, use), single.FactsTab(library)
    return Side("alone", (look, explore, generate, facts, use), library.singles)


def _head(library: Library, title: str) -> str:
    """The head of the page."""
    if title not in library.singles:
        return fill("header.html", title=TITLE)
    return single.head(library.singles[title])


def _label(library: Library, tab: str, title: str) -> str:
    """What a tab is called: nobody draws for a model of colours."""
    one = library.singles.get(title)
    return "Picture" if tab == TABS[0] and one is not None and not one.is_drawn else tab


def _frame(library: Library, title: str) -> list[Any]:
    """Values of the head and of the first tab."""
    return [_head(library, title), gr.update(label=_label(library, TABS[0], title))]


def _fill(
    event: Any,
    choice: gr.Radio,
    sides: Sequence[Side],
    tabs: Sequence[str],
    others: Sequence[Any] = (),
    told: Callable[[str], list[Any]] = lambda _: [],
) -> None:
    """On an event, show the chosen models on some tabs, and on other parts what is told of them."""
    event(
        lambda title: [*told(title), *(v for side in sides for v in side.values(title, tabs))],
        inputs=choice,
        outputs=[*others, *(part for side in sides for part in side.parts(tabs))],
        queue=False,
        trigger_mode="always_last",  # a large model takes its time, and another may be chosen
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
    first = library.singles.get(library.titles[0]) or library.first.vae
    _ = first.model  # a device that cannot be had is told now, not in the page
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
            "middleware": [Middleware(Limits)],
            "exception_handlers": {OSError: on_full_disk},
        },
        quiet=True,  # what it prints of an IPv6 address, or of 0.0.0.0, cannot be opened
        prevent_thread_lock=True,
    )
    print(f"The demo is on {address.url} until Ctrl-C.", flush=True)
    blocks.block_thread()
