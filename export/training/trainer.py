"""The training itself: a model, its optimiser, and passes over images that lie on the device."""

import itertools
import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.optim import Adam
from tqdm import tqdm

from export.choices import BATCH, GREY, NOISE_SEED
from export.config import Config
from export.errors import DivergedError
from export.networks.autoencoder import AE, VAE, as_float
from export.networks.building import build
from export.training.distributed import Group
from export.training.objective import Objective
from export.training.record import Losses
from export.training.step import Batch, Recorded, Step

ORDERS: Final = torch.tensor(list(itertools.permutations(range(3))))  # of red, green and blue
BYTE_DEVIATION: Final = math.sqrt((256**2 - 1) / 12)  # of a random byte


class Trainer:
    """A model, its objective and its optimiser: what passes over images, and knows no files."""

    def __init__(self, config: Config, group: Group) -> None:
        """Begin with the initial weights of the config."""
        self.config = config
        self.group = group
        self.model = build(config).to(group.device)
        betas = (config.adam_beta1, config.adam_beta2)
        self.optimizer = Adam(_groups(self.model, config), betas=betas, fused=True)
        self._decoder_learns = True
        self._recorded, self._step = self._steps()

    def _steps(self) -> tuple[Recorded | None, nn.Module]:
        """What gives those weights their gradients that learn now: a recording, or else a step."""
        step = Step(Objective(self.model, self.config))
        alone_on_gpu = self.group.device.type == "cuda" and self.group.size == 1
        return (Recorded(step) if alone_on_gpu else None), self.group.wrap(step)

    def _hold_decoder(self) -> None:
        """Let the encoder alone learn from now on."""
        for name, weights in self.model.named_parameters():
            if not name.startswith("encoder."):
                weights.requires_grad_(False)
                weights.grad = None  # and the optimiser leaves it as it is
        self._decoder_learns = False
        self._recorded, self._step = self._steps()

    def train_epoch(self, x: Tensor, epoch: int) -> Losses:
        """Pass over x once in random order; return the mean losses met on the way.

        Args:
            x: images (N, pixels), uint8 or float32 in [0, 1].
            epoch: counted from 1.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        config, group = self.config, self.group
        if self._decoder_learns and epoch > config.joint_epochs:
            self._hold_decoder()
        self.model.train()
        noise = Noise(config, epoch, x.device)
        batches = torch.split(noise.order(len(x)), config.batch_size)
        progress = tqdm(
            batches,
            desc=f"epoch {epoch}/{config.epochs}",
            leave=False,
            disable=None if group.first else True,
        )
        steps = _Steps(group)
        for step, rows in enumerate(progress, start=(epoch - 1) * len(batches)):
            for settings in self.optimizer.param_groups:
                settings["lr"] = settings["factor"] * learning_rate(config, step, len(batches))
            weight = torch.full((), kl_weight(config, step, len(batches)), device=x.device)
            # Every process draws the whole batch and takes its share: any number meets the same.
            share, counted = group.share(len(rows))
            images = noise.varied(as_float(x.index_select(0, rows)))
            batch = noise.batch(images).part(share)
            moved = noise.batch(noise.move(images)).part(share) if config.moves else None
            # The gradients are averaged over the processes, whose shares may differ.
            logged = self._differentiate(batch, moved, weight, counted * group.size / len(rows))
            self.optimizer.step()
            steps.add(counted, logged)
        return steps.means(f"training loss of epoch {epoch}")

    def _differentiate(
        self, batch: Batch, moved: Batch | None, kl_weight: Tensor, factor: float
    ) -> dict[str, Tensor]:
        """Give the weights the gradients of a step, times a factor; return its losses."""
        if self._recorded:
            return self._recorded(batch, moved, kl_weight)  # of one process, whose factor is 1
        logged: dict[str, Tensor]
        loss, logged = self._step(batch, moved, kl_weight)
        self.optimizer.zero_grad()
        (loss * factor).backward()
        return logged

    @torch.inference_mode()
    def validate(self, x: Tensor) -> Losses:
        """Mean of the objective over x and its terms in nats per image, the kld at its full weight.

        The noise is the same at every call: epochs differ by their models alone.
        """
        config, group = self.config, self.group
        self.model.eval()
        # Free bits shape the gradient; whether a model is better is another question.
        objective = Objective(self.model, replace(config, free_bits=0.0))
        eps = torch.randn(
            config.k,
            len(x),
            *config.latent_shape,
            generator=torch.Generator().manual_seed(NOISE_SEED),
        ).to(x.device)
        steps = _Steps(group)
        rows = max(1, BATCH // config.k)  # each is decoded k times
        for images, noise in zip(torch.split(x, rows), torch.split(eps, rows, dim=1), strict=True):
            share, counted = group.share(len(images))
            images = as_float(images)
            batch = Batch(images, images, noise).part(share)
            loss, terms = objective(*batch)
            steps.add(counted, {"loss": loss, **terms})
        return steps.means("validation loss")


def _groups(model: VAE | AE, config: Config) -> list[dict[str, Any]]:
    """The parameters by how fast they learn, the ordinary ones first."""
    fast = list(model.decoder.get_submodule("hidden").parameters())  # which reads z
    ordinary = [weights for weights in model.parameters() if all(weights is not f for f in fast)]
    return [
        {"params": ordinary, "lr": config.lr, "factor": 1.0},
        {"params": fast, "lr": config.lr, "factor": config.z_lr_factor},
    ]


class Noise:
    """All that is random about an epoch: it follows from the seed and the epoch's number."""

    def __init__(self, config: Config, epoch: int, device: torch.device) -> None:
        self._config = config
        self._device = device
        seeds = np.random.SeedSequence((config.seed, epoch)).generate_state(2, np.uint64).tolist()
        # What is small is drawn on the CPU, so that every device sees the same.
        self._host = torch.Generator().manual_seed(seeds[0])
        self._pixels = torch.Generator(device).manual_seed(seeds[1])

    def order(self, images: int) -> Tensor:
        """The indices of all images, shuffled."""
        return torch.randperm(images, generator=self._host).to(self._device)

    def batch(self, x: Tensor) -> Batch:
        """Put noise on what the encoder sees of x, and draw that of z."""
        shape = (self._config.k, len(x), *self._config.latent_shape)
        eps = torch.randn(shape, generator=self._host).to(self._device)
        if not self._config.input_noise:
            return Batch(x, x, eps)
        x_in = uniform_noise(x.shape, self._pixels).mul_(self._config.input_noise).add_(x)
        return Batch(x, x_in, eps)

    def varied(self, x: Tensor) -> Tensor:
        """The images to train on as the config lets them vary; x (N, pixels) where it does not."""
        config = self._config
        if not (config.mirror or config.shift or config.recolour):
            return x
        pictures = x.view(-1, *config.image_shape)
        if config.mirror:
            pictures = torch.where(self._chosen(len(x), 0.5), pictures.flip(3), pictures)
        if config.recolour:
            orders = ORDERS[torch.randint(len(ORDERS), (len(x),), generator=self._host)]
            orders = orders.to(self._device)[:, :, None, None].expand_as(pictures)
            exchanged = pictures.gather(1, orders)
            pictures = torch.where(self._chosen(len(x), config.recolour), exchanged, pictures)
        if config.shift:
            pictures = self._moved(pictures, config.shift, "replicate")
        return pictures.flatten(1)

    def _chosen(self, images: int, share: float) -> Tensor:
        """Whether each of the images is one of this share, (N, 1, 1, 1)."""
        chosen = torch.rand(images, generator=self._host) < share
        return chosen.to(self._device)[:, None, None, None]

    def move(self, x: Tensor) -> Tensor:
        """Move images (N, pixels) by some pixels, an eighth all alike.

        What comes in is 0, paper, or in colour what lies at the edge.
        """
        pictures = x.view(-1, *self._config.image_shape)
        edges = "constant" if self._config.image_shape[0] == GREY else "replicate"
        return self._moved(pictures, self._config.moves, edges).flatten(1)

    def _moved(self, pictures: Tensor, most: int, edges: str) -> Tensor:
        parts = pictures.chunk(8)
        offsets = torch.randint(-most, most + 1, (len(parts), 2), generator=self._host).tolist()
        side = pictures.shape[-1]
        moved = []
        for part, (right, down) in zip(parts, offsets, strict=True):
            wider = F.pad(part, [most] * 4, mode=edges)
            moved.append(wider[..., most - down :, most - right :][..., :side, :side])
        return torch.cat(moved)


