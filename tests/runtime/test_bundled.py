"""The bundled models on real images."""

import hashlib
import json
import re

import numpy as np
import pytest

import vae_onnx
from vae_onnx.store.datasets import TITLES, known_dataset

VARIANTS = ("int8",)  # of each model, in shorter numbers


def recon(pictures, images, sigma=None):
    """Nats per image, (N,): Bernoulli cross-entropy, or a Gaussian's of this sigma."""
    x, axes = images / 255, tuple(range(1, images.ndim))
    if sigma is not None:
        terms = 0.5 * ((x - pictures) / sigma) ** 2 + np.log(sigma * np.sqrt(2 * np.pi))
        return terms.sum(axis=axes)
    p = np.clip(pictures.astype(np.float64), 1e-7, 1 - 1e-7)
    return -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=axes)


@pytest.fixture
def real(bundled, images):
    return images[bundled.metadata["dataset"]]


@pytest.fixture
def drawn(digits, images):
    return images[digits.metadata["dataset"]]


def test_the_models_are_there():
    kinds = ("ae", "vae", "vae-16d")
    names = {f"{dataset}-{kind}" for dataset in ("fashion-mnist", "mnist") for kind in kinds}
    assert names | {"emoji-vae"} == set(vae_onnx.models())


def test_the_graphs_follow_the_contract(bundled):
    outputs = ["mu", "log_var"] if bundled.kind == "vae" else ["z"]
    encoder, decoder = bundled.encoder.graph, bundled.decoder.graph
    size = "3, 32, 32" if bundled.folder.name == "emoji-vae" else "1, 28, 28"
    assert [str(port) for port in encoder.inputs.values()] == [f"float ['batch', {size}]"]
    assert list(encoder.inputs) == ["x"]
    assert list(encoder.outputs) == outputs
    latent = f"float ['batch', {bundled.latent_dim}]"
    assert {str(port) for port in encoder.outputs.values()} == {latent}
    assert [(name, str(port)) for name, port in decoder.inputs.items()] == [("z", latent)]
    assert [(name, str(port)) for name, port in decoder.outputs.items()] == [
        ("x_recon", f"float ['batch', {size}]")
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
    assert len(json.loads(told["class_names"])) == (9 if bundled.image_shape[0] == 3 else 10)
    assert told["pixel_range"] == "0.0 to 1.0"
    assert told["prior"] == ("N(0, I)" if bundled.kind == "vae" else "none")
    low, high = bundled.latent_range()
    assert (low < high).all()
    everything = " ".join(told.values())
    assert not re.search(r"(^|[\s\"])/|\\|\.py\b", everything), "a path of the exporting machine?"


def test_ink_is_light(digits):
    assert digits.metadata["polarity"] == "0.0 paper, 1.0 ink"


def test_emoji_tell_how_they_came_about():
    told = vae_onnx.load("emoji-vae").metadata
    assert (told["ground"], told["fit"], told["licence"]) == ("white", "crop", "Apache-2.0")
    assert told["polarity"] == "0.0 black, 1.0 white"
    assert told["likelihood"] == "Gaussian, x_recon is its mean"
    assert 0.05 < float(told["sigma"]) < 0.12


def test_reconstructions_are_near_their_images(bundled, real):
    pictures = bundled.reconstruct(real)
    assert pictures.shape == real.shape
    assert pictures.dtype == np.float32
    sigma = float(bundled.metadata["sigma"]) if "sigma" in bundled.metadata else None
    nats = recon(pictures, real, sigma)
    # They stand for all test images: their mean must lie within five standard errors of the card's.
    error = nats.std() / np.sqrt(len(nats))
    assert abs(nats.mean() - float(bundled.metadata["test_recon"])) < 5 * error
    # An image is nearer to its own reconstruction than to that of the image before it.
    assert (nats < recon(np.roll(pictures, 1, axis=0), real, sigma)).mean() > 0.9


def test_batches_do_not_matter(bundled, real):
    whole = bundled.encode(real)
    for size in (1, 2, 7):
        parts = [bundled.encode(real[i : i + size]) for i in range(0, 14, size)]
        np.testing.assert_allclose(np.concatenate(parts), whole[:14], rtol=1e-5, atol=1e-5)


def test_the_latents_file_is_the_encoded_test_set(digits, drawn):
    with np.load(digits.folder / "latents.npz", allow_pickle=False) as archive:
        z, labels = archive["z"], archive["labels"]
    assert z.shape == (10_000, digits.latent_dim)
    assert labels.shape == (10_000,)
    assert set(labels) == set(range(10))
    np.testing.assert_allclose(z[:100], digits.encode(drawn), rtol=2e-3, atol=2e-3)


def test_the_emoji_shown_are_among_those_encoded(images):
    model = vae_onnx.load("emoji-vae")
    with np.load(model.folder / "latents.npz", allow_pickle=False) as archive:
        z, labels = archive["z"].astype(np.float32), archive["labels"]
    assert z.shape == (424, 64)
    assert set(labels) == set(range(9))
    shown = model.encode(images["folder:emoji"])
    distance = np.abs(shown[:, np.newaxis] - z).max(axis=2)
    assert (distance.min(axis=1) < 5e-3).all()
    assert len(set(labels[distance.argmin(axis=1)])) == 9  # one of each class before the others


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
        with pytest.raises(
            ValueError, match=f"2-D latent space, this one has {bundled.latent_dim}"
        ):
            bundled.grid(4)
        return
    pictures = bundled.grid(6)
    assert pictures.shape == (36, 28, 28)
    assert pictures.std(axis=0).max() > 0.2


# The same models in shorter numbers


@pytest.fixture(params=VARIANTS)
def variant(request, digits):
    """Encoder and decoder of a variant of a bundled model, its name, and what the card tells."""
    folder = digits.folder
    card = json.loads((folder / "card.json").read_text())
    return (
        vae_onnx.Encoder(folder / f"encoder.{request.param}.onnx"),
        vae_onnx.Decoder(folder / f"decoder.{request.param}.onnx"),
        request.param,
        card["variants"][request.param],
    )


def test_the_card_tells_of_all_variants_and_no_others(digits):
    card = json.loads((digits.folder / "card.json").read_text())
    assert tuple(card["variants"]) == VARIANTS
    told = {name for entry in card["variants"].values() for name in entry["sha256"]}
    assert told == {path.name for path in digits.folder.glob("*.*.onnx")}
    for entry in card["variants"].values():
        for name, expected in entry["sha256"].items():
            content = (digits.folder / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == expected


def test_a_variant_has_earned_its_place(variant):
    """Within 0.2 nats on the test set, and faster on the machine that measured it."""
    _, _, _, entry = variant
    assert entry["total_change"] <= 0.2
    assert entry["metrics"]["images"] == 10_000
    ratios = [ratio for times in entry["time_ratio"].values() for ratio in times.values()]
    assert len(ratios) == 4
    assert max(ratios) < 1


def test_a_variant_follows_the_contract(digits, variant):
    encoder, decoder, name, entry = variant
    for ours, theirs in ((encoder, digits.encoder), (decoder, digits.decoder)):
        assert str(ours.graph) == str(theirs.graph)
        told = {key: ours.metadata[key] for key in ours.metadata if not key.startswith("test_")}
        assert told.pop("precision") == name
        assert told == {key: theirs.metadata[key] for key in told}
        assert ours.metadata["test_total"] == f"{entry['metrics']['total']:.2f}"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_variant_takes_every_batch_size(digits, variant, drawn, size):
    encoder, decoder, _, _ = variant
    images = np.resize(drawn, (size, 28, 28))
    z = encoder.encode(images)
    assert z.shape == (size, digits.latent_dim)
    assert np.abs(z - digits.encode(images)).mean() < 0.02 * np.abs(z).mean()
    pictures = decoder.decode(z)
    assert pictures.shape == (size, 28, 28)
    assert pictures.dtype == np.float32
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    # A row comes out as it does alone, up to a sum at the edge of a step.
    assert np.abs(decoder.decode(z[:1]) - pictures[:1]).mean() < 1e-3


def test_a_variant_shows_the_same_pictures(digits, variant, drawn):
    encoder, decoder, _, _ = variant
    z = np.random.default_rng(0).standard_normal((500, digits.latent_dim), np.float32)
    assert np.abs(decoder.decode(z) - digits.decode(z)).mean() < 0.005
    again = decoder.decode(encoder.encode(drawn))
    assert np.abs(again - digits.reconstruct(drawn)).mean() < 0.005
    nats = recon(again, drawn) - recon(digits.reconstruct(drawn), drawn)
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


def test_the_models_of_digits_are_of_known_data_sets(digits):
    assert known_dataset(digits.metadata) == digits.metadata["dataset"]
    assert digits.metadata["dataset"] in TITLES
