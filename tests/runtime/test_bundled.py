"""The bundled models on real images."""

import hashlib
import json
import re

import numpy as np
import pytest

import vae_onnx
from vae_onnx.store.datasets import TITLES, known_dataset

VARIANTS = ("int8",)  # of each model, in shorter numbers


def recon(pictures, images):
    """Bernoulli cross-entropy in nats per image, (N,)."""
    x = images / 255
    p = np.clip(pictures.astype(np.float64), 1e-7, 1 - 1e-7)
    return -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=(1, 2))


@pytest.fixture
def real(bundled, images):
    return images[bundled.metadata["dataset"]]


def test_the_models_are_there():
    kinds = ("ae", "vae", "vae-16d")
    names = {f"{dataset}-{kind}" for dataset in ("fashion-mnist", "mnist") for kind in kinds}
    assert names <= set(vae_onnx.models())


def test_the_graphs_follow_the_contract(bundled):
    outputs = ["mu", "log_var"] if bundled.kind == "vae" else ["z"]
    encoder, decoder = bundled.encoder.graph, bundled.decoder.graph
    assert [str(port) for port in encoder.inputs.values()] == ["float ['batch', 1, 28, 28]"]
    assert list(encoder.inputs) == ["x"]
    assert list(encoder.outputs) == outputs
    latent = f"float ['batch', {bundled.latent_dim}]"
    assert {str(port) for port in encoder.outputs.values()} == {latent}
    assert [(name, str(port)) for name, port in decoder.inputs.items()] == [("z", latent)]
    assert [(name, str(port)) for name, port in decoder.outputs.items()] == [
        ("x_recon", "float ['batch', 1, 28, 28]")
    ]


def test_the_card_belongs_to_the_graphs(bundled):
    card = json.loads((bundled.folder / "card.json").read_text())
    for name in ("encoder.onnx", "decoder.onnx"):
        content = (bundled.folder / name).read_bytes()
        assert card["sha256"][name] == hashlib.sha256(content).hexdigest()
    assert card["name"] == bundled.metadata["name"] == bundled.folder.name
    assert card["config"]["kind"] == bundled.kind == bundled.metadata["kind"]
    assert card["config"]["latent_dim"] == bundled.latent_dim
    assert f"{card['metrics']['total']:.2f}" == bundled.metadata["test_total"]


def test_the_graphs_describe_themselves(bundled):
    told = bundled.metadata
    assert len(json.loads(told["class_names"])) == 10
    assert told["pixel_range"] == "0.0 to 1.0"
    assert told["polarity"] == "0.0 paper, 1.0 ink"
    assert told["prior"] == ("N(0, I)" if bundled.kind == "vae" else "none")
    low, high = bundled.latent_range()
    assert (low < high).all()
    everything = " ".join(told.values())
    assert not re.search(r"(^|[\s\"])/|\\|\.py\b", everything), "a path of the exporting machine?"


def test_reconstructions_are_near_their_images(bundled, real):
    pictures = bundled.reconstruct(real)
    assert pictures.shape == (100, 28, 28)
    assert pictures.dtype == np.float32
    nats = recon(pictures, real)
    # 100 images stand for 10,000: their mean must lie within five standard errors of the card's.
    error = nats.std() / np.sqrt(len(nats))
    assert abs(nats.mean() - float(bundled.metadata["test_recon"])) < 5 * error
    # An image is nearer to its own reconstruction than to that of the image before it.
    assert (nats < recon(np.roll(pictures, 1, axis=0), real)).mean() > 0.9


def test_batches_do_not_matter(bundled, real):
    whole = bundled.encode(real)
    for size in (1, 2, 7):
        parts = [bundled.encode(real[i : i + size]) for i in range(0, 14, size)]
        np.testing.assert_allclose(np.concatenate(parts), whole[:14], rtol=1e-5, atol=1e-5)


def test_the_latents_file_is_the_encoded_test_set(bundled, real):
    with np.load(bundled.folder / "latents.npz", allow_pickle=False) as archive:
        z, labels = archive["z"], archive["labels"]
    assert z.shape == (10_000, bundled.latent_dim)
    assert labels.shape == (10_000,)
    assert set(labels) == set(range(10))
    np.testing.assert_allclose(z[:100], bundled.encode(real), rtol=2e-3, atol=2e-3)


