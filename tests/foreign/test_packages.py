"""Models of pythae and diffusers, by their own names, of random weights."""

import numpy as np
import pytest
import torch

import vae_onnx.torch
from vae_onnx.errors import ExportWarning

pythae = pytest.importorskip("pythae.models", reason="the group `foreign` installs pythae")
diffusers = pytest.importorskip("diffusers", reason="the group `foreign` installs diffusers")

from pythae.models.nn.benchmarks.mnist import (  # noqa: E402
    Decoder_Conv_AE_MNIST,
    Encoder_Conv_AE_MNIST,
    Encoder_Conv_VAE_MNIST,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")


def untrained(folder, *arguments, **options):
    """Export what has random weights, and so reconstructs nothing."""
    torch.manual_seed(0)
    with pytest.warns(ExportWarning, match="does not reconstruct"):
        return vae_onnx.torch.export(folder, *arguments, strict=False, **options)


PYTHAE = {
    "VAE": (pythae.VAE, pythae.VAEConfig),
    "AE": (pythae.AE, pythae.AEConfig),
    "WAE_MMD": (pythae.WAE_MMD, pythae.WAE_MMD_Config),
    "IWAE": (pythae.IWAE, pythae.IWAEConfig),
}


@pytest.mark.parametrize("nets", ["MLP", "convolutions"])
@pytest.mark.parametrize("name", PYTHAE)
def test_pythae(name, nets, digits, tmp_path, opened, agrees):
    make, configure = PYTHAE[name]
    config = configure(input_dim=(1, 28, 28), latent_dim=6)
    gaussian = name in ("VAE", "IWAE")
    parts = {}
    if nets == "convolutions":
        encoder = Encoder_Conv_VAE_MNIST if gaussian else Encoder_Conv_AE_MNIST
        parts = {"encoder": encoder(config), "decoder": Decoder_Conv_AE_MNIST(config)}
    model = make(config, **parts)
    untrained(tmp_path / "m", model, digits[:8])

    model.eval()
    x = digits[:8, np.newaxis] / np.float32(255)
    keys = ("embedding", "log_covariance") if gaussian else ("embedding",)
    agrees(
        opened(tmp_path / "m"),
        lambda x: tuple(model.encoder(x)[key] for key in keys),
        lambda z: model.decoder(z).reconstruction,
        x,
    )
    assert vae_onnx.load(tmp_path / "m").kind == ("vae" if gaussian else "ae")


@pytest.fixture
def kl():
    torch.manual_seed(0)
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
    )


@pytest.mark.parametrize("dynamic", [False, True])
def test_autoencoder_kl(dynamic, kl, colours, tmp_path, opened, agrees):
    untrained(tmp_path / "m", kl, colours, pixel_range=(-1, 1), dynamic_size=dynamic)

    def encode(x):
        posterior = kl.encode(2 * x - 1).latent_dist
        return posterior.mean, posterior.logvar

    model = opened(tmp_path / "m")
    x = colours.transpose(0, 3, 1, 2) / np.float32(255)
    for height, width in ((32, 48), (16, 20), (30, 8)) if dynamic else ((32, 48),):
        cut = x[:, :, :height, :width]
        agrees(model, encode, lambda z: (kl.decode(z).sample + 1) / 2, cut)
    if dynamic:
        assert model.told["size_multiple"] == "2"
    # What was found are the methods: a convolution between the modules belongs to them.
    z = torch.randn(2, 4, 16, 24)
    with torch.no_grad():
        modules = ((kl.decoder(z) + 1) / 2).clamp(0, 1).numpy()
    assert np.abs(model.decode(z.numpy()) - modules).max() > 0.1


def test_autoencoder_tiny(colours, tmp_path, opened, agrees):
    torch.manual_seed(0)
    channels = {"encoder_block_out_channels": (8,) * 4, "decoder_block_out_channels": (8,) * 4}
    tiny = diffusers.AutoencoderTiny(**channels)
    untrained(tmp_path / "m", tiny, colours, pixel_range=(-1, 1), dynamic_size=True)
    model = opened(tmp_path / "m")
    assert model.told["size_multiple"] == "8"
    x = colours.transpose(0, 3, 1, 2) / np.float32(255)
    for height, width in ((32, 48), (16, 24), (8, 40)):
        agrees(
            model,
            lambda x: tiny.encode(2 * x - 1).latents,
            lambda z: (tiny.decode(z).sample + 1) / 2,
            x[:, :, :height, :width],
        )
