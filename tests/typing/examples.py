"""What people write, and which types their checker then knows: `make lint` asks mypy and pyright.

Nothing here runs. A line that must not be taken has a comment that says so, and a checker that
takes it finds that comment needless.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, assert_type

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from torch import nn

import vae_onnx
import vae_onnx.torch
from vae_onnx import Autoencoder, Posterior, bulk, likelihood
from vae_onnx.bulk import neighbours
from vae_onnx.evaluation import Scores
from vae_onnx.pictures.files import Picture

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def a_model(digits: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    assert_type(vae_onnx.models(), tuple[str, ...])
    with vae_onnx.load("mnist-vae", device="cpu", threads=2, precision="int8") as model:
        assert_type(model, Autoencoder)
        assert_type(model.kind, Literal["vae", "ae"])
        assert_type(model.latent_dim, int)
        assert_type(model.latent_shape, tuple[int, ...])
        assert_type(model.image_shape, tuple[int, int, int])
        assert_type(model.metadata, Mapping[str, str])
        assert_type(model.folder, Path)
        assert_type(model.placement, dict[str, dict[str, str]])
        assert_type(model.encode(digits), Float32)
        assert_type(model.encode([[0.5] * 784]), Float32)
        assert_type(model.posterior(digits, refine=5), Posterior)
        assert_type(model.posterior(digits).mu, Float32)
        assert_type(model.posterior(digits).sample(rng), Float32)
        assert_type(model.decode(np.zeros((1, 2))), Float32)
        assert_type(model.reconstruct(digits, rng), Float32)
        assert_type(model.sample(16, rng), Float32)
        assert_type(model.interpolate(digits[0], digits[1], 8), Float32)
        assert_type(model.grid(20), Float32)
        assert_type(model.score(digits), Scores)
        assert_type(model.score(digits).nats, Float64 | None)
        assert_type(model.encode_iter(digits, 512), Iterator[Float32])
        assert_type(model.decode_ortvalue(model.encode_ortvalue(digits)), ort.OrtValue)
        assert_type(model.save("copy", overwrite=True), Path)
        assert_type(model.encoder, vae_onnx.Encoder)
        assert_type(model.decoder.decode(np.zeros((1, 2))), Float32)
        model.sample(16)  # type: ignore[call-arg] # randomness is the caller's
        model.latent_dim = 3  # type: ignore[misc] # it is read off the graph
    vae_onnx.load("mnist-vae", precision="int4")  # type: ignore[arg-type]
    vae_onnx.load(3)  # type: ignore[arg-type]


def pictures(file: os.PathLike[str], drawing: npt.NDArray[np.uint8]) -> None:
    assert_type(vae_onnx.read_picture(file), Picture)
    assert_type(vae_onnx.read_picture(b"", max_side=64).grey, npt.NDArray[np.uint8])
    assert_type(vae_onnx.drawing_to_x(drawing), Float32)
    assert_type(vae_onnx.to_uint8(np.zeros((2, 28, 28))), npt.NDArray[np.uint8])
    assert_type(vae_onnx.tile(np.zeros((2, 28, 28))), npt.NDArray[Any])


def nats(model: Autoencoder, x: Float32, rng: np.random.Generator) -> None:
    posterior = model.posterior(x)
    assert_type(likelihood.elbo(x, posterior, model.decode, rng), likelihood.Elbo)
    assert_type(likelihood.elbo(x, posterior, model.decode, rng).elbo, Float64)
    assert_type(likelihood.log_px(x, model.decode, px=likelihood.Gaussian(0.1)), Float64)
    assert_type(likelihood.recon(x, x), Float64)
    assert_type(likelihood.active_units(posterior.mu), int)


def a_model_of_ones_own(network: nn.Module, x: torch.Tensor, graph: onnx.ModelProto) -> None:
    assert_type(vae_onnx.torch.export("models/mine", network, x, sigma=0.1), Path)
    assert_type(vae_onnx.torch.export("models/mine", network, network.forward, x), Path)
    assert_type(vae_onnx.torch.load_weights(nn.Linear(2, 2), "weights.pt"), nn.Linear)
    assert_type(vae_onnx.adopt("models/mine", graph, "decoder.onnx", np.zeros((1, 1, 8, 8))), Path)
    assert_type(vae_onnx.quantize("models/mine", np.zeros((1, 8, 8)), "int8"), Path)
    vae_onnx.torch.export("models/mine", network, x, sigmas=0.1)  # type: ignore[call-overload]


def millions(query: Float32) -> None:
    report = bulk.embed("photos", "codes", "mnist-vae", fit="crop", cluster=bulk.Cluster())
    assert_type(report, bulk.Report)
    assert_type(report.notes, Mapping[str, int])
    assert_type(bulk.decode("codes", "again", "mnist-vae"), bulk.Report)
    found = neighbours.nearest(neighbours.Collection("codes"), query, k=10)
    assert_type(found, neighbours.Neighbours)
    assert_type(found.distances, Float64)
    bulk.embed("photos", "codes", "mnist-vae", fit="cut")  # type: ignore[arg-type]


def what_may_go_wrong(file: Path) -> str:
    try:
        vae_onnx.load(file)
    except vae_onnx.FileMissingError as error:
        return f"{assert_type(error, vae_onnx.FileMissingError)}"
    except (vae_onnx.GraphError, vae_onnx.VaeOnnxError) as error:
        return str(error)
    return ""
