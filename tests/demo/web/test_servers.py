"""The site on servers without types, that pack, or with a policy; what is no model is named."""

import gzip
import io
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import pytest
from playwright.sync_api import Browser, Page, expect

import vae_onnx
from demo.screenshot import DIGITS, draw
from demo.web.build import ROOT
from demo.web.screenshot import Files, open_site, serve_folder

KNOWN = (".html", ".js", ".css")
ENCODER = vae_onnx.load("mnist-vae").folder / "encoder.onnx"


class Octets(Files):
    """Knows the types that every server knows, and forbids guesses."""

    def guess_type(self, path: str) -> str:  # type: ignore[override]
        known = path.endswith(KNOWN)
        return super().guess_type(path) if known else "application/octet-stream"

    def end_headers(self) -> None:
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()


class Packed(Octets):
    """Packs every file, and takes those that are packed for what is in them, as Apache does."""

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        packed = path.suffix == ".gz"
        body = path.read_bytes() if packed else gzip.compress(path.read_bytes(), 1)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Encoding", "x-gzip" if packed else "gzip")
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)


class Strict(Files):
    """Sends the policy of docs/embedding.md with every file."""

    def end_headers(self) -> None:
        page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
        (policy,) = re.findall(r"^Content-Security-Policy: (.*)$", page, re.MULTILINE)
        self.send_header("Content-Security-Policy", policy)
        super().end_headers()


COUNT = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
"""


@pytest.mark.parametrize("files", [Octets, Packed, Strict])
def test_the_page_works_on_any_server(
    open_window: Callable[..., Page], site: Path, files: type[Files]
) -> None:
    with serve_folder(site, files=files) as address:
        page = open_window(address, script=COUNT)
        open_site(page, address)
        draw(page, DIGITS["6"])
        expect(page.locator("#reading b")).to_have_text("6")
        page.get_by_role("radio", name="Clothes").check()
        page.get_by_role("button", name="Test image: Sneaker").first.click()
        expect(page.locator("#reading b")).to_have_text("Sneaker")
        page.get_by_text("Works offline").wait_for()
        assert page.evaluate("window.violations") == []
    open_site(page, address)  # what is kept needs no server
    assert page.evaluate("window.violations") == []


def test_the_policy_is_in_force(browser: Browser, site: Path) -> None:
    """What the page does not need is refused: the header of the docs reached the browser."""
    with serve_folder(site, files=Strict) as address, browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(COUNT)
        open_site(page, address)
        page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.text = "1";
              document.body.append(script);
            }"""
        )
        assert page.evaluate("window.violations") == ["script-src-elem"]


def test_no_file_of_the_site_has_a_name_that_servers_do_not_know(site: Path) -> None:
    code = {path for path in site.rglob("*") if path.suffix in (".mjs", ".cjs", ".wasm", ".ts")}
    assert {path.name for path in code} == {"vae.d.ts"}
    assert "importmap" not in (site / "index.html").read_text(encoding="utf-8")


INSTEAD = {
    "an HTML page": b"\n<!DOCTYPE html><title>An app</title>",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    "is empty": b"",
    "ends too soon": ENCODER.read_bytes()[:500_000],
    "packed by gzip": gzip.compress(ENCODER.read_bytes(), mtime=0),
    'is text: "{': b'{"error": "no such key"}',
    "zip archive": b"PK\x03\x04" + bytes(26),
    "cannot be opened": b"\x89PNG\r\n\x1a\n\x00\x00\x00\r",
}
LOAD = """async () => {
  const { load } = await import("./vae.js");
  const ort = () => import("./runtime.js");
  return load("models/mnist-vae/", { ort }).then(
    (model) => model.kind,
    (error) => `${error.name}: ${error.message}`,
  );
}"""


@pytest.mark.parametrize("told", INSTEAD)
def test_what_came_in_the_place_of_a_model_is_named(stranger: Page, told: str) -> None:
    stranger.route("**/encoder.onnx", lambda route: route.fulfill(body=INSTEAD[told]))
    message = stranger.evaluate(LOAD)
    assert message.startswith("GraphError: models/mnist-vae/encoder.onnx (")
    assert told in message
    stranger.unroute("**/encoder.onnx")
    assert stranger.evaluate(LOAD) == "vae"  # once the file is there


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "FileMissingError: models/mnist-vae/encoder.onnx is missing (the server answers 404"),
        (
            403,
            "FileAccessError: models/mnist-vae/encoder.onnx cannot be read: the server answers 4",
        ),
        (
            500,
            "FileAccessError: models/mnist-vae/encoder.onnx cannot be read: the server answers 5",
        ),
    ],
)
def test_a_refusal_is_told(stranger: Page, url: str, status: int, told: str) -> None:
    stranger.route("**/encoder.onnx", lambda route: route.fulfill(status=status))
    assert stranger.evaluate(LOAD).replace(url, "").startswith(told)


def test_a_transfer_that_breaks_off_is_told(browser: Browser, site: Path) -> None:
    class Breaking(Files):
        def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:  # type: ignore[override]
            body = source.read()
            whole = not self.path.endswith("encoder.onnx")
            outputfile.write(body if whole else body[: len(body) // 2])

    with serve_folder(site, files=Breaking) as address, browser.new_context() as context:
        page = context.new_page()
        page.route("**/page.js", lambda route: route.fulfill(content_type="text/javascript"))
        page.goto(address)
        told = "FileAccessError: models/mnist-vae/encoder.onnx cannot be fetched"
        assert page.evaluate(LOAD).startswith(told)


def test_a_runtime_without_its_file_is_not_blamed_on_the_model(browser: Browser, url: str) -> None:
    """As Vite's dev server has it, unless it is told where the file is."""
    with browser.new_context(service_workers="block") as context:
        page = context.new_page()
        page.route("**/page.js", lambda route: route.fulfill(content_type="text/javascript"))
        page.goto(url)
        told = page.evaluate(
            """async () => {
              const { load } = await import("./vae.js");
              const ort = await import("./ort/ort.webgpu.min.js");
              const mjs = new URL("ort/ort-wasm-simd-threaded.asyncify.js", location).href;
              ort.env.wasm.numThreads = 1;
              ort.env.wasm.wasmPaths = { mjs, wasm: "index.html" };
              return load("models/mnist-vae/", { ort, engine: "onnxruntime" }).catch(
                ({ name, message }) => `${name}: ${message}`,
              );
            }"""
        )
    assert told.startswith(
        "PackageMissingError: onnxruntime-web does not start, whatever the model"
    )
    assert "wasmPaths" in told
    assert ".onnx" not in told
