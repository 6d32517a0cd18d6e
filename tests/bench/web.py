"""The graphs in a browser and in Node.

python tests/bench/web.py
"""

import functools
import itertools
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page

import vae_onnx
from demo.screenshot import launch_browser, start_playwright
from demo.tools import need
from demo.web import join
from demo.web.build import ORT_VERSION, ROOT, build
from demo.web.screenshot import Counting, open_site, serve_folder
from export.markdown import table

SCRIPT = Path(__file__).with_name("web.js")
NODE = ROOT / "demo" / "embed" / "node"
MODEL = "mnist-vae"  # as web.js has it
MODELS = Path(vae_onnx.__file__).parent / "models"
ROUNDS = 3  # in which the hosts take turns
RUNTIME = {"browser": "onnxruntime-web", "node": "onnxruntime-node"}
CALLS = {
    "decode 1": "decode, batch 1",
    "decode 16": "decode, batch 16",
    "decode 256": "decode, batch 256",
    "encode 1": "encode, batch 1",
    "encode 256": "encode, batch 256",
    "drawingToX": "drawingToX, 280x280",
}

# What a row says of first visits: the field of Visit, its digits and its unit.
PAGE = {
    "fetched, all in all": ("megabytes", 2, "MB"),
    "until the first picture": ("seconds", 2, "s"),
    "from frame to frame in a drag": ("frame", 1, "ms"),
    "of that, work of the model": ("work", 1, "ms"),
}

# Counts the memory that WebAssembly holds: it only grows.
COUNT_MEMORY = """
window.memories = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(options) { super(options); window.memories.push(this); }
};
const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (...told) => {
  const result = await instantiate(...told);
  const { memory } = (result.instance ?? result).exports; // a module's own
  if (memory && !window.memories.includes(memory)) window.memories.push(memory);
  return result;
};
"""
IN_PAGE = """
async (engine) => {
  const vae = await import("./vae.js");
  const { medians } = await import("./web.js");
  const options = engine === "kernel" ? { engine } : { engine, ort: await import("./runtime.js") };
  const times = await medians(vae, "models/", options);
  const bytes = memories.reduce((sum, one) => sum + one.buffer.byteLength, 0);
  return { times, megabytes: bytes / 1e6 };
}
"""
IN_NODE = """
import { createRequire } from "node:module";
const [example, module, script, models, engine] = process.argv.slice(1);
const before = process.memoryUsage().rss;
const ort = engine === "kernel" ? undefined : createRequire(example)("onnxruntime-node");
const { medians } = await import(script);
const times = await medians(await import(module), models, { ort, engine });
const megabytes = (process.memoryUsage().rss - before) / 1e6;
console.log(JSON.stringify({ times, megabytes, versions: process.versions }));
"""
# Milliseconds from one new picture on the page to the next, and those that each took to make.
FRAMES = (ROOT / "tests" / "demo" / "web" / "frames.js").read_text(encoding="utf-8")
ENGINES = ("onnxruntime", "kernel")
QUERY = {"onnxruntime": "?provider=wasm", "kernel": ""}  # with which the page runs on each


class Visit(NamedTuple):
    """A first visit of the static page."""

    seconds: float  # until the first picture
    megabytes: float  # over the wire until nothing more comes, headers included
    frame: float  # milliseconds from picture to picture while the map is dragged over
    work: float  # milliseconds that the page says a picture takes


class Host(NamedTuple):
    """A host of vae.js and what web.js measured in it, once a round."""

    name: str
    told: list[dict]

    def milliseconds(self, call: str) -> float:
        return statistics.median(one["times"][call] for one in self.told)

    def megabytes(self) -> float:
        return statistics.median(one["megabytes"] for one in self.told)


