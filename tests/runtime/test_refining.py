"""A better q(z | x) than the encoder's: exact where it is known, better on real images."""

import numpy as np
import pytest

import vae_onnx
from vae_onnx import Posterior, likelihood
from vae_onnx.distributions import Gaussian
from vae_onnx.refining import refined

SIGMA = 0.5
WEIGHT = np.float32([[1, 1, 0, 0], [0, 0, 2, -1]])  # whose rows are at right angles
SHIFT = np.float32([0.1, 0.2, 0.3, 0.4])


def linear(z):
    return (z @ WEIGHT + SHIFT).reshape(-1, 1, 2, 2)


def test_one_step_finds_the_posterior_of_a_linear_model():
    x = np.random.default_rng(0).random((7, 1, 2, 2), np.float32)
    guess = Posterior(np.full((7, 2), 0.7, np.float32), np.full((7, 2), -0.2, np.float32))
    found = refined(x, guess, linear, Gaussian(SIGMA), 1)
    precision = 1 + np.square(WEIGHT).sum(axis=1) / SIGMA**2
    mu = (x.reshape(7, 4) - SHIFT) @ WEIGHT.T / SIGMA**2 / precision
    np.testing.assert_allclose(found.mu, mu, atol=1e-5)
    np.testing.assert_allclose(found.log_var, -np.log([precision] * 7), atol=1e-5)
    again = refined(x, found, linear, Gaussian(SIGMA), 3)
    np.testing.assert_allclose(again.mu, found.mu, atol=1e-5)


@pytest.mark.parametrize("name", ["fashion-mnist-vae", "mnist-vae", "mnist-vae-16d"])
def test_real_images_gain_nats_and_none_is_worse(images, name):
    model, x = vae_onnx.load(name), images[name.partition("-vae")[0]][:40]
    totals = []
    for steps in (0, 1, 5):
        q = model.posterior(x, refine=steps)
        assert q.mu.shape == (40, model.latent_dim)
        assert q.mu.dtype == q.log_var.dtype == np.float32
        floats = x[:, np.newaxis].astype(np.float32) / 255
        decode, rng = model.decoder.to_x_recon, np.random.default_rng(0)
        totals.append(likelihood.elbo(floats, q, decode, rng, 200).elbo)
    assert totals[1].mean() > totals[0].mean() + 0.5
    assert totals[2].mean() > totals[1].mean() + 0.2
    assert (totals[2] > totals[0] - 0.5).all()  # but for the noise of the draws


def test_blocks_and_dtypes_do_not_matter(images, monkeypatch):
    model, x = vae_onnx.load("mnist-vae"), images["mnist"][:20]
    whole = model.posterior(x, refine=2)
    monkeypatch.setattr("vae_onnx.refining.PICTURES", 35)
    parts = model.posterior(x.astype(np.float32) / 255, refine=2)
    np.testing.assert_allclose(parts.mu, whole.mu, atol=1e-5)
    np.testing.assert_allclose(parts.log_var, whole.log_var, atol=1e-5)


def test_colour_models_and_their_gaussian_too():
    model = vae_onnx.load("emoji-vae")
    x = model.sample(2, np.random.default_rng(0))
    before, after = model.posterior(x), model.posterior(x, refine=1)
    assert after.mu.shape == before.mu.shape == (2, 64)
    assert not np.array_equal(after.mu, before.mu)


def test_what_cannot_be_refined_is_refused(images):
    x = images["mnist"][:2]
    with pytest.raises(vae_onnx.InputError, match="refine must be at least 0, got -1"):
        vae_onnx.load("mnist-vae").posterior(x, refine=-1)
    with pytest.raises(vae_onnx.InputTypeError, match="an AE has no posterior"):
        vae_onnx.load("mnist-ae").posterior(x, refine=3)
    with pytest.raises(vae_onnx.InputTypeError, match="refine must be an integer"):
        vae_onnx.load("mnist-vae").posterior(x, refine=1.5)


def test_codes_too_large_to_refine_are_refused_before_anything_is_decoded():
    q = Posterior(np.zeros((1, 4, 32, 32), np.float32), np.zeros((1, 4, 32, 32), np.float32))
    x = np.zeros((1, 1, 2, 2), np.float32)
    with pytest.raises(vae_onnx.InputError, match="decodes 8,193 pictures"):
        refined(x, q, linear, Gaussian(SIGMA), 1)


def test_without_a_likelihood_there_is_nothing_to_refine_by(images, monkeypatch):
    model = vae_onnx.load("mnist-vae")
    monkeypatch.setattr("vae_onnx.contract.likelihood", lambda _: None)
    with pytest.raises(vae_onnx.GraphError, match="state no likelihood and prior"):
        model.posterior(images["mnist"][:2], refine=1)
