"""Small images, small models and finished runs for the tests of the torch side."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from export.choices import Kind
from export.config import Config
from export.data import datasets, known
from export.data.datasets import Split
from export.data.known import Half
from export.report import evaluate
from export.training.run import train

TINY = {"hidden_dim": 16, "epochs": 3, "batch_size": 64}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small models gain nothing by threads, and on a busy machine these wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # for the processes that tests start
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Where the real data sets are; downloaded where missing."""
    return datasets.folder(None)


@contextmanager
def _few_test_images() -> Iterator[None]:
    """Within it the real test images are their first 500, where nobody asks for others."""
    read = known.read

    def read_few(dataset: str, root: Path, part: str, rows: Tensor | None = None) -> Half:
        first = torch.arange(500) if part == "t10k" and rows is None else rows
        return read(dataset, root, part, first)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "read", read_few)
        yield


@pytest.fixture
def few_test_images() -> Iterator[None]:
    """The test images are few: what is made of all of them takes long."""
    with _few_test_images():
        yield


@pytest.fixture(scope="session")
def splits(data_dir: Path) -> tuple[Split, Split]:
    return datasets.load_train_validation(Config(dataset="fashion-mnist"), data_dir)


@pytest.fixture(scope="session")
def test_split(data_dir: Path) -> Split:
    return datasets.load_test(Config(dataset="fashion-mnist"), data_dir)


@pytest.fixture(scope="session")
def images(splits: tuple[Split, Split]) -> tuple[Tensor, Tensor]:
    """A few real images to train on and to validate with; neither fills its last batch."""
    train_split, validation = splits
    return train_split.x[:500], validation.x[:300]


@pytest.fixture(scope="session")
def tiny_run(
    tmp_path_factory: pytest.TempPathFactory, images: tuple[Tensor, Tensor], data_dir: Path
) -> Callable[[Kind], Path]:
    """The finished and evaluated run of a small model of some kind, in <folder>/<kind>."""
    folder = tmp_path_factory.mktemp("runs") / "fashion-mnist"
    finished: dict[Kind, Path] = {}

    def run(kind: Kind) -> Path:
        if kind not in finished:
            finished[kind] = folder / kind
            train(Config(kind=kind, **TINY), *images, finished[kind])
            with _few_test_images():
                evaluate.evaluate(finished[kind], data_dir, draws=2, k=1)
        return finished[kind]

    return run


@pytest.fixture(scope="session")
def draw_pictures() -> Callable[..., None]:
    """Write small noisy pictures of a brightness into a folder; another `seed`, other pictures."""

    def draw(folder: Path, count: int, level: int = 128, seed: int = 0, first: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng((seed, level, *folder.name.encode()))
        for number in range(first, first + count):
            grey = np.clip(level + rng.integers(-30, 30, (9, 9)), 0, 255).astype(np.uint8)
            Image.fromarray(grey).save(folder / f"{number}.png")

    return draw


@pytest.fixture
def write_idx() -> Callable[[Path, np.ndarray], None]:
    """Write uint8 data in the format of the MNIST files."""

    def write(path: Path, array: np.ndarray) -> None:
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        path.write_bytes(header + array.tobytes())

    return write


@pytest.fixture
def fake_raw(tmp_path: Path, write_idx: Callable[[Path, np.ndarray], None]) -> Path:
    """A folder with whole IDX files that hold far too few images; returns its raw folder."""
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", np.zeros((5, 28, 28), np.uint8))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.zeros(5, np.uint8))
    return raw
