"""The report's training loop, over tensors that already lie on the device."""

import math
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam
from tqdm import tqdm

from export import checkpoint, runs
from export.config import Config, Device
from export.data import load_train_validation
from export.errors import ConfigError, DivergedError, RunError
from export.evaluate import BATCH, NOISE_SEED
from export.loss import objective
from export.model import AE, VAE, build, parameters
from export.runs import Epoch, Losses
from export.tracking import Tracker


def pick_device(name: Device) -> torch.device:
    """Turn the --device option into a device; "auto" takes a GPU where there is one.

    Raises:
        ConfigError: CUDA is asked for and PyTorch finds none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda, but PyTorch finds no CUDA device; use --device cpu, or install a "
            "driver and a build of PyTorch that match (https://pytorch.org/get-started)"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def run(
    config: Config,
    out: Path,
    data_dir: Path | None = None,
    device: Device = "auto",
    resume: bool = False,
    tensorboard: bool = False,
) -> list[Epoch]:
    """Load the data set and train on it; see `train`."""
    check_folder(out, config, resume)  # before the data set, which may have to be downloaded
    x_train, x_validation = (
        split.x
        for split in load_train_validation(
            config.dataset, data_dir, pick_device(device), config.image_size
        )
    )
    return train(config, x_train, x_validation, out, resume=resume, tensorboard=tensorboard)


def train(
    config: Config,
    x_train: Tensor,
    x_validation: Tensor,
    out: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
) -> list[Epoch]:
    """Train a model and keep everything about the run in the folder `out`.

    All randomness of an epoch follows from (config.seed, epoch). A run that was cut off and goes
    on with `resume` therefore arrives at the numbers of an uninterrupted one, bit by bit.

    Args:
        config: what to train.
        x_train: images, (N, 784) float32 in [0, 1]; their device is the one trained on.
        x_validation: likewise, on the same device.
        out: run folder: `config.json`, `history.jsonl`, `best.pt`, `last.pt`, and `curves.png`,
            which is drawn anew while the training goes on.
        resume: go on after the last finished epoch of `out`, or begin where there is none.
        tensorboard: write TensorBoard's event files too, into `out`/tensorboard.

    Returns:
        The history, one entry an epoch.

    Raises:
        FileExistsError: `out` is not empty and `resume` is not set.
        ConfigError: `out` holds a run of another config.
        RunError: `out` holds something that cannot be resumed.
        DivergedError: the loss is no longer finite; the checkpoints before that epoch stay.
        KeyboardInterrupt: Ctrl-C, with a message that says where training stopped.
    """
    check_folder(out, config, resume)
    runs.write_config(out, config)
    model = build(config).to(x_train.device)
    optimizer = Adam(model.parameters(), lr=config.lr, fused=True)
    history = _restore(out, model, optimizer)
    print(
        f"{config.model_name}: {parameters(model):,} parameters, {len(x_train):,} training and "
        f"{len(x_validation):,} validation images, {x_train.device}"
    )
    if len(history) >= config.epochs:
        print(f"{out} is finished: all {config.epochs} epochs are trained")
        return history
    tracker = Tracker(out, epochs_before=len(history), tensorboard=tensorboard)
    try:
        while len(history) < config.epochs:
            entry = _epoch(config, model, optimizer, x_train, x_validation, history)
            _save(out, config, model, optimizer, [*history, entry])
            history.append(entry)
            tracker.add(history)
            tqdm.write(epoch_line(entry, config.epochs))
            if entry["best"]:
                best = entry["validation"]["loss"]
                tqdm.write(f"             new best model saved (validation {best:.2f})")
    except KeyboardInterrupt:
        message = f"stopped after epoch {len(history)}; go on with --resume"
        raise KeyboardInterrupt(message) from None
    finally:
        tracker.close(history)
    return history


def check_folder(out: Path, config: Config, resume: bool) -> None:
    """Make sure that training into `out` overwrites nobody's work.

    Raises:
        FileExistsError: `out` is not empty and `resume` is not set.
        ConfigError: `out` holds a run of another config.
        RunError: `out` holds no run, or a damaged one.
    """
    if not out.exists() or not any(out.iterdir()):
        return
    if not resume:
        raise FileExistsError(
            f"{out} is not empty; go on with the run in it with --resume, or choose another --out"
        )
    try:
        before = asdict(runs.read_config(out))
    except FileNotFoundError:
        message = (
            f"{out} holds files but no {runs.CONFIG}, so no run to resume; choose another --out"
        )
        raise RunError(message) from None
    differing = [
        f"--{name.replace('_', '-')} was {before[name]}, now {value}"
        for name, value in asdict(config).items()
        if before[name] != value
    ]
    if differing:
        raise ConfigError(
            f"{out} was started with other options ({'; '.join(differing)}); "
            "resume with the same ones, or choose another --out"
        )


def learning_rate(config: Config, step: int, steps_per_epoch: int) -> float:
    """Learning rate of a step counted from 0: a pure function, so resuming needs no state."""
    if config.schedule == "constant":
        return config.lr
    if step < steps_per_epoch:
        return config.lr * (step + 1) / steps_per_epoch
    progress = (step - steps_per_epoch) / (steps_per_epoch * (config.epochs - 1))
    return config.lr * 0.5 * (1 + math.cos(math.pi * progress))


def epoch_line(entry: Epoch, epochs: int) -> str:
    """One epoch in the form of the report's log."""
    train_part, validation_part = (
        f"{name} {_losses_text(entry[name])}" for name in ("train", "validation")
    )
    return (
        f"epoch {entry['epoch']:2}/{epochs}  {train_part}  {validation_part}"
        f"  {entry['seconds']:.1f} s"
    )


