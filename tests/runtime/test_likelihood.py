"""The ELBO, the importance-weighted and the exact log p(x), where the answers are known."""

import math
from statistics import NormalDist

import numpy as np
import pytest

import vae_onnx
from vae_onnx import Posterior, likelihood
from vae_onnx.distributions import BERNOULLI

PHI = np.vectorize(NormalDist().cdf, otypes=[np.float32])
SLOPE, SHIFT = np.float32([0.7, -2.0]), np.float32([0.3, 1.1])


def probit(z):
    """Two pixels that are on with probability Phi(slope z + shift): p(x) has a closed form."""
    return PHI(SLOPE * z + SHIFT)


# E[Phi(a z + b)] = Phi(b / sqrt(1 + a^2)) over z ~ N(0, 1)
ON = PHI(SHIFT / np.sqrt(1 + SLOPE**2)).astype(np.float64)
X = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
LOG_PX = np.log(np.where(X == 1, ON, 1 - ON)).sum(axis=1)


@pytest.fixture
def posterior():
    mu = np.float32([[0.3, -0.2], [-0.4, 0.1], [0.2, 0.5], [0.1, -0.6]])
    return Posterior(mu, np.float32([[0.1, 0.2], [0, 0.1], [0.3, 0], [0.1, 0.2]]))


@pytest.fixture
def real(images):
    """The first digits as x (N, 28, 28), and the MNIST VAE."""
    return images["mnist"].astype(np.float32) / 255, vae_onnx.load("mnist-vae")


def test_recon_is_the_bernoulli_cross_entropy():
    x = np.float32([[0, 1], [1, 0.25]])
    p = np.float32([[0.25, 0.5], [1, 0.25]])
    last = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    expected = [math.log(4 / 3) + math.log(2), last]
    np.testing.assert_allclose(likelihood.recon(x, p), expected, atol=1e-5)


def test_recon_keeps_seven_digits_of_tiny_means():
    p = np.float32([[1e-30], [1e-38], [0]])
    nats = likelihood.recon(np.ones((3, 1), np.float32), p)
    expected = [30 * math.log(10), -math.log(np.finfo(np.float32).tiny), 87.3365]
    np.testing.assert_allclose(nats, expected, rtol=1e-6)


def test_the_floor_is_the_entropy_of_the_pixels_and_reached_where_means_are_pixels():
    x = np.float32([[0, 1, 0.5, 0.25]])
    quarter = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    np.testing.assert_allclose(BERNOULLI.floor(x), [math.log(2) + quarter], rtol=1e-6)
    np.testing.assert_allclose(likelihood.recon(x, x), BERNOULLI.floor(x), atol=1e-5)
    assert (likelihood.recon(x, x * 0.9 + 0.05) > BERNOULLI.floor(x)).all()


def test_kld():
    posterior = Posterior(np.float32([[0, 0], [3, 0]]), np.float32([[0, 0], [0, math.log(2)]]))
    expected = [0, 4.5 + 0.5 * (2 - 1 - math.log(2))]
    np.testing.assert_allclose(likelihood.kld(posterior), expected, rtol=1e-6)


def test_log_px_is_the_closed_form():
    np.testing.assert_allclose(likelihood.log_px(X, probit), LOG_PX, atol=1e-5)


def test_log_px_of_all_pictures_sums_to_one():
    assert np.exp(likelihood.log_px(X, probit)).sum() == pytest.approx(1, abs=1e-5)


def test_importance_weights_come_to_log_px(posterior):
    rng = np.random.default_rng(0)
    got = likelihood.log_px_importance(X, posterior, probit, rng, k=20_000)
    np.testing.assert_allclose(got, LOG_PX, atol=0.03)


def test_one_importance_weight_is_the_elbo_of_one_draw(posterior):
    """On average: there the kld is sampled, here it is in closed form."""
    x, many = np.repeat(X, 5000, axis=0), np.repeat(np.arange(4), 5000)
    posterior = Posterior(posterior.mu[many], posterior.log_var[many])
    arguments = (x, posterior, probit)
    one = likelihood.log_px_importance(*arguments, np.random.default_rng(0), k=1)
    elbo = likelihood.elbo(*arguments, np.random.default_rng(0), draws=1).elbo
    one, elbo = one.reshape(4, -1).mean(axis=1), elbo.reshape(4, -1).mean(axis=1)
    np.testing.assert_allclose(one, elbo, atol=0.05)


