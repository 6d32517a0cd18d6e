from dataclasses import replace
from itertools import pairwise, permutations

import pytest
import torch

from export.config import Config
from export.networks.building import build
from export.training.distributed import Group
from export.training.noise import Noise, bent, uniform_noise
from export.training.objective import Objective
from export.training.step import Step
from export.training.trainer import Trainer, kl_weight, learning_rate

ALONE = Group(torch.device("cpu"))


def test_the_linear_schedule_warms_up_over_one_epoch_and_ends_at_zero():
    config = Config(epochs=10, lr=1.0)
    rates = [learning_rate(config, step, 100) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[99] == max(rates) == pytest.approx(0.9, abs=2e-3)
    assert rates[500] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in pairwise(rates[100:]))
    assert rates[-1] == pytest.approx(1e-3)


def test_the_constant_schedule_is_constant_and_one_epoch_is_enough_for_either():
    constant = Config(epochs=2, lr=0.3, schedule="constant")
    assert {learning_rate(constant, step, 7) for step in range(14)} == {0.3}
    assert learning_rate(Config(epochs=1, lr=1.0), 6, 7) == pytest.approx(1 / 7)


def test_the_weight_of_the_kld_warms_up_and_stays():
    config = Config(beta=2.0, kl_warmup=3)
    weights = [kl_weight(config, step, 10) for step in range(60)]
    assert weights[0] == pytest.approx(2 / 30)
    assert weights[14] == pytest.approx(1.0)
    assert weights[29:] == [2.0] * 31
    assert kl_weight(Config(), 0, 10) == 1.0


def test_validation_weighs_the_kld_in_full_and_knows_no_free_bits(images):
    config = Config(hidden_dim=8, beta=3.0, kl_warmup=5, free_bits=100.0)
    result = Trainer(config, ALONE).validate(images[1])
    assert result["loss"] == pytest.approx(result["recon"] + 3 * result["kld"])


def test_the_noise_is_uniform_with_mean_0_and_variance_1():
    noise = uniform_noise(torch.Size((1001, 783)), torch.Generator().manual_seed(0))
    assert noise.shape == (1001, 783)
    assert noise.mean().abs() < 5e-3
    assert noise.var().item() == pytest.approx(1, abs=5e-3)
    assert noise.unique().numel() == 256
    by_byte = noise.flatten()[: 97_000 * 8].view(-1, 8)
    assert by_byte.mean(dim=0).abs().max() < 0.02
    assert (by_byte.T.cov() - torch.eye(8)).abs().max() < 0.02


def test_the_noise_is_on_the_encoders_input_alone(images):
    x = images[0]
    batch = Noise(Config(input_noise=0.2), 1, x.device).batch(x)
    assert batch.x is x
    assert (batch.x_in - x).std().item() == pytest.approx(0.2, rel=0.01)
    silent = Noise(Config(input_noise=0.0), 1, x.device).batch(x)
    assert silent.x_in is x
    assert batch.eps.shape == silent.eps.shape == (1, 500, 2)


def test_images_are_moved_and_lose_nothing_but_their_border(images):
    x = images[0].clone().unflatten(1, (28, 28))
    x[:, :2] = x[:, -2:] = x[:, :, :2] = x[:, :, -2:] = 0
    moved = Noise(Config(moves=2), 1, x.device).move(x.flatten(1)).unflatten(1, (28, 28))
    offsets = set()
    for before, after in zip(x.chunk(8), moved.chunk(8), strict=True):
        found = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(before.roll((down, right), (1, 2)), after)
        ]
        assert len(found) == 1
        offsets.add(found[0])
    assert len(offsets) > 3


