"""KMNIST, EMNIST, CIFAR-10 and SVHN, from small files of their own formats: nothing is fetched."""

import hashlib
import importlib.util
import pickle
import urllib.error

import numpy as np
import pytest
import scipy.io
import torch
from torchvision.datasets import CIFAR10, SVHN
from torchvision.datasets import cifar as cifar_module
from torchvision.datasets import mnist as mnist_module
from torchvision.datasets import svhn as svhn_module

from export.choices import DATASETS
from export.config import Config
from export.data import datasets, fetched
from export.errors import DataError

TRAIN, TEST = 60, 10
SETS = ("kmnist", "emnist", "cifar10", "svhn")


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def load(dataset, root):
    return datasets.load(Config(dataset=dataset), root)


def images_of(dataset, count):
    """Distinct images as they shall come out, (N, channels, side, side), and their labels."""
    channels, side, _ = DATASETS[dataset]
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count, channels, side, side), np.uint8)
    return images, np.arange(count) % 10


def write_idx_set(root, write_idx, dataset, parts):
    raw = root / dataset.upper() / "raw"
    raw.mkdir(parents=True)
    for name, count in parts.items():
        images, labels = images_of(dataset, count)
        planes = images[:, 0].transpose(0, 2, 1) if dataset == "emnist" else images[:, 0]
        write_idx(raw / f"{name}-images-idx3-ubyte", np.ascontiguousarray(planes))
        write_idx(raw / f"{name}-labels-idx1-ubyte", labels.astype(np.uint8))


def write_cifar(root, patch):
    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)
    images, labels = images_of("cifar10", TRAIN)
    fifth = TRAIN // 5
    batches = {f"data_batch_{n + 1}": slice(n * fifth, (n + 1) * fifth) for n in range(5)}
    for name, rows in batches.items():
        entry = {"data": images[rows].reshape(fifth, -1), "labels": labels[rows].tolist()}
        (folder / name).write_bytes(pickle.dumps(entry))
    images, labels = images_of("cifar10", TEST)
    entry = {"data": images.reshape(TEST, -1), "labels": labels.tolist()}
    (folder / "test_batch").write_bytes(pickle.dumps(entry))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    patch.setattr(CIFAR10, "train_list", [[name, md5(folder / name)] for name in batches])
    patch.setattr(CIFAR10, "test_list", [["test_batch", md5(folder / "test_batch")]])
    patch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5(folder / "batches.meta")})


def write_svhn(root, patch):
    root.mkdir(parents=True, exist_ok=True)
    sources = dict(SVHN.split_list)
    for part, count in (("train", TRAIN), ("test", TEST)):
        images, labels = images_of("svhn", count)
        path = root / f"{part}_32x32.mat"
        written = np.where(labels == 0, 10, labels).astype(np.uint8)  # its zeros are called ten
        scipy.io.savemat(path, {"X": images.transpose(2, 3, 1, 0), "y": written[:, None]})
        sources[part] = [*SVHN.split_list[part][:2], md5(path)]
    patch.setattr(SVHN, "split_list", sources)


@pytest.fixture
def small(tmp_path, monkeypatch, write_idx):
    """Write a small data set of a name; every download fails."""

    def fail(*_args, **_kwargs):
        raise urllib.error.URLError("no route")

    for module in (mnist_module, cifar_module):
        monkeypatch.setattr(module, "download_and_extract_archive", fail)
    monkeypatch.setattr(svhn_module, "download_url", fail)

    def write(dataset):
        source = fetched._SOURCES[dataset]._replace(images={"train": TRAIN, "test": TEST})
        monkeypatch.setitem(fetched._SOURCES, dataset, source)
        root = tmp_path / "data"
        if dataset == "kmnist":
            write_idx_set(root, write_idx, dataset, {"train": TRAIN, "t10k": TEST})
        elif dataset == "emnist":
            parts = {"emnist-balanced-train": TRAIN, "emnist-balanced-test": TEST}
            write_idx_set(root, write_idx, dataset, parts)
        else:
            (write_cifar if dataset == "cifar10" else write_svhn)(root, monkeypatch)
        return root

    return write


@pytest.mark.parametrize("dataset", SETS)
def test_the_pixels_are_those_of_the_files_channels_first_and_upright(small, dataset):
    images, labels = images_of(dataset, TEST)
    test = load(dataset, small(dataset)).test
    assert test.pixels.dtype == torch.uint8
    np.testing.assert_array_equal(test.pixels.numpy(), images.reshape(TEST, -1))
    np.testing.assert_array_equal(test.labels.numpy(), labels)
    assert test.x.dtype == torch.float32
    np.testing.assert_array_equal(test.x.numpy(), images.reshape(TEST, -1) / np.float32(255))


