import gzip
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets.mnist

from export.config import Config
from export.data import datasets
from export.errors import DataError

VALIDATION_LABELS = [6, 7, 9, 4, 9, 3, 4, 9, 7, 9]


def load_test(dataset, root):
    return datasets.load_test(Config(dataset=dataset), root)


def test_splits_are_whole_and_in_range(splits, test_split):
    for split, images in zip((*splits, test_split), (50_000, 10_000, 10_000), strict=True):
        assert len(split) == images
        assert split.pixels.shape == (images, 784)
        assert split.pixels.dtype == torch.uint8
        assert split.x.shape == (images, 784)
        assert split.x.dtype == torch.float32
        assert (split.x.min(), split.x.max()) == (0, 1)
        assert split.labels.shape == (images,)
        assert split.labels.unique().tolist() == list(range(10))


def test_training_and_validation_are_the_training_set_and_share_no_image(splits, data_dir):
    raw = torchvision.datasets.FashionMNIST(data_dir, train=True)
    whole = raw.data.flatten(1).float() / 255
    # A sum weighted by position tells all but a few of the images apart.
    weights = torch.linspace(1, 2, 784, dtype=torch.float64)
    together = torch.cat([split.x.double() @ weights for split in splits])
    assert torch.equal(together.sort().values, (whole.double() @ weights).sort().values)


def test_the_split_is_the_same_at_every_load(splits, data_dir):
    again = datasets.load_train_validation(Config(dataset="fashion-mnist"), data_dir)
    for ours, theirs in zip(splits, again, strict=True):
        assert torch.equal(ours.x, theirs.x)
        assert torch.equal(ours.labels, theirs.labels)


def test_the_split_is_this_one(splits):
    assert splits[1].labels[:10].tolist() == VALIDATION_LABELS


def test_mnist_loads_and_names_its_classes(data_dir):
    test = load_test("mnist", data_dir)
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert test.class_names == tuple("0123456789")
    assert load_test("fashion-mnist", data_dir).class_names[9] == "Ankle boot"


def test_folder_prefers_the_option_to_the_variable_to_the_default(monkeypatch):
    monkeypatch.setenv("VAE_ONNX_DATA", "there")
    assert datasets.folder(Path("here")) == Path("here")
    assert datasets.folder(None) == Path("there")
    monkeypatch.delenv("VAE_ONNX_DATA")
    assert datasets.folder(None) == Path("data")


@pytest.mark.parametrize(
    "failure", [urllib.error.URLError("no route"), TimeoutError("slow"), ConnectionResetError()]
)
def test_neither_file_nor_network(monkeypatch, tmp_path, failure):
    def fail(*_args, **_kwargs):
        raise failure

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", fail)
    with pytest.raises(FileNotFoundError, match="FashionMNIST") as caught:
        load_test("fashion-mnist", tmp_path / "none")
    for word in (str(tmp_path / "none"), "network", "--data-dir", "VAE_ONNX_DATA"):
        assert word in str(caught.value)


def test_missing_files_are_downloaded_and_present_ones_are_not(monkeypatch, fake_raw):
    fetched = []
    monkeypatch.setattr(
        torchvision.datasets.mnist,
        "download_and_extract_archive",
        lambda _url, download_root, filename, md5: fetched.append(filename),
    )
    with pytest.raises(DataError):
        load_test("fashion-mnist", fake_raw.parents[1])
    assert fetched == []
    (fake_raw / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError):
        load_test("fashion-mnist", fake_raw.parents[1])
    assert "t10k-labels-idx1-ubyte.gz" in fetched


@pytest.mark.parametrize("content", [b"", b"\0", b"\0\0\x08\x03", b"<html>not found</html>", None])
def test_a_damaged_file_is_named_with_the_remedy(fake_raw, content):
    path = fake_raw / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(DataError, match=r"remove .* and run again") as caught:
        load_test("fashion-mnist", fake_raw.parents[1])
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ((5, 28, 28), 5),
        ((10_000, 28, 28), 9_999),
        ((10_000, 32, 32), 10_000),
    ],
)
def test_wrong_counts_are_refused(fake_raw, write_idx, images, labels):
    write_idx(fake_raw / "t10k-images-idx3-ubyte", np.zeros(images, np.uint8))
    write_idx(fake_raw / "t10k-labels-idx1-ubyte", np.zeros(labels, np.uint8))
    with pytest.raises(DataError, match=r"must hold images \(10000, 28, 28\)"):
        load_test("fashion-mnist", fake_raw.parents[1])


def test_labels_beyond_the_classes_are_refused(fake_raw, write_idx):
    write_idx(fake_raw / "t10k-images-idx3-ubyte", np.zeros((10_000, 28, 28), np.uint8))
    write_idx(fake_raw / "t10k-labels-idx1-ubyte", np.full(10_000, 10, np.uint8))
    with pytest.raises(DataError, match="labels below 10"):
        load_test("fashion-mnist", fake_raw.parents[1])


@pytest.mark.parametrize(
    ("folder", "written"),
    [
        ("MNIST/raw", "{}.gz"),
        ("MNIST/raw", "dotted"),
        ("MNIST", "dotted.gz"),
        (".", "{}"),
    ],
)
def test_files_are_read_as_they_are(tmp_path, data_dir, monkeypatch, folder, written):
    def download(*_args, **_kwargs):
        raise AssertionError("nothing is missing")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", download)
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for path in (data_dir / "MNIST" / "raw").glob("*-ubyte"):
        name = written.format(path.name).replace("dotted", path.name.replace("-idx", ".idx"))
        content = path.read_bytes()
        packed = gzip.compress(content, compresslevel=1) if name.endswith(".gz") else content
        (tmp_path / folder / name).write_bytes(packed)
    before = sorted(path for path in tmp_path.rglob("*"))
    assert load_test("mnist", tmp_path).labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert before == sorted(path for path in tmp_path.rglob("*"))


def test_a_missing_file_is_named(tmp_path, data_dir, monkeypatch):
    def fail(*_args, **_kwargs):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", fail)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (data_dir / "MNIST" / "raw").glob("*-ubyte"):
        (raw / path.name).symlink_to(path)
    (raw / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        load_test("mnist", tmp_path)
    missing = (
        f"mnist is not complete in {raw}: t10k-labels-idx1-ubyte (or .gz) cannot be downloaded"
    )
    assert missing in str(caught.value)
    label = (data_dir / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").read_bytes()
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(label))  # the remedy
    assert len(load_test("mnist", tmp_path)) == 10_000


def test_files_of_another_data_set_are_not_taken_for_it(tmp_path, data_dir):
    (tmp_path / "MNIST").symlink_to((data_dir / "FashionMNIST").absolute())
    with pytest.raises(DataError, match=r"is not the file of mnist \(its sha256 differs\)"):
        load_test("mnist", tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08", b"<html>"])
def test_a_damaged_archive_is_named(fake_raw, content):
    for path in fake_raw.iterdir():
        path.rename(path.with_name(path.name + ".gz"))
    path = fake_raw / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read") as caught:
        load_test("fashion-mnist", fake_raw.parents[1])
    assert str(path) in str(caught.value)
