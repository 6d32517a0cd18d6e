import pytest
import torch

from export.config import Config
from export.networks.autoencoder import AE, VAE, parameters
from export.networks.building import build


def test_the_models_of_the_report_have_its_number_of_parameters():
    assert parameters(build(Config(kind="vae"))) == 631_188
    assert parameters(build(Config(kind="ae"))) == 631_188 - 802  # the log_var head


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_shapes(latent_dim):
    x = torch.rand(3, 784)
    eps = torch.randn(3, latent_dim)
    vae = build(Config(hidden_dim=8, latent_dim=latent_dim))
    assert isinstance(vae, VAE)
    assert [tuple(part.shape) for part in vae(x, eps)] == [(3, 784), eps.shape, eps.shape]
    ae = build(Config(kind="ae", hidden_dim=8, latent_dim=latent_dim))
    assert isinstance(ae, AE)
    assert ae(x).shape == (3, 784)
    assert ae.encoder(x).shape == eps.shape


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_flat_images_and_pictures_are_the_same_to_the_encoder(kind):
    encoder = build(Config(kind=kind, hidden_dim=8)).encoder
    x = torch.rand(3, 784)
    torch.testing.assert_close(encoder(x), encoder(x.reshape(3, 1, 28, 28)), rtol=0, atol=0)


def test_the_sample_is_mu_plus_sigma_eps():
    vae = build(Config(hidden_dim=8))
    x, eps = torch.rand(4, 784), torch.randn(4, 2)
    logits, mu, log_var = vae(x, eps)
    torch.testing.assert_close(logits, vae.decoder(mu + log_var.exp().sqrt() * eps))
    torch.testing.assert_close(vae(x, torch.zeros(4, 2))[0], vae.decoder(mu))


def test_initial_weights_follow_from_the_seed_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    first, second, other = (build(Config(hidden_dim=8, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.encoder.hidden.weight, second.encoder.hidden.weight)
    assert not torch.equal(first.encoder.hidden.weight, other.encoder.hidden.weight)


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_large_products_are_short_in_training_alone(kind):
    exact = build(Config(kind=kind))
    short = build(Config(kind=kind, precision="bfloat16"))
    layers = [
        (exact.encoder.hidden, short.encoder.hidden, torch.rand(32, 784)),
        (exact.decoder.logits, short.decoder.logits, torch.rand(32, 400)),
    ]
    for ours, theirs, inputs in layers:
        assert torch.equal(ours(inputs), theirs(inputs))
        ours.train(), theirs.train()
        gradients = []
        for layer in (ours, theirs):
            outputs = layer(inputs)
            assert outputs.dtype == torch.float32
            outputs.square().sum().backward()
            gradients.append(layer.weight.grad)
            assert layer.weight.grad.dtype == torch.float32
        off = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
        assert 1e-4 < off < 1e-2  # bfloat16 rounds to 2**-9
