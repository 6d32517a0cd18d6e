"""The text files of a run folder (config, history, metrics), read and written without torch."""

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, NamedTuple, TypedDict

from export import writing
from export.config import Config
from export.data.fingerprint import Fingerprint
from export.errors import ConfigError, RunError

CONFIG = "config.json"
HISTORY = "history.jsonl"
METRICS = "metrics.json"
DATA = "data.json"
CURVES = "curves.png"
ADDED: Final = {
    "encoder_epochs": 0,
    "bend": 0.0,
    "mean_bias": False,
    "x_lr_factor": 1.0,
    "z_init": 0.0,
    "x_init": 0.0,
}  # older runs do not name these, and did without

Losses = dict[str, float]  # "loss", "recon" and for a VAE "kld": means in nats per image


class Epoch(TypedDict):
    """One line of the history."""

    epoch: int  # counted from 1
    lr: float  # of the epoch's last step
    train: Losses  # mean over the epoch, while the weights change
    validation: Losses  # after the epoch
    seconds: float  # training and validation
    best: bool  # lowest validation loss so far, of epochs that train the same weights


class Run(NamedTuple):
    """A finished and evaluated run, as its files tell it."""

    folder: Path
    config: Config
    history: list[Epoch]
    metrics: dict[str, Any]


def write_config(run: Path, config: Config) -> None:
    """Write `config.json`."""
    writing.write_text(run / CONFIG, json.dumps(asdict(config), indent=2))


def write_history(run: Path, history: Iterable[Epoch]) -> None:
    """Write `history.jsonl`, one epoch a line."""
    writing.write_text(run / HISTORY, "\n".join(json.dumps(epoch) for epoch in history))


def write_metrics(run: Path, metrics: dict[str, Any]) -> None:
    """Write `metrics.json`."""
    writing.write_text(run / METRICS, json.dumps(metrics, indent=2))


def write_data(run: Path, fingerprint: Fingerprint) -> None:
    """Write `data.json`: which pictures of a folder are trained on, validated with, tested with."""
    files: dict[str, dict[str, str]] = {}
    for name, content in fingerprint.files.items():
        files.setdefault(fingerprint.parts[name], {})[name] = content
    told = {
        "fingerprint": fingerprint.digest,
        "class_names": fingerprint.class_names,
        "files": files,
    }
    writing.write_text(run / DATA, json.dumps(told, indent=1))


def read_data(run: Path) -> Fingerprint:
    """Read which pictures a run was trained on.

    Raises:
        FileNotFoundError: the run was not trained on a folder, or by an older version.
        RunError: the file is damaged or not ours.
    """
    path = run / DATA
    told = _parse(path, _read(path, f"train --out {run}"))
    try:
        parts = {name: part for part, files in told["files"].items() for name in files}
        hashes = {name: text for files in told["files"].values() for name, text in files.items()}
        fingerprint = Fingerprint(hashes, tuple(told["class_names"]), parts)
        if fingerprint.digest != told["fingerprint"]:
            raise ValueError("the files are not those of the fingerprint")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path} is not written by `python -m export train`: {error}") from error
    return fingerprint


def drop_metrics(run: Path) -> None:
    """Delete `metrics.json`: it is of a model that is the best no longer."""
    (run / METRICS).unlink(missing_ok=True)


def read_config(run: Path) -> Config:
    """Read the config that a run was started with.

    Raises:
        FileNotFoundError: there is no run.
        RunError: the file is damaged or not ours.
    """
    path = run / CONFIG
    return parse_config(_parse(path, _read(path, f"train --out {run}")), path)


def parse_config(values: Any, source: Path) -> Config:
    """Turn stored values into a Config; `source` is the file that an error names.

    Raises:
        RunError: the values are no Config of this version.
    """
    try:
        values = {**ADDED, **values}
        missing = [field.name for field in fields(Config) if field.name not in values]
        if missing:
            raise ConfigError(f"it lacks {', '.join(missing)}")
        return Config(**values)
    except (TypeError, ConfigError) as error:
        raise RunError(f"{source} is not a config of `python -m export train`: {error}") from error


def read_history(run: Path) -> list[Epoch]:
    """Read the epochs of a run.

    Raises:
        FileNotFoundError: no epoch has been finished.
        RunError: the file is damaged or not ours.
    """
    path = run / HISTORY
    history = [_parse(path, line) for line in _read(path, f"train --out {run}").splitlines()]
    if not history or any(Epoch.__required_keys__ - set(epoch) for epoch in history):
        raise RunError(f"{path} is not a history of `python -m export train`")
    return history


def read_metrics(run: Path) -> dict[str, Any]:
    """Read the test metrics of a run.

    Raises:
        FileNotFoundError: the run has not been evaluated.
        RunError: the file is damaged or not ours.
    """
    path = run / METRICS
    metrics: dict[str, Any] = _parse(path, _read(path, f"evaluate {run}"))
    if "total" not in metrics:
        raise RunError(f"{path} is not written by `python -m export evaluate`")
    return metrics


def read(run: Path) -> Run:
    """Read everything about a finished and evaluated run.

    Raises:
        FileNotFoundError: a file is missing; the message says which command writes it.
        RunError: a file is damaged or not ours.
    """
    return Run(run, read_config(run), read_history(run), read_metrics(run))


def best_epoch(history: list[Epoch]) -> Epoch:
    """The epoch that `best.pt` holds."""
    return next(epoch for epoch in reversed(history) if epoch["best"])


def _read(path: Path, command: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"{path} is missing; `python -m export {command}` writes it"
        raise FileNotFoundError(message) from None
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is not a text file: {error}") from error


def _parse(path: Path, text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} must hold JSON objects, got {value!r}")
    return value
