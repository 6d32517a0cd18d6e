"""The demo: its start, a stroke, and many clients at once.

python tests/bench/demo_bench.py

Not called demo.py: that would hide the package it measures.
"""

import os
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from gradio_client import Client
from PIL import Image, ImageDraw
from tqdm import tqdm

import vae_onnx
from demo.library.models import Library
from demo.page.pictures import png_url
from demo.screenshot import (
    DIGITS,
    draw,
    free_port,
    launch_browser,
    open_demo,
    serve,
    start_playwright,
)
from demo.tabs.draw import DrawTab
from demo.tabs.use import UseTab
from export.markdown import table

STARTS, STROKES, CALLS = 7, 30, 300
CLIENTS, CLIENT_CALLS = 32, 2000

EMPTY = """
import os, sys
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import gradio as gr
with gr.Blocks() as blocks:
    pass
blocks.launch(server_port=int(sys.argv[2]), ssr_mode=False)
"""

# Milliseconds from the end of a stroke until its pictures are on the screen. Others, of the
# unfinished stroke, come before: the last change counts that half a second of rest follows.
STROKE = """() => new Promise((done) => {
  const shown = () => [...document.querySelectorAll("#draw .strip img")];
  const sources = () => shown().map((one) => one.src).join();
  addEventListener("pointerup", () => {
    const end = performance.now();
    let before = sources();
    let last = null;
    const look = async () => {
      const now = sources();
      if (now !== before) {
        before = now;
        await Promise.all(shown().map((one) => one.decode()));
        last = performance.now();
      }
      if (last === null || performance.now() - last < 500) requestAnimationFrame(look);
      else done(last - end);
    };
    look();
  }, { once: true });
})"""


def section() -> str:
    rows = [*start_rows(), *stroke_rows(), *client_rows()]
    return f"""## The demo

Start: {STARTS} processes each, in turn, from their beginning to a socket that listens. Stroke: from
the finger's end to the last new picture, in headless Chromium on the same machine. Clients:
`gradio_client`, each call decodes another z and compares every pixel of the answer.

{table(["the demo", "median", ""], rows)}"""


def start_rows():
    times = {"an empty Gradio app": [], "the demo": []}
    commands = {
        "an empty Gradio app": [sys.executable, "-c", EMPTY],
        "the demo": [sys.executable, "-m", "demo"],
    }
    for _ in tqdm(range(STARTS), desc="start", disable=None):
        for name, command in commands.items():
            times[name].append(start_seconds(command))
    empty, ours = (statistics.median(times[name]) for name in times)
    return [
        ["start of an empty Gradio app", f"{empty:.2f} s", ""],
        ["start of the demo", f"{ours:.2f} s", f"{ours / empty:.2f} times as long"],
    ]


def start_seconds(command):
    port = free_port()
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/config").close()
            break
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"{command[:2]} ended") from None
            time.sleep(0.01)
    seconds = time.perf_counter() - begun
    process.terminate()
    process.wait()
    return seconds


def stroke_rows():
    library = Library()
    tab, picture = DrawTab(library, UseTab(library)), Image.new("L", (280, 280))
    ImageDraw.Draw(picture).line((150, 40, 130, 240), fill=255, width=22)
    value, times = {"kind": "drawing", "data": png_url(picture)}, []
    tab.look(value, "MNIST")
    for _ in range(CALLS):
        begun = time.perf_counter()
        tab.look(value, "MNIST")
        times.append(1000 * (time.perf_counter() - begun))
    server = statistics.median(times)
    strokes = []
    with serve() as url, start_playwright() as playwright, launch_browser(playwright) as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        open_demo(page, url)
        draw(page, DIGITS["1"])
        page.wait_for_timeout(1000)
        rng = random.Random(0)
        for _ in tqdm(range(STROKES), desc="strokes", disable=None):
            page.evaluate(f"void (window.measured = ({STROKE})())")  # else it waits for it
            x, y = rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.6)
            draw(page, [[(x + 0.03 * i, y + 0.02 * i) for i in range(8)]])
            strokes.append(page.evaluate("window.measured"))
            page.get_by_role("button", name="Undo").click()
            page.wait_for_timeout(500)
    most = statistics.quantiles(strokes, n=20)[-1]
    return [
        ["end of a stroke to its new pictures", f"{statistics.median(strokes):.0f} ms",
         f"95 % within {most:.0f} ms"],
        ["of that, work of the server", f"{server:.1f} ms", ""],
    ]  # fmt: skip


def client_rows():
    lane = Library().lanes["mnist-vae"]
    z = np.random.default_rng(0).normal(size=(CLIENT_CALLS, 2)).astype(np.float32).round(4)
    expected = vae_onnx.to_uint8(lane.decode(z))
    with server() as (url, process):
        clients = [Client(url, verbose=False) for _ in range(CLIENTS)]
        memory, seconds, wrong = [], [], 0

        def ask(client, numbers):
            bad = 0
            for i in numbers:
                begun = time.perf_counter()
                path = client.predict([z[i].tolist()], "mnist-vae", api_name="/decode")
                seconds.append(time.perf_counter() - begun)
                bad += not np.array_equal(np.asarray(Image.open(path).convert("L")), expected[i])
                Path(path).unlink()
            return bad

        begun = time.perf_counter()
        for part in tqdm(np.split(np.arange(CLIENT_CALLS), 4), desc="clients", disable=None):
            shares = np.array_split(part, CLIENTS)
            with ThreadPoolExecutor(CLIENTS) as pool:
                wrong += sum(pool.map(ask, clients, shares))
            memory.append(resident(process.pid))
        taken = time.perf_counter() - begun
    told = " -> ".join(f"{value:.0f}" for value in memory)
    return [
        [f"{CLIENTS} clients, {CLIENT_CALLS:,} calls: one call",
         f"{1000 * statistics.median(seconds):.0f} ms",
         f"{CLIENT_CALLS / taken:.0f} calls a second, {wrong} wrong answers"],
        ["memory of the server after each quarter of them", f"{told} MB", ""],
    ]  # fmt: skip


@contextmanager
def server():
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"{url}/health").close()
                break
            except OSError:
                time.sleep(0.1)
        yield url, process
    finally:
        process.terminate()
        process.wait()


def resident(pid):
    """Memory of a process in MB."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    print(section())