def test_elbo_is_log_px_where_the_posterior_is_the_prior_and_z_means_nothing():
    x = np.random.default_rng(0).integers(0, 2, (5, 3)).astype(np.float32)
    prior = Posterior(np.zeros((5, 2), np.float32), np.zeros((5, 2), np.float32))
    rng = np.random.default_rng(0)

    def decode(z):
        return np.full((len(z), 3), 0.5, np.float32)

    for got in (
        likelihood.elbo(x, prior, decode, rng).elbo,
        likelihood.log_px_importance(x, prior, decode, rng),
        likelihood.log_px(x, decode),
    ):
        np.testing.assert_allclose(got, 3 * math.log(0.5), atol=1e-5)


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist"])
def test_exact_is_above_importance_is_above_elbo_on_every_image(images, dataset):
    """Burda et al. 2016, theorem 1, to within sampling error, with 5000 draws an image."""
    x, model = images[dataset][:30].astype(np.float32) / 255, vae_onnx.load(f"{dataset}-vae")
    posterior, parts = model.posterior(x), 20
    exact = likelihood.log_px(x, model.decode)
    # In twenty parts of 250 draws, so that the spread of the parts tells the sampling error.
    rng = np.random.default_rng(0)
    few = [
        likelihood.log_px_importance(x, posterior, model.decode, rng, k=250) for _ in range(parts)
    ]
    weights = np.exp(few - exact)  # estimates of p(x), in units of it: their mean is 1
    importance = exact + np.log(weights.mean(axis=0))
    importance_error = weights.std(axis=0, ddof=1) / weights.mean(axis=0) / math.sqrt(parts)
    elbos = [likelihood.elbo(x, posterior, model.decode, rng, draws=250).elbo for _ in range(parts)]
    elbo = np.mean(elbos, axis=0)
    elbo_error = np.std(elbos, axis=0, ddof=1) / math.sqrt(parts)
    assert (exact >= importance - 4 * importance_error - 1e-3).all()
    assert (importance >= elbo - 4 * elbo_error - 1e-3).all()
    assert (exact >= elbo - 4 * elbo_error - 1e-3).all()
    assert (exact - elbo).mean() > 0.5
    sure = importance_error.argsort()[:5]  # where the draws suffice, the two meet
    assert (np.abs(importance - exact)[sure] < 4 * importance_error[sure] + 1e-3).all()


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist"])
def test_the_integral_has_converged(images, dataset):
    """Half the step changes it by less than it is used for, and each halving by less again."""
    x, model = images[dataset][:8].astype(np.float32) / 255, vae_onnx.load(f"{dataset}-vae")
    default = likelihood.log_px(x, model.decode)
    errors = [
        np.abs(likelihood.log_px(x, model.decode, step) - default)
        for step in (likelihood.STEP * 4, likelihood.STEP * 2, likelihood.STEP / 2)
    ]
    assert errors[2].max() < 2e-3
    assert errors[2].mean() < 2e-4
    assert errors[0].mean() > 5 * errors[1].mean() > 5 * errors[2].mean()


def test_the_tiles_left_out_hold_nothing(real, monkeypatch):
    x, model = real
    default = likelihood.log_px(x[:5], model.decode, 1 / 16)
    monkeypatch.setattr(likelihood, "NEGLIGIBLE", math.inf)
    everywhere = likelihood.log_px(x[:5], model.decode, 1 / 16)
    np.testing.assert_allclose(default, everywhere, atol=1e-5)


@pytest.mark.parametrize(("rows", "drawn"), [(1, 1), (7, 50), (64, 1 << 20)])
def test_the_blocks_do_not_matter(real, monkeypatch, rows, drawn):
    x, model = real
    x, posterior = x[:9], model.posterior(x[:9])

    def everything():
        return [
            *likelihood.elbo(x, posterior, model.decode, np.random.default_rng(0), draws=5),
            likelihood.log_px_importance(x, posterior, model.decode, np.random.default_rng(0), k=7),
            likelihood.log_px(x[:2], model.decode, 1 / 8) if rows >= 64 else np.zeros(2),
        ]

    expected = everything()
    monkeypatch.setattr(likelihood, "ROWS", rows)
    monkeypatch.setattr(likelihood, "DRAWN", drawn)
    for got, value in zip(everything(), expected, strict=True):
        if value.any() and got.any():
            np.testing.assert_allclose(got, value, atol=1e-3)


def test_images_do_not_change_each_others_noise(real):
    x, model = real
    few, all_ = (
        likelihood.elbo(some, model.posterior(some), model.decode, np.random.default_rng(0), 3)
        for some in (x[:10], x)
    )
    np.testing.assert_allclose(few.elbo, all_.elbo[:10], atol=1e-3)


def test_active_units():
    mu = np.random.default_rng(0).standard_normal((1000, 3)) * [1, 0.2, 0.05]
    assert likelihood.active_units(mu.astype(np.float32)) == 2


def test_progress_is_told(posterior):
    told = []

    def track(steps, name):
        told.append((name, len(steps)))
        return steps

    rng = np.random.default_rng(0)
    likelihood.elbo(X, posterior, probit, rng, 2, track)
    likelihood.log_px_importance(X, posterior, probit, rng, 2, track)
    assert [name for name, _ in told] == ["elbo", "log p(x), importance"]
    likelihood.log_px(X, probit, 1 / 16, track)
    assert told[2] == ("log p(x), exact, step 0.125", 256)
    assert told[-1][0] == "log p(x), exact, step 0.062"


def test_what_does_not_belong_together_is_refused(real, posterior):
    x, model = real
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"x must have the shape \(N, 28, 28\).*got \(100, 784\)"):
        likelihood.log_px(x.reshape(100, 784), model.decode)
    with pytest.raises(TypeError, match=r"x must be float.*got uint8; divide uint8 by 255"):
        likelihood.log_px(x.astype(np.uint8), model.decode)
    with pytest.raises(ValueError, match="same images, at least one, got 100 and 4"):
        likelihood.elbo(x, posterior, model.decode, rng)
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        likelihood.elbo(X, posterior, probit, rng, draws=0)
    for step in (0, -1, math.nan):
        with pytest.raises(ValueError, match="step must be above 0"):
            likelihood.log_px(X, probit, step)
