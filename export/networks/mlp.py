"""The report's two models: 784-400-2-400-784 with ReLU, variational and plain."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from export.config import Config

ImageShape = tuple[int, int, int]  # channels, height, width


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
        """Encode x (N, 784) or (N, 1, 28, 28) to mu and log_var, (N, latent_dim) each."""
        h = self.hidden(x.flatten(1)).relu()
        return self.mu(h), self.log_var(h)


class Encoder(nn.Module):
    """x to one point z."""

    def __init__(self, image_shape: ImageShape, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.hidden = Large(math.prod(image_shape), hidden_dim)
        self.z = nn.Linear(hidden_dim, latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Encode x (N, 784) or (N, 1, 28, 28) to z (N, latent_dim)."""
        z: Tensor = self.z(self.hidden(x.flatten(1)).relu())
        return z


class Decoder(nn.Module):
    """z to the logits of p(x | z), a Bernoulli for each pixel."""

    def __init__(self, image_shape: ImageShape, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(latent_dim, hidden_dim)
        self.logits = Large(hidden_dim, math.prod(image_shape))

    def forward(self, z: Tensor) -> Tensor:
        """Decode z (N, latent_dim) to logits (N, 784)."""
        logits: Tensor = self.logits(self.hidden(z).relu())
        return logits


class VAE(nn.Module):
    """Variational autoencoder with a Gaussian posterior and a standard normal prior."""

    def __init__(self, image_shape: ImageShape, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.encoder = GaussianEncoder(image_shape, hidden_dim, latent_dim)
        self.decoder = Decoder(image_shape, hidden_dim, latent_dim)

    def forward(self, x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruct x through one posterior sample an image.

        Args:
            x: images, (N, 784) or (N, 1, 28, 28), float32 in [0, 1].
            eps: standard normal noise, (N, latent_dim). It is the caller's, so that the model
                has no randomness of its own; zeros give the reconstruction from the mean.

        Returns:
            logits (N, 784), mu (N, latent_dim) and log_var (N, latent_dim).
        """
        mu, log_var = self.encoder(x)
        return self.decoder(reparameterize(mu, log_var, eps)), mu, log_var


class AE(nn.Module):
    """Plain autoencoder: the VAE without noise and without prior."""

    def __init__(self, image_shape: ImageShape, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.encoder = Encoder(image_shape, hidden_dim, latent_dim)
        self.decoder = Decoder(image_shape, hidden_dim, latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct x (N, 784) or (N, 1, 28, 28) as logits (N, 784)."""
        logits: Tensor = self.decoder(self.encoder(x))
        return logits


def reparameterize(mu: Tensor, log_var: Tensor, eps: Tensor) -> Tensor:
    """Return z = mu + sigma * eps (..., N, latent_dim), for eps with or without more samples."""
    return mu + torch.exp(0.5 * log_var) * eps


def build(config: Config) -> VAE | AE:
    """Make the untrained model of a config, ready for use; equal configs give equal weights."""
    kind = VAE if config.kind == "vae" else AE
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = kind(
            (1, config.image_size, config.image_size), config.hidden_dim, config.latent_dim
        )
    for layer in (model.encoder.hidden, model.decoder.logits):
        layer.products = getattr(torch, config.precision)
    return model.eval()


@torch.inference_mode()
def codes(model: VAE | AE, x: Tensor) -> Tensor:
    """Encode x (N, 784) to one z (N, latent_dim) an image: the AE's code or the VAE's mean."""
    result = model.encoder(x)
    z: Tensor = result[0] if isinstance(model, VAE) else result
    return z


def parameters(model: nn.Module) -> int:
    """Count the trainable numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters())
