"""The objective, in nats per image (Kingma & Welling, Auto-Encoding Variational Bayes, 2014)."""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from export.model import AE, VAE


def recon(logits: Tensor, x: Tensor) -> Tensor:
    """Reconstruction term -log p(x | z) in nats, (N,). Lower is better.

    Bernoulli cross-entropy summed over pixels; logits and x are (N, 784), x in [0, 1]. For grey
    pixels, which no Bernoulli variable can show, its minimum is the entropy of x and not zero.
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)


def kld(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(q(z | x) || N(0, I)) in nats, (N,), from mu and log_var (N, latent_dim). Never negative.

    The closed form for two Gaussians, appendix B of the paper; expm1 keeps small ones exact.
    """
    return 0.5 * (mu.square() + log_var.expm1() - log_var).sum(dim=1)


def elbo(logits: Tensor, x: Tensor, mu: Tensor, log_var: Tensor) -> Tensor:
    """Evidence lower bound in nats, (N,). Higher is better; train on -elbo.mean()."""
    return -(recon(logits, x) + kld(mu, log_var))


def terms(model: VAE | AE, x: Tensor, eps: Tensor) -> dict[str, Tensor]:
    """The terms whose sum is the training loss, by name, each (N,) in nats.

    A VAE has "recon" and "kld" (their sum is -elbo), an AE "recon" alone. eps (N, latent_dim) is
    the VAE's noise; an AE does not look at it.
    """
    if isinstance(model, VAE):
        logits, mu, log_var = model(x, eps)
        return {"recon": recon(logits, x), "kld": kld(mu, log_var)}
    return {"recon": recon(model(x), x)}
