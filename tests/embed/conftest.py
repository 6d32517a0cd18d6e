"""The golden vectors, with which the hosts of the graphs are tested. Nothing of vae_onnx runs."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
MODELS = ROOT / "vae_onnx" / "models"
GRAPHS = ROOT / "tests" / "runtime" / "graphs"
INT8 = "encoder.int8.onnx"
MANIFEST = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Golden:
    """A model and what it gives."""

    name: str
    kind: str
    folder: Path  # of the graphs
    tensors: dict[str, np.ndarray]  # x, mu, log_var, z, x_recon

    @property
    def codes(self) -> dict[str, np.ndarray]:
        """What the encoder makes of x, by the names of its outputs."""
        if self.kind == "vae":
            return {name: self.tensors[name] for name in ("mu", "log_var")}
        return {"z": self.tensors["z"][: len(self.tensors["x"])]}


@pytest.fixture(
    scope="session",
    params=[told for told in MANIFEST["models"] if (MODELS / told["name"] / INT8).exists()],
    ids=lambda told: told["name"],
)
def shortened(request):
    """A bundled model that has graphs in 8-bit numbers too."""
    return of(request.param, MODELS)


@pytest.fixture(
    scope="session",
    params=[(told, MODELS) for told in MANIFEST["models"]]
    + [(told, GRAPHS) for told in MANIFEST["tiny"]],
    ids=lambda param: param[0]["name"],
)
def golden(request):
    """A bundled model, or a tiny one of colours, with a map of codes, of any size."""
    return of(*request.param)


def of(told, folder):
    return Golden(told["name"], told["kind"], folder / told["name"], read(told["tensors"]))


@pytest.fixture(scope="session", params=MANIFEST["drawings"], ids=lambda told: told["name"])
def drawing(request):
    """The tensors ink and x of a drawing."""
    return read(request.param["tensors"])


@pytest.fixture(scope="session")
def assert_agree():
    return _assert_agree


def read(tensors):
    return {
        name: np.fromfile(GOLDEN / told["file"], np.dtype(told["dtype"]).newbyteorder("<")).reshape(
            told["shape"]
        )
        for name, told in tensors.items()
    }


def _assert_agree(got, expected):
    """Within 1e-5, relative to the largest magnitude where that is above 1."""
    scale = max(1.0, np.abs(expected).max())
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * scale)
