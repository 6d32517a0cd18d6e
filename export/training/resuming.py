"""Whether a run may go on, and from where it does."""

import socket
from dataclasses import asdict
from pathlib import Path

from export.choices import FOLDER
from export.config import Config
from export.errors import ConfigError, RunError
from export.training import checkpoint, record
from export.training.distributed import Group
from export.training.record import Epoch
from export.training.trainer import Trainer


def check_together(out: Path, config: Config, resume: bool, group: Group) -> None:
    """Let the first process `check`, and see that the run is where that process is.

    Raises:
        FileExistsError, ConfigError, RunError: as `check` does.
        RunError: another machine's `out` holds more of the run.
    """
    group.lead(lambda: check(out, config, resume))
    if not resume:
        return
    with group.together():
        trained = _trained(out) if group.local_rank == 0 else 0
    everywhere = group.gather((trained, socket.gethostname()))
    (here, first), (most, host) = everywhere[0], max(everywhere)
    with group.together():
        if most > here:
            raise RunError(
                f"{out} holds {most} epochs on {host}, and {here} on {first}, which is the first "
                "machine this time, and goes on with them: let --out be on a disk that all "
                f"machines share, start {host} with --node-rank 0, or remove what is there"
            )


def check(out: Path, config: Config, resume: bool) -> None:
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
        before = asdict(record.read_config(out))
    except FileNotFoundError:
        message = (
            f"{out} holds files but no {record.CONFIG}, so no run to resume; choose another --out"
        )
        raise RunError(message) from None
    now = asdict(config)
    if before["dataset"].startswith(FOLDER) and config.dataset.startswith(FOLDER):
        del before["dataset"]  # it may have moved: what is in it, `load` sees
    if config.precision == "auto":
        del before["precision"]  # it goes on with what it began with
    trained = _trained(out)
    if trained == 0 or (before["schedule"] == "constant" and config.epochs >= trained):
        del before["epochs"]  # those that are trained were trained just so
    differing = [
        f"--{name.replace('_', '-')} was {value}, now {now[name]}"
        for name, value in before.items()
        if value != now[name]
    ]
    if differing == [f"--epochs was {before.get('epochs')}, now {config.epochs}"]:
        raise ConfigError(f"{out} cannot last longer or shorter: {_why_not(out, config)}")
    if differing:
        raise ConfigError(
            f"{out} was started with other options ({'; '.join(differing)}); "
            "resume with the same ones, or choose another --out"
        )


def _why_not(out: Path, config: Config) -> str:
    if config.schedule == "constant":
        return f"{_trained(out)} epochs are trained already, more than --epochs {config.epochs}"
    return (
        f"its learning rate falls to zero over --epochs {record.read_config(out).epochs}, and is "
        "another one in each epoch of a longer training; what is in it stays. Train anew with "
        f"--epochs {config.epochs} into another --out; runs with --schedule constant can be "
        "trained longer"
    )


def _trained(out: Path) -> int:
    path = out / checkpoint.LAST
    return int(checkpoint.load(path)["epoch"]) if path.exists() else 0


def restore(out: Path, trainer: Trainer, group: Group) -> list[Epoch]:
    """Bring model and optimizer to where the run in `out` stands; return its history.

    The first process tells the others, which need not see `out`.
    """
    path = out / checkpoint.LAST
    state = group.lead(lambda: checkpoint.load(path) if path.exists() else None)
    if state is None:
        return []
    try:
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        history: list[Epoch] = state["history"]
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunError(f"{path} cannot be resumed from: {error}; choose another --out") from error
    if group.first:
        record.write_history(out, history)  # the run may have been cut off between the two files
    return history
