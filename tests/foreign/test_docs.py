"""What docs/your-model.md shows is what happens."""

import functools
import re
import shlex
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import vae_onnx
import vae_onnx.torch
from demo.web.screenshot import serve_folder
from vae_onnx.torch import __main__ as shell

from . import hosts, nets
from .test_adopt import keras_decoder, keras_encoder

PAGE = Path(__file__).parents[2].joinpath("docs/your-model.md").read_text(encoding="utf-8")
SECTIONS = dict(part.split("\n", 1) for part in PAGE.split("\n## ")[1:])
BLOCKS = {
    heading: found[1]
    for heading, text in SECTIONS.items()
    if (found := re.search(r"```python\n(.*?)```", text, re.DOTALL))
}

MYNET = """
from torch import nn

class ConvVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Flatten())
        self.fc_mu, self.fc_var = nn.Linear(2048, 4), nn.Linear(2048, 4)
        pixels = nn.Unflatten(1, (3, 64, 64))
        self.generator = nn.Sequential(nn.Linear(4, 3 * 64 * 64), nn.Tanh(), pixels)
"""

WITH_METHODS = """
    def encode(self, x):
        h = self.body(x)
        return self.fc_mu(h), self.fc_var(h)

    def decode(self, z):
        return self.generator(z)
"""

# Whether the canvas shows a picture, up to a rounding.
SHOWS = """(rgb) => {
  const context = document.querySelector("canvas").getContext("2d");
  const { data } = context.getImageData(0, 0, 64, 64);
  return rgb.every((value, i) => Math.abs(value - data[i + Math.floor(i / 3)]) <= 1);
}"""


@pytest.fixture
def place(tmp_path, monkeypatch, digits):
    """A folder with all that the page's blocks take for granted; none of it is trained."""
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        vae_onnx.torch, "export", functools.partial(vae_onnx.torch.export, strict=False)
    )
    np.save("digits.npy", digits)
    rng = np.random.default_rng(0)
    np.save("faces.npy", rng.integers(0, 255, (32, 64, 64, 3), dtype=np.uint8))
    np.save("photos.npy", rng.integers(0, 255, (4, 12, 16, 3), dtype=np.uint8))
    Path("mynet.py").write_text(textwrap.dedent(MYNET))
    monkeypatch.setattr(nets, "VAE", nets.Report, raising=False)
    monkeypatch.setitem(sys.modules, "train", nets)
    torch.save(nets.Report().state_dict(), "vae.pt")
    import mynet

    torch.save({"state_dict": mynet.ConvVAE().state_dict()}, "best.pt")
    yield tmp_path
    sys.modules.pop("mynet", None)


def run(heading):
    exec(compile(BLOCKS[heading], heading, "exec"), {})


@pytest.mark.filterwarnings("ignore::vae_onnx.ExportWarning")
def test_the_class_of_the_report(place, capsys):
    run("The class of the report")
    assert capsys.readouterr().out == (
        "<mine: vae, latent_dim 2, image_shape (1, 28, 28)> (64, 2) (64, 28, 28)\n"
    )


@pytest.mark.filterwarnings("ignore::vae_onnx.ExportWarning")
def test_a_convolutional_vae(place):
    run("A convolutional VAE")
    assert vae_onnx.load("models/faces").kind == "vae"


@pytest.mark.filterwarnings("ignore::vae_onnx.ExportWarning")
def test_a_convolutional_vae_from_the_shell(place):
    (line,) = re.findall(r"^python -m vae_onnx.torch (.*\n.*)", PAGE, re.MULTILINE)
    arguments = shlex.split(line.replace("\\\n", ""))
    Path("mynet.py").write_text(textwrap.dedent(MYNET + WITH_METHODS))
    del sys.modules["mynet"]
    Path("photos").mkdir()
    for i, face in enumerate(np.load("faces.npy")):
        Image.fromarray(face).save(f"photos/{i}.png")
    assert shell.main([*arguments, "--no-strict"]) == 0
    assert vae_onnx.load("models/faces").image_shape == (3, 64, 64)


@pytest.mark.filterwarnings("ignore::vae_onnx.ExportWarning")
def test_to_a_page_in_the_browser(place, browser):
    run("A convolutional VAE")
    hosts.write_library(place)
    (html,) = re.findall(r"```html\n(.*?)```", PAGE, re.DOTALL)
    (place / "index.html").write_text(html)
    face = np.load("faces.npy")[0]
    Image.fromarray(face).save("face.png")
    expected = vae_onnx.to_uint8(vae_onnx.load("models/faces").reconstruct(face)[0])
    with serve_folder(place) as home, browser.new_context() as context:
        page = context.new_page()
        page.goto(home)
        page.wait_for_function("!!document.querySelector('input').onchange")
        page.locator("input").set_input_files("face.png")
        page.wait_for_function(SHOWS, arg=expected.ravel().tolist())


@pytest.mark.filterwarnings("ignore::vae_onnx.ExportWarning")
def test_pythae(place):
    pythae = pytest.importorskip("pythae.models", reason="the group `foreign` installs pythae")
    config = pythae.VAEConfig(input_dim=(1, 28, 28), latent_dim=3)
    pythae.VAE(config).save("my_model/VAE_training/final_model")
    run("pythae")
    assert vae_onnx.load("models/pythae").latent_dim == 3


@pytest.mark.filterwarnings("ignore::vae_onnx.ExportWarning", "ignore::DeprecationWarning")
def test_diffusers(place, opened):
    diffusers = pytest.importorskip("diffusers", reason="the group `foreign` installs diffusers")
    small = {"block_out_channels": (4,), "norm_num_groups": 4}
    diffusers.AutoencoderKL(**small).save_pretrained("my_vae")
    run("diffusers")
    assert opened(place / "models" / "kl").told["size_multiple"] == "1"


def test_graphs_that_exist_already(place):
    onnx.save(keras_encoder(), "encoder_keras.onnx")
    onnx.save(keras_decoder(), "decoder_keras.onnx")
    np.save("digits.npy", np.random.default_rng(0).random((64, 8, 8), dtype=np.float32))
    run("Graphs that exist already")
    assert vae_onnx.load("models/keras").kind == "vae"


def test_every_option_is_told():
    from vae_onnx.crossing.options import Options

    told = PAGE.partition("## What you may say")[2].partition("**Folded into")[0]
    assert set(re.findall(r"`(\w+)=", told)) == set(Options.__annotations__)


def test_every_kind_of_error_is_told():
    kinds = {kind.__name__ for kind in vae_onnx.ExportError.__subclasses__()}
    assert kinds - set(re.findall(r"`(\w+Error)`", PAGE)) == {"NotFiniteError", "WeightsError"}
