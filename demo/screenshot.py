"""`python -m demo.screenshot --out docs/demo.png`: draw a digit in a real browser, take a picture.

The tests draw with the same hand. Needs Playwright, which the demo itself does not.
"""

from __future__ import annotations

import argparse
import math
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from demo import tools

Point = tuple[float, float]
Stroke = list[Point]  # in units of the pad's side, from its top left

SHOWN = "[...document.images].every((one) => one.complete || !one.checkVisibility())"
TABS = ("Draw", "Explore", "Generate", "Training", "Use it")
FLAGS = (
    "--no-sandbox",  # containers have none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Stroke:
    """Points on an ellipse, from one angle to another, in degrees, clockwise from the right."""
    angles = (math.radians(start + (end - start) * i / 40) for i in range(41))
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


DIGITS: dict[str, list[Stroke]] = {
    "0": [arc(0.5, 0.5, 0.23, 0.3, -100, 270)],
    "1": [[(0.54 - 0.08 * i / 16, 0.18 + 0.64 * i / 16) for i in range(17)]],
    "3": [arc(0.47, 0.34, 0.18, 0.16, -150, 80) + arc(0.47, 0.66, 0.2, 0.17, -85, 150)],
    "7": [[(0.25, 0.22), (0.74, 0.22), (0.68, 0.4), (0.45, 0.82)]],
    "6": [arc(0.62, 0.66, 0.26, 0.48, -100, -180) + arc(0.53, 0.66, 0.17, 0.16, 180, -165)],
}


@contextmanager
def serve(log: IO[str] | None = None, *command: str) -> Iterator[str]:
    """Run the demo on a free port until the block ends; yields its address.

    Args:
        log: Where its output goes; nowhere by default.
        command: What to run instead of `python -m demo`; `--port` is appended.
    """
    port = free_port()
    command = command or (sys.executable, "-m", "demo")
    output = log or subprocess.DEVNULL
    process = subprocess.Popen([*command, "--port", str(port)], stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the demo ended with exit code {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:  # refused, reset, timed out
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"the demo did not answer on {url} within {seconds:.0f} s")


@contextmanager
def start_playwright() -> Iterator[Playwright]:
    """Run Playwright until the block ends."""
    tools.lend_node()
    with sync_playwright() as playwright:
        yield playwright


def launch_browser(playwright: Playwright, *flags: str) -> Browser:
    """Start the machine's Chromium, or one that is fetched.

    Args:
        playwright: What drives it.
        flags: For its command line, beside FLAGS.

    Raises:
        FileNotFoundError: There is none, and none to be had.
    """
    path = tools.need("chromium")
    return playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])


def open_demo(page: Page, url: str) -> None:
    """Go to the demo and wait until its pad takes strokes."""
    page.goto(url)
    page.locator("#pad .pad.empty").wait_for()


def draw(page: Page, strokes: list[Stroke], *, pad: str = "#pad", let_go: bool = True) -> None:
    """Draw with the mouse on a pad; without `let_go` the last stroke stays unfinished."""
    canvas = page.locator(f"{pad} canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    if box is None:
        raise RuntimeError("the pad is not on the page")
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        if let_go or stroke is not strokes[-1]:
            page.mouse.up()


def take(url: str, out: Path, *, digit: str, tab: str, width: int, height: int, dark: bool) -> None:
    """Open the demo, draw a digit, go to a tab, and write a picture of the whole page to `out`."""
    with start_playwright() as playwright, launch_browser(playwright) as browser:
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        open_demo(page, url)
        draw(page, DIGITS[digit])
        page.locator(".marker").first.wait_for()
        page.wait_for_timeout(500)  # the answer to the last point of the stroke
        if tab != "Draw":
            page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_function(SHOWN)
        page.wait_for_timeout(300)  # pictures fade in
        out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=out, full_page=True)


def main() -> None:
    """Serve the demo, take the picture, stop."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.screenshot", description="Take a picture."
    )
    parser.add_argument("--out", type=Path, default=Path("docs/demo.png"))
    parser.add_argument("--digit", choices=DIGITS, default="6")
    parser.add_argument("--tab", choices=TABS, default="Draw")
    parser.add_argument("--width", type=int, default=1440, help="of the window, in pixels")
    parser.add_argument("--height", type=int, default=850)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument(
        "--python", default=sys.executable, help="what serves the demo (default: this Python)"
    )
    arguments = vars(parser.parse_args())
    with serve(None, arguments.pop("python"), "-m", "demo") as url:
        take(url, **arguments)


if __name__ == "__main__":
    main()
