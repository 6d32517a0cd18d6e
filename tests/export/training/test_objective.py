import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence

from export.config import Config
from export.errors import ConfigError
from export.networks.building import build
from export.training.objective import (
    Objective,
    elbo,
    gaussian_recon,
    iwae,
    kld,
    penalty,
    recon,
)

numbers = st.floats(-5, 5)


def test_recon_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]])
    x = torch.tensor([[1.0, 0.0]])
    assert recon(logits, x).tolist() == pytest.approx([math.log(2) + math.log(4)])


def test_recon_is_the_negative_log_likelihood_of_a_bernoulli():
    logits = torch.randn(7, 784)
    x = torch.rand(7, 784).round()
    torch.testing.assert_close(recon(logits, x), -Bernoulli(logits=logits).log_prob(x).sum(dim=1))


@pytest.mark.parametrize("scale", [0.1, 5.0, 100.0])
def test_recon_and_its_gradient_are_those_of_pytorch(scale):
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(3, 7, 784, generator=generator)
    x = torch.rand(7, 784, generator=generator)
    logits.requires_grad_()
    weights = torch.rand(3, 7, generator=generator)
    expected = F.binary_cross_entropy_with_logits(
        logits.double(), x.double().expand(3, 7, 784), reduction="none"
    ).sum(dim=2)
    got = recon(logits, x)
    torch.testing.assert_close(got.double(), expected, rtol=1e-6, atol=0)
    (expected_gradient,) = torch.autograd.grad((weights * expected).sum(), logits)
    (gradient,) = torch.autograd.grad((weights * got).sum(), logits)
    torch.testing.assert_close(gradient, expected_gradient)


def test_recon_of_grey_pixels_is_lowest_where_the_mean_is_the_pixel():
    x = torch.full((1, 784), 0.3)
    best = torch.logit(x)
    entropy = -(0.3 * math.log(0.3) + 0.7 * math.log(0.7)) * 784
    assert recon(best, x).item() == pytest.approx(entropy, rel=1e-5)
    assert recon(best + 0.1, x) > recon(best, x)
    assert recon(best - 0.1, x) > recon(best, x)


def test_the_gaussian_recon_is_a_negative_log_density():
    logits, x = torch.randn(3, 7, 48), torch.rand(7, 48)
    log_sigma = torch.tensor(-1.3)
    normal = Normal(logits.sigmoid(), log_sigma.exp())
    expected = -normal.log_prob(x.expand(3, 7, 48)).sum(dim=2)
    torch.testing.assert_close(gaussian_recon(logits, x, log_sigma), expected)


def test_the_best_sigma_is_the_root_of_the_mean_squared_error():
    logits, x = torch.randn(7, 48), torch.rand(7, 48)
    error = (logits.sigmoid() - x).square().mean()
    log_sigma = (0.5 * error.log()).requires_grad_()
    (gradient,) = torch.autograd.grad(gaussian_recon(logits, x, log_sigma).sum(), log_sigma)
    assert abs(gradient.item()) < 1e-3


COLOUR = Config(dataset="folder:x", colour=True, image_size=16, network="conv", width=8)


def test_of_a_gaussian_the_objective_teaches_sigma_but_not_by_moved_images():
    vae = build(COLOUR).train()
    objective = Objective(vae, COLOUR)
    x, eps = torch.rand(4, 768), torch.randn(1, 4, 2)
    for frozen, taught in ((False, True), (True, False)):
        vae.zero_grad()
        objective(x, x, eps, frozen_decoder=frozen)[0].backward()
        assert (vae.log_sigma.grad is not None) == taught
        assert vae.encoder.mu.weight.grad.any()


