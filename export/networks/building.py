"""From a config to its untrained model."""

import torch
from torch import nn

from export.config import Config
from export.networks import conv, mlp
from export.networks.autoencoder import AE, VAE
from export.networks.mlp import Large


def build(config: Config) -> VAE | AE:
    """Make the untrained model of a config, ready for use; equal configs give equal weights.

    Raises:
        ConfigError: a conv cannot halve pictures of this size.
    """
    kind = VAE if config.kind == "vae" else AE
    make = _mlp if config.network == "mlp" else _conv
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder, decoder = make(config)
    model = kind(
        encoder,
        decoder,
        config.image_shape,
        config.latent_shape,
        gaussian=config.likelihood == "gaussian",
    )
    return model.eval()


def _mlp(config: Config) -> tuple[nn.Module, nn.Module]:
    shapes = config.image_shape, config.hidden_dim, config.latent_dim
    encoder = (mlp.GaussianEncoder if config.kind == "vae" else mlp.Encoder)(*shapes)
    decoder = mlp.Decoder(*shapes)
    for layer in (encoder.hidden, decoder.logits):
        layer.products = getattr(torch, config.precision)
    return encoder, decoder


def _conv(config: Config) -> tuple[nn.Module, nn.Module]:
    plan = conv.Plan.of(config.image_shape, config.latent_shape, config.width, config.depth)
    encoder = (conv.GaussianEncoder if config.kind == "vae" else conv.Encoder)(plan)
    decoder = conv.Decoder(plan)
    for half in (encoder, decoder):
        half.products = getattr(torch, config.precision)
        half.to(memory_format=torch.channels_last)
    return encoder, decoder
