"""What the runtime tests share. They see only the wheel: no torch, no onnx, no gradio."""

from pathlib import Path

import numpy as np
import pytest

import vae_onnx

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def graphs() -> Path:
    """The folder of tiny graphs, written by hand (tests/export/graphs/test_tiny_graphs.py)."""
    return HERE / "graphs"


@pytest.fixture
def tiny_vae(graphs: Path) -> vae_onnx.Autoencoder:
    return vae_onnx.load(graphs / "vae")


@pytest.fixture
def tiny_ae(graphs: Path) -> vae_onnx.Autoencoder:
    return vae_onnx.load(graphs / "ae")


@pytest.fixture(scope="session", params=vae_onnx.models())
def bundled(request: pytest.FixtureRequest) -> vae_onnx.Autoencoder:
    return vae_onnx.load(request.param)


@pytest.fixture(scope="session", params=[name for name in vae_onnx.models() if "mnist" in name])
def digits(request: pytest.FixtureRequest) -> vae_onnx.Autoencoder:
    """A bundled model of MNIST or Fashion-MNIST."""
    return vae_onnx.load(request.param)


@pytest.fixture(scope="session")
def images() -> dict[str, np.ndarray]:
    """The first 100 test images of each grey data set, uint8 (100, 28, 28), and 16 of emoji."""
    with np.load(HERE / "images.npz", allow_pickle=False) as archive:
        names = {"mnist": "mnist", "fashion-mnist": "fashion_mnist", "folder:emoji": "emoji"}
        return {dataset: archive[name] for dataset, name in names.items()}