@pytest.mark.parametrize("dataset", SETS)
def test_a_sixth_of_a_small_set_validates_and_no_image_is_on_two_sides(small, dataset):
    loaded = load(dataset, small(dataset))
    assert (len(loaded.train), len(loaded.validation)) == (50, 10)
    images, _ = images_of(dataset, TRAIN)
    parts = [split.pixels.numpy() for split in (loaded.train, loaded.validation)]
    rows = {row.tobytes() for part in parts for row in part}
    assert rows == {image.tobytes() for image in images}


def test_of_a_large_set_ten_thousand_validate():
    images, labels = torch.zeros(73_257, 1, 1, dtype=torch.uint8), torch.zeros(73_257).long()
    loaded = datasets._Known(
        lambda _, rows: datasets.Half(images[rows], labels[rows], ("0",)), 73_257
    )
    assert (len(loaded.train), len(loaded.validation)) == (63_257, 10_000)


def test_the_names_of_the_classes(small):
    names = {dataset: load(dataset, small(dataset)).test.class_names for dataset in SETS}
    assert names["kmnist"][:3] == ("o", "ki", "su")
    assert "".join(names["emnist"]) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
    assert names["cifar10"] == tuple("abcdefghij")
    assert names["svhn"] == tuple("0123456789")


@pytest.mark.parametrize("dataset", SETS)
def test_neither_files_nor_network(small, dataset):
    root = small(dataset)
    (missing,) = [root / name for name in fetched._SOURCES[dataset].files("test")][:1]
    missing.unlink()
    with pytest.raises(FileNotFoundError, match="no route") as caught:
        load(dataset, root).test  # noqa: B018
    for word in (dataset, missing.name, "put them there", "--data-dir", "VAE_ONNX_DATA"):
        assert word in str(caught.value)


@pytest.mark.parametrize("dataset", SETS)
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", None])
def test_damaged_files_are_named_with_the_remedy(small, dataset, content):
    root = small(dataset)
    path = root / fetched._SOURCES[dataset].files("test")[-2:][0]  # the images, to test with
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.raises(DataError, match=r"remove .* and run again to download") as caught:
        load(dataset, root).test  # noqa: B018
    assert str(path.parent) in str(caught.value)


@pytest.mark.parametrize("dataset", ["cifar10", "svhn"])
def test_whole_files_that_hold_something_else_are_damaged_too(small, dataset, monkeypatch):
    root = small(dataset)
    path = root / ("test_batch" if dataset == "cifar10" else "test_32x32.mat")
    if dataset == "cifar10":
        path = root / CIFAR10.base_folder / "test_batch"
        path.write_bytes(b"\x80\x04no pickle")
        monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(path)]])
    else:
        scipy.io.savemat(path, {"X": np.zeros((32, 32, 3, 4), np.uint8)})
        sources = SVHN.split_list | {"test": [*SVHN.split_list["test"][:2], md5(path)]}
        monkeypatch.setattr(SVHN, "split_list", sources)
    with pytest.raises(DataError, match=f"cannot be read as {dataset}"):
        load(dataset, root).test  # noqa: B018


def test_fewer_images_than_the_set_has_are_refused(small, monkeypatch):
    root = small("kmnist")
    source = fetched._SOURCES["kmnist"]._replace(images={"train": TRAIN, "test": 10_000})
    monkeypatch.setitem(fetched._SOURCES, "kmnist", source)
    with pytest.raises(DataError, match=r"must hold images \(10000, 28, 28\) .*got images \(10, "):
        load("kmnist", root).test  # noqa: B018


def test_svhn_without_scipy(small, monkeypatch):
    root = small("svhn")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="pip install scipy"):
        load("svhn", root).test  # noqa: B018


def test_missing_files_are_fetched_and_read(small, monkeypatch, tmp_path):
    root = small("svhn")
    there = (root / "test_32x32.mat").read_bytes()
    (root / "test_32x32.mat").unlink()

    def fetch(url, folder, name, _md5):
        assert url.startswith("http")
        (tmp_path / "data" / name).write_bytes(there)

    monkeypatch.setattr(svhn_module, "download_url", fetch)
    assert len(load("svhn", root).test) == TEST
