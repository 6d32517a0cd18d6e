"""Models of strangers in a folder, and a demo that shows them."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.library.models import Library
from demo.screenshot import serve

GRAPHS = Path(__file__).parents[2] / "runtime" / "graphs"
HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'
# A VAE of colour pictures of 64x64 with six numbers: mean colours of the upper and the lower half.
ENCODER = """
encoder (float[N, 3, 64, 64] x) => (float[N, 6] mu, float[N, 6] log_var)
<int64[2] flat = {-1, 6}, float zero = {0}, float minus_four = {-4}> {
    halves = AveragePool <kernel_shape = [32, 64], strides = [32, 64]> (x)
    mu = Reshape(halves, flat)
    nothing = Mul(mu, zero)
    log_var = Add(nothing, minus_four)
}"""
DECODER = """
decoder (float[N, 6] z) => (float[N, 3, 64, 64] x_recon)
<int64[4] halves = {-1, 3, 2, 1}, float[4] large = {1, 1, 32, 64},
    float zero = {0}, float one = {1}> {
    small = Reshape(z, halves)
    whole = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric",
        nearest_mode = "floor"> (small, "", large)
    x_recon = Clip(whole, zero, one)
}"""
TOLD = {
    "name": "faces",
    "likelihood": "Bernoulli, x_recon is its mean",
    "latent_mean": "[0.5, 0.5, 0.5, 0.5, 0.5, 0.5]",
    "latent_std": "[0.1, 0.2, 0.3, 0.1, 0.2, 0.3]",
    "prior": "none",
}


def write_card(folder: Path, **told: object) -> None:
    card = {"name": folder.name, "made_by": "vae_onnx.torch.export", **told}
    (folder / "card.json").write_text(json.dumps(card))


def write_faces(folder: Path) -> None:
    """A model of colour pictures, 64x64, flat: CelebA's where it is, or a tiny one."""
    foreign = os.environ.get("VAE_ONNX_FOREIGN")
    if foreign:
        import vae_onnx.torch

        from ...foreign import nets  # noqa: TID252

        net = nets.Burgess(3, large=True)
        vae_onnx.torch.load_weights(net, Path(foreign) / "disentangling-vae-celeba.pt")
        pictures = np.stack([np.asarray(photo(i).resize((64, 64))) for i in range(8)])
        vae_onnx.torch.export(folder, net, pictures, likelihood="bernoulli", progress=False)
        return
    import onnx  # noqa: TID251

    folder.mkdir()
    for name, text in (("encoder", ENCODER), ("decoder", DECODER)):
        proto = onnx.parser.parse_model(HEADER + text)
        onnx.helper.set_model_props(proto, TOLD)
        onnx.save(proto, folder / f"{name}.onnx")
    write_card(folder, parameters=0, image_shape=[3, 64, 64], measured={"reconstruction_psnr": 9})


def photo(seed: int = 0, size: tuple[int, int] = (300, 200)) -> Image.Image:
    """A soft picture of many colours."""
    small = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: faces, flat; maps, RGBA with a map of codes; open, of any size."""
    folder = tmp_path_factory.mktemp("strangers")
    write_faces(folder / "faces")
    for source, name in (("map", "maps"), ("open", "open")):
        shutil.copytree(GRAPHS / source, folder / name)
        write_card(folder / name, image_shape=[3, 64, 64])
    return folder


@pytest.fixture(scope="session")
def library(strangers: Path) -> Library:
    return Library(strangers)


@pytest.fixture(scope="session")
def strange_url(strangers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo that shows them."""
    log = tmp_path_factory.mktemp("strange") / "log.txt"
    with (
        log.open("w") as file,
        serve(file, sys.executable, "-m", "demo", "--mcp", "--models", str(strangers)) as url,
    ):
        yield url
    assert "Traceback" not in log.read_text()
