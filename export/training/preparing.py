"""What comes before a training: what is trained, on which images, alike in all processes."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import torch

from export.choices import DATASETS, FOLDER
from export.config import Config
from export.data import datasets
from export.data.fingerprint import Fingerprint
from export.data.shards import Shard
from export.errors import ConfigError
from export.training import checkpoint, origin, record
from export.training.cpu import has_bfloat16
from export.training.distributed import Group


def settled(config: Config, out: Path, device: torch.device) -> Config:
    """Return the config with the precision that "auto" means: that of a run that has begun."""
    if config.precision != "auto":
        return config
    if (out / record.CONFIG).exists():
        return replace(config, precision=record.read_config(out).precision)
    return replace(config, precision="bfloat16" if has_bfloat16(device) else "float32")


def agreed(config: Config, out: Path, group: Group) -> Config:
    """Settle a config, which must be the same in all processes, in the first one.

    The path of a folder of pictures stays each process's own.

    Raises:
        ConfigError: the processes were started with different options.
    """
    first, result = group.lead(lambda: (config, settled(config, out, group.device)))
    with group.together():
        theirs, mine = asdict(first), asdict(config)
        if first.dataset.startswith(FOLDER) and config.dataset.startswith(FOLDER):
            del theirs["dataset"]
        differing = [
            f"--{name.replace('_', '-')} is {mine[name]}, and {value} in the first process"
            for name, value in theirs.items()
            if mine[name] != value
        ]
        if differing:
            raise ConfigError(
                f"the processes were started with different options ({'; '.join(differing)}); "
                "type the same on all machines"
            )
    return replace(result, dataset=config.dataset)


class Images(NamedTuple):
    """What is trained on, or what a process holds of it."""

    train: Shard  # (N, pixels) uint8
    validation: Shard  # likewise, to choose the epoch by
    fingerprint: Fingerprint | None  # which pictures of a folder they are


def load(
    config: Config,
    data_dir: Path | None,
    group: Group,
    out: Path | None = None,
) -> Images:
    """Load a process's share of the images to train on: of a run that has begun, those it had.

    What is missing is downloaded by one process on each machine, that of the first one before all
    others: the machines may share the folder. `out` is looked at by the first process alone.
    """
    group.lead(lambda: datasets.fetch(config, data_dir))
    with group.together():
        if group.local_rank == 0:
            datasets.fetch(config, data_dir)
    with group.together():
        begun = group.first and out is not None and (out / checkpoint.LAST).exists()
        expected = None
        if begun and out is not None and config.dataset not in DATASETS:
            expected = origin.expected(out)
        dataset = datasets.load(config, data_dir, expected, group.share)
        train, validation = (
            each.shard.to(group.device) for each in (dataset.train, dataset.validation)
        )
    if config.train_on == "all":
        train += validation
    return Images(train, validation, dataset.fingerprint)
