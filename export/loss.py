"""The objective, in nats per image (Kingma & Welling, Auto-Encoding Variational Bayes, 2014)."""

import math

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from export.config import Config
from export.model import AE, VAE, reparameterize


def recon(logits: Tensor, x: Tensor) -> Tensor:
    """Reconstruction term -log p(x | z) in nats, (N,). Lower is better.

    Bernoulli cross-entropy summed over pixels; logits and x are (N, 784), x in [0, 1]. For grey
    pixels, which no Bernoulli variable can show, its minimum is the entropy of x and not zero.
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)


def kld(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(q(z | x) || N(0, I)) in nats, (N,), from mu and log_var (N, latent_dim). Never negative.

    The closed form for two Gaussians, appendix B of the paper.
    """
    return _kld_by_dimension(mu, log_var).sum(dim=1)


def _kld_by_dimension(mu: Tensor, log_var: Tensor) -> Tensor:
    """The kld of each latent dimension, (N, latent_dim); expm1 keeps small ones exact."""
    return 0.5 * (mu.square() + log_var.expm1() - log_var)


def elbo(logits: Tensor, x: Tensor, mu: Tensor, log_var: Tensor) -> Tensor:
    """Evidence lower bound in nats, (N,). Higher is better; train on -elbo.mean()."""
    return -(recon(logits, x) + kld(mu, log_var))


def objective(
    model: VAE | AE, x: Tensor, eps: Tensor, config: Config, kl_weight: float | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """What training descends on, and its terms for the log.

    Args:
        model: on the device of x.
        x: images, (N, 784) float32 in [0, 1].
        eps: the VAE's standard normal noise, (k, N, latent_dim); an AE does not look at it.
        config: its `objective`, `beta` and `free_bits` are looked at.
        kl_weight: weight of the kld at this step, `config.beta` unless given.

    Returns:
        The loss, a scalar in nats per image to be minimised, and the terms "recon" and for a VAE
        "kld", detached, (N,) each: means over the k samples.
    """
    if isinstance(model, AE):
        values = recon(model(x), x)
        return values.mean(), {"recon": values.detach()}
    mu, log_var = model.encoder(x)
    z = reparameterize(mu, log_var, eps)
    logits = model.decoder(z.flatten(0, 1))
    recons = recon(logits, x.expand(len(eps), -1, -1).flatten(0, 1)).reshape(z.shape[:2])
    logged = {"recon": recons.detach().mean(dim=0), "kld": kld(mu, log_var).detach()}
    if config.objective == "iwae":
        return -iwae(z, mu, log_var, recons).mean(), logged
    weight = config.beta if kl_weight is None else kl_weight
    return recons.mean() + weight * penalty(mu, log_var, config.free_bits), logged


def penalty(mu: Tensor, log_var: Tensor, free_bits: float) -> Tensor:
    """The kld's part in the loss, a scalar in nats per image, from mu and log_var (N, latent_dim).

    A latent dimension whose kld, averaged over the batch, is below `free_bits` counts as that much
    and is left alone by the gradient (Kingma et al., Improved Variational Inference with Inverse
    Autoregressive Flow, 2016, appendix C.8).
    """
    return _kld_by_dimension(mu, log_var).mean(dim=0).clamp(min=free_bits).sum()


def iwae(z: Tensor, mu: Tensor, log_var: Tensor, recons: Tensor) -> Tensor:
    """The importance-weighted bound on log p(x) in nats, (N,). Higher is better.

    Burda et al., Importance Weighted Autoencoders, 2016, equation 8, from z (k, N, latent_dim) and
    recons (k, N). Its gradient for the encoder is the doubly reparameterised one of Tucker et al.,
    Doubly Reparameterized Gradient Estimators, 2019, equation 6: unlike the plain one its
    signal-to-noise ratio does not fall with k.
    """
    mu, log_var = mu.detach(), log_var.detach()  # the score of q has no part in that gradient
    log_q = -0.5 * ((z - mu).square() / log_var.exp() + log_var).sum(dim=2)
    log_prior = -0.5 * z.square().sum(dim=2)  # log(2 pi) cancels in the ratio
    log_w = log_prior - recons - log_q
    share = log_w.detach().softmax(dim=0)
    if z.requires_grad:
        z.register_hook(lambda gradient: share.unsqueeze(2) * gradient)  # type: ignore[no-untyped-call]
    return log_w.logsumexp(dim=0) - math.log(len(z))