def kl_weight(config: Config, step: int, steps_per_epoch: int) -> float:
    """Weight of the kld at a step counted from 0: grows linearly during the warm-up."""
    warmup_steps = config.kl_warmup * steps_per_epoch
    return config.beta * min(1.0, (step + 1) / max(1, warmup_steps))


@torch.inference_mode()
def validate(config: Config, model: VAE | AE, x: Tensor) -> Losses:
    """Mean of the objective over x and its terms in nats per image, the kld at its full weight.

    The noise is the same at every call: epochs differ by their models alone.
    """
    # Free bits shape the gradient; whether a model is better is another question.
    config = replace(config, free_bits=0.0)
    eps = torch.randn(
        config.k, len(x), model.latent_dim, generator=torch.Generator().manual_seed(NOISE_SEED)
    ).to(x.device)
    steps = _Steps()
    for batch, noise in zip(torch.split(x, BATCH), torch.split(eps, BATCH, dim=1), strict=True):
        steps.add(len(batch), *objective(model, batch, noise, config))
    return steps.means("validation loss")


class _Steps:
    """Losses step by step, kept on the device: reading one number out would wait for it."""

    def __init__(self) -> None:
        self._images = 0
        self._names: list[str] = []
        self._sums: list[Tensor] = []

    def add(self, images: int, loss: Tensor, terms: dict[str, Tensor]) -> None:
        """Add a batch: its loss, a mean, and its terms (images,)."""
        self._images += images
        self._names = ["loss", *terms]
        sums = [values.sum(dtype=torch.float64) for values in terms.values()]
        self._sums.append(torch.stack([loss.detach().double() * images, *sums]))

    def means(self, name: str) -> Losses:
        """Means over all images added; raises DivergedError, which calls the loss `name`."""
        steps = torch.stack(self._sums)
        for number, loss in enumerate(steps[:, 0].tolist(), start=1):
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the {name} is {loss} at step {number} of {len(steps)}; the checkpoints of "
                    "the epochs before are kept; try a smaller --lr"
                )
        return dict(zip(self._names, (steps.sum(dim=0) / self._images).tolist(), strict=True))


def _losses_text(values: Losses) -> str:
    if "kld" not in values:
        return f"{values['loss']:.2f}"
    return f"{values['loss']:.2f} (recon {values['recon']:.2f} + kld {values['kld']:.2f})"


def _restore(out: Path, model: VAE | AE, optimizer: Adam) -> list[Epoch]:
    """Bring model and optimizer to where the run in `out` stands; return its history."""
    path = out / checkpoint.LAST
    if not path.exists():
        return []
    state = checkpoint.load(path)
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        history: list[Epoch] = state["history"]
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunError(f"{path} cannot be resumed from: {error}; choose another --out") from error
    runs.write_history(out, history)  # the run may have been cut off between the two files
    return history


def _save(
    out: Path, config: Config, model: VAE | AE, optimizer: Adam, history: list[Epoch]
) -> None:
    """Write best, then last, then history: cut off in between, a resumed run repeats the epoch."""
    state = {"config": asdict(config), "epoch": len(history), "model": model.state_dict()}
    if history[-1]["best"]:
        runs.drop_metrics(out)
        checkpoint.save(out / checkpoint.BEST, state)
    resumable = {**state, "optimizer": optimizer.state_dict(), "history": history}
    checkpoint.save(out / checkpoint.LAST, resumable)
    runs.write_history(out, history)


def _epoch(
    config: Config,
    model: VAE | AE,
    optimizer: Adam,
    x_train: Tensor,
    x_validation: Tensor,
    history: list[Epoch],
) -> Epoch:
    """Train and validate once; raises DivergedError."""
    start = time.perf_counter()
    epoch = len(history) + 1
    train_losses = _train_epoch(config, model, optimizer, x_train, epoch)
    validation = validate(config, model, x_validation)
    return {
        "epoch": epoch,
        "lr": optimizer.param_groups[0]["lr"],
        "train": train_losses,
        "validation": validation,
        "seconds": round(time.perf_counter() - start, 3),
        "best": all(validation["loss"] < past["validation"]["loss"] for past in history),
    }


def _train_epoch(config: Config, model: VAE | AE, optimizer: Adam, x: Tensor, epoch: int) -> Losses:
    """Pass over x once in random order; return the mean losses met on the way."""
    generator = _epoch_generator(config.seed, epoch)
    order = torch.randperm(len(x), generator=generator).to(x.device)
    eps = torch.randn(config.k, len(x), model.latent_dim, generator=generator).to(x.device)
    size = config.batch_size
    batches = list(zip(torch.split(order, size), torch.split(eps, size, dim=1), strict=True))
    steps = _Steps()
    progress = tqdm(batches, desc=f"epoch {epoch}/{config.epochs}", leave=False, disable=None)
    for step, (rows, noise) in enumerate(progress, start=(epoch - 1) * len(batches)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step, len(batches))
        weight = kl_weight(config, step, len(batches))
        loss, terms = objective(model, x[rows], noise, config, weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        steps.add(len(rows), loss, terms)
    return steps.means(f"training loss of epoch {epoch}")


def _epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """A generator for one epoch, on the CPU so that every device sees the same randomness."""
    state = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))
