"""The graphs in a browser and in Node.

python tests/bench/web.py
"""

import functools
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser

import vae_onnx
from demo.screenshot import launch_browser, start_playwright
from demo.tools import need
from demo.web import join
from demo.web.build import ORT_VERSION, ROOT, build
from demo.web.screenshot import open_site, serve_folder
from export.markdown import table

SCRIPT = Path(__file__).with_name("web.js")
NODE = ROOT / "demo" / "embed" / "node"
MODEL = "mnist-vae"  # as web.js has it
MODELS = Path(vae_onnx.__file__).parent / "models"
ROUNDS = 3  # in which the hosts take turns
CALLS = {
    "decode 1": "decode, batch 1",
    "decode 16": "decode, batch 16",
    "decode 256": "decode, batch 256",
    "encode 1": "encode, batch 1",
    "encode 256": "encode, batch 256",
    "drawingToX": "drawingToX, 280x280",
}

# Counts the memory that WebAssembly holds: it only grows.
COUNT_MEMORY = """
window.memories = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(options) { super(options); window.memories.push(this); }
};
"""
IN_NODE = """
import { createRequire } from "node:module";
const [example, module, script, models] = process.argv.slice(1);
const before = process.memoryUsage().rss;
const ort = createRequire(example)("onnxruntime-node");
const { medians } = await import(script);
const times = await medians(await import(module), models, { ort });
const megabytes = (process.memoryUsage().rss - before) / 1e6;
console.log(JSON.stringify({ times, megabytes, versions: process.versions }));
"""


class Host(NamedTuple):
    """A host of vae.js and what web.js measured in it, once a round."""

    name: str
    told: list[dict]

    def milliseconds(self, call: str) -> float:
        return statistics.median(one["times"][call] for one in self.told)

    def megabytes(self) -> float:
        return statistics.median(one["megabytes"] for one in self.told)


@functools.cache
def measure() -> tuple[float, list[Host]]:
    """Seconds until the page shows its first picture; the browser and Node, in turns."""
    need("node")
    skip = {**os.environ, "ONNXRUNTIME_NODE_INSTALL": "skip"}
    subprocess.run([need("npm"), "ci", "--no-audit", "--no-fund"], cwd=NODE, env=skip, check=True)
    join.write(NODE)
    with tempfile.TemporaryDirectory() as folder, start_playwright() as playwright:
        site = Path(folder) / "site"
        build(site)
        shutil.copy(SCRIPT, site)
        with serve_folder(site) as url, launch_browser(playwright) as chromium:
            firsts, browsers, nodes = [], [], []
            for _ in range(ROUNDS):
                first, told = in_browser(chromium, url)
                firsts.append(first)
                browsers.append(told)
                nodes.append(in_node())
            version = chromium.version.partition(".")[0]
    node = nodes[0]["versions"]["node"].partition(".")[0]
    hosts = [Host(f"Chromium {version}, wasm", browsers), Host(f"Node {node}", nodes)]
    return statistics.median(firsts), hosts


def section() -> str:
    first, hosts = measure()
    rows = [
        [what, *(f"{host.milliseconds(call):.3f} ms" for host in hosts)]
        for call, what in CALLS.items()
    ]
    header = [f"`{MODEL}`", *(host.name for host in hosts)]
    return f"""## In a browser and in Node

Median time of one call of `vae.js`, on onnxruntime-web and onnxruntime-node {ORT_VERSION}, one
thread each; {ROUNDS} rounds in which the two take turns. The static page shows its first picture
{first:.1f} s after it was opened for the first time, from a server on the same machine.

{table(header, rows)}"""


def in_browser(chromium: Browser, url: str) -> tuple[float, dict]:
    """Seconds until the page shows its first picture, and what web.js measures in it."""
    with chromium.new_context(service_workers="block") as context:
        context.add_init_script(COUNT_MEMORY)
        page = context.new_page()
        start = time.perf_counter()
        open_site(page, f"{url}?provider=wasm")
        first = time.perf_counter() - start
        told = page.evaluate(
            """async () => {
              const vae = await import("./vae.js");
              const { medians } = await import("./web.js");
              const times = await medians(vae, "models/", { ort: await import("./runtime.js") });
              const bytes = memories.reduce((sum, one) => sum + one.buffer.byteLength, 0);
              return { times, megabytes: bytes / 1e6 };
            }"""
        )
    return first, told


def in_node() -> dict:
    command = ["node", "--input-type=module", "--eval", IN_NODE, f"{NODE}/"]
    files = [(NODE / "vae.js").as_uri(), SCRIPT.as_uri(), f"{MODELS}/"]
    result = subprocess.run([*command, *files], check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


if __name__ == "__main__":
    print(section())
