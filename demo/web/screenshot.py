"""`python -m demo.web.screenshot --out docs/web.png`: take a picture of the static page.

A digit is drawn on it first. The tests serve the site and draw with the same hand. Needs
Playwright, as demo/screenshot.py does.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from playwright.sync_api import Page

from demo.screenshot import DIGITS, draw, launch_browser, start_playwright


class Files(SimpleHTTPRequestHandler):
    """Hands out files, and says nothing of it."""

    def log_request(self, *args: object) -> None:
        """Say nothing of each request."""

    def log_error(self, *args: object) -> None:
        """Say nothing of a missing file: the browser does."""


class Counting(Files):
    """Counts what goes over the wire by path, status lines and headers included.

    A subclass has `sent`, the bytes so far.
    """

    sent: ClassVar[dict[str, int]]

    def setup(self) -> None:
        """Count what is written."""
        super().setup()
        plain = self.wfile.write

        def write(data: Any) -> int:
            self.sent[self.path] = self.sent.get(self.path, 0) + len(data)
            return plain(data)

        self.wfile.write = write  # type: ignore[method-assign]


@contextmanager
def serve_folder(
    folder: Path, port: int = 0, files: type[SimpleHTTPRequestHandler] = Files
) -> Iterator[str]:
    """Hand out the files of a folder, as `python -m http.server` does; yields the address.

    Args:
        folder: What is handed out.
        port: 0 takes any that is free.
        files: How it is done.

    Raises:
        OSError: The port is taken.
    """
    handler = partial(files, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def open_site(page: Page, url: str) -> None:
    """Go to the static page and wait until its model has drawn its first picture."""
    page.goto(url)
    page.locator(".marker:not([hidden])").wait_for()


def main() -> None:
    """Serve the site, take the picture, stop."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.web.screenshot", description="Take a picture of the static page."
    )
    parser.add_argument("--site", type=Path, default=Path("build/site"), help="what is shown")
    parser.add_argument("--out", type=Path, default=Path("docs/web.png"))
    parser.add_argument("--digit", choices=DIGITS, default="6")
    parser.add_argument("--width", type=int, default=1440, help="of the window, in pixels")
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--clothes", action="store_true", help="the other data set, no drawing")
    parser.add_argument("--emoji", action="store_true", help="the model of colour, no drawing")
    parser.add_argument("--ae", action="store_true", help="the AE instead of the VAE")
    arguments = parser.parse_args()
    with (
        serve_folder(arguments.site) as url,
        start_playwright() as playwright,
        launch_browser(playwright) as browser,
    ):
        page = browser.new_page(
            viewport={"width": arguments.width, "height": arguments.height},
            color_scheme="dark" if arguments.dark else "light",
        )
        open_site(page, url)
        if arguments.ae:
            page.get_by_role("radio", name="AE", exact=True).check()
        if arguments.clothes:
            page.get_by_role("radio", name="Clothes").check()
            page.get_by_role("button", name="Sneaker").first.click()
        elif arguments.emoji:
            page.get_by_role("radio", name="Emoji").check()
            page.get_by_role("button", name="Test image: Food & drink").click()
            page.locator("#dreams button canvas").first.wait_for()
            page.get_by_label("Place on the way").fill("54")
        else:
            draw(page, DIGITS[arguments.digit])
        page.get_by_text("Works offline").wait_for()
        page.mouse.move(0, 0)
        page.wait_for_timeout(1000)  # until the page has told how long a picture takes
        if page.get_by_role("alert").is_visible():
            raise RuntimeError(page.get_by_role("alert").inner_text())
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=arguments.out, full_page=True)


if __name__ == "__main__":
    main()
