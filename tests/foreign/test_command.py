"""`python -m vae_onnx.torch`: a network, its weights and pictures -> a model folder."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from PIL import Image

import vae_onnx
from vae_onnx.crossing.gates.roundtrip import psnr
from vae_onnx.torch import __main__ as command

from . import nets

NET = """
import torch
from torch import nn

class Components(nn.Module):
    shape = (1, 28, 28)

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(784))
        self.components = nn.Parameter(torch.zeros(50, 784))

    def encode(self, x):
        return (x.flatten(1) - self.mean) @ self.components.T

    def decode(self, z):
        return (z @ self.components + self.mean).unflatten(1, self.shape)

def halves():
    model = Components()
    return model.encode, model.decode

class Needs(nn.Module):
    def __init__(self, size):
        super().__init__()

number = 7
"""


@pytest.fixture
def place(tmp_path, monkeypatch, digits):
    """A folder with a network, its weights and forty pictures, where the command is typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mynet.py").write_text(textwrap.dedent(NET))
    model = nets.Principal(torch.from_numpy(digits[:, np.newaxis] / np.float32(255)) * 2 - 1, 50)
    torch.save({"state_dict": {f"model.{n}": t for n, t in model.state_dict().items()}}, "best.pt")
    (tmp_path / "photos").mkdir()
    for number, digit in enumerate(digits[:40]):
        Image.fromarray(digit).save(tmp_path / "photos" / f"{number:02}.png")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    yield tmp_path
    sys.modules.pop("mynet", None)


ALL = ["mynet:Components", "--weights", "best.pt", "--pictures", "photos", "--out", "models/mine"]


def test_the_command_as_it_is_typed(place, digits):
    line = [*ALL, "--pixel-range", "-1:1", "--grey", "--licence", "MIT"]
    done = subprocess.run(
        [sys.executable, "-m", "vae_onnx.torch", *line], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "models/mine\n"), done.stderr
    assert "comparing the decoder with the model" in done.stderr
    model = vae_onnx.load(place / "models" / "mine")
    assert (model.latent_dim, model.metadata["licence"]) == (50, "MIT")
    assert psnr(digits / np.float32(255), model.reconstruct(digits)) > 20


def test_an_array_as_pictures(place, digits):
    np.save(place / "digits.npy", digits)
    line = [*ALL[:3], "--pictures", "digits.npy", "--out", "m", "--pixel-range=-1:1"]
    assert command.main(line) == 0
    assert command.main([*line, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: "mynet:Nothing"}, "must name a module and a class"),
        ({0: "nothing:Net"}, "ModuleNotFoundError"),
        ({0: "mynet"}, "no name after a colon"),
        ({0: "mynet:Needs"}, "missing 1 required positional argument"),
        ({0: "mynet:number"}, "must make one nn.Module that --weights are loaded into"),
        ({0: "mynet:halves"}, "load them in the factory"),
        ({2: "none.pt"}, "none.pt is missing"),
        ({2: "mynet.py"}, "mynet.py"),
        ({4: "none"}, "none is missing; --pictures takes a folder"),
        ({4: "models"}, "models is missing"),
        ({4: "empty"}, "empty holds no pictures"),
        ({4: "mixed"}, "bring them to one size with --size"),
        ({6: "photos"}, "overwrite"),
        ({}, "with pixel_range=(-1, 1): pass that"),
    ],
)
def test_what_is_wrong_is_one_line(change, message, place, capsys):
    (place / "empty").mkdir()
    (place / "mixed").mkdir()
    for size in (28, 30):
        Image.new("L", (size, size)).save(place / "mixed" / f"{size}.png")
    line = [change.get(number, argument) for number, argument in enumerate(ALL)]
    assert command.main([*line, "--grey"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("vae_onnx.torch: error: ")
    assert message in said
    assert not (place / "models").exists()


def test_pictures_are_brought_to_one_size(place):
    Image.new("RGB", (90, 60), (255, 0, 0)).save(place / "photos" / "wide.png")
    pictures = command.read_pictures(place / "photos", grey=False, size=(28, 28))
    assert pictures.shape == (41, 28, 28, 3)
    assert (pictures[-1] == (255, 0, 0)).all()


@pytest.mark.parametrize("option", [["--std", "x"], ["--size", "big"], ["--spread", "sd"]])
def test_wrong_usage(option, place, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main([*ALL, *option])
    assert stopped.value.code == 2
    assert option[0] in capsys.readouterr().err
