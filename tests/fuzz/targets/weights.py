"""Weights and runs of the PyTorch side: tensors are read, never code."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict

import torch
from torch import nn

from export.config import Config
from export.errors import RunError
from export.training import checkpoint, record
from vae_onnx.errors import VaeOnnxError
from vae_onnx.torch.weights import load_weights

from ..target import Target, as_file
from .arrays import _within_npz as within_zip


def _saved(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def _weights_seeds() -> Iterator[bytes]:
    state = nn.Linear(2, 2).state_dict()
    yield _saved(state)
    yield _saved({"state_dict": {f"module.{name}": value for name, value in state.items()}})


def _checkpoint_seeds() -> Iterator[bytes]:
    yield _saved({"config": asdict(Config()), "epoch": 1, "model": nn.Linear(2, 2).state_dict()})


def _run_seeds() -> Iterator[bytes]:
    yield json.dumps(asdict(Config())).encode()


def _take_checkpoint(content: bytes) -> None:
    path = as_file(content, "best.pt")
    record.parse_config(checkpoint.load(path)["config"], path)


def _take_run(content: bytes) -> None:
    record.read_config(as_file(content, "config.json").parent)


TARGETS = (
    Target(
        "weights",
        _weights_seeds,
        lambda content: load_weights(nn.Linear(2, 2), as_file(content, "weights.pt")),
        within=within_zip,
    ),
    Target(
        "checkpoint",
        _checkpoint_seeds,
        _take_checkpoint,
        (VaeOnnxError, RunError),
        within=within_zip,
    ),
    Target("run", _run_seeds, _take_run, (VaeOnnxError, RunError)),
)
