import pytest
import torch

from export.config import Config
from export.data.shards import Shard
from export.networks.building import build
from export.training.beginning import begin
from export.training.distributed import Group

ALONE = Group(torch.device("cpu"))
SPREAD = {"z_init": 32.0, "x_init": 2.5}


class Asked(Group):
    """One of two processes: what it is asked to add up is kept, and comes back as it is."""

    def sum(self, values):
        self.__dict__.setdefault("asked", []).append(values.clone())
        return values


def begun(x, group=ALONE, **options):
    config = Config(**options)
    model = build(config)
    begin(model, config, Shard.of(x), group)
    return model


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_units_of_the_decoder_turn_where_codes_lie(images, kind):
    model = begun(images[0], kind=kind, latent_dim=3, z_init=15.0)
    hidden = model.decoder.hidden
    lengths = hidden.weight.norm(dim=1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, 5.0))
    from_zero = hidden.bias / lengths  # standard normal, as codes are along any direction
    assert abs(from_zero.mean()) < 4 / 400**0.5
    assert 0.85 < from_zero.std() < 1.15
    z = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    on = (hidden(z) > 0).float().mean(0)
    assert ((on > 0) & (on < 1)).all()


@pytest.mark.parametrize("as_bytes", [True, False])
def test_each_unit_of_the_encoder_turns_at_an_image(images, as_bytes):
    x = images[0][:50]
    given = (x * 255).round().to(torch.uint8) if as_bytes else x
    model = begun(given, hidden_dim=30, x_init=2.0)
    hidden = model.encoder.hidden
    lengths = hidden.weight.norm(dim=1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, 2.0))
    seen = given / 255 if as_bytes else x
    assert hidden(seen).abs().amin(dim=0).max() < 1e-4
    assert hidden(seen).abs().amax(dim=0).min() > 1e-2


def test_what_a_model_makes_of_its_units_is_at_first_as_large_as_before(images):
    x = images[0]
    spread, plain = begun(x, **SPREAD), begun(x)
    z = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    scales = [(model.decoder(z) - model.decoder.logits.bias).std() for model in (spread, plain)]
    assert 0.5 < scales[0] / scales[1] < 2
    mus = [(model.encoder(x)[0] - model.encoder.mu.bias).std() for model in (spread, plain)]
    assert 0.5 < mus[0] / mus[1] < 2


def test_without_them_a_model_begins_as_pytorch_has_it(images):
    for options in ({}, {"kind": "ae"}, {"network": "conv"}):
        model, untouched = begun(images[0], **options), build(Config(**options))
        for name, weights in model.state_dict().items():
            assert torch.equal(weights, untouched.state_dict()[name]), name


def test_equal_configs_begin_alike_and_other_seeds_elsewhere(images):
    first, again, other = (begun(images[0], seed=seed, **SPREAD).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["encoder.hidden.bias"], other["encoder.hidden.bias"])


def test_shares_of_the_images_add_up_to_the_same_points(images):
    x = images[0][:64]
    whole = Asked(torch.device("cpu"))
    begun(x, whole, hidden_dim=40, **SPREAD)
    parts = []
    for rank in (0, 1):
        rows = torch.arange(rank, 64, 2)
        group = Asked(torch.device("cpu"))
        begun(Shard(x[rows], rows, 64), group, hidden_dim=40, **SPREAD)
        parts += group.__dict__["asked"]
    torch.testing.assert_close(parts[0] + parts[1], whole.__dict__["asked"][0])
    assert all(len(part.any(1).nonzero()) < 40 for part in parts)


@pytest.mark.parametrize("as_bytes", [True, False])
def test_a_training_may_begin_with_the_mean_image(images, as_bytes):
    x = images[0][:100].clone()
    x[:, 0], x[:, 1] = 0, 1
    given = (x * 255).to(torch.uint8) if as_bytes else x
    bias = begun(given, hidden_dim=8, mean_bias=True).decoder.logits.bias
    torch.testing.assert_close(bias.sigmoid(), x.mean(0).clamp(1e-3, 1 - 1e-3), atol=3e-3, rtol=0)
    plain = begun(x, hidden_dim=8).decoder.logits.bias
    torch.testing.assert_close(plain, build(Config(hidden_dim=8)).decoder.logits.bias)
