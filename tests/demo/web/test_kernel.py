"""The engine of vae.js's own: its bytes, when it is taken, and what a visitor is spared."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from demo.screenshot import DIGITS, draw
from demo.web.build import BUDGET
from demo.web.kernel.__main__ import MODULE, compiled, module_of
from demo.web.screenshot import Counting, open_site, serve_folder

from .visiting import visit

# As a browser without SIMD says of the kernel. onnxruntime-web asks with a module of a few bytes;
# 1.30 does not start without SIMD either, older ones did.
NO_SIMD = """
const validate = WebAssembly.validate;
WebAssembly.validate = (bytes) => bytes.length < 1000 && validate(bytes);
"""
LOAD = """async ([name, options]) => {
  const { load } = await import("./vae.js");
  return load(`models/${name}/`, options).then(
    async (model) => {
      const picture = await model.decode(new Float32Array(model.latentDim));
      return [model.engine, model.device, picture.length];
    },
    ({ name, message }) => `${name}: ${message}`,
  );
}"""
FETCHED = "performance.getEntriesByType('resource').map(({ name }) => name)"


def test_the_committed_module_is_what_the_source_compiles_to() -> None:
    binary = compiled()
    assert MODULE.read_text(encoding="utf-8") == module_of(binary)
    assert len(binary) < 8_000


def test_a_model_of_dense_layers_needs_no_runtime(stranger: Page) -> None:
    for options in ({}, {"engine": "kernel"}, {"precision": "int8"}):
        assert stranger.evaluate(LOAD, ["mnist-vae", options]) == ["kernel", "wasm", 784]
    assert [name for name in stranger.evaluate(FETCHED) if "/ort/" in name] == []


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        (
            "emoji-vae",
            {"engine": "kernel"},
            "GraphError: the kernel cannot run models/emoji-vae/encoder.onnx: it has the operator "
            'Conv; leave engine out, or name engine: "onnxruntime"',
        ),
        (
            "mnist-vae",
            {"engine": "fast"},
            'InputError: engine must be "kernel" or "onnxruntime", got "fast"',
        ),
        (
            "mnist-vae",
            {"precision": "int4"},
            'InputError: precision must be "float32", "float16" or "int8", got "int4"',
        ),
        (
            "mnist-vae",
            {"engine": "kernel", "sessionOptions": {"executionProviders": ["webgpu"]}},
            "InputError: sessionOptions are for ONNX Runtime: leave them out, or name engine: "
            '"onnxruntime"',
        ),
        (
            "mnist-vae",
            {"engine": "onnxruntime"},
            "PackageMissingError: onnxruntime-web cannot be imported",
        ),
        (
            "mnist-vae",
            {"sessionOptions": {"executionProviders": ["webgpu"]}},
            "PackageMissingError: onnxruntime-web cannot be imported",
        ),
        ("emoji-vae", {"precision": "int8"}, "FileMissingError: "),
    ],
)
def test_an_engine_that_cannot_be_had_is_told_of(
    stranger: Page, name: str, options: dict[str, Any], told: str
) -> None:
    assert stranger.evaluate(LOAD, [name, options]).startswith(told)


def test_without_simd_onnxruntime_takes_over(
    open_window: Callable[..., Page], server: tuple[str, Path], url: str
) -> None:
    page = open_window(server[0], script=NO_SIMD)
    open_site(page, url)
    told = page.evaluate(
        "async () => { const { state } = await import('./page.js'); return state.engine; }"
    )
    assert told == "onnxruntime"
    draw(page, DIGITS["6"])
    expect(page.locator("#reading b")).to_have_text("6")
    expect(page.locator("#status")).to_contain_text("by onnxruntime-web")


def test_without_simd_and_without_onnxruntime_both_are_told_of(browser: Browser, url: str) -> None:
    with browser.new_context(service_workers="block") as context:
        context.add_init_script(NO_SIMD)
        page = context.new_page()
        page.route("**/page.js", lambda route: route.fulfill(content_type="text/javascript"))
        page.goto(url)
        missing = page.evaluate(LOAD, ["mnist-vae", {}])
        named = page.evaluate(LOAD, ["mnist-vae", {"engine": "kernel"}])
    assert missing.startswith("PackageMissingError: onnxruntime-web cannot be imported")
    assert "there is no WebAssembly with SIMD here" in missing
    assert named.startswith("GraphError: the kernel cannot run models/mnist-vae/")


def test_a_first_visit_is_less_than_a_megabyte(visitor: BrowserContext, site: Path) -> None:
    counted: dict[str, int] = {}
    counting = type("Counted", (Counting,), {"sent": counted})
    with serve_folder(site, files=counting) as address:
        page = visit(visitor, address)
        draw(page, DIGITS["3"])
        expect(page.locator("#reading b")).to_have_text("3")
        page.wait_for_timeout(1000)  # whatever else it may want
        assert sum(counted.values()) <= BUDGET == 1_000_000, json.dumps(counted, indent=2)
        assert "/models/mnist-vae/decoder.int8.onnx" in counted
        later = re.compile("/ort/|runtime|mnist-ae|fashion|emoji-")
        assert [path for path in counted if later.search(path)] == []
        page.get_by_role("radio", name="Emoji").check()
        page.locator("#dreams button canvas").last.wait_for()
        expect(page.locator("#status")).to_contain_text("by onnxruntime-web")
        assert [path for path in counted if path.endswith(".wasm.gz")]


def test_what_was_chosen_works_offline(visitor: BrowserContext, site: Path) -> None:
    with serve_folder(site) as address:
        page = visit(visitor, address)
        page.get_by_role("radio", name="Clothes").check()
        expect(page.locator(".names")).to_contain_text("Ankle boot")
        page.wait_for_timeout(1000)  # until it is kept, too
        page.close()
    page = visitor.new_page()
    open_site(page, address)
    page.get_by_role("radio", name="Clothes").check()
    expect(page.locator(".names")).to_contain_text("Ankle boot")
    page.get_by_role("button", name="Test image: Sneaker").first.click()
    expect(page.locator("#reading b")).to_have_text("Sneaker")
    page.get_by_role("radio", name="AE", exact=True).check()  # never chosen
    expect(page.get_by_role("alert")).to_contain_text("This did not work")
