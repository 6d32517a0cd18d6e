"""The training itself: a model, its optimiser, and passes over images that lie on the device."""

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam
from tqdm import tqdm

from export.choices import BATCH, NOISE_SEED
from export.config import Config
from export.data.shards import Shard
from export.errors import DivergedError
from export.networks.autoencoder import AE, VAE, as_float
from export.networks.building import build
from export.training import beginning
from export.training.distributed import Group
from export.training.noise import Noise
from export.training.objective import Objective
from export.training.record import Losses
from export.training.step import Batch, Recorded, Step


class Trainer:
    """A model, its objective and its optimiser: what passes over images, and knows no files."""

    def __init__(self, config: Config, group: Group) -> None:
        """Begin with PyTorch's initial weights; `begin` sets those that the config is about."""
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

    def begin(self, x: Tensor | Shard) -> None:
        """Set the initial weights as the config wants them for images (N, pixels)."""
        beginning.begin(self.model, self.config, Shard.of(x), self.group)

    def train_epoch(self, x: Tensor | Shard, epoch: int) -> Losses:
        """Pass over x once in random order; return the mean losses met on the way.

        Args:
            x: images (N, pixels), uint8 or float32 in [0, 1], or what this process holds of them.
            epoch: counted from 1.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        config, group, x = self.config, self.group, Shard.of(x)
        if self._decoder_learns and epoch > config.joint_epochs:
            self._hold_decoder()
        self.model.train()
        noise = Noise(config, epoch, x.pixels.device)
        steps_per_epoch = math.ceil(len(x) / config.batch_size)
        progress = tqdm(
            x.batches(noise.order(len(x)), config.batch_size),
            total=steps_per_epoch,
            desc=f"epoch {epoch}/{config.epochs}",
            leave=False,
            disable=None if group.first else True,
        )
        steps = _Steps(group)
        for step, part in enumerate(progress, start=(epoch - 1) * steps_per_epoch):
            for settings in self.optimizer.param_groups:
                settings["lr"] = settings["factor"] * learning_rate(config, step, steps_per_epoch)
            weight = torch.full(
                (), kl_weight(config, step, steps_per_epoch), device=x.pixels.device
            )
            images = noise.varied(as_float(part.images), part.places)
            batch = noise.batch(images, part.places)
            moved = None
            if noise.moves:
                moved = noise.batch(noise.move(images, part.places), part.places)
            # The gradients are averaged over the processes, whose shares differ.
            factor = part.counted * group.size / part.places.batch
            logged = self._differentiate(batch, moved, weight, factor)
            self.optimizer.step()
            steps.add(part.counted, logged)
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
    def validate(self, x: Tensor | Shard) -> Losses:
        """Mean of the objective over x and its terms in nats per image, the kld at its full weight.

        The noise is the same at every call: epochs differ by their models alone.
        """
        config, x = self.config, Shard.of(x)
        self.model.eval()
        # Free bits shape the gradient; whether a model is better is another question.
        objective = Objective(self.model, replace(config, free_bits=0.0))
        eps = torch.randn(
            config.k,
            len(x),
            *config.latent_shape,
            generator=torch.Generator().manual_seed(NOISE_SEED),
        )
        steps = _Steps(self.group)
        rows = max(1, BATCH // config.k)  # each is decoded k times
        parts = x.batches(torch.arange(len(x)), rows)
        for part, noise in zip(parts, torch.split(eps, rows, dim=1), strict=True):
            images = as_float(part.images)
            own = noise[:, part.places.taken].to(images.device)
            loss, terms = objective(images, images, own)
            steps.add(part.counted, {"loss": loss, **terms})
        return steps.means("validation loss")


def _groups(model: VAE | AE, config: Config) -> list[dict[str, Any]]:
    """The parameters by how fast they learn, the ordinary ones first."""
    factors = {"decoder.hidden.": config.z_lr_factor}  # which reads z
    if config.x_lr_factor != 1:
        factors["encoder.hidden."] = config.x_lr_factor
    named = list(model.named_parameters())
    ordinary = [weights for name, weights in named if not name.startswith(tuple(factors))]
    groups: list[dict[str, Any]] = [{"params": ordinary, "lr": config.lr, "factor": 1.0}]
    for start, factor in factors.items():
        if others := [weights for name, weights in named if name.startswith(start)]:
            groups.append({"params": others, "lr": config.lr, "factor": factor})
    return groups


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
