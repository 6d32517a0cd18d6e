"""CelebA from a small folder or archive of JPEGs: its own parts, the middle of each picture."""

import hashlib
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CelebA

from export.config import Config
from export.data import celeba, datasets, memory
from export.errors import DataError

PARTS = {"train": 30, "validation": 5, "test": 4}
LIST = "list_eval_partition.txt"


def load(root, side=16):
    return datasets.load(Config(dataset="celeba", image_size=side), root)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Pictures whose middle is of one level and colour, and whose ends are white."""
    folder = tmp_path / "celeba"
    (folder / celeba.IMAGES).mkdir(parents=True)
    lines = []
    numbers = [number for number, count in enumerate(PARTS.values()) for _ in range(count)]
    for row, part in enumerate(numbers):
        pixels = np.full((218, 178, 3), 255, np.uint8)
        pixels[20:-20] = (200, 100, 4 * row)
        name = f"{row + 1:06}.jpg"
        Image.fromarray(pixels).save(folder / celeba.IMAGES / name, quality=100, subsampling=0)
        lines.append(f"{name} {part}\n")
    (folder / LIST).write_text("".join(lines))
    told = hashlib.md5((folder / LIST).read_bytes()).hexdigest()
    monkeypatch.setitem(celeba._MD5, LIST, told)

    def fail(*_args, **_kwargs):
        raise RuntimeError("Too many users have viewed or downloaded this file recently")

    monkeypatch.setattr(CelebA, "download", fail)
    return tmp_path


def pack(root):
    """Put the pictures into the archive that its authors offer."""
    folder = root / "celeba"
    with zipfile.ZipFile(folder / f"{celeba.IMAGES}.zip", "w") as archive:
        for path in sorted((folder / celeba.IMAGES).iterdir()):
            archive.write(path, f"{celeba.IMAGES}/{path.name}")
            path.unlink()
    (folder / celeba.IMAGES).rmdir()


def test_its_own_parts_are_read_in_order_as_the_middle_in_colour(root):
    loaded, start = load(root), 0
    for part, count in PARTS.items():
        split = getattr(loaded, part)
        assert split.pixels.shape == (count, 3 * 16 * 16)
        assert split.pixels.dtype == torch.uint8
        assert split.class_names == ("face",)
        assert split.labels.tolist() == [0] * count
        middle = split.pixels.reshape(count, 3, 16, 16).float().numpy()
        blues = 4 * np.arange(start, start + count)
        for channel, level in enumerate((200, 100, blues)):
            means = middle[:, channel].mean(axis=(1, 2))
            np.testing.assert_allclose(means, level, atol=3)
        assert middle[:, 1].max() < 120  # nothing of the white ends
        start += count


def test_the_archive_gives_the_same(root):
    before = load(root).test.pixels
    pack(root)
    assert torch.equal(load(root).test.pixels, before)


def test_what_is_missing_is_named_with_where_it_goes(root):
    (root / "celeba" / LIST).unlink()
    with pytest.raises(FileNotFoundError, match="Too many users") as caught:
        load(root).test  # noqa: B018
    for word in ("img_align_celeba.zip", LIST, str(root / "celeba"), "--data-dir"):
        assert word in str(caught.value)


def test_damaged_files_are_named(root):
    (root / "celeba" / celeba.IMAGES / "000037.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    with pytest.raises(DataError, match=r"000037\.jpg .*img_align_celeba\.zip"):
        load(root).test  # noqa: B018
    (root / "celeba" / celeba.IMAGES / "000037.jpg").unlink()
    with pytest.raises(DataError, match=r"000037\.jpg of celeba cannot be read"):
        load(root).test  # noqa: B018
    pack(root)
    with pytest.raises(DataError, match=r"000037\.jpg of celeba cannot be read"):
        load(root).test  # noqa: B018
    (root / "celeba" / f"{celeba.IMAGES}.zip").write_bytes(b"PK and no more")
    with pytest.raises(DataError, match=r"img_align_celeba\.zip cannot be unpacked"):
        load(root).test  # noqa: B018


@pytest.mark.parametrize("text", ["", "000001.jpg 0\n", "<html>"])
def test_another_list_of_parts_is_refused(root, text):
    (root / "celeba" / LIST).write_text(text)
    with pytest.raises(DataError, match="is not the list of celeba's parts"):
        load(root).test  # noqa: B018


def test_more_than_the_memory_is_refused_before_anything_is_read(root, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 20_000)
    monkeypatch.setattr(celeba.reader, "read", None)
    with pytest.raises(DataError, match="30 pictures of 16x16x3 take"):
        load(root).train  # noqa: B018
