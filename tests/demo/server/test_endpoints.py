"""Everything that a program can ask for, asked for by a program."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, expect

import vae_onnx
from demo.library.models import Library

ENDPOINTS = (
    "models", "encode", "decode", "reconstruct", "sample", "interpolate", "grid", "averages",
    "directions",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(url: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(url, verbose=False, download_files=str(tmp_path_factory.mktemp("files")))


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


def test_every_endpoint_is_documented_with_plain_types(client: Client) -> None:
    api = client.view_api(return_format="dict", print_info=False)
    assert isinstance(api, dict)
    named = api["named_endpoints"]
    assert set(named) == {f"/{name}" for name in ENDPOINTS}
    types = {
        parameter["python_type"]["type"].split("(")[0]
        for endpoint in named.values()
        for parameter in endpoint["parameters"]
    }
    assert {"filepath", "float"} <= types
    (model,) = (p for p in named["/sample"]["parameters"] if p["parameter_name"] == "model")
    assert "mnist-vae" in model["python_type"]["type"]
    assert all(endpoint["description"] for endpoint in named.values())


def test_models(client: Client) -> None:
    told = {model["name"]: model for model in client.predict(api_name="/models")}
    assert set(told) == set(vae_onnx.models())
    assert told["mnist-vae"]["latent_dim"] == 2
    assert told["mnist-ae"]["kind"] == "ae"


def test_encode_and_decode_are_the_runtimes(client: Client, digits: list[str]) -> None:
    model = vae_onnx.load("mnist-vae-16d")
    told = client.predict(handle_file(digits[3]), "mnist-vae-16d", api_name="/encode")
    x = vae_onnx.drawing_to_x(np.asarray(Image.open(digits[3])))
    np.testing.assert_allclose(told["z"], model.encode(x)[0], rtol=1e-4, atol=1e-4)
    assert len(told["sigma"]) == 16
    assert -400 < told["elbo"] < 0
    assert 0 <= told["percentile"] <= 100
    assert told["nearest"][0] == {"number": 3, "class": "0"}  # itself

    sheet = pixels(client.predict([told["z"]], "mnist-vae-16d", api_name="/decode"))
    np.testing.assert_array_equal(sheet, vae_onnx.to_uint8(model.decode(told["z"]))[0])


def test_an_ae_has_no_posterior(client: Client, digits: list[str]) -> None:
    told = client.predict(handle_file(digits[0]), "mnist-ae", api_name="/encode")
    assert len(told["z"]) == 2
    assert not {"sigma", "elbo", "percentile"} & set(told)


def test_reconstruct_with_a_seed_draws(client: Client, digits: list[str]) -> None:
    image = handle_file(digits[1])
    mean, again, drawn = (
        pixels(client.predict(image, "mnist-vae", seed, api_name="/reconstruct"))
        for seed in (None, None, 7)
    )
    assert mean.shape == (28, 28)
    np.testing.assert_array_equal(mean, again)
    assert (mean != drawn).any()


def test_sample_is_reproducible_and_bounded(client: Client) -> None:
    first, again, other = (
        pixels(client.predict("mnist-vae", 9, seed, 1.0, api_name="/sample")) for seed in (1, 1, 2)
    )
    assert first.shape == (84, 84)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    cold = pixels(client.predict("mnist-vae", 4, 0, 0.0, api_name="/sample"))
    np.testing.assert_array_equal(cold[:28, :28], cold[28:, 28:])


@pytest.mark.parametrize(("form", "frames"), [("png", 1), ("gif", 10), ("webp", 10)])
def test_interpolate(client: Client, digits: list[str], form: str, frames: int) -> None:
    a, b = handle_file(digits[0]), handle_file(digits[1])
    path = client.predict(a, b, "mnist-vae", 6, form, api_name="/interpolate")
    with Image.open(path) as picture:
        assert getattr(picture, "n_frames", 1) == frames  # there and back
        assert picture.size == ((168, 28) if form == "png" else (28, 28))


def test_averages_and_directions_are_places_to_decode(client: Client) -> None:
    lane = Library().lanes["mnist-vae-16d"]
    averages = client.predict("mnist-vae-16d", api_name="/averages")
    assert list(averages) == list(lane.class_names)
    z, labels = lane.latents
    np.testing.assert_allclose(averages["7"], z[labels == 7].mean(axis=0), rtol=1e-5)
    told = client.predict("mnist-vae-16d", api_name="/directions")
    np.testing.assert_allclose(told["mean"], z.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.square(told["axes"]).sum(axis=1), 1, rtol=1e-4)
    assert told["sigmas"] == sorted(told["sigmas"], reverse=True)


def test_the_page_documents_the_endpoints(browser: Browser, url: str) -> None:
    page = browser.new_page()  # not a watched one: Gradio asks for a list of MCP tools in any case
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{url}/?view=api")
    for name in ENDPOINTS:
        expect(page.get_by_text(f"/{name}", exact=True).first).to_be_visible()
    page.close()
    assert [one for one in asked if not one.startswith((url, "data:"))] == []


def test_grid(client: Client) -> None:
    sheet = pixels(client.predict("fashion-mnist-vae", 5, api_name="/grid"))
    expected = vae_onnx.tile(vae_onnx.load("fashion-mnist-vae").grid(5), 5)
    np.testing.assert_array_equal(sheet, vae_onnx.to_uint8(expected))


@pytest.mark.parametrize(
    ("endpoint", "arguments", "message"),
    [
        ("/interpolate", (None, None, "mnist-vae", 4, "bmp"), "form must be png, gif or webp"),
        ("/sample", ("mnist-vae", 257, 0, 1.0), "count must be 1 to 256"),
        ("/sample", ("mnist-vae", 0, 0, 1.0), "count must be 1 to 256"),
        ("/sample", ("mnist-vae", 4, 0, 99.0), "temperature must be 0 to 3"),
        ("/sample", ("mnist-vae", 4, -1, 1.0), "seed must be 0"),
        ("/sample", ("no-such-model", 4, 0, 1.0), "no-such-model"),
        ("/grid", ("mnist-vae-16d", 5), "2-D latent space"),
        ("/grid", ("mnist-vae", 31), "side must be 1 to 30"),
        ("/decode", ([[1, 2, 3]], "mnist-vae"), r"must have shape \(N, 2\)"),
        ("/decode", ([["x", 2]], "mnist-vae"), "numbers"),
        ("/decode", ([[0, 0]] * 257, "mnist-vae"), "at most 256"),
        ("/encode", (None, "mnist-vae"), "no image was given"),
    ],
)
def test_what_cannot_be_done_is_told(
    client: Client, log: Path, endpoint: str, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(AppError, match=message):
        client.predict(*arguments, api_name=endpoint)
    assert "Traceback" not in log.read_text()


def test_a_text_renamed_to_png_is_told(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_text("this is no picture")
    with pytest.raises(AppError, match="not a picture that can be taken"):
        client.predict(handle_file(str(path)), "mnist-vae", api_name="/encode")


def test_clients_at_once_get_the_answers_to_their_own_inputs(url: str, digits: list[str]) -> None:
    """The short form of what docs/demo.md measures with 32 clients and 2,000 calls."""
    lane = Library().lanes["mnist-vae"]
    expected = [lane.decode(np.float32([[i / 4 - 1, 1 - i / 4]]))[0] for i in range(8)]

    def ask(i: int) -> bool:
        client = Client(url, verbose=False)
        z = [[i / 4 - 1, 1 - i / 4]]
        answers = [client.predict(z, "mnist-vae", api_name="/decode") for _ in range(5)]
        return all((pixels(one) == vae_onnx.to_uint8(expected[i])).all() for one in answers)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))