def test_samples_follow_the_seed(bundled):
    first, again, other = (bundled.sample(4, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    assert first.min() >= 0
    assert first.max() <= 1


def test_posterior_samples_surround_the_mean(images):
    model = vae_onnx.load("mnist-vae")
    posterior = model.posterior(images["mnist"][:1])
    rng = np.random.default_rng(0)
    z = np.concatenate([posterior.sample(rng) for _ in range(4000)])
    sigma = np.exp(0.5 * posterior.log_var[0])
    assert (np.abs(z.mean(axis=0) - posterior.mu[0]) < 5 * sigma / np.sqrt(4000)).all()
    np.testing.assert_allclose(z.std(axis=0), sigma, rtol=0.1)


def test_interpolation_goes_from_one_image_to_the_other(bundled, real):
    pictures = bundled.interpolate(real[0], real[1], steps=5)
    np.testing.assert_allclose(pictures[[0, -1]], bundled.reconstruct(real[:2]), atol=1e-5)


def test_the_grid_shows_different_pictures(bundled):
    if bundled.latent_dim != 2:
        with pytest.raises(ValueError, match="2-D latent space, this one has 16"):
            bundled.grid(4)
        return
    pictures = bundled.grid(6)
    assert pictures.shape == (36, 28, 28)
    assert pictures.std(axis=0).max() > 0.2


# The same models in shorter numbers


@pytest.fixture(params=VARIANTS)
def variant(request, bundled):
    """Encoder and decoder of a variant of a bundled model, its name, and what the card tells."""
    folder = bundled.folder
    card = json.loads((folder / "card.json").read_text())
    return (
        vae_onnx.Encoder(folder / f"encoder.{request.param}.onnx"),
        vae_onnx.Decoder(folder / f"decoder.{request.param}.onnx"),
        request.param,
        card["variants"][request.param],
    )


def test_the_card_tells_of_all_variants_and_no_others(bundled):
    card = json.loads((bundled.folder / "card.json").read_text())
    assert tuple(card["variants"]) == VARIANTS
    told = {name for entry in card["variants"].values() for name in entry["sha256"]}
    assert told == {path.name for path in bundled.folder.glob("*.*.onnx")}
    for entry in card["variants"].values():
        for name, expected in entry["sha256"].items():
            content = (bundled.folder / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == expected


def test_a_variant_has_earned_its_place(variant):
    """Within 0.2 nats on the test set, and faster on the machine that measured it."""
    _, _, _, entry = variant
    assert entry["total_change"] <= 0.2
    assert entry["metrics"]["images"] == 10_000
    ratios = [ratio for times in entry["time_ratio"].values() for ratio in times.values()]
    assert len(ratios) == 4
    assert max(ratios) < 1


def test_a_variant_follows_the_contract(bundled, variant):
    encoder, decoder, name, entry = variant
    for ours, theirs in ((encoder, bundled.encoder), (decoder, bundled.decoder)):
        assert str(ours.graph) == str(theirs.graph)
        told = {key: ours.metadata[key] for key in ours.metadata if not key.startswith("test_")}
        assert told.pop("precision") == name
        assert told == {key: theirs.metadata[key] for key in told}
        assert ours.metadata["test_total"] == f"{entry['metrics']['total']:.2f}"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_variant_takes_every_batch_size(bundled, variant, real, size):
    encoder, decoder, _, _ = variant
    images = np.resize(real, (size, 28, 28))
    z = encoder.encode(images)
    assert z.shape == (size, bundled.latent_dim)
    assert np.abs(z - bundled.encode(images)).mean() < 0.02 * np.abs(z).mean()
    pictures = decoder.decode(z)
    assert pictures.shape == (size, 28, 28)
    assert pictures.dtype == np.float32
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    # A row comes out as it does alone, up to a sum at the edge of a step.
    assert np.abs(decoder.decode(z[:1]) - pictures[:1]).mean() < 1e-3


def test_a_variant_shows_the_same_pictures(bundled, variant, real):
    encoder, decoder, _, _ = variant
    z = np.random.default_rng(0).standard_normal((500, bundled.latent_dim), np.float32)
    assert np.abs(decoder.decode(z) - bundled.decode(z)).mean() < 0.005
    again = decoder.decode(encoder.encode(real))
    assert np.abs(again - bundled.reconstruct(real)).mean() < 0.005
    nats = recon(again, real) - recon(bundled.reconstruct(real), real)
    assert abs(nats.mean()) < 0.5 + 5 * nats.std() / np.sqrt(len(nats))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"dataset": "mnist", "licence": "MIT"}, "mnist"),
        ({"dataset": "folder:mnist"}, None),
        ({"dataset": "folder:mnist", "licence": "MIT"}, None),
        ({"dataset": "mnist"}, None),  # pictures in a folder called so, by an earlier version
        ({"dataset": "letters", "licence": "MIT"}, None),
        ({}, None),
    ],
)
def test_a_known_data_set_is_no_folder_of_its_name(metadata, expected):
    assert known_dataset(metadata) == expected


def test_the_bundled_models_are_of_known_data_sets(bundled):
    assert known_dataset(bundled.metadata) == bundled.metadata["dataset"]
    assert bundled.metadata["dataset"] in TITLES
