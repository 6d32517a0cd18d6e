"""From a config to its untrained model."""

import torch
from torch import nn

from export.config import Config
from export.networks import conv, mlp
from export.networks.autoencoder import AE, VAE


def build(config: Config) -> VAE | AE:
    """Make the untrained model of a config, ready for use; equal configs give equal weights."""
    kind = VAE if config.kind == "vae" else AE
    make = _mlp if config.network == "mlp" else _conv
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        halves = make(config)
    products = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    for half in halves:
        for layer in half.modules():
            if isinstance(layer, mlp.Large | conv.Conv):
                layer.products = products
    gaussian = config.likelihood == "gaussian"
    return kind(*halves, config.image_shape, config.latent_shape, gaussian=gaussian).eval()


def _mlp(config: Config) -> tuple[nn.Module, nn.Module]:
    encoder = mlp.GaussianEncoder if config.kind == "vae" else mlp.Encoder
    shapes = config.image_shape, config.hidden_dim, config.latent_dim
    return encoder(*shapes), mlp.Decoder(*shapes)


def _conv(config: Config) -> tuple[nn.Module, nn.Module]:
    encoder = conv.GaussianEncoder if config.kind == "vae" else conv.Encoder
    halves = encoder(config.plan), conv.Decoder(config.plan)
    for half in halves:
        half.to(memory_format=torch.channels_last)
    return halves