def test_images_are_bent_smoothly_and_each_in_its_own_way():
    """The picture of a slope shows of each place how far away it has found what it shows."""
    side, near = 28, {"rtol": 0, "atol": 1e-3}
    right, down = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="xy")
    slopes = torch.stack([right, down]).expand(3, 2, side, side)
    same = torch.zeros(3, 2, 4, 4)
    torch.testing.assert_close(bent(slopes, same), slopes, **near)

    same[:] = torch.tensor([2.0, -1.0])[:, None, None]
    moved = bent(slopes, same) - slopes
    inside = moved[:, :, 1:, :-2]
    torch.testing.assert_close(inside[:, 0], torch.full_like(inside[:, 0], 2), **near)
    torch.testing.assert_close(inside[:, 1], torch.full_like(inside[:, 1], -1), **near)
    assert moved[:, 0, :, -1].max() < 0  # zeros come in

    ways = torch.randn(500, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    slopes = torch.stack([right, down]).expand(500, 2, side, side)
    found = bent(slopes, ways, "border") - slopes
    inside = found[:, :, 6:-6, 6:-6]
    assert inside.std().item() == pytest.approx(0.9, abs=0.05)  # less than at the points
    torch.testing.assert_close(
        found[:, :, 0, 0].clamp(min=0), ways[:, :, 0, 0].clamp(min=0), **near
    )
    assert inside.diff(dim=3).std() < 0.2
    assert not torch.allclose(found[0], found[1], atol=0.1)


def test_images_are_bent_in_the_encoders_own_epochs(images):
    x = images[0]
    config = Config(hidden_dim=8, moves=0, bend=1.0, epochs=2, encoder_epochs=1, x_lr_factor=1.0)
    before, after = (Noise(config, epoch, x.device) for epoch in (1, 2))
    assert (before.moves, after.moves) == (False, True)
    assert torch.equal(before.move(x), x)
    moved = after.move(x)
    assert moved.shape == x.shape
    assert 0.02 < (moved - x).square().mean().sqrt() < 0.2
    assert after.varied(x) is x
    bending = Trainer(config, ALONE)
    assert bending.train_epoch(x, 2)["loss"] < bending.train_epoch(x, 1)["loss"] < 600


COLOUR = Config(dataset="folder:x", colour=True, image_size=16, network="conv", width=8)


def test_images_vary_as_the_config_says_and_no_further():
    x = torch.rand(64, 768)
    still = Noise(COLOUR, 1, x.device)
    assert still.varied(x) is x
    pictures = x.view(-1, 3, 16, 16)

    mirrored = Noise(replace(COLOUR, mirror=True), 1, x.device).varied(x).view_as(pictures)
    same = (mirrored == pictures).flatten(1).all(dim=1)
    assert torch.equal(mirrored[~same], pictures[~same].flip(3))
    assert 16 < same.sum() < 48

    recoloured = Noise(replace(COLOUR, recolour=1.0), 1, x.device).varied(x).view_as(pictures)
    orders = [tuple((one[:, None] == other[None]).flatten(2).all(2).long().argmax(1).tolist())
              for one, other in zip(recoloured, pictures, strict=True)]  # fmt: skip
    assert set(orders) == set(permutations(range(3)))

    shifted = Noise(replace(COLOUR, shift=2), 1, x.device).varied(x).view_as(pictures)
    found = {
        (down, right)
        for down in range(-2, 3)
        for right in range(-2, 3)
        for one, other in zip(pictures, shifted, strict=True)
        if torch.equal(one.roll((down, right), (1, 2))[:, 2:-2, 2:-2], other[:, 2:-2, 2:-2])
    }
    assert len(found) > 3
    assert shifted.min() > 0  # nothing new comes in at the edges


def test_layers_learn_as_fast_as_they_are_told():
    plain = Trainer(Config(hidden_dim=8, x_lr_factor=1.0), ALONE).optimizer.param_groups
    assert [(len(group["params"]), group["factor"]) for group in plain] == [(8, 1.0), (2, 10.0)]
    slowed = Trainer(Config(hidden_dim=8, x_lr_factor=0.1), ALONE)
    rest, reads_z, reads_x = slowed.optimizer.param_groups
    assert [group["factor"] for group in (rest, reads_z, reads_x)] == [1.0, 10.0, 0.1]
    encoder, decoder = slowed.model.encoder, slowed.model.decoder
    for group, layer in ((reads_x, encoder.hidden), (reads_z, decoder.hidden)):
        assert all(
            ours is own for ours, own in zip(group["params"], layer.parameters(), strict=True)
        )
    assert len(rest["params"]) == 6


def test_bytes_and_floats_train_alike():
    levels = torch.randint(0, 256, (40, 784), dtype=torch.uint8)
    config = Config(hidden_dim=8, epochs=1, batch_size=16, moves=0)
    losses = []
    for x in (levels, levels.float() / 255):
        trainer = Trainer(config, ALONE)
        losses.append((trainer.train_epoch(x, 1), trainer.validate(x)))
    assert losses[0] == losses[1]


def test_moved_images_teach_the_encoder_alone(images):
    config = Config(hidden_dim=8, moves=1, input_noise=0.0)
    step = Step(Objective(build(config), config))
    noise, weight = Noise(config, 1, images[0].device), torch.tensor(1.0)
    batch, moved = noise.batch(images[0]), noise.batch(images[0].flip(1))

    def gradients(module, loss):
        return torch.autograd.grad(loss, list(module.parameters()))

    alone, logged = step(batch, None, weight)
    both, logged_both = step(batch, moved, weight)
    assert logged["loss"] == logged_both["loss"] == alone
    assert both > alone
    model = step.objective.model
    decoder = [gradients(model.decoder, step(batch, other, weight)[0]) for other in (None, moved)]
    torch.testing.assert_close(*decoder)
    extra = gradients(model.encoder, step(moved, None, weight)[0])
    encoder, encoder_both = (
        gradients(model.encoder, step(batch, other, weight)[0]) for other in (None, moved)
    )
    for one, other, total in zip(encoder, extra, encoder_both, strict=True):
        torch.testing.assert_close(one + other, total, rtol=1e-4, atol=1e-3)
