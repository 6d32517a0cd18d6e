"""Models whose code is a map, whose pictures have four channels, or any size."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vae_onnx
from vae_onnx import Posterior, contract, distributions, evaluation, likelihood


@pytest.fixture(scope="module")
def map_vae(graphs):
    return vae_onnx.load(graphs / "map")


@pytest.fixture(scope="module")
def open_ae(graphs):
    return vae_onnx.load(graphs / "open", threads=2)


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def squares(x):
    """Means over squares of 2x2 of pictures (N, H, W, C): codes (N, C, H / 2, W / 2)."""
    count, height, width, channels = x.shape
    parts = x.reshape(count, height // 2, 2, width // 2, 2, channels)
    return parts.mean(axis=(2, 4)).transpose(0, 3, 1, 2)


def test_a_map_of_codes(map_vae):
    assert (map_vae.latent_shape, map_vae.latent_dim, map_vae.image_shape) == (
        (4, 3, 2), 24, (4, 6, 4),
    )  # fmt: skip
    assert repr(map_vae) == "<map-vae: vae, latent_shape (4, 3, 2), image_shape (4, 6, 4)>"
    x = pictures(300, 6, 4, 4)
    z = map_vae.encode(x)
    np.testing.assert_allclose(z, squares(x), rtol=1e-6)
    x_recon = map_vae.decode(z)
    expected = z.repeat(2, axis=2).repeat(2, axis=3).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(x_recon, expected)
    assert x_recon.flags.c_contiguous
    np.testing.assert_array_equal(map_vae.decode(z[0]), expected[:1])
    np.testing.assert_array_equal(map_vae.reconstruct(x), expected)
    out = np.zeros(expected.shape, np.float32)
    assert map_vae.decode(z, out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_bytes_and_floats_of_any_layout_and_batch_are_one(graphs, threads, count):
    with vae_onnx.load(graphs / "map", threads=threads) as model:
        ints = np.random.default_rng(1).integers(0, 256, (count, 6, 4, 4), np.uint8)
        ints[:, :, :, 0] = 0  # the channels differ, so that a mixed layout shows
        expected = squares(ints / np.float32(255))
        np.testing.assert_allclose(model.encode(ints), expected, rtol=1e-5)
        floats = ints.astype(np.float32) / 255
        np.testing.assert_allclose(model.encode(floats), expected, rtol=1e-5)
        z = model.encode(floats)
        assert np.array_equal(np.concatenate(list(model.encode_iter(floats, rows=3))), z)
        decoded = np.concatenate(list(model.decode_iter(z, rows=3)))
        np.testing.assert_array_equal(decoded, model.decode(z))


def test_samples_of_a_map(map_vae):
    rng = np.random.default_rng(0)
    assert map_vae.sample(3, rng).shape == (3, 6, 4, 4)
    q = map_vae.posterior(pictures(5, 6, 4, 4))
    assert q.sample(rng).shape == (5, 4, 3, 2)
    a, b = pictures(2, 6, 4, 4)
    line = map_vae.interpolate(a, b, 3)
    np.testing.assert_allclose(line[1], (line[0] + line[2]) / 2, atol=1e-6)
    with pytest.raises(ValueError, match=r"2-D latent space, this one has the shape \(4, 3, 2\)"):
        map_vae.grid(3)


@pytest.mark.parametrize("shape", [(24,), (1, 24), (4, 3), (1, 4, 2, 3), (0, 4, 3, 2)])
def test_codes_of_another_shape(map_vae, shape):
    with pytest.raises(vae_onnx.InputError, match=r"z must have shape \(N, 4, 3, 2\)"):
        map_vae.decode(np.zeros(shape, np.float32))


@given(count=st.integers(1, 5), height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_size_that_fits(open_ae, count, height, width):
    model = open_ae
    x = pictures(count, 2 * height, 2 * width, 3)
    np.testing.assert_allclose(model.encode(x), squares(x), rtol=1e-5, atol=1e-7)
    assert model.reconstruct(x).shape == x.shape
    z = model.encode(x.transpose(0, 3, 1, 2)) if 3 not in x.shape[1:3] else model.encode(x)
    np.testing.assert_array_equal(z, model.encode(x))


def test_what_is_open(open_ae):
    assert (open_ae.image_shape, open_ae.latent_shape) == ((3, -1, -1), (3, -1, -1))
    assert open_ae.size_multiple == 2
    with pytest.raises(vae_onnx.InputError, match="there is no one latent_dim"):
        _ = open_ae.latent_dim
    with pytest.raises(vae_onnx.InputError, match=r"decode z of shape \(n, 3, any, any\)"):
        open_ae.sample(1, np.random.default_rng(0))
    z = np.random.default_rng(0).random((2, 3, 4, 5), np.float32)
    assert open_ae.decode(z).shape == (2, 8, 10, 3)


def test_the_error_names_the_multiple_and_the_way_there(open_ae):
    message = "multiples of 2, got 7x10; cut or scale them to 6x10, or fill them up to 8x10"
    with pytest.raises(vae_onnx.InputError, match=message):
        open_ae.encode(pictures(1, 7, 10, 3))
    for remedied in (pictures(1, 6, 10, 3), pictures(1, 8, 10, 3)):
        assert open_ae.reconstruct(remedied).shape == remedied.shape
    for shape in ((7, 10), (1, 7, 10, 4), (420,), (1, 1, 7, 10, 3), (0, 0, 3)):
        with pytest.raises(vae_onnx.InputError):
            open_ae.encode(pictures(*shape))


@pytest.mark.parametrize("told", ["0", "-8", "8.0", "", "eight", "\u0668"])
def test_a_multiple_that_is_none(graphs, told, monkeypatch):
    graph = vae_onnx.load(graphs / "open").encoder.graph
    monkeypatch.setattr(graph, "metadata", {"size_multiple": told})
    with pytest.raises(vae_onnx.GraphError, match="`size_multiple` must be a number above 0"):
        contract.size_multiple(graph)


def test_a_gaussian_is_the_textbook_one():
    x, means = pictures(4, 12), pictures(4, 12, seed=1)
    px = distributions.Gaussian(0.3)
    density = np.exp(-((x - means) ** 2) / (2 * 0.3**2)) / (0.3 * math.sqrt(2 * math.pi))
    expected = np.log(density.astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(px.log_px(x, means), expected, rtol=1e-5)
    slopes, offsets = px.linear(means)
    linear = (slopes * x + offsets).sum(axis=1) + px.constant(x)
    np.testing.assert_allclose(linear, expected, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.5])
def test_bits_per_dimension_are_those_of_the_levels_of_a_byte(sigma):
    """By hand: a level is as likely as the Gaussian is between its two ends."""
    mean, levels = 0.4, np.arange(256) / 255
    normal = NormalDist(mean, sigma)
    ends = [(level - 0.5 / 255, level + 0.5 / 255) for level in levels]
    p = np.array([normal.cdf(high) - normal.cdf(low) for low, high in ends])
    near = np.abs(levels - mean) < 2 * sigma
    px = distributions.Gaussian(sigma)
    x = levels[near, np.newaxis].astype(np.float32)
    nats = -px.log_px(x, np.full_like(x, mean))
    told = np.array([px.bits_per_dim(each, 1) for each in nats])
    exact = -np.log2(p[near])
    assert (told > exact - 1e-5).all()  # an upper bound
    np.testing.assert_allclose(told, exact, atol=0.05 if sigma < 0.05 else 1e-3)
    # Of many pixels, the mean of theirs.
    whole = px.bits_per_dim(float(nats.sum()), len(nats))
    assert whole == pytest.approx(told.mean())


def test_the_exact_integral_of_a_gaussian_model():
    """X = W z + noise: its p(x) is known, N(0, W W^T + sigma^2 I)."""
    rng, sigma = np.random.default_rng(0), 0.5
    w = rng.normal(0, 0.5, (2, 3)).astype(np.float32)
    x = rng.normal(0, 0.7, (20, 3)).astype(np.float32)
    covariance = w.T @ w + sigma**2 * np.eye(3)
    _, log_det = np.linalg.slogdet(2 * math.pi * covariance)
    expected = -0.5 * (np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x) + log_det)
    px = distributions.Gaussian(sigma)
    got = likelihood.log_px(x, lambda z: z @ w, px=px)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    # The posterior of this model is Gaussian too, but for its correlation: the ELBO is below.
    precision = w @ w.T / sigma**2 + np.eye(2)
    mu = x @ w.T / sigma**2 @ np.linalg.inv(precision)
    q = Posterior(
        mu.astype(np.float32), np.tile(-np.log(np.diag(precision)), (20, 1)).astype(np.float32)
    )
    bound = likelihood.elbo(x, q, lambda z: z @ w, rng, 2000, px=px).elbo
    assert (bound < expected + 0.1).all()
    close = likelihood.log_px_importance(x, q, lambda z: z @ w, rng, 5000, px=px)
    np.testing.assert_allclose(close, expected, atol=0.05)


def test_scores_of_a_gaussian_vae(map_vae):
    x = pictures(6, 6, 4, 4)
    scores = map_vae.score(x, np.random.default_rng(3), draws=64)
    errors = (map_vae.reconstruct(x) - x) ** 2
    np.testing.assert_allclose(scores.mse, errors.mean(axis=(1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(scores.psnr, -10 * np.log10(scores.mse))
    q = map_vae.posterior(x)
    expected = likelihood.elbo(
        x.transpose(0, 3, 1, 2), q, map_vae.decoder.to_x_recon,
        np.random.default_rng(3), 64, px=distributions.Gaussian(0.1),
    )  # fmt: skip
    np.testing.assert_allclose(scores.nats, -expected.elbo)
    np.testing.assert_array_equal(map_vae.score(x).nats, map_vae.score(x).nats)


def test_where_there_is_no_likelihood_there_are_no_nats(open_ae):
    x = pictures(3, 6, 8, 3)
    assert contract.likelihood(open_ae.metadata) is None
    scores = open_ae.score(x)
    assert scores.nats is None
    assert scores.mse.shape == (3,)
    nchw = x.transpose(0, 3, 1, 2)
    result = evaluation.evaluate(
        nchw,
        open_ae.encode(x),
        open_ae.decoder.to_x_recon,
        px=contract.likelihood(open_ae.metadata),
    )
    assert result.keys() == {"images", "mse", "psnr"}
    assert result["psnr"] == pytest.approx(scores.psnr.mean())
    assert "no nats" in evaluation.table("open-ae", result)
    constant = np.full((1, 4, 4, 3), 0.5, np.float32)
    assert open_ae.score(constant).psnr == 150  # nothing differs


def test_the_one_unlike_the_others_scores_highest():
    model = vae_onnx.load("mnist-vae")
    rng = np.random.default_rng(0)
    digits = model.sample(20, rng)
    digits[7] = rng.random((28, 28), np.float32)
    scores = model.score(digits)
    assert scores.nats.argmax() == scores.mse.argmax() == 7
    bound = vae_onnx.load("mnist-ae").score(digits)
    np.testing.assert_allclose(
        bound.nats,
        likelihood.recon(digits, vae_onnx.load("mnist-ae").reconstruct(digits)),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"likelihood": "Laplace"}, "must be Bernoulli, Gaussian or none, got 'Laplace'"),
        ({"likelihood": "gaussian"}, "needs the metadata `sigma`, a number above 0, got None"),
        ({"likelihood": "Gaussian", "sigma": "0"}, "a number above 0, got '0'"),
        ({"likelihood": "Gaussian", "sigma": "nan"}, "a number above 0, got 'nan'"),
        ({"likelihood": "Gaussian", "sigma": "inf"}, "a number above 0, got 'inf'"),
    ],
)
def test_likelihoods_that_are_none(told, message):
    with pytest.raises(vae_onnx.GraphError, match=message):
        contract.likelihood(told)


def test_without_a_prior_samples_lie_where_the_codes_do(tiny_ae, monkeypatch):
    told = {"prior": "none", "latent_mean": "[0.25, 0.75]", "latent_std": "[0, 0]"}
    for side in (tiny_ae.encoder, tiny_ae.decoder):
        monkeypatch.setattr(side.graph, "metadata", told)
    samples = tiny_ae.sample(3, np.random.default_rng(0))
    np.testing.assert_allclose(samples, np.tile(tiny_ae.decode([0.25, 0.75]), (3, 1, 1)))
    told["latent_std"] = "[0]"
    with pytest.raises(
        vae_onnx.GraphError, match=r"`latent_std` must be finite numbers of shape \(2,\)"
    ):
        tiny_ae.sample(1, np.random.default_rng(0))
