import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence

from export.config import Config
from export.loss import elbo, kld, recon, terms
from export.model import build

numbers = st.floats(-5, 5)


def test_recon_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]])
    x = torch.tensor([[1.0, 0.0]])
    assert recon(logits, x).tolist() == pytest.approx([math.log(2) + math.log(4)])


def test_recon_is_the_negative_log_likelihood_of_a_bernoulli():
    logits = torch.randn(7, 784)
    x = torch.rand(7, 784).round()
    torch.testing.assert_close(recon(logits, x), -Bernoulli(logits=logits).log_prob(x).sum(dim=1))


def test_recon_of_grey_pixels_is_lowest_where_the_mean_is_the_pixel():
    x = torch.full((1, 784), 0.3)
    best = torch.logit(x)
    entropy = -(0.3 * math.log(0.3) + 0.7 * math.log(0.7)) * 784
    assert recon(best, x).item() == pytest.approx(entropy, rel=1e-5)
    assert recon(best + 0.1, x) > recon(best, x)
    assert recon(best - 0.1, x) > recon(best, x)


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
    parts = terms(vae, x, eps)
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
    parts = terms(ae, x, torch.full((5, 2), torch.nan))
    assert list(parts) == ["recon"]
    torch.testing.assert_close(parts["recon"], recon(ae(x), x))
