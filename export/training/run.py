"""A training run and its folder: what is trained, logged, kept and gone on with."""

import time
from dataclasses import asdict
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from export.choices import Device
from export.config import Config
from export.data.fingerprint import Fingerprint
from export.data.shards import Shard
from export.networks.autoencoder import parameters
from export.training import card, checkpoint, distributed, job, record, resuming
from export.training.cpu import tuned
from export.training.distributed import Group
from export.training.preparing import agreed, load
from export.training.record import Epoch, Losses
from export.training.tracking import Tracker
from export.training.trainer import Trainer


@tuned()
def run(
    config: Config,
    out: Path,
    data_dir: Path | None = None,
    device: Device = "auto",
    resume: bool = False,
    tensorboard: bool = False,
) -> list[Epoch]:
    """Load the data set and train on it, with the other processes of `torchrun`; see `train`.

    One that was started anew by the `torchrun` that had begun the run goes on with it, as with
    `resume`.
    """
    with distributed.join(device) as group:
        config = agreed(config.located(), out, group)
        agents = group.gather(job.agent())
        resume = group.lead(lambda: resume or job.is_same(out, agents))
        resuming.check_together(out, config, resume, group)
        images = load(config, data_dir, group, out)
        return train(
            config,
            images.train,
            images.validation,
            out,
            resume=resume,
            tensorboard=tensorboard,
            group=group,
            fingerprint=images.fingerprint,
        )


def train(
    config: Config,
    x_train: Tensor | Shard,
    x_validation: Tensor | Shard,
    out: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    group: Group | None = None,
    fingerprint: Fingerprint | None = None,
) -> list[Epoch]:
    """Train a model and keep everything about the run in the folder `out`.

    All randomness of an epoch follows from (config.seed, epoch). A run that was cut off and goes
    on with `resume` therefore arrives at the numbers of an uninterrupted one, bit by bit.

    Args:
        config: what to train.
        x_train: images, (N, pixels), uint8 or float32 in [0, 1], or this process's share of them;
            their device is trained on.
        x_validation: likewise, on the same device.
        out: run folder: `config.json`, of a folder's pictures `data.json`, `history.jsonl`,
            `best.pt`, `last.pt`, and `curves.png`, which is drawn anew while the training goes on.
        resume: go on after the last finished epoch of `out`, or begin where there is none.
        tensorboard: write TensorBoard's event files too, into `out`/tensorboard.
        group: this process among those that train together, each with its share of the images.
            Each batch is that of one process, so that the losses are, too; the first process alone
            reads and writes `out`, and prints.
        fingerprint: which pictures of a folder the images are.

    Returns:
        The history, one entry an epoch.

    Raises:
        FileExistsError: `out` is not empty and `resume` is not set.
        ConfigError: `out` holds a run of another config.
        RunError: `out` holds something that cannot be resumed, or holds less than on another
            machine.
        ValueError: the processes do not hold all images together.
        DivergedError: the loss is no longer finite; the checkpoints before that epoch stay.
        KeyboardInterrupt: Ctrl-C, with a message that says where training stopped.
    """
    x_train, x_validation = Shard.of(x_train), Shard.of(x_validation)
    group = group or Group(x_train.pixels.device)
    agents = group.gather(job.agent())
    held = _held(x_train, x_validation, group)
    resuming.check_together(out, config, resume, group)

    def begin() -> None:
        checkpoint.tell(out, config)  # of a run that goes on, longer or from another place
        record.write_config(out, config)
        job.note(out, agents)
        if fingerprint is not None:
            record.write_data(out, fingerprint)

    group.lead(begin)
    trainer = Trainer(config, group)
    trainer.begin(x_train)
    history = resuming.restore(out, trainer, group)
    if group.first:
        print(_headline(trainer, x_train, x_validation, held))
    if len(history) >= config.epochs:
        if group.first:
            card.write(out)  # it may have been cut off before
            job.forget(out)
            more = "; --epochs MORE trains on" if config.schedule == "constant" else ""
            print(f"{out} is finished: all {config.epochs} epochs are trained{more}")
        return history
    tracker = None
    if group.first:
        tracker = Tracker(out, config, epochs_before=len(history), tensorboard=tensorboard)
    try:
        while len(history) < config.epochs:
            entry = _epoch(trainer, x_train, x_validation, history)
            if tracker:
                _save(out, trainer, [*history, entry])
            history.append(entry)
            if tracker:
                tracker.add(history)
                _tell(entry, config)
    except KeyboardInterrupt:
        message = f"stopped after epoch {len(history)}; go on with --resume"
        raise KeyboardInterrupt(message) from None
    finally:
        if tracker:
            tracker.close(history)
    if group.first:
        card.write(out)
        job.forget(out)
    return history


