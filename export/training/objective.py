"""The objective, in nats per image (Kingma & Welling, Auto-Encoding Variational Bayes, 2014)."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from export.config import Config
from export.networks.autoencoder import AE, VAE, reparameterize


def recon(logits: Tensor, x: Tensor) -> Tensor:
    """Reconstruction term -log p(x | z) in nats, (..., N). Lower is better.

    Bernoulli cross-entropy summed over pixels, from logits (..., N, pixels), x (N, pixels) in
    [0, 1]. For grey pixels, which no Bernoulli variable can show, its minimum is the entropy of x
    and not zero.
    """
    cross_entropy: Tensor = _CrossEntropy.apply(logits, x)
    return cross_entropy


def gaussian_recon(logits: Tensor, x: Tensor, log_sigma: Tensor) -> Tensor:
    """Reconstruction term -log p(x | z) in nats, (..., N), of a Gaussian with one sigma for all.

    Its mean is the sigmoid of the logits (..., N, pixels), x (N, pixels) in [0, 1]. With log_sigma,
    a scalar, learned beside the weights, beta needs no tuning: at its optimum sigma^2 is the mean
    squared error (Rybkin, Daniilidis & Levine, Simple and Effective VAE Training with Calibrated
    Decoders, 2021, section 3). A density, so that it may be negative.
    """
    squares = (logits.sigmoid() - x).square().sum(dim=-1)
    constant = x.shape[-1] * (log_sigma + 0.5 * math.log(2 * math.pi))
    return 0.5 * squares * (-2 * log_sigma).exp() + constant


def recon_by(logits: Tensor, x: Tensor, log_sigma: Tensor | None) -> Tensor:
    """The reconstruction term of a Gaussian, or where there is no sigma of a Bernoulli."""
    return recon(logits, x) if log_sigma is None else gaussian_recon(logits, x, log_sigma)


def kld(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(q(z | x) || N(0, I)) in nats, (N,), from mu and log_var (N, *latent_shape), at least 0.

    The closed form for two Gaussians, appendix B of the paper.
    """
    return _kld_by_dimension(mu, log_var).flatten(1).sum(dim=1)


def _kld_by_dimension(mu: Tensor, log_var: Tensor) -> Tensor:
    """The kld of each latent dimension, (N, *latent_shape); expm1 keeps small ones exact."""
    return 0.5 * (mu.square() + log_var.expm1() - log_var)


class _CrossEntropy(torch.autograd.Function):
    """softplus(logits) - x * logits, summed over the last dimension.

    PyTorch's own took a fifth of a training step on a CPU: its softplus is slow, and the sigmoid
    that the gradient needs was computed once more.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor) -> Tensor:
        p = logits.sigmoid()
        ctx.save_for_backward(p, x)
        # softplus(l) = max(l, 0) - log(max(p, 1 - p)), whose logarithm is of a half to one: that of
        # a product of 16 is as exact as 16 logarithms, which took longer than all the rest.
        likelier = torch.maximum(p, 1 - p).reshape(*p.shape[:-1], math.gcd(x.shape[-1], 16), -1)
        logs = likelier.prod(dim=-2).log_().sum(dim=-1)
        return logits.relu().addcmul_(logits, x, value=-1).sum(dim=-1).sub_(logs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        p, x = ctx.saved_tensors
        return (p - x).mul_(gradient.unsqueeze(-1)), None


def elbo(logits: Tensor, x: Tensor, mu: Tensor, log_var: Tensor) -> Tensor:
    """Evidence lower bound of a Bernoulli p(x | z) in nats, (N,). Higher is better."""
    return -(recon(logits, x) + kld(mu, log_var))


def frozen(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the function that a module computes, with its weights as constants."""
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    return lambda inputs: functional_call(module, weights, inputs)


class Objective(nn.Module):
    """What training descends on: a model and its loss as one module."""

    def __init__(self, model: VAE | AE, config: Config) -> None:
        """Of the config, `objective`, `beta` and `free_bits` are looked at."""
        super().__init__()
        self.model = model
        self.config = config

    def forward(
        self,
        x: Tensor,
        x_in: Tensor,
        eps: Tensor,
        kl_weight: Tensor | None = None,
        *,
        frozen_decoder: bool = False,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, a scalar in nats per image to be minimised, and its terms for the log.

        Args:
            x: images, (N, pixels) float32 in [0, 1].
            x_in: what the encoder sees of them, (N, pixels).
            eps: the VAE's standard normal noise, (k, N, *latent_shape); an AE does not look at it.
            kl_weight: weight of the kld at this step, the config's `beta` unless given.
            frozen_decoder: whether the gradient leaves out the decoder's weights and sigma.

        Returns:
            The loss, and the terms "recon" and for a VAE "kld", detached, (N,) each: means over
            the k samples.
        """
        model, config = self.model, self.config
        decoder = frozen(model.decoder) if frozen_decoder else model.decoder
        log_sigma: Tensor | None = model.log_sigma
        if frozen_decoder and log_sigma is not None:
            log_sigma = log_sigma.detach()
        if isinstance(model, AE):
            values = recon_by(decoder(model.encoder(x_in)), x, log_sigma)
            return values.mean(), {"recon": values.detach()}
        mu, log_var = model.encoder(x_in)
        z = reparameterize(mu, log_var, eps)
        recons = recon_by(decoder(z.flatten(0, 1)).unflatten(0, z.shape[:2]), x, log_sigma)
        logged = {"recon": recons.detach().mean(dim=0), "kld": kld(mu, log_var).detach()}
        if config.objective == "iwae":
            return -iwae(z, mu, log_var, recons).mean(), logged
        weight = config.beta if kl_weight is None else kl_weight
        return recons.mean() + weight * penalty(mu, log_var, config.free_bits), logged


def penalty(mu: Tensor, log_var: Tensor, free_bits: float) -> Tensor:
    """The kld's part in the loss, a scalar in nats per image; mu and log_var (N, *latent_shape).

    A latent dimension whose kld, averaged over the batch, is below `free_bits` counts as that much
    and is left alone by the gradient (Kingma et al., Improved Variational Inference with Inverse
    Autoregressive Flow, 2016, appendix C.8).
    """
    return _kld_by_dimension(mu, log_var).mean(dim=0).clamp(min=free_bits).sum()


def iwae(z: Tensor, mu: Tensor, log_var: Tensor, recons: Tensor) -> Tensor:
    """The importance-weighted bound on log p(x) in nats, (N,). Higher is better.

    Burda et al., Importance Weighted Autoencoders, 2016, equation 8, from z (k, N, *latent_shape)
    and recons (k, N). Its gradient for the encoder is the doubly reparameterised one of Tucker et
    al., Doubly Reparameterized Gradient Estimators, 2019, equation 6: unlike the plain one its
    signal-to-noise ratio does not fall with k.
    """
    # The score of q has no part in that gradient.
    mu, log_var = mu.detach().flatten(1), log_var.detach().flatten(1)
    flat = z.flatten(2)
    log_q = -0.5 * ((flat - mu).square() / log_var.exp() + log_var).sum(dim=2)
    log_prior = -0.5 * flat.square().sum(dim=2)  # log(2 pi) cancels in the ratio
    log_w = log_prior - recons - log_q
    share = log_w.detach().softmax(dim=0)
    if z.requires_grad:
        share = share.reshape(*share.shape, *[1] * (z.dim() - 2))
        z.register_hook(lambda gradient: share * gradient)  # type: ignore[no-untyped-call]
    return log_w.logsumexp(dim=0) - math.log(len(z))
