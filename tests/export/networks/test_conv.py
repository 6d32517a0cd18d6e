import dataclasses
from itertools import pairwise

import pytest
import torch

from export import plan
from export.config import Config
from export.errors import ConfigError
from export.networks.autoencoder import VAE, parameters
from export.networks.building import build
from export.networks.conv import Conv, norm
from export.recipes import CONV_RECIPES

SMALL = {"network": "conv", "width": 8}
FOLDER = {**SMALL, "dataset": "folder:x"}


@pytest.mark.parametrize("kind", ["vae", "ae"])
@pytest.mark.parametrize(
    ("options", "latent_shape"),
    [
        ({"dataset": "mnist"}, (2,)),
        ({"dataset": "cifar10", "latent_dim": 5}, (5,)),
        ({"dataset": "cifar10", "latent_dim": 4, "latent_side": 8}, (4, 8, 8)),
        ({"dataset": "folder:x", "colour": True, "image_size": 128, "depth": 2}, (2,)),
        (
            {"dataset": "folder:x", "image_size": 48, "latent_side": 24, "latent_dim": 1},
            (1, 24, 24),
        ),
    ],
)
def test_shapes(kind, options, latent_shape):
    config = Config(**SMALL, **options, kind=kind)
    model = build(config)
    pixels = torch.Size(config.image_shape).numel()
    x, eps = torch.rand(3, pixels), torch.randn(3, *latent_shape)
    if isinstance(model, VAE):
        shapes = [tuple(part.shape) for part in model(x, eps)]
        assert shapes == [(3, pixels), eps.shape, eps.shape]
    else:
        assert (model(x).shape, model.encoder(x).shape) == ((3, pixels), eps.shape)


@pytest.mark.parametrize("side", plan.sizes())
def test_every_size_that_is_offered_can_be_halved(side):
    config = Config(**FOLDER, image_size=side)
    sides = config.plan.sides
    assert sides[0] == side / 2
    assert 4 <= sides[-1] <= 7
    assert all(two == 2 * one for two, one in pairwise(sides))
    assert build(config).decoder(torch.zeros(1, 2)).shape == (1, side**2)


@pytest.mark.parametrize(
    ("side", "near"), [(1, "16 or 20"), (30, "28 or 32"), (129, "112 or 128"), (100, "96 or 112")]
)
def test_a_size_that_cannot_be_halved_names_those_that_are_near(side, near):
    with pytest.raises(ConfigError, match=rf"image_size .* Got {side}; {near} is near"):
        Config(**FOLDER, image_size=side, moves=0)
    for remedy in near.split(" or "):
        assert Config(**FOLDER, image_size=int(remedy)).plan.sides


def test_the_side_of_a_map_of_codes_is_one_that_halving_meets():
    with pytest.raises(ConfigError, match=r"latent_side must be one of 16, 8, 4 .* got 5"):
        Config(**FOLDER, image_size=32, latent_side=5)
    for side in (16, 8, 4):
        assert Config(**FOLDER, image_size=32, latent_side=side).plan.sides[-1] == side


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "mlp", "width": 8}, "width is of --network conv"),
        ({"network": "mlp", "latent_side": 4}, "latent_side is of --network conv"),
        ({"network": "conv", "hidden_dim": 8}, "hidden_dim is of --network mlp"),
        ({"network": "conv", "x_lr_factor": 0.5}, "x_lr_factor is of --network mlp"),
        ({"network": "conv", "z_init": 4.0}, "z_init is of --network mlp"),
        ({"network": "conv", "x_init": 1.0}, "x_init is of --network mlp"),
        ({"network": "conv", "mean_bias": True}, "mean_bias is of --network mlp"),
        ({"network": "conv", "width": 0}, "width must be an integer of at least 1"),
        ({"network": "conv", "depth": -1}, "depth must be an integer of at least 1"),
        ({"network": "rnn"}, "network must be one of mlp, conv"),
    ],
)
def test_options_of_the_other_network_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Config(**options)


def test_the_models_are_small():
    for options in ({"dataset": "mnist"}, {"dataset": "cifar10", "latent_dim": 64}):
        assert parameters(build(Config(network="conv", **options))) < 1_200_000


def test_an_untrained_block_changes_nothing():
    decoder = build(Config(**SMALL)).decoder
    x = torch.rand(2, 16, 7, 7)
    block = next(layer for layer in decoder.levels if hasattr(layer, "second"))
    assert torch.equal(block(x), x)


@pytest.mark.parametrize(("channels", "groups"), [(32, 4), (24, 3), (12, 1), (5, 1), (20, 2)])
def test_groups_divide_the_channels(channels, groups):
    assert norm(channels).num_groups == groups


def test_convolutions_are_short_in_training_alone():
    short = Conv(8, 8, 3, padding=1)
    short.products = torch.bfloat16
    exact = Conv(8, 8, 3, padding=1)
    exact.load_state_dict(short.state_dict())
    x = torch.rand(4, 8, 7, 7)
    assert torch.equal(short.eval()(x), exact.eval()(x))
    one, other = short.train()(x), exact.train()(x)
    assert one.dtype == torch.float32
    assert 1e-4 < (one - other).norm() / other.norm() < 1e-2  # bfloat16 rounds to 2**-9


def test_equal_configs_give_equal_weights():
    config = Config(**SMALL)
    first, second = build(config), build(config)
    other = build(dataclasses.replace(config, seed=1))
    weights = [torch.cat([p.flatten() for p in m.parameters()]) for m in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_flags_give_the_config_back_by_its_recipe():
    best = CONV_RECIPES["best"]
    config = Config(**best, dataset="cifar10", mirror=True)
    assert config.flags() == "--dataset cifar10 --network conv --mirror --kind vae"
    assert config.model_name == "cifar10-conv-vae-64d"
    plane = Config(**{**best, "latent_dim": 2}, dataset="mnist")
    assert plane.flags() == "--dataset mnist --network conv --latent-dim 2 --kind vae"
    assert plane.model_name == "mnist-conv-vae"
