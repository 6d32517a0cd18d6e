"""What the tests of serving share: they run in an environment of their own (`make test-serve`)."""

import sys
from pathlib import Path

import pytest

import vae_onnx

ROOT = Path(__file__).parents[2]
GRAPHS = ROOT / "tests" / "runtime" / "graphs"

# `export` is no part of the wheel, which is what is tested: behind what is installed.
sys.path.append(str(ROOT))

# A flat code in grey and in colour, a map of codes, any height and width; VAEs and AEs.
MODELS = [
    "mnist-vae",
    "mnist-ae",
    "emoji-vae",
    *(str(GRAPHS / n) for n in ("colour", "map", "open")),
]


@pytest.fixture(scope="session", params=MODELS, ids=lambda name: Path(name).name)
def any_model(request: pytest.FixtureRequest) -> vae_onnx.Autoencoder:
    return vae_onnx.load(request.param)
