"""The images that a model was trained on, loaded again: those and no others."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from export.choices import COLOUR, DATASETS, FOLDER
from export.config import Config
from export.data import datasets
from export.data.datasets import DataSet
from export.data.fingerprint import Expected
from export.errors import ConfigError, DataError, RunError
from export.training import record
from vae_onnx.store.datasets import known_dataset


def of_run(
    run: Path, config: Config, data_dir: Path | None = None, dataset: str | None = None
) -> DataSet:
    """Load the data set of a run.

    Args:
        run: Its folder.
        config: Its config.
        data_dir: Folder of the known data sets.
        dataset: folder:PATH, where the pictures are now, if they are not where they were.

    Raises:
        ConfigError: `dataset` is no folder, or the run was not trained on one.
        FileNotFoundError: The data set is not there.
        DataError: It is damaged, or has changed since.
        RunError: Which pictures the run was trained on is not known.
    """
    if dataset is not None:
        _check(dataset, config.dataset, str(run))
    if config.dataset in DATASETS:
        return datasets.load(config, data_dir)
    return datasets.load(replace(config, dataset=dataset or config.dataset), expected=expected(run))


def same(*runs: tuple[Path, Config]) -> bool:
    """Whether runs were trained on one data set: of a folder the same pictures, read alike."""
    return len({_identity(run, config) for run, config in runs}) == 1


def _identity(run: Path, config: Config) -> tuple[object, ...]:
    known = config.dataset in DATASETS
    data = config.dataset if known else expected(run).digest
    return data, config.image_shape, config.ground, config.fit


def expected(run: Path) -> Expected:
    """What the folder of pictures must hold that a run was trained on.

    Raises:
        RunError: That is not known.
    """
    try:
        fingerprint = record.read_data(run)
    except FileNotFoundError:
        raise RunError(
            f"{run / record.DATA} is missing, which tells the pictures that were trained on from "
            "those to test with; train again, into another --out"
        ) from None
    return Expected(str(run), fingerprint.digest, fingerprint)


def of_model(
    folder: Path,
    metadata: Mapping[str, str],
    image_shape: tuple[int, int, int],
    data_dir: Path | None = None,
    dataset: str | None = None,
) -> DataSet:
    """Load the data set of a model by what its graphs tell; they do not tell the place of a folder.

    Args:
        folder: The model folder, for messages.
        metadata: What the graphs tell.
        image_shape: (channels, height, width) of the model.
        data_dir: Folder of the known data sets.
        dataset: folder:PATH, where the pictures are.

    Raises:
        ConfigError: `dataset` is no folder, or the model was not trained on one.
        FileNotFoundError: The data set is not there.
        DataError: It is not known or named, or damaged, or not that of the model.
    """
    known = known_dataset(metadata)
    if dataset is not None:
        _check(dataset, known or FOLDER, str(folder))
    if known is not None:
        return datasets.load(_config(known, image_shape, {}), data_dir)
    if "data" not in metadata:
        raise DataError(
            f"the graphs in {folder} do not tell which pictures they were trained on; export "
            "them again with `python -m export onnx`"
        )
    if dataset is None:
        raise DataError(
            f"{folder} is a model of pictures in a folder; name where they are with "
            "--dataset folder:PATH"
        )
    expected = Expected(str(folder), metadata["data"])
    return datasets.load(_config(dataset, image_shape, metadata), expected=expected)


def _config(dataset: str, image_shape: tuple[int, int, int], metadata: Mapping[str, str]) -> Config:
    """How a model's pictures were read."""
    channels, side, _ = image_shape
    shape = DATASETS.get(dataset)
    told: dict[str, Any] = {name: metadata[name] for name in ("ground", "fit") if name in metadata}
    if shape is None:
        told["colour"] = channels == COLOUR
    if shape is None or shape.any_size:
        told["image_size"] = side
    return Config(dataset=dataset, moves=0, **told)


def _check(dataset: str, trained_on: str, of: str) -> None:
    """See that --dataset names a folder of pictures, for what was trained on one."""
    Config(dataset=dataset)  # refuses what is none
    if trained_on in DATASETS:
        raise ConfigError(
            f"--dataset names where a folder of pictures is, and {of} is of {trained_on}; "
            "--data-dir names where that is"
        )
    if not dataset.startswith(FOLDER):
        raise ConfigError(f"{of} is of a folder of pictures, not of {dataset}")
