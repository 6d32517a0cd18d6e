"""More than fits into memory goes through block by block, in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vae_onnx
from vae_onnx.engine import stream


@pytest.fixture
def uint8_images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1000, 2, 2), np.uint8)


def test_arrays_and_memory_maps(tiny_vae, uint8_images, tmp_path):
    expected = tiny_vae.encode(uint8_images)
    np.save(tmp_path / "images.npy", uint8_images)
    raw = np.memmap(tmp_path / "raw", np.uint8, "w+", shape=uint8_images.shape)
    raw[:] = uint8_images
    raw.flush()
    private = np.load(tmp_path / "images.npy", mmap_mode="c")
    private[5] = 7  # in memory alone
    for source in (
        uint8_images,
        uint8_images.reshape(-1, 4),
        list(uint8_images),
        np.load(tmp_path / "images.npy", mmap_mode="r"),
        np.load(tmp_path / "images.npy", mmap_mode="r")[::1],
        raw,
    ):
        blocks = list(tiny_vae.encode_iter(source, rows=300))
        assert [len(block) for block in blocks] == [300, 300, 300, 100]
        np.testing.assert_array_equal(np.concatenate(blocks), expected)
    list(tiny_vae.encode_iter(private, rows=100))
    assert (private[5] == 7).all()


def test_iterables_of_images_and_of_batches(tiny_vae, uint8_images):
    expected = tiny_vae.encode(uint8_images)
    items = [uint8_images[0], uint8_images[1:3], uint8_images[3:4], *uint8_images[4:100]]
    items += [uint8_images[100:900], uint8_images[900:]]
    blocks = list(tiny_vae.encode_iter(iter(items), rows=50))
    assert max(len(block) for block in blocks) <= 50
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_items_of_other_dtypes(tiny_vae, uint8_images):
    floats = (image.astype(np.float64) / 255 for image in uint8_images[:10])
    mixed = (image for pair in zip(uint8_images[:10], floats, strict=True) for image in pair)
    z = np.concatenate(list(tiny_vae.encode_iter(mixed)))
    np.testing.assert_allclose(z, np.repeat(tiny_vae.encode(uint8_images[:10]), 2, axis=0))


def test_decoding(tiny_vae):
    z = np.random.default_rng(0).standard_normal((1000, 2))
    expected = tiny_vae.decode(z)
    for source in (z, iter(z), (z[start : start + 7] for start in range(0, 1000, 7))):
        blocks = list(tiny_vae.decode_iter(source, rows=64))
        assert max(len(block) for block in blocks) <= 64
        np.testing.assert_array_equal(np.concatenate(blocks), expected)


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(1, 8))
def test_any_items_come_out_in_order(sizes, rows):
    edges = np.cumsum([0, *sizes])
    items = [np.arange(start, start + size) for start, size in zip(edges, sizes, strict=False)]
    blocks = list(stream.blocks(iter(items), np.asarray, rows=rows))
    assert all(0 < len(block) <= rows for block in blocks)
    assert [int(row) for block in blocks for row in block] == list(range(edges[-1]))


def test_nothing_is_read_before_it_is_needed(tiny_vae):
    def endless():
        yield np.zeros((2, 2), np.uint8)
        yield from endless()

    assert next(tiny_vae.encode_iter(endless(), rows=3)).shape == (3, 2)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (3, vae_onnx.InputTypeError, "an array or an iterable, got int"),
        (np.zeros((3, 5), np.uint8), vae_onnx.InputError, "images must be"),
        (np.zeros((0, 2, 2), np.uint8), vae_onnx.InputError, "at least one"),
        (iter([np.zeros(7, np.uint8)]), vae_onnx.InputError, "images must be"),
        (iter(["a"]), vae_onnx.InputTypeError, "uint8"),
        (np.full((3, 2, 2), np.nan), vae_onnx.InputError, "finite"),
    ],
)
def test_bad_sources(tiny_vae, source, error, message):
    with pytest.raises(error, match=message):
        list(tiny_vae.encode_iter(source))


@pytest.mark.parametrize(("rows", "error"), [(0, ValueError), (1.5, TypeError)])
def test_bad_rows(tiny_vae, rows, error):
    with pytest.raises(error, match="rows must be"):
        tiny_vae.encode_iter(np.zeros((3, 2, 2), np.uint8), rows=rows)


def test_progress(tiny_vae, uint8_images, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    list(tiny_vae.encode_iter(uint8_images, rows=250, progress=True))
    assert "\rencoded: 75 %" in capsys.readouterr().err
    list(tiny_vae.decode_iter(iter(np.zeros((5, 2))), progress=True))
    assert "\rdecoded: 0" in capsys.readouterr().err
    list(tiny_vae.encode_iter(uint8_images))
    assert capsys.readouterr().err == ""


def test_a_memory_map_does_not_fill_the_memory(tiny_vae, tmp_path):
    """Pages that were read and let go of no longer count as resident."""
    path = tmp_path / "images.npy"
    big = np.lib.format.open_memmap(path, "w+", np.uint8, (2**23, 2, 2))  # 32 MiB
    big[:] = 9
    del big
    images = np.load(path, mmap_mode="r")
    before = resident(path)
    most = max(resident(path) for _ in tiny_vae.encode_iter(images, rows=2**18))
    assert before == 0
    assert most < 4 * 2**20


def resident(path) -> int:
    """Bytes of a mapped file in this process's memory."""
    total, inside = 0, False
    with open("/proc/self/smaps") as smaps:  # noqa: PTH123
        for line in smaps:
            if "-" in line.split(" ", 1)[0]:
                inside = line.rstrip().endswith(str(path))
            elif inside and line.startswith("Rss:"):
                total += 1024 * int(line.split()[1])
    return total
