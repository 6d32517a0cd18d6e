"""The endpoints, for models that are shown by themselves."""

import asyncio
import base64
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from PIL import Image

import vae_onnx
from demo.library.models import Library
from demo.page.pictures import PictureError
from demo.server.endpoints import Endpoints
from demo.server.schema import told

from .conftest import photo


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    photo().save(path)
    return str(path)


@pytest.fixture(scope="module")
def ends(library: Library) -> Endpoints:
    return Endpoints(library)


def test_by_a_client(strange_url: str, file: str, strangers: Path, tmp_path: Path) -> None:
    client = Client(strange_url, verbose=False, download_files=str(tmp_path))
    names = {model["name"]: model for model in client.predict(api_name="/models")}
    assert {"faces", "maps", "open", "mnist-vae"} <= set(names)
    assert names["open"]["image_shape"] == [3, -1, -1]
    code = client.predict(handle_file(file), "maps", api_name="/encode")
    assert np.shape(code["z"]) == (4, 3, 2)
    path = client.predict([code["z"]], "maps", api_name="/decode")
    with Image.open(path) as picture:
        assert picture.size == (4, 6)
    with Image.open(client.predict(handle_file(file), "faces", api_name="/reconstruct")) as picture:
        assert (picture.size, picture.mode) == ((64, 64), "RGB")
    with urllib.request.urlopen(f"{strange_url}/models/faces/decoder.onnx") as response:
        assert response.read() == (strangers / "faces" / "decoder.onnx").read_bytes()
    with urllib.request.urlopen(f"{strange_url}/health") as response:
        assert "faces" in json.load(response)["models"]


def test_codes_and_figures(ends: Endpoints, file: str) -> None:
    open_ = ends.encode(file, "open")
    assert np.shape(open_["z"]) == (3, 100, 150)
    assert not {"elbo", "log_px_given_z", "sigma"} & set(open_)
    assert open_["psnr"] == pytest.approx(-10 * np.log10(open_["mse"]))
    maps = ends.encode(file, "maps")
    assert np.shape(maps["sigma"]) == (4, 3, 2)
    assert "elbo" in maps


def test_pictures(ends: Endpoints, file: str, tmp_path: Path) -> None:
    assert ends.sample("faces", 4, 1, 0.5).size == (128, 128)
    assert ends.reconstruct(file, "open").size == (300, 200)
    photo(1, (90, 120)).save(other := tmp_path / "other.png")
    with Image.open(ends.interpolate(file, str(other), "open", 3, "gif")) as picture:
        assert (picture.n_frames, picture.size) == (4, (300, 200))  # there and back
    photo(2, (1500, 1000)).save(other)
    with pytest.raises(PictureError, match=r"17 pictures of 261,668 pixels .* at most 16"):
        ends.interpolate(str(other), file, "open", 17)
    model = vae_onnx.load(ends.library.singles["faces"].folder)
    z = model.encode(np.zeros((64, 64, 3), np.uint8))
    sheet = np.asarray(ends.decode(z.tolist(), "faces"))
    np.testing.assert_array_equal(sheet, vae_onnx.to_uint8(model.decode(z))[0])


def test_the_fit_and_the_ground(ends: Endpoints, file: str, tmp_path: Path) -> None:
    crop, pad = (ends.encode(file, "emoji-vae", fit)["z"] for fit in ("crop", "pad"))
    assert ends.encode(file, "emoji-vae")["z"] == crop != pad
    Image.new("RGBA", (40, 20)).save(nothing := tmp_path / "nothing.png")
    white = vae_onnx.load("emoji-vae").encode(np.full((32, 32, 3), 255, np.uint8))[0]
    for fit in ("crop", "pad", "stretch"):
        np.testing.assert_allclose(ends.encode(str(nothing), "emoji-vae", fit)["z"], white)


def test_emoji_have_classes(ends: Endpoints) -> None:
    told = {model["name"]: model for model in ends.models()}["emoji-vae"]
    assert told["dataset"] == "folder:emoji"
    assert len(ends.averages("emoji-vae")) == 9
    assert len(ends.directions("emoji-vae")["sigmas"]) == 64


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("sample", ("open", 1, 0, 1.0), "pictures of any size: nothing says how large"),
        ("sample", ("faces", 257, 0, 1.0), "count must be 1 to 256"),
        ("grid", ("maps", 3), "2-D latent space"),
        ("averages", ("faces",), "no test set"),
        ("encode", ("", "faces", "zoom"), "fit must be stretch, crop, pad, got 'zoom'"),
        ("directions", ("faces",), "no codes beside its graphs"),
        ("decode", ([[1, 2], [3]], "faces"), "lists of numbers"),
        ("decode", ([1, 2], "faces"), "z must have shape"),
        ("decode", (np.zeros((3, 400, 400)).tolist(), "open"), "at most 262,144 are decoded"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told(
    ends: Endpoints, name: str, arguments: tuple[Any, ...], said: str
) -> None:
    import gradio as gr

    with pytest.raises(gr.Error, match=said):
        told(getattr(ends, name))(*arguments)


def test_a_refusal_reaches_the_client(strange_url: str) -> None:
    with pytest.raises(AppError, match="nothing says how large"):
        Client(strange_url, verbose=False).predict("open", 1, 0, 1.0, api_name="/sample")


def test_the_tools_take_them_too(strange_url: str, file: str) -> None:
    image = "data:image/png;base64," + base64.b64encode(Path(file).read_bytes()).decode()

    async def ask() -> list[CallToolResult]:
        async with (
            streamable_http_client(f"{strange_url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            codes = await client.call_tool("encode", {"image": image, "model": "maps"})
            z = np.full((1, 4, 3, 2), 0.5).tolist()
            picture = await client.call_tool("decode", {"z": z, "model": "maps"})
            refused = await client.call_tool("averages", {"model": "faces"})
            return [codes, picture, refused]

    with ThreadPoolExecutor(1) as pool:  # Playwright's loop runs in this thread
        codes, picture, refused = pool.submit(asyncio.run, ask()).result()
    assert "psnr" in codes.content[0].text
    assert not picture.isError
    assert picture.content[0].type == "image"
    assert refused.isError
    assert "no test set" in refused.content[0].text
