"""A GPU that cannot be had, fails at once or is lost: WebAssembly goes on with the right answer."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright

import vae_onnx
from demo.screenshot import launch_browser
from demo.web.screenshot import open_site

SOFTWARE_GPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
BREAK = {
    "no adapter": "GPU.prototype.requestAdapter = async () => null",
    "no device": "GPUAdapter.prototype.requestDevice = async () => { throw new Error('busy') }",
    "start": "GPUQueue.prototype.submit = () => { throw new Error('no queue') }",
    "shaders": """
      const plain = GPUDevice.prototype.createShaderModule;
      GPUDevice.prototype.createShaderModule = function (told) {
        return plain.call(this, { ...told, code: "nonsense" });
      }""",
    "first run": """
      const lost = new DOMException("lost", "AbortError");
      GPUBuffer.prototype.mapAsync = () => Promise.reject(lost)""",
}
RUN = """async ([lose, z]) => {
  const { drawingToX, load } = await import("./vae.js");
  const ort = await import("./runtime.js");
  const told = [];
  console.warn = (...words) => told.push(words.join(" "));
  const sessionOptions = { executionProviders: ["webgpu"] };
  const model = await load("models/mnist-vae/", { ort, sessionOptions });
  const code = Float32Array.from(z);
  const devices = [];
  const pictures = [];
  for (let i = 0; i < 3; i++) {
    pictures.push([...await model.decode(code)]);
    devices.push(model.device);
    if (i === 0 && lose) (await ort.env.webgpu.device).destroy();
  }
  const [{ mu }, again] = await Promise.all([
    model.encode(Float32Array.from(pictures[0])), // a graph that has not met the loss yet
    model.decode(code),
  ]);
  const later = await load("models/mnist-ae/", { ort, sessionOptions });
  await later.decode(code);
  await Promise.all([model.close(), later.close()]);
  const ours = told.filter((line) => line.startsWith("vae.js"));
  return { pictures: [...pictures, [...again]], mu: [...mu], devices, later: later.device, ours };
}"""


@pytest.fixture
def page(driver: Playwright, url: str) -> Iterator[Page]:
    with launch_browser(driver, *SOFTWARE_GPU) as browser:
        page = browser.new_context(service_workers="block").new_page()
        page.route("**/page.js", lambda route: route.fulfill(content_type="text/javascript"))
        page.goto(url)
        yield page


@pytest.mark.parametrize("way", [*BREAK, "lost later"])
def test_webassembly_goes_on(page: Page, way: str) -> None:
    page.evaluate(f"() => {{ {BREAK.get(way, '')} }}")
    z = np.array([0.5, -1], np.float32)
    made = page.evaluate(RUN, [way == "lost later", z.tolist()])
    model = vae_onnx.load("mnist-vae")
    expected = model.decode(z)
    for picture in made["pictures"]:
        np.testing.assert_allclose(picture, expected.ravel(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(made["mu"], model.encode(expected)[0], rtol=0, atol=1e-3)
    first = "webgpu" if way == "lost later" else "wasm"
    assert made["devices"] == [first, "wasm", "wasm"]
    assert made["later"] == "wasm"
    (told,) = made["ours"]  # once
    assert told.startswith("vae.js goes on with wasm: webgpu failed (")


def test_a_model_that_is_closed_has_lost_nothing(page: Page) -> None:
    """With its last session ONNX Runtime gives the GPU back: the next model has it again."""
    devices = page.evaluate(
        """async () => {
          const { load } = await import("./vae.js");
          const ort = await import("./runtime.js");
          const devices = [];
          for (const name of ["mnist-vae", "mnist-ae"]) {
            const sessionOptions = { executionProviders: ["webgpu"] };
            const model = await load(`models/${name}/`, { ort, sessionOptions });
            await model.decode(Float32Array.of(0.5, -1));
            const gpu = await ort.env.webgpu.device;
            await model.close();
            await gpu.lost;
            await new Promise((resolve) => setTimeout(resolve));
            devices.push(model.device);
          }
          return devices;
        }"""
    )
    assert devices == ["webgpu", "webgpu"]


def test_the_page_says_where_it_went_on(driver: Playwright, url: str) -> None:
    with launch_browser(driver, *SOFTWARE_GPU) as browser:
        page = browser.new_page()
        page.add_init_script(BREAK["first run"])
        open_site(page, f"{url}?provider=webgpu")
        page.get_by_text("Runs in this page, on WebAssembly").wait_for()
        assert page.get_by_role("alert").is_hidden()
