"""Picture files of every kind -> the same pixels, with notes; and what is refused."""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from vae_onnx.pictures import files

from .picture_files import SIDE, png, saved, seven, tiff


def test_every_kind_of_file_shows_the_same_picture(picture_files):
    for case in picture_files:
        for source in (case.path, str(case.path), case.path.read_bytes()):
            picture = vae_onnx.read_picture(source)
            off = np.abs(picture.grey.astype(int) - case.grey)
            assert off.max() == 0 if case.exact else off.mean() < 4, case.path.name
            assert picture.pixels.dtype == np.uint8
            assert picture.rgb.shape == (SIDE, SIDE, 3)
            told = " ".join(picture.notes)
            assert case.note in told, (case.path.name, told)
            assert bool(told) == bool(case.note), (case.path.name, told)


def test_pictures_that_pillow_opened_are_taken(picture_files):
    for case in picture_files:
        if case.path.name in ("sbit.png", "broken-exif.jpg"):  # not kept; warned of at once
            continue
        with Image.open(case.path) as opened:
            picture = vae_onnx.read_picture(opened)
        np.testing.assert_array_equal(picture.pixels, vae_onnx.read_picture(case.path).pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pictures_of_any_mode(mode):
    picture = vae_onnx.read_picture(Image.fromarray(seven()).convert("RGB").convert(mode))
    assert np.abs(picture.grey.astype(int) - seven()).max() <= 1


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_alpha(mode):
    clear = Image.merge("LA", (Image.new("L", (SIDE, SIDE)), Image.fromarray(255 - seven())))
    picture = vae_onnx.read_picture(clear.convert(mode.upper()).convert(mode))
    np.testing.assert_array_equal(picture.grey, seven())


def test_grey_is_what_pillow_makes_of_colours():
    colours = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    picture = vae_onnx.read_picture(Image.fromarray(colours))
    np.testing.assert_array_equal(picture.pixels, colours)
    np.testing.assert_array_equal(picture.grey, np.asarray(Image.fromarray(colours).convert("L")))


def test_transparent_paper_is_the_contrary_of_what_is_drawn_or_what_is_said():
    ink = Image.fromarray(255 - seven())
    for level, ground in ((0, 255), (255, 0)):
        picture = Image.merge("LA", (Image.new("L", ink.size, level), ink))
        assert vae_onnx.read_picture(picture).grey[0, 0] == ground
        assert vae_onnx.read_picture(picture, ground="black").grey[0, 0] == 0
        assert vae_onnx.read_picture(picture, ground="white").grey[0, 0] == 255


def test_a_mask_of_zeros_and_ones_is_said_to_be_nearly_black():
    mask = Image.fromarray((seven() // 255).astype(np.uint8))
    (note,) = vae_onnx.read_picture(saved(mask, "PNG")).notes
    assert "its brightest level is 1 of 255" in note


INK = seven().astype(np.float32)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"some text", "unknown kind"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC picture; save it as JPEG or PNG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "page of the web"),
        (b"%PDF-1.7", "PDF"),
        (saved(Image.fromarray(INK), "TIFF"), r"fractions from 0 to 255, .* in \[0, 1\]; scale"),
        (saved(Image.fromarray(INK * np.nan), "TIFF"), "NaN or infinity"),
        (saved(Image.fromarray(-INK.astype(np.int32)), "TIFF"), "from -255 to 0.*scale it"),
        (saved(Image.fromarray(INK.astype(np.int32) * 9999), "TIFF"), "to 2549745.*scale it to"),
        (png(np.dstack([seven().astype(int) * 16] * 3), 16, 2), "above 4095.*save it with 8"),
        (png(seven(), 8, 0).replace(b"IDAT", b"IDAX"), "damaged"),
        (png(np.zeros((0, 0)), 8, 0), "damaged"),
        (tiff(b"", 8), "damaged"),
        (tiff(seven().tobytes(), 8)[:-9], "cut off within its tags"),
        (saved(Image.fromarray(seven()), "JPEG2000"), "unknown kind"),
    ],
    ids=range(16),
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_with_the_reason(content, message, tmp_path):
    path = tmp_path / "it.png"
    path.write_bytes(content)
    with pytest.raises(vae_onnx.FileError, match=f"it.png is not a picture .*{message}"):
        vae_onnx.read_picture(path)


def test_size_bombs_are_refused(monkeypatch):
    whole = saved(Image.new("1", (300, 200)), "PNG")
    for most in (50_000, 10_000):  # Pillow warns above its limit, and refuses above twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with pytest.raises(vae_onnx.FileError, match="60000 pixels"):
            vae_onnx.read_picture(whole)
    monkeypatch.undo()
    with pytest.raises(vae_onnx.FileError, match="300 x 200 pixels; at most 299 x 299"):
        vae_onnx.read_picture(whole, max_side=299)
    assert vae_onnx.read_picture(whole, max_side=300).grey.shape == (200, 300)


def test_half_a_picture_is_none(picture_files):
    """Wherever a file is cut off, it is refused, or it was whole without its end."""
    for case in picture_files:
        content = case.path.read_bytes()
        whole = vae_onnx.read_picture(content).pixels
        for keep in {*range(0, len(content), max(1, len(content) // 25)), len(content) - 1}:
            try:
                cut = vae_onnx.read_picture(content[:keep]).pixels
            except vae_onnx.FileError:
                continue
            np.testing.assert_array_equal(cut, whole, f"{case.path.name}, {keep} bytes")


def test_odd_files_do_not_warn(picture_files):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for case in picture_files:
            vae_onnx.read_picture(case.path)


def test_other_errors_of_a_path(tmp_path, monkeypatch):
    with pytest.raises(vae_onnx.FileMissingError, match=r"none\.png is missing"):
        vae_onnx.read_picture(tmp_path / "none.png")
    with pytest.raises(vae_onnx.FileAccessError):
        vae_onnx.read_picture(tmp_path)
    with pytest.raises(vae_onnx.InputTypeError, match="must be a path"):
        vae_onnx.read_picture(7)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(vae_onnx.PackageMissingError, match="pip install pillow"):
        vae_onnx.read_picture(b"")


def test_the_names_of_files():
    names = files.suffixes()
    assert {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".pgm"} <= names
    assert names.isdisjoint({".pdf", ".h5", ".eps", ".ps", ".mpg", ".grib", ".heic"})


def test_threads_that_read_at_once_leave_the_warnings_of_the_process_alone(picture_files):
    odd = [case.path.read_bytes() for case in picture_files] * 4
    alone = [files.read(content) for content in odd]
    before, show = list(warnings.filters), warnings.showwarning
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(files.read, odd))
        cut = pool.submit(files.read, odd[0][:20])
        with pytest.raises(vae_onnx.FileError, match="cut off"):
            cut.result()
    assert (warnings.filters, warnings.showwarning) == (before, show)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.notes == other.notes


def test_a_warning_of_a_thread_that_reads_nothing_is_shown_as_ever(picture_files):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with files._readable("a.png") as own, ThreadPoolExecutor(1) as pool:
            pool.submit(warnings.warn, "elsewhere", UserWarning, 1).result()
            warnings.warn("here", UserWarning, stacklevel=1)
    assert [str(one.message) for one in told] == ["elsewhere"]
    assert [str(one.message) for one in own] == ["here"]
