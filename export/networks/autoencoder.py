"""An encoder and a decoder of any network as one model, variational or plain."""

import math
from typing import Final

import torch
from torch import Tensor, nn

from export.choices import BATCH

FIRST_SIGMA: Final = 0.2  # of pixels about pictures of one grey; it is learned
ImageShape = tuple[int, int, int]  # channels, height, width


class _Autoencoder(nn.Module):
    """What a VAE and an AE have in common: all but what the encoder gives."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        image_shape: ImageShape,
        latent_shape: tuple[int, ...],
        *,
        gaussian: bool = False,
    ) -> None:
        """Put a model together.

        Args:
            encoder: x to mu and log_var of a VAE, (N, *latent_shape) each, or to z of an AE.
            decoder: z (N, *latent_shape) to logits (N, pixels); its layer `hidden` reads z.
            image_shape: (channels, height, width).
            latent_shape: of the code of one image.
            gaussian: whether p(x | z) is a Gaussian, whose deviation is learned, or Bernoulli.
        """
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.image_shape, self.latent_shape = image_shape, latent_shape
        first = torch.tensor(math.log(FIRST_SIGMA))
        self.log_sigma = nn.Parameter(first) if gaussian else None

    @property
    def latent_dim(self) -> int:
        """Numbers in the code of one image."""
        return math.prod(self.latent_shape)


class VAE(_Autoencoder):
    """Variational autoencoder with a Gaussian posterior and a standard normal prior."""

    def forward(self, x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruct x through one posterior sample an image.

        Args:
            x: images, (N, pixels) or (N, *image_shape), float32 in [0, 1].
            eps: standard normal noise, (N, *latent_shape). It is the caller's, so that the model
                has no randomness of its own; zeros give the reconstruction from the mean.

        Returns:
            logits (N, pixels), mu and log_var (N, *latent_shape).
        """
        mu, log_var = self.encoder(x)
        return self.decoder(reparameterize(mu, log_var, eps)), mu, log_var


class AE(_Autoencoder):
    """Plain autoencoder: the VAE without noise and without prior."""

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct x (N, pixels) or (N, *image_shape) as logits (N, pixels)."""
        logits: Tensor = self.decoder(self.encoder(x))
        return logits


def reparameterize(mu: Tensor, log_var: Tensor, eps: Tensor) -> Tensor:
    """Return z = mu + sigma * eps (..., N, *latent_shape), for eps with or without more samples."""
    return mu + torch.exp(0.5 * log_var) * eps


@torch.inference_mode()
def codes(model: VAE | AE, x: Tensor) -> Tensor:
    """Encode images to one z (N, *latent_shape) each: the AE's code or the VAE's mean.

    Args:
        model: on the CPU.
        x: (N, pixels), uint8 or float32 in [0, 1].
    """
    results = (model.encoder(as_float(part)) for part in torch.split(x, BATCH))
    return torch.cat([each[0] if isinstance(model, VAE) else each for each in results])


def as_float(x: Tensor) -> Tensor:
    """Return images in [0, 1], of bytes as well: whole data sets are held as these."""
    return x.float() / 255 if x.dtype == torch.uint8 else x


def parameters(model: nn.Module) -> int:
    """Count the trainable numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters())
