"""What the service worker keeps only once it was chosen: emoji, and the runtime that they need."""

import shutil
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from demo.screenshot import DIGITS, draw
from demo.web.build import write_worker
from demo.web.screenshot import open_site

from .visiting import KEPT, NEW, UPDATE, served, visit

EMOJI = r"""async () => {
  const [name] = (await caches.keys()).filter((one) => one.startsWith("vae-onnx"));
  const keys = await (await caches.open(name)).keys();
  return keys.filter(({ url }) => /emoji-vae|emoji\.json|ort\/|runtime/.test(url)).length;
}"""
# Kept once emoji are chosen: both graphs, their map and the examples; runtime.js and three of ort/.
FILES = 9


def choose_emoji(page: Page) -> None:
    page.get_by_role("radio", name="Emoji").check()
    page.locator("#dreams button canvas").last.wait_for()


def kept_all(page: Page) -> None:
    page.wait_for_function(f"async () => (await ({EMOJI})()) === {FILES}")


def test_emoji_are_kept_once_they_are_chosen(
    visitor: BrowserContext, site: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    with served(copy) as address:
        page = visit(visitor, address)
        assert page.evaluate(EMOJI) == 0
        choose_emoji(page)
        kept_all(page)
        page.close()
    page = visitor.new_page()
    open_site(page, address)
    choose_emoji(page)  # without a server
    with served(copy, address):
        latents = copy / "models" / "emoji-vae" / "map.json"
        latents.write_text(latents.read_text() + " ")
        (copy / "style.css").write_text("body { --new: yes }")
        write_worker(copy)
        open_site(page, address)
        page.evaluate(UPDATE)
        page.close()
        page = visitor.new_page()
        open_site(page, address)
        page.wait_for_function(f"async () => (await ({KEPT})()).length === 1")
    open_site(page, address)
    assert page.evaluate(NEW) == "yes"
    choose_emoji(page)  # the new version brought the new map along


def test_emoji_chosen_before_the_worker_was_there_are_kept_too(
    visitor: BrowserContext, site: Path
) -> None:
    with served(site) as address:
        page = visitor.new_page()
        page.add_init_script(
            """const register = navigator.serviceWorker.register;
            navigator.serviceWorker.register = async function (...told) {
              await new Promise((go) => (window.goOn = go));
              return register.apply(this, told);
            };"""
        )
        open_site(page, address)
        choose_emoji(page)
        page.evaluate("window.goOn()")
        page.get_by_text("Works offline").wait_for()
        kept_all(page)


def test_without_a_server_emoji_that_were_never_chosen_are_told_of(
    visitor: BrowserContext, site: Path
) -> None:
    with served(site) as address:
        visit(visitor, address).close()
    page = visitor.new_page()
    open_site(page, address)
    page.get_by_role("radio", name="Emoji").check()
    expect(page.get_by_role("alert")).to_contain_text("This did not work")
    page.get_by_role("radio", name="Digits").check()
    draw(page, DIGITS["1"])
    expect(page.locator("#reading b")).to_have_text("1")
