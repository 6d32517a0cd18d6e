"""The committed graphs against onnx.reference and torch, and their cards against the graphs."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import vae_onnx
from export.config import Config
from export.data import datasets
from export.graphs import freezing, parity
from export.networks import building
from vae_onnx import contract, evaluation
from vae_onnx.evaluation import Settings
from vae_onnx.pictures.arrays import to_x

IMAGES = Path(__file__).parents[2] / "runtime" / "images.npz"
BATCH_SIZES = (1, 3, 77)  # none of those that the gate looks at, but 1


@pytest.fixture(scope="module", params=vae_onnx.models())
def bundled(request):
    return vae_onnx.load(request.param)


@pytest.fixture(scope="module", params=[name for name in vae_onnx.models() if "mnist" in name])
def digits(request):
    """A bundled model of MNIST or Fashion-MNIST, which can be downloaded."""
    return vae_onnx.load(request.param)


@pytest.fixture(scope="module")
def test_images():
    """The complete test set of each grey data set, x (10000, 1, 28, 28) float32; 16 emoji."""
    whole = {
        name: datasets.load_test(Config(dataset=name)).x.reshape(-1, 1, 28, 28).numpy()
        for name in ("mnist", "fashion-mnist")
    }
    with np.load(IMAGES, allow_pickle=False) as archive:
        return whole | {"folder:emoji": to_x(archive["emoji"], (3, 32, 32))}


def torch_model(folder, config):
    """The torch model, rebuilt from nothing but the weights inside the two graphs."""
    rebuilt = building.build(config)
    kept = rebuilt.state_dict()
    weights = {}
    for side in ("encoder", "decoder"):
        norms = []
        for tensor in onnx.load(folder / f"{side}.onnx").graph.initializer:
            key = f"{side}.{tensor.name.removeprefix('decoder.')}"
            array = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            if key in kept:
                weights[key] = array
            elif array.shape[1:] == (1, 1):  # of a norm, whose name the exporter loses
                norms.append(array.flatten())
        nameless = [key for key in kept if key.startswith(side) and key not in weights]
        weights |= zip(nameless, norms, strict=True)
    if "log_sigma" in kept:
        weights["log_sigma"] = kept["log_sigma"]  # which no graph needs
    rebuilt.load_state_dict(weights)
    return rebuilt.eval()


def config_of(folder):
    return Config(**json.loads((folder / "card.json").read_text())["config"])


def assert_agree(got, expected):
    for ours, theirs in zip(got, expected, strict=True):
        assert parity.relative_error(np.asarray(ours), np.asarray(theirs)) <= 1e-5


# The sigmoid is 1 / (1 + exp(-x)), which is right at exp's overflow too.
@pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_committed_graphs_agree_with_reference_and_torch(bundled, test_images, batch_size):
    x = test_images[bundled.metadata["dataset"]][-batch_size:]
    rebuilt = torch_model(bundled.folder, config_of(bundled.folder))
    codes = bundled.encode(x)
    for graph, module, value in (
        (bundled.encoder.graph, rebuilt.encoder, x),
        (bundled.decoder.graph, freezing.PictureDecoder(rebuilt), codes),
    ):
        got = graph(value)
        assert_agree(
            got, ReferenceEvaluator(str(graph.path)).run(None, {next(iter(graph.inputs)): value})
        )
        with torch.inference_mode():
            expected = module(torch.from_numpy(value))
        assert_agree(got, expected if isinstance(expected, tuple) else (expected,))


def test_committed_decoders_keep_seven_digits_of_small_means(digits, test_images):
    """Against float64 on the codes of the whole test set; the nats of p(x | z) rest on it."""
    rebuilt = torch_model(digits.folder, config_of(digits.folder))
    z = digits.encode(test_images[digits.metadata["dataset"]])
    with torch.inference_mode():
        logits = rebuilt.decoder.double()(torch.from_numpy(z).double()).numpy()
    p = digits.decode(z).reshape(logits.shape)
    seen = logits > -87
    assert (p[~seen] < 2e-38).all()
    log_p = -np.logaddexp(0, -logits[seen])
    # What float32 makes of a logit of -87 is off by 1e-4 before any sigmoid.
    np.testing.assert_allclose(np.log(p[seen], dtype=np.float64), log_p, atol=2e-4)
    assert (p[seen] > 0).all()


def test_committed_models_are_the_reports(digits):
    """784-400-2-400-784: 631,188 parameters, 802 fewer without the head of the variance."""
    count = {"vae": 631_188, "ae": 630_386}[digits.kind]
    count += (digits.latent_dim - 2) * (2 * 401 + 400)
    card = json.loads((digits.folder / "card.json").read_text())
    assert card["parameters"] == count
    weights = [
        numpy_helper.to_array(tensor)
        for graph in (digits.encoder.graph, digits.decoder.graph)
        for tensor in onnx.load(graph.path).graph.initializer
    ]
    # The 1 of the sigmoid is the only other float.
    assert sum(w.size for w in weights if w.dtype == np.float32 and w.ndim > 0) == count


def test_the_emoji_model_has_the_parameters_of_its_card():
    folder = vae_onnx.load("emoji-vae").folder
    card = json.loads((folder / "card.json").read_text())
    rebuilt = building.build(config_of(folder))
    assert card["parameters"] == sum(each.numel() for each in rebuilt.parameters())


LIMITS = {  # nats per image
    "fashion-mnist-vae": 258.0,
    "fashion-mnist-ae": 250.0,
    "mnist-vae": 145.0,
    "mnist-ae": 135.0,
    "fashion-mnist-vae-16d": 240.0,
    "mnist-vae-16d": 101.5,
}


def test_the_card_tells_the_truth_about_the_test_set(digits, test_images):
    """The metrics of the card again, from the graphs alone."""
    x = test_images[digits.metadata["dataset"]]
    metrics = json.loads((digits.folder / "card.json").read_text())["metrics"]
    assert metrics["images"] == len(x) == 10_000

    codes = digits.encode(x) if digits.kind == "ae" else digits.posterior(x)
    got = evaluation.losses(x, codes, lambda z: digits.decoder.graph(z)[0], Settings(draws=16))
    for part in ("total", "recon", "kld"):
        assert got.get(part, 0) == pytest.approx(metrics.get(part, 0), abs=1e-3)
    assert got["total"] <= LIMITS[digits.metadata["name"]]


def test_the_card_tells_the_truth_about_emoji():
    """The same of emoji, where `make emoji` has put them."""
    model = vae_onnx.load("emoji-vae")
    folder = datasets.folder(None) / "emoji"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing; `make emoji` writes it")
    config = dataclasses.replace(config_of(model.folder), dataset=f"folder:{folder}")
    test = datasets.load_test(config)
    x = test.x.reshape(-1, *model.image_shape).numpy()
    card = json.loads((model.folder / "card.json").read_text())
    assert card["metrics"]["images"] == len(x) == 424
    posterior = model.posterior(x)
    with np.load(model.folder / "latents.npz", allow_pickle=False) as latents:
        np.testing.assert_allclose(latents["z"], posterior.mu, rtol=2e-3, atol=2e-3)
        np.testing.assert_array_equal(latents["labels"], test.labels)
    decode, px = model.decoder.to_x_recon, contract.likelihood(model.metadata)
    got = evaluation.losses(x, posterior, decode, Settings(draws=16), px)
    got["mse"] = evaluation.squared_errors(x, posterior.mu, decode).mean()
    for name in ("total", "recon", "kld"):
        assert got[name] == pytest.approx(card["metrics"][name], abs=0.1)
    for name in ("bits_per_dim", "mse"):
        assert got[name] == pytest.approx(card["metrics"][name], rel=1e-4)
    assert got["mse"] < 0.009