@functools.cache
def measure() -> tuple[dict[str, list[Visit]], list[Host]]:
    """First visits by engine; the browser and Node, each with both engines, in turns."""
    need("node")
    skip = {**os.environ, "ONNXRUNTIME_NODE_INSTALL": "skip"}
    subprocess.run([need("npm"), "ci", "--no-audit", "--no-fund"], cwd=NODE, env=skip, check=True)
    join.write(NODE)
    visits: dict[str, list[Visit]] = {engine: [] for engine in ENGINES}
    browsers: dict[str, list[dict]] = {engine: [] for engine in ENGINES}
    nodes: dict[str, list[dict]] = {engine: [] for engine in ENGINES}
    with tempfile.TemporaryDirectory() as folder, start_playwright() as playwright:
        site = Path(folder) / "site"
        build(site)
        shutil.copy(SCRIPT, site)
        with launch_browser(playwright) as chromium:
            for _ in range(ROUNDS):
                for engine in ENGINES:
                    visits[engine].append(visit(chromium, site, engine))
                    browsers[engine].append(in_browser(chromium, site, engine))
                    nodes[engine].append(in_node(engine))
            version = chromium.version.partition(".")[0]
    node = nodes["kernel"][0]["versions"]["node"].partition(".")[0]
    hosts = [
        Host(f"Chromium {version}, {RUNTIME['browser']}", browsers["onnxruntime"]),
        Host(f"Chromium {version}, kernel", browsers["kernel"]),
        Host(f"Node {node}, {RUNTIME['node']}", nodes["onnxruntime"]),
        Host(f"Node {node}, kernel", nodes["kernel"]),
    ]
    return visits, hosts


def section() -> str:
    visits, hosts = measure()
    rows = [
        [what, *(f"{host.milliseconds(call):.3f} ms" for host in hosts)]
        for call, what in CALLS.items()
    ]
    header = [f"`{MODEL}`", *(host.name for host in hosts)]
    page = [
        [what, *(f"{middle(visits[engine], key):.{digits}f} {unit}" for engine in ENGINES)]
        for what, (key, digits, unit) in PAGE.items()
    ]
    return f"""## In a browser and in Node

Median time of one call of `vae.js` on float32 graphs: on onnxruntime-web and onnxruntime-node
{ORT_VERSION}, one thread each, and on its own kernel; {ROUNDS} rounds in which all take turns.

{table(header, rows)}

The first visit of the static page, from a server on the same machine that packs nothing; it is the
kernel's, and on onnxruntime-web with `?provider=wasm`, where Chromium without a cache on disk
fetches the large file once for the page and once for the service worker.

{table(["first visit", "onnxruntime-web", "kernel"], page)}"""


def middle(visits: list[Visit], what: str) -> float:
    return statistics.median(getattr(one, what) for one in visits)


def visit(chromium: Browser, site: Path, engine: str) -> Visit:
    """Visit the page for the first time, and drag over its map."""
    counted: dict[str, int] = {}
    counting = type("Counted", (Counting,), {"sent": counted})
    with serve_folder(site, files=counting) as url, chromium.new_context() as context:
        page = context.new_page()
        start = time.perf_counter()
        open_site(page, f"{url}{QUERY[engine]}")
        seconds = time.perf_counter() - start
        page.get_by_text("Works offline").wait_for()
        page.wait_for_timeout(1000)
        megabytes = sum(counted.values()) / 1e6
        page.evaluate(FRAMES)
        drag(page)
        times = page.evaluate("window.frames_")
        page.wait_for_timeout(600)  # until the page has told it
        (work,) = re.findall(r", ([\d.]+) ms a picture", page.locator("#status").inner_text())
    steps = [after - before for before, after in itertools.pairwise(times)]
    return Visit(seconds, megabytes, statistics.median(steps), float(work))


def drag(page: Page, moves: int = 120) -> None:
    """Circle over the map with the mouse."""
    box = page.locator(".map").bounding_box()
    assert box is not None
    for move in range(moves):
        turn = 0.05 * move
        x, y = 0.5 + 0.3 * math.cos(turn), 0.5 + 0.3 * math.sin(turn)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if move == 0:
            page.mouse.down()
    page.mouse.up()


def in_browser(chromium: Browser, site: Path, engine: str) -> dict:
    """What web.js measures in the page, without the page's own script."""
    with (
        serve_folder(site) as url,
        chromium.new_context(service_workers="block") as context,
    ):
        context.add_init_script(COUNT_MEMORY)
        page = context.new_page()
        page.route("**/page.js", lambda route: route.fulfill(content_type="text/javascript"))
        page.goto(url)
        return page.evaluate(IN_PAGE, engine)


def in_node(engine: str) -> dict:
    command = ["node", "--input-type=module", "--eval", IN_NODE, f"{NODE}/"]
    files = [(NODE / "vae.js").as_uri(), SCRIPT.as_uri(), f"{MODELS}/", engine]
    result = subprocess.run([*command, *files], check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


if __name__ == "__main__":
    print(section())
