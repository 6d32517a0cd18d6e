"""What the tests of other people's models share: pictures, and the check that all have to pass."""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from playwright.sync_api import Browser
from torch.onnx._internal.exporter._registration import ONNXRegistry

import vae_onnx
from vae_onnx.crossing.gates.parity import relative_error

from . import hosts

IMAGES = Path(__file__).parents[1] / "runtime" / "images.npz"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small models gain nothing by threads, and on a busy machine these wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def _one_registry() -> Iterator[None]:
    """Each call of torch.onnx.export looks up all operators anew, in half of its time."""
    once = functools.cache(ONNXRegistry.from_torchlib)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(once))
        yield


@pytest.fixture(scope="session")
def foreign() -> Path:
    """Where the weights of public models are, which nobody here trained."""
    folder = os.environ.get("VAE_ONNX_FOREIGN")
    if not folder:
        pytest.skip("VAE_ONNX_FOREIGN does not say where the public models are")
    return Path(folder)


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """Test images of MNIST, uint8 (100, 28, 28)."""
    with np.load(IMAGES, allow_pickle=False) as archive:
        return archive["mnist"]


@pytest.fixture(scope="session")
def photographs() -> Callable[[int], np.ndarray]:
    """Squares of two real photographs, a flower and a palace, uint8 (8, side, side, 3)."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn ships photographs")
    pillow = pytest.importorskip("PIL.Image")

    def cut(side: int) -> np.ndarray:
        pictures = []
        for name in ("flower.jpg", "china.jpg"):
            whole = pillow.fromarray(datasets.load_sample_image(name))
            for left in range(0, 214, 71):
                box = (left, 0, left + 427, 427)
                pictures.append(np.asarray(whole.resize((side, side), box=box)))
        return np.stack(pictures)

    return cut


@pytest.fixture
def colours() -> np.ndarray:
    """Smooth pictures with edges, uint8 (6, 32, 48, 3)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :48] / 32
    waves = rng.uniform(-3, 3, (6, 3, 2))
    phase = rng.uniform(0, 6, (6, 3, 1, 1))
    light = np.sin(waves[..., 0, None, None] * x + waves[..., 1, None, None] * y + phase)
    light = light + (x + y > rng.uniform(0.5, 2, (6, 1, 1, 1)))
    light = (light - light.min()) / (light.max() - light.min())
    return np.rint(255 * light.transpose(0, 2, 3, 1)).astype(np.uint8)


@pytest.fixture(scope="session")
def in_node(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosts.Reconstruct]:
    """Reconstruct x (N, C, H, W) by the model in a folder, in Node."""
    with hosts.node(example, tmp_path_factory.mktemp("node")) as reconstruct:
        yield reconstruct


@pytest.fixture(scope="session")
def in_chromium(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[hosts.Reconstruct]:
    """Reconstruct x (N, C, H, W) by the model in a folder, in a browser."""
    with hosts.chromium(browser, tmp_path_factory.mktemp("chromium")) as reconstruct:
        yield reconstruct


class Opened:
    """A folder as the runtime has it, and what its graphs say of themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.model = folder, vae_onnx.load(folder)
        self.protos = {name: onnx.load(folder / f"{name}.onnx") for name in ("encoder", "decoder")}
        told = [
            {entry.key: entry.value for entry in proto.metadata_props if entry.key != "graph"}
            for proto in self.protos.values()
        ]
        assert told[0] == told[1]
        self.told = told[0]

    def encode(self, x: np.ndarray) -> list[np.ndarray]:
        if self.model.kind == "ae":
            return [self.model.encode(x)]
        posterior = self.model.posterior(x)
        return [posterior.mu, posterior.log_var]

    def decode(self, z: np.ndarray) -> np.ndarray:
        return self.model.decoder.to_x_recon(z)

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(x)[0])


@pytest.fixture
def opened() -> type[Opened]:
    return Opened


@pytest.fixture
def agrees(in_node: hosts.Reconstruct, in_chromium: hosts.Reconstruct) -> Callable[..., None]:
    """Check a model against functions of torch on x (N, C, H, W) in [0, 1].

    In Python the codes and pictures of batches of 1, 2 and 7, on the other hosts what becomes of
    two pictures.
    """

    def check(ours: Opened, encode, decode, x: np.ndarray, tolerance: float = 1e-5) -> None:
        for rows in (1, 2, 7):
            batch = x[np.arange(rows) % len(x)].astype(np.float32)
            codes = ours.encode(batch)
            with torch.no_grad():
                given = encode(torch.from_numpy(batch))
                given = given if isinstance(given, tuple) else (given,)
                pictures = decode(given[0]).clamp(0, 1).numpy()
            for mine, theirs in zip(codes, given, strict=True):
                assert relative_error(mine, theirs.numpy()) <= tolerance
            assert relative_error(ours.decode(codes[0]), pictures) <= tolerance
            if rows == 2:
                for reconstruct in (hosts.in_openvino, in_node, in_chromium):
                    x_recon = reconstruct(ours.folder, batch)
                    np.testing.assert_allclose(x_recon, pictures, rtol=0, atol=1e-4)

    return check