@pytest.mark.parametrize("objective", ["elbo", "iwae"])
def test_samples_of_a_map_of_codes_are_decoded_as_they_are(objective):
    config = Config(network="conv", width=8, latent_dim=3, latent_side=7, objective=objective, k=2)
    vae = build(config)
    x, eps = torch.rand(4, 784), torch.randn(2, 4, 3, 7, 7)
    loss, terms = Objective(vae, config)(x, x, eps)
    loss.backward()
    mu, log_var = vae.encoder(x)
    recons = [recon(vae.decoder(mu + (0.5 * log_var).exp() * one), x) for one in eps]
    torch.testing.assert_close(terms["recon"], torch.stack(recons).mean(dim=0))
    torch.testing.assert_close(terms["kld"], kld(mu.flatten(1), log_var.flatten(1)))


def test_kld_by_hand():
    mu = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert kld(mu, torch.zeros(2, 2)).tolist() == [0, 12.5]


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
def test_kld_is_that_of_two_gaussians(rows):
    mu, log_var = torch.tensor(rows, dtype=torch.float64).T.unsqueeze(1)
    expected = kl_divergence(Normal(mu, (0.5 * log_var).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(kld(mu, log_var), expected)
    assert kld(mu, log_var).min() >= -1e-12


def test_elbo_is_minus_the_sum_of_the_terms():
    vae = build(Config(hidden_dim=8))
    x, eps = torch.rand(5, 784), torch.randn(5, 2)
    logits, mu, log_var = vae(x, eps)
    _, parts = Objective(vae, Config())(x, x, eps.unsqueeze(0))
    assert list(parts) == ["recon", "kld"]
    torch.testing.assert_close(elbo(logits, x, mu, log_var), -(parts["recon"] + parts["kld"]))


def test_the_elbo_is_a_lower_bound_of_the_evidence():
    """Against log p(x) by importance sampling from the prior, which errs downwards."""
    vae = build(Config(hidden_dim=8))
    x = torch.rand(1, 784).round()
    z = torch.randn(20_000, 2)
    with torch.no_grad():
        log_px = torch.logsumexp(-recon(vae.decoder(z), x.expand(len(z), -1)), 0) - math.log(len(z))
        logits, mu, log_var = vae(x.expand(1000, -1), torch.randn(1000, 2))
        bound = elbo(logits, x.expand(1000, -1), mu, log_var).mean()
    assert bound <= log_px + 0.01


def test_an_ae_has_one_term_and_takes_no_notice_of_noise():
    ae = build(Config(kind="ae", hidden_dim=8))
    x = torch.rand(5, 784)
    _, parts = Objective(ae, Config(kind="ae"))(x, x, torch.full((1, 5, 2), torch.nan))
    assert list(parts) == ["recon"]
    torch.testing.assert_close(parts["recon"], recon(ae(x), x))


@pytest.fixture
def vae():
    return build(Config(hidden_dim=8)).double()


@pytest.fixture
def x():
    return torch.rand(5, 784, generator=torch.Generator().manual_seed(0)).round().double()


def noise(k, n, seed=1):
    return torch.randn(k, n, 2, generator=torch.Generator().manual_seed(seed)).double()


def gradients(loss, module):
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, module.parameters())])


def test_the_objective_is_the_mean_negative_elbo(vae, x):
    eps = noise(3, 5)
    loss, logged = Objective(vae, Config(k=3))(x, x, eps)
    expected = torch.stack([elbo(vae(x, one)[0], x, *vae(x, one)[1:]) for one in eps])
    torch.testing.assert_close(loss, -expected.mean())
    torch.testing.assert_close(logged["recon"] + logged["kld"], -expected.mean(dim=0))


def test_the_objective_of_an_ae_is_recon(x):
    ae = build(Config(kind="ae", hidden_dim=8)).double()
    loss, logged = Objective(ae, Config(kind="ae"))(x, x, noise(1, 5))
    torch.testing.assert_close(loss, recon(ae(x), x).mean())
    assert list(logged) == ["recon"]


