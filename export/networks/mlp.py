"""The report's encoders and decoder: 784-400-2 and 2-400-784 with ReLU."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from export.networks.autoencoder import ImageShape


class Large(nn.Linear):
    """A layer with nearly all of the arithmetic, which may be done in shorter numbers in training.

    Weights, results and gradients stay float32; of the two factors of each product, bfloat16 keeps
    8 bits of 24, an error far below the noise of a batch (Micikevicius et al., Mixed Precision
    Training, 2018).
    """

    products: torch.dtype = torch.float32  # of the factors while the layer trains

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., in_features) to (..., out_features)."""
        if not self.training or self.products == torch.float32:
            return super().forward(x)
        short = [factor.to(self.products) for factor in (x, self.weight, self.bias)]
        return F.linear(*short).to(x.dtype)


class GaussianEncoder(nn.Module):
    """x to the mean and the logarithm of the variance of q(z | x)."""

    def __init__(self, image_shape: ImageShape, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.hidden = Large(math.prod(image_shape), hidden_dim)
        self.mu = nn.Linear(hidden_dim, latent_dim)
        self.log_var = nn.Linear(hidden_dim, latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode x (N, pixels) or (N, *image_shape) to mu and log_var, (N, latent_dim) each."""
        h = self.hidden(x.flatten(1)).relu()
        return self.mu(h), self.log_var(h)


class Encoder(nn.Module):
    """x to one point z."""

    def __init__(self, image_shape: ImageShape, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.hidden = Large(math.prod(image_shape), hidden_dim)
        self.z = nn.Linear(hidden_dim, latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Encode x (N, pixels) or (N, *image_shape) to z (N, latent_dim)."""
        z: Tensor = self.z(self.hidden(x.flatten(1)).relu())
        return z


class Decoder(nn.Module):
    """z to the logits of the means of p(x | z)."""

    def __init__(self, image_shape: ImageShape, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(latent_dim, hidden_dim)
        self.logits = Large(hidden_dim, math.prod(image_shape))

    def forward(self, z: Tensor) -> Tensor:
        """Decode z (N, latent_dim) to logits (N, pixels)."""
        logits: Tensor = self.logits(self.hidden(z).relu())
        return logits