def _held(x_train: Shard, x_validation: Shard, group: Group) -> list[int]:
    """How many training images each process holds; raises ValueError unless they are all."""
    for x in (x_train, x_validation):
        held = group.gather(len(x.pixels))
        if sum(held) != len(x):
            raise ValueError(
                f"{group.size} processes must hold the {len(x):,} images together, each its share, "
                f"got {sum(held):,} of them: {held}"
            )
    return group.gather(len(x_train.pixels))


def _headline(trainer: Trainer, x_train: Shard, x_validation: Shard, held: list[int]) -> str:
    """What is about to be trained, on what."""
    group = trainer.group
    together = ""
    if group.size > 1:
        megabytes = max(held) * x_train.pixels[:1].nbytes / 1e6
        together = (
            f", {group.size} processes, which hold {min(held):,} to {max(held):,} of the training "
            f"images each, {megabytes:.1f} MB"
        )
    seen = " (trained on as well)" if trainer.config.train_on == "all" else ""
    return (
        f"{trainer.config.model_name}: {parameters(trainer.model):,} parameters, "
        f"{len(x_train):,} training and {len(x_validation):,} validation images{seen}, "
        f"{group.device}{together}"
    )


def _tell(entry: Epoch, config: Config) -> None:
    tqdm.write(epoch_line(entry, config.epochs))
    if entry["best"]:
        best = entry["validation"]["loss"]
        tqdm.write(f"             new best model saved (validation {best:.2f})")


def epoch_line(entry: Epoch, epochs: int) -> str:
    """One epoch in the form of the report's log."""
    train_part, validation_part = (
        f"{name} {_losses_text(entry[name])}" for name in ("train", "validation")
    )
    return (
        f"epoch {entry['epoch']:2}/{epochs}  {train_part}  {validation_part}"
        f"  {entry['seconds']:.1f} s"
    )


def _losses_text(values: Losses) -> str:
    if "kld" not in values:
        return f"{values['loss']:.2f}"
    return f"{values['loss']:.2f} (recon {values['recon']:.2f} + kld {values['kld']:.2f})"


def _save(out: Path, trainer: Trainer, history: list[Epoch]) -> None:
    """Write best, then last, then history: cut off in between, a resumed run repeats the epoch."""
    state = {
        "config": asdict(trainer.config),
        "epoch": len(history),
        "model": trainer.model.state_dict(),
    }
    if history[-1]["best"]:
        record.drop_metrics(out)
        checkpoint.save(out / checkpoint.BEST, state)
    resumable = {**state, "optimizer": trainer.optimizer.state_dict(), "history": history}
    checkpoint.save(out / checkpoint.LAST, resumable)
    record.write_history(out, history)


def _epoch(trainer: Trainer, x_train: Shard, x_validation: Shard, history: list[Epoch]) -> Epoch:
    """Train and validate once; raises DivergedError."""
    start = time.perf_counter()
    epoch = len(history) + 1
    train_losses = trainer.train_epoch(x_train, epoch)
    validation = trainer.validate(x_validation)
    # Where the validation images are trained on, the decoder's last epochs may know them better by
    # heart: there the encoder's epochs compete among themselves.
    joint, seen = trainer.config.joint_epochs, trainer.config.train_on == "all"
    rivals = history[joint:] if epoch > joint and seen else history
    return {
        "epoch": epoch,
        "lr": trainer.optimizer.param_groups[0]["lr"],
        "train": train_losses,
        "validation": validation,
        "seconds": round(time.perf_counter() - start, 3),
        "best": all(validation["loss"] < past["validation"]["loss"] for past in rivals),
    }
