"""Headers of models that are dense layers in other numbers and with other activations."""

import itertools
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import vae_onnx
from export.c99 import header, reading
from export.errors import StructureError
from export.graphs import freezing

from .compiling import C99, CPP, Library, compiled


class Wide(nn.Module):
    """mu and log_var interleaved, pixels taken to [-1, 1] and back, heads of two layers."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(12, 9), nn.SiLU(), nn.Linear(9, 7))
        self.head = nn.Sequential(nn.Tanh(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 6))

    def forward(self, x):
        mu, log_var = self.head(self.trunk(2 * x - 1)).view(-1, 3, 2).unbind(-1)
        return mu, log_var


class Apart(nn.Module):
    """Two heads, each with hidden layers of its own, straight from the pixels."""

    def __init__(self):
        super().__init__()
        self.mu = nn.Sequential(nn.Linear(12, 4), nn.Sigmoid(), nn.Linear(4, 3))
        self.log_var = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 5), nn.SiLU(),
                                     nn.Linear(5, 3))  # fmt: skip

    def forward(self, x):
        x = (x.flatten(1) - 0.5) / 0.25
        return self.mu(x), self.log_var(x)


class Plain(nn.Module):
    """An AE without a hidden layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 3)

    def forward(self, x):
        return self.layer(x.flatten(1))


def pictures(last, *before):
    """A decoder to 3 channels of 2x2, whose last layer is followed by something."""

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = [3, *before, 12]
            layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
            self.layers = nn.ModuleList(layers)

        def forward(self, z):
            for layer in self.layers[:-1]:
                z = nn.functional.silu(layer(z))
            return last(self.layers[-1](z)).unflatten(1, (3, 2, 2))

    return Decoder()


ENCODERS = {"wide": Wide, "apart": Apart, "plain": Plain}
DECODERS = {
    "sigmoid": lambda: pictures(torch.sigmoid, 8, 6, 5),
    "tanh": lambda: pictures(lambda y: (torch.tanh(y) + 1) / 2, 8),
    "clip": lambda: pictures(lambda y: (y * 0.5 + 0.5).clamp(0, 1)),
}


@pytest.fixture(scope="module")
def graph():
    """Export a module once."""
    made = {}

    def export(side, name, make):
        if (side, name) not in made:
            torch.manual_seed(0)
            module, port = make().eval(), "x" if side == "encoder" else "z"
            example = torch.rand(3, 3, 2, 2) if side == "encoder" else torch.randn(3, 3)
            with torch.no_grad():
                ports = ["mu", "log_var"] if isinstance(module(example), tuple) else ["z"]
            ports = ports if side == "encoder" else ["x_recon"]
            told = {"name": "layers", "graph": side}
            made[side, name] = freezing.to_onnx(module, port, example, ports, told)
        return made[side, name]

    return export


@pytest.fixture
def folder(graph, tmp_path):
    """Write a model folder of an encoder and a decoder."""

    def write(encoder, decoder, make=None):
        onnx.save(graph("encoder", encoder, make or ENCODERS[encoder]), tmp_path / "encoder.onnx")
        onnx.save(graph("decoder", decoder, DECODERS[decoder]), tmp_path / "decoder.onnx")
        return tmp_path

    return write


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_c_computes_what_the_graphs_do(folder, encoder, decoder, tmp_path):
    written = folder(encoder, decoder)
    model = vae_onnx.load(written)
    path = header.write(str(written), tmp_path / "layers.h")
    library = Library(path, model, tmp_path)
    rng = np.random.default_rng(0)
    x, z = rng.random((20, 3, 2, 2), np.float32), rng.standard_normal((20, 3), np.float32)
    if model.kind == "vae":
        ours, theirs = library.encode(x), model.posterior(x)
        np.testing.assert_allclose(ours.mu, theirs.mu, atol=1e-5)
        np.testing.assert_allclose(ours.log_var, theirs.log_var, atol=1e-5)
    else:
        np.testing.assert_allclose(library.encode(x), model.encode(x), atol=1e-5)
    x_recon = library.decode(z).reshape(20, 3, 2, 2)
    np.testing.assert_allclose(x_recon, model.decoder.to_x_recon(z), atol=1e-5)
    for compiler in (C99, CPP):
        compiled(compiler, path, model, tmp_path / "program", "-DPROGRAM")


def test_int8_of_several_layers(folder, tmp_path, capsys):
    written = folder("wide", "sigmoid")
    model = vae_onnx.load(written)
    path = header.write(str(written), tmp_path / "layers.h", "int8")
    assert "do not tell which pictures they were trained on" in capsys.readouterr().err
    z = np.random.default_rng(0).standard_normal((50, 3), np.float32)
    x_recon = Library(path, model, tmp_path).decode(z).reshape(50, 3, 2, 2)
    np.testing.assert_allclose(x_recon, model.decoder.to_x_recon(z), atol=0.02)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (nn.Sequential(nn.Conv2d(3, 3, 2), nn.Flatten()), "it has the operator Conv"),
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.LeakyReLU()), "LeakyRelu"),
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Tanh(), nn.ReLU()), "follows no layer"),
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.LayerNorm(3)), "it has the operator"),
    ],
)
def test_what_it_cannot_is_said(folder, encoder, message, tmp_path):
    written = folder(message, "sigmoid", lambda: encoder)
    with pytest.raises(StructureError, match="must be dense layers with ReLU, tanh, SiLU or"):
        header.write(str(written), tmp_path / "layers.h")
    with pytest.raises(StructureError, match=message):
        reading.read(vae_onnx.load(written))
    assert not (tmp_path / "layers.h").exists()


@pytest.mark.parametrize("name", ["map", "open"])
def test_maps_and_open_sizes_are_refused(tmp_path, name):
    graphs = Path(__file__).parents[2] / "runtime" / "graphs"
    with pytest.raises(StructureError, match="a flat code of pictures of one size"):
        header.write(str(graphs / name), tmp_path / "map.h")