def uniform_noise(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Noise of mean 0 and variance 1, uniform over 256 levels, float32.

    A byte of randomness each: normal noise, which teaches no more, took a tenth of a step.
    """
    count = shape.numel()
    words = torch.empty(-(-count // 8), dtype=torch.int64, device=generator.device)
    words.random_(-(2**63), None, generator=generator)
    levels = words.view(torch.uint8)[:count].view(shape).float()
    return levels.sub_(127.5).div_(BYTE_DEVIATION)


def learning_rate(config: Config, step: int, steps_per_epoch: int) -> float:
    """Learning rate of a step counted from 0: a pure function, so resuming needs no state."""
    if config.schedule == "constant":
        return config.lr
    epochs, steps_before = config.joint_epochs, steps_per_epoch * config.joint_epochs
    if step >= steps_before:
        epochs, step = config.encoder_epochs, step - steps_before
    warm_up = min(1.0, (step + 1) / steps_per_epoch)
    return config.lr * warm_up * (1 - step / (steps_per_epoch * epochs))


def kl_weight(config: Config, step: int, steps_per_epoch: int) -> float:
    """Weight of the kld at a step counted from 0: grows linearly during the warm-up."""
    warmup_steps = config.kl_warmup * steps_per_epoch
    return config.beta * min(1.0, (step + 1) / max(1, warmup_steps))


class _Steps:
    """Losses step by step, kept on the device: reading one number out would wait for it."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._names: list[str] = []
        self._sums: list[Tensor] = []

    def add(self, images: int, losses: dict[str, Tensor]) -> None:
        """Add this process's part of a batch, of which `images` count."""
        self._names = list(losses)
        means = torch.stack([values.mean() for values in losses.values()])
        # A float32 sum over an epoch would be off in the digits that are shown.
        self._sums.append(torch.cat([means.double(), means.new_ones(1).double()]) * images)

    def means(self, name: str) -> Losses:
        """Means over the images of all processes; raises DivergedError about the loss `name`."""
        steps = self._group.sum(torch.stack(self._sums))
        for number, loss in enumerate(steps[:, 0].tolist(), start=1):
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the {name} is {loss} at step {number} of {len(steps)}; the checkpoints of "
                    "the epochs before are kept; try a smaller --lr"
                )
        *totals, images = steps.sum(dim=0).tolist()
        return {name: total / images for name, total in zip(self._names, totals, strict=True)}