def test_beta_weighs_the_kld(vae, x):
    loss, logged = Objective(vae, Config(beta=4.0))(x, x, noise(1, 5))
    torch.testing.assert_close(loss, (logged["recon"] + 4 * logged["kld"]).mean())
    warming, _ = Objective(vae, Config(beta=4.0))(x, x, noise(1, 5), kl_weight=torch.tensor(0.0))
    torch.testing.assert_close(warming, logged["recon"].mean())


def test_free_bits_leave_small_dimensions_alone():
    mu = torch.tensor([[0.1, 3.0], [-0.1, 1.0]], requires_grad=True)  # kld 0.005 and 2.5 a row
    value = penalty(mu, torch.zeros(2, 2), free_bits=0.2)
    assert value.item() == pytest.approx(0.2 + 2.5)
    (gradient,) = torch.autograd.grad(value, mu)
    assert gradient.tolist() == [[0, 1.5], [0, 0.5]]
    plain = penalty(mu, torch.zeros(2, 2), free_bits=0.0)
    torch.testing.assert_close(plain, kld(mu, torch.zeros(2, 2)).mean())


def bound(vae, x, eps):
    """The importance-weighted bound (N,), from torch.distributions."""
    mu, log_var = vae.encoder(x)
    q = Normal(mu, (0.5 * log_var).exp())
    z = mu + (0.5 * log_var).exp() * eps
    log_px = torch.stack([-recon(vae.decoder(one), x) for one in z])
    log_w = log_px + (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(dim=2)
    return log_w.logsumexp(dim=0) - math.log(len(eps))


def test_iwae_is_the_importance_weighted_bound(vae, x):
    eps = noise(6, 5)
    loss, _ = Objective(vae, Config(objective="iwae", k=6))(x, x, eps)
    torch.testing.assert_close(loss, -bound(vae, x, eps).mean())


def test_the_decoders_gradient_is_that_of_the_bound(vae, x):
    eps = noise(6, 5)
    loss, _ = Objective(vae, Config(objective="iwae", k=6))(x, x, eps)
    expected = gradients(-bound(vae, x, eps).mean(), vae.decoder)
    torch.testing.assert_close(gradients(loss, vae.decoder), expected)


def test_the_encoders_gradient_has_the_right_mean_and_less_noise(vae, x):
    """DReG against the plain reparameterised gradient of the same bound, over 400 draws."""
    config = Config(objective="iwae", k=8)
    dreg, plain = [], []
    for seed in range(400):
        eps = noise(8, 5, seed)
        dreg.append(gradients(Objective(vae, config)(x, x, eps)[0], vae.encoder))
        plain.append(gradients(-bound(vae, x, eps).mean(), vae.encoder))
    dreg, plain = torch.stack(dreg), torch.stack(plain)
    error = ((dreg.var(dim=0) + plain.var(dim=0)) / 400).sqrt()
    seen = error > 0
    distance = (dreg.mean(dim=0) - plain.mean(dim=0))[seen] / error[seen]
    assert distance.square().mean().sqrt() < 1.3
    assert dreg.var(dim=0).sum() < plain.var(dim=0).sum()


def test_more_samples_make_a_tighter_bound(vae, x):
    with torch.no_grad():
        means = []
        for k in (1, 5, 50):
            bounds = [
                -Objective(vae, Config(objective="iwae", k=k))(x, x, noise(k, 5, seed))[0]
                for seed in range(200)
            ]
            means.append(torch.stack(bounds).mean().item())
    assert means[0] < means[1] < means[2]


def test_iwae_weighs_no_kld():
    with pytest.raises(ConfigError, match="leave them out"):
        Config(objective="iwae", beta=2.0)


def test_iwae_of_one_sample_has_no_weights():
    z = torch.tensor([[[1.0, 0.0]]])
    mu, log_var, recons = torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[3.0]])
    assert iwae(z, mu, log_var, recons).tolist() == [-3.0]  # prior and posterior cancel
