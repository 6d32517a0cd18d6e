"""Any number of processes hold all images together, each its share, and meet the same batches."""

import gzip
import shutil
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

from export.config import Config
from export.data import datasets, idx, memory
from export.data import folder as own
from export.data.shards import Places, Shard, Share
from export.errors import DataError
from export.training.distributed import Group
from export.training.noise import Noise
from export.training.trainer import Trainer


def shards(x, size):
    """What each of some processes holds of x, (N, pixels)."""
    numbers = torch.randperm(len(x), generator=torch.Generator().manual_seed(9))
    rows = [Share(rank, size).places(numbers) for rank in range(size)]
    return [Shard(x if held is None else x[held], held, len(x)) for held in rows]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("images", [1, 2, 3, 20, 133])
def test_the_shares_of_a_batch_are_the_batch(size, images):
    x = torch.arange(images).unsqueeze(1)
    order = torch.randperm(images)
    of_each = [list(shard.batches(order, 6)) for shard in shards(x, size)]
    for batch, *parts in zip(order.split(6), *of_each, strict=True):
        assert sum(part.counted for part in parts) == len(batch)
        assert {part.places.batch for part in parts} == {len(batch)}
        met = torch.full((len(batch),), -1)
        for part in parts:
            assert len(part.images) == max(part.counted, 1)
            if part.counted:
                met[part.places.taken] = part.images.flatten()
        assert torch.equal(met, batch)


def test_a_shard_of_two_wholes_counts_on():
    both = [Shard.of(torch.arange(5).unsqueeze(1)), Shard.of(5 + torch.arange(4).unsqueeze(1))]
    assert torch.equal(sum(both[1:], both[0]).pixels.flatten(), torch.arange(9))
    pairs = zip(*(shards(whole.pixels, 2) for whole in both), strict=True)
    for shard in (one + other for one, other in pairs):
        assert len(shard) == 9
        assert torch.equal(shard.pixels.flatten(), shard.rows)


@pytest.mark.parametrize("images", [1, 2, 7, 8, 9, 64])
def test_what_is_random_about_an_image_is_the_same_in_any_share(images):
    config = Config(
        dataset="cifar10", mirror=True, recolour=0.5, shift=2, moves=1, epochs=2, bend=0.5,
        encoder_epochs=1, k=2, input_noise=0.1, latent_dim=3,
    )  # fmt: skip
    x = torch.rand(images, 3 * 32 * 32)

    def met(places):
        noise = Noise(config, 2, x.device)
        varied = noise.varied(x[places.taken], places)
        return *noise.batch(varied, places), *noise.batch(noise.move(varied, places), places)

    whole = met(Places(images))
    for rank in range(min(3, images)):
        taken = torch.arange(rank, images, 3)
        for ours, theirs in zip(met(Places(images, taken)), whole, strict=True):
            among = theirs[:, taken] if theirs.dim() == 3 else theirs[taken]
            assert torch.equal(ours, among)


def test_validation_is_the_mean_over_all_shares(images):
    trainer = Trainer(Config(hidden_dim=8, k=3), Group(torch.device("cpu")))
    whole = trainer.validate(images[1])
    parts = [(len(shard.pixels), trainer.validate(shard)) for shard in shards(images[1], 4)]
    assert sum(count for count, _ in parts) == len(images[1])
    for name, value in whole.items():
        mean = sum(count * part[name] for count, part in parts) / len(images[1])
        assert mean == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("packed", [False, True])
def test_some_rows_of_a_file_are_read_without_holding_the_others(tmp_path, write_idx, packed):
    array = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), dtype=np.uint8)
    path = tmp_path / "images-idx3-ubyte"
    write_idx(path, array)
    if packed:
        path = tmp_path / "images-idx3-ubyte.gz"
        path.write_bytes(gzip.compress((tmp_path / "images-idx3-ubyte").read_bytes(), 1))
    assert idx.shape(path) == array.shape
    rows = np.array([19_999, 0, 7, 7, 12_345])
    tracemalloc.start()
    found = idx.read(path, rows)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found.values, array[rows])
    whole = idx.read(path)
    np.testing.assert_array_equal(whole.values, array)
    assert found.sha256 == whole.sha256
    assert most < array.nbytes / 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin as an IDX file"),
        (b"\0\0\x08", "does not begin as an IDX file"),
        (b"\0\0\x08\0", "does not begin as an IDX file"),
        (b"\0\0\x08\x01\0\0", "ends within its header"),
        (b"\0\0\x08\x01\0\0\0\x03ab", "ends before the 3 rows"),
        (b"\0\0\x08\x01\0\0\0\x03abcd", "goes on after the 3 rows"),
    ],
)
def test_damaged_files_are_named(tmp_path, content, message):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        idx.read(path)


