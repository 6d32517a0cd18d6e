"""Networks of other people, written from what is public of them, and some in strangers' styles."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Report(nn.Module):
    """The report's own class as its script has it: flat pictures, a list of (mu, logvar)."""

    def __init__(self, latent_dim: int = 2, hidden: int = 400) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, hidden)
        self.fc21 = nn.Linear(hidden, latent_dim)
        self.fc22 = nn.Linear(hidden, latent_dim)
        self.fc3 = nn.Linear(latent_dim, hidden)
        self.fc4 = nn.Linear(hidden, 784)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


class BurgessEncoder(nn.Module):
    """Convolutions of stride 2 down to 4x4, three layers; mu and log variance interleaved."""

    def __init__(self, channels: int, large: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 4, 2, 1)
        self.conv2 = nn.Conv2d(32, 32, 4, 2, 1)
        self.conv3 = nn.Conv2d(32, 32, 4, 2, 1)
        if large:
            self.conv_64 = nn.Conv2d(32, 32, 4, 2, 1)
        self.lin1 = nn.Linear(512, 256)
        self.lin2 = nn.Linear(256, 256)
        self.mu_logvar_gen = nn.Linear(256, 20)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        for name in ("conv1", "conv2", "conv3", "conv_64"):
            x = getattr(self, name)(x).relu() if hasattr(self, name) else x
        x = self.lin2(self.lin1(x.flatten(1)).relu()).relu()
        return self.mu_logvar_gen(x).view(-1, 10, 2).unbind(-1)


class BurgessDecoder(nn.Module):
    """The mirror of the encoder."""

    def __init__(self, channels: int, large: bool) -> None:
        super().__init__()
        self.lin1 = nn.Linear(10, 256)
        self.lin2 = nn.Linear(256, 256)
        self.lin3 = nn.Linear(256, 512)
        if large:
            self.convT_64 = nn.ConvTranspose2d(32, 32, 4, 2, 1)
        self.convT1 = nn.ConvTranspose2d(32, 32, 4, 2, 1)
        self.convT2 = nn.ConvTranspose2d(32, 32, 4, 2, 1)
        self.convT3 = nn.ConvTranspose2d(32, channels, 4, 2, 1)

    def forward(self, z: Tensor) -> Tensor:
        for layer in (self.lin1, self.lin2, self.lin3):
            z = layer(z).relu()
        x = z.view(-1, 32, 4, 4)
        for name in ("convT_64", "convT1", "convT2"):
            x = getattr(self, name)(x).relu() if hasattr(self, name) else x
        return self.convT3(x).sigmoid()


class Burgess(nn.Module):
    """The disentangling VAE of Burgess et al. 2018, for 32x32 or 64x64 pixels, ten latents."""

    def __init__(self, channels: int, large: bool) -> None:
        super().__init__()
        self.encoder = BurgessEncoder(channels, large)
        self.decoder = BurgessDecoder(channels, large)


def conv(inside: int, outside: int, **options) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1, **options)


class Block(nn.Module):
    """Three convolutions beside their input, which may first look at more of the picture."""

    def __init__(self, pool: bool = False) -> None:
        super().__init__()
        relu = nn.ReLU()
        self.conv = nn.Sequential(conv(64, 64), relu, conv(64, 64), relu, conv(64, 64))
        self.pool = None
        if pool:
            wide, narrow = (nn.Conv2d(a, b, 1, bias=False) for a, b in ((64, 256), (256, 64)))
            self.pool = nn.Sequential(wide, nn.GroupNorm(4, 256), relu, narrow)

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        return (self.conv(x) + x).relu()


class Bound(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return (z / 3).tanh() * 3


def taef2_encoder() -> nn.Sequential:
    """The encoder of TAEF2: 3 channels to 32, an eighth of the size."""
    stages = [(False,) * 3, (False,) * 3, (True,) * 3]
    layers = [
        layer
        for stage in stages
        for layer in (conv(64, 64, stride=2, bias=False), *(Block(pool) for pool in stage))
    ]
    return nn.Sequential(conv(3, 64), Block(), *layers, conv(64, 32))


def taef2_decoder() -> nn.Sequential:
    """The decoder of TAEF2, whose pictures may leave [0, 1]."""
    layers = [
        layer
        for count in (3, 3, 1)
        for layer in (nn.Upsample(scale_factor=2), conv(64, 64, bias=False), *many(count))
    ]
    first = [Bound(), conv(32, 64), nn.ReLU(), *many(3, pool=True)]
    return nn.Sequential(*first, *layers, conv(64, 3))


def many(count: int, pool: bool = False) -> list[Block]:
    return [Block(pool) for _ in range(count)]


class Principal(nn.Module):
    """The principal components of pictures: trained as an autoencoder ever was, in a moment.

    Args:
        x: Pictures (N, C, H, W), as the network is to know them.
        latent_dim: How many components.
    """

    def __init__(self, x: Tensor, latent_dim: int) -> None:
        super().__init__()
        flat = x.flatten(1)
        self.register_buffer("mean", flat.mean(0))
        _, _, components = torch.linalg.svd(flat - self.mean, full_matrices=False)
        self.components = nn.Parameter(components[:latent_dim])
        self.shape = x.shape[1:]

    def encode(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - self.mean) @ self.components.T

    def decode(self, z: Tensor) -> Tensor:
        return (z @ self.components + self.mean).unflatten(1, self.shape)


class Shuffle(nn.Module):
    """Pictures of any size that 4 divides, with nothing lost: each 4x4 becomes 16 channels."""

    def encode(self, x: Tensor) -> Tensor:
        return F.pixel_unshuffle(x, 4)

    def decode(self, z: Tensor) -> Tensor:
        return F.pixel_shuffle(z, 4)
