"""A visitor of the site, and the server that comes and goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from demo.web.screenshot import open_site, serve_folder

KEPT = "async () => (await caches.keys()).filter((name) => name.startsWith('vae-onnx'))"
WORKERS = "async () => (await navigator.serviceWorker.getRegistrations()).length"
UPDATE = """async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  await registration.update();
  const coming = registration.installing ?? registration.waiting;
  if (coming?.state === "installing") {
    await new Promise((resolve) => coming.addEventListener("statechange", resolve, { once: true }));
  }
}"""
NEW = "getComputedStyle(document.body).getPropertyValue('--new')"


@contextmanager
def served(folder: Path, address: str = "http://127.0.0.1:0/") -> Iterator[str]:
    """Serve a folder where another one was before; yields the address."""
    with serve_folder(folder, port_of(address)) as now:
        yield now


def port_of(address: str) -> int:
    return int(address.rstrip("/").rpartition(":")[2])


def visit(context: BrowserContext, url: str) -> Page:
    """Open the site for the first time, until it works offline."""
    page = context.new_page()
    open_site(page, url)
    page.get_by_text("Works offline").wait_for()
    return page