def loaded(size, *arguments):
    """The data set as each of some processes has it; they are threads here."""
    given, barrier = [None] * size, threading.Barrier(size, timeout=60)

    def gather(rank, mine):
        given[rank] = mine
        barrier.wait()
        values = list(given)
        barrier.wait()
        return values

    def load(rank):
        share = Share(rank, size, size, partial(gather, rank))
        found = datasets.load(*arguments[rank % len(arguments)], share=share)
        return found.train, found.validation, found.fingerprint

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(load, range(size)))


def assert_shared(of_each, whole):
    """See that the processes hold every image of a split once, at its row."""
    rows = torch.cat([split.rows for split in of_each])
    assert torch.equal(rows.sort().values, torch.arange(len(whole)))
    assert {split.whole for split in of_each} == {len(whole)}
    for split in of_each:
        assert torch.equal(split.pixels, whole.pixels[split.rows])
        assert torch.equal(split.labels, whole.labels[split.rows])
        assert 0.4 < len(split) * len(of_each) / len(whole) < 1.6


@pytest.fixture
def pictures(tmp_path, draw_pictures):
    for level, name in enumerate(("dark", "light", "lighter")):
        draw_pictures(tmp_path / "pics" / name, 40, level=60 + 60 * level)
    return tmp_path / "pics"


def test_a_known_data_set_in_shares(data_dir):
    config = Config(dataset="fashion-mnist")
    whole = datasets.load(config, data_dir)
    parts = loaded(2, (config, data_dir))
    assert_shared([part[0] for part in parts], whole.train)
    assert_shared([part[1] for part in parts], whole.validation)


def test_each_picture_of_a_folder_is_decoded_by_one_process(pictures, monkeypatch):
    config = Config(dataset=f"folder:{pictures}", image_size=9)
    whole = datasets.load(config)
    decoded = []
    square = own._square
    monkeypatch.setattr(
        own, "_square", lambda one, config: decoded.append(one.name) or square(one, config)
    )
    parts = loaded(3, (config,))
    assert sorted(decoded) == sorted(whole.fingerprint.files)
    assert_shared([part[0] for part in parts], whole.train)
    assert_shared([part[1] for part in parts], whole.validation)
    assert [part[2] for part in parts] == [whole.fingerprint] * 3


def test_all_pictures_that_cannot_be_read_are_in_one_error(pictures):
    for name in ("dark/1.png", "dark/2.png", "light/3.png"):
        (pictures / name).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"3 of 120 pictures(.|\n)*1.png(.|\n)*2.png(.|\n)*3.png"):
        loaded(2, (Config(dataset=f"folder:{pictures}", image_size=9),))


def test_machines_must_find_the_same_pictures(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "copy")
    (tmp_path / "copy" / "dark" / "0.png").rename(tmp_path / "copy" / "dark" / "other.png")
    both = [(Config(dataset=f"folder:{path}"),) for path in (pictures, tmp_path / "copy")]
    with pytest.raises(DataError, match=r"do not find the same pictures.*120, 120, by their ranks"):
        loaded(2, *both)


def test_the_memory_of_a_machine_is_for_all_its_processes(monkeypatch, pictures):
    monkeypatch.setattr(memory, "available", lambda: 30_000_000)
    config = Config(dataset=f"folder:{pictures}", image_size=400, network="mlp")
    with pytest.raises(DataError, match=r"120 pictures of 400x400 take 0\.0 GB"):
        loaded(2, (config,))
    assert Share(1, 8, 2).here(120) == 30
    assert Share(0, 7, 3).here(100) == 43
