"""Pictures of another size than a model's."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

import vae_onnx
from vae_onnx.pictures import files, fitting
from vae_onnx.pictures.files import Picture


def wide(height=21, width=63):
    """White in the middle third, black beside it, red in colours."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, width // 3 : 2 * width // 3, 0] = 255
    return picture


def test_what_becomes_of_other_proportions():
    red = {fit: fitting.fitted(wide(), 21, 21, fit)[..., 0] for fit in fitting.FITS}
    assert red["crop"].min() == 255
    np.testing.assert_array_equal(red["stretch"][0] > 127, np.arange(21) // 7 == 1)
    assert (red["pad"][:6].max(), red["pad"][14:].max()) == (0, 0)
    assert red["pad"][8:12, 8:12].min() > 250


def test_grey_stays_grey():
    assert fitting.fitted(wide()[..., 0], 10, 4, "pad").shape == (4, 10)


@pytest.mark.parametrize("fit", fitting.FITS)
def test_what_fits_is_left_alone(fit):
    for shape in ((3, 21, 63), (3, -1, -1), (3, -1, 63)):
        assert fitting.to_model(picture := wide(), shape, 21, fit) is picture


def test_of_an_open_size_the_middle_is_cut_out_to_the_multiple():
    picture = np.random.default_rng(0).integers(0, 256, (37, 58, 3), np.uint8)
    cut = fitting.to_model(picture, (3, -1, -1), 8, "stretch")
    np.testing.assert_array_equal(cut, picture[2:34, 1:57])
    assert fitting.to_model(picture[:5], (3, -1, -1), 8).shape == (8, 56, 3)
    assert fitting.to_model(picture, (3, -1, 20), 8).shape == (32, 20, 3)


def test_channels():
    picture = Picture(wide())
    assert fitting.in_channels(picture, 1).shape == (21, 63)
    assert fitting.in_channels(Picture(picture.grey), 3).shape == (21, 63, 3)
    rgba = fitting.in_channels(picture, 4)
    assert rgba[..., 3].min() == 255
    np.testing.assert_array_equal(rgba[..., :3], picture.rgb)
    with pytest.raises(vae_onnx.InputError, match="5 channels, which no picture file has"):
        fitting.in_channels(picture, 5)


@pytest.mark.parametrize("shape", [(1000, 1), (1, 1000), (1, 1), (3, 700), (500, 2, 3)])
def test_a_line_becomes_a_picture_too(shape):
    picture = np.full(shape, 100, np.uint8)
    for fit in fitting.FITS:
        assert fitting.fitted(picture, 16, 12, fit).shape == (12, 16, *shape[2:])
    padded = fitting.fitted(picture, 16, 12, "pad")
    assert set(np.unique(padded)) == {0, 100}


def test_what_is_laid_beside_a_picture():
    for picture in (wide(), wide()[..., 0]):
        black, white = (fitting.fitted(picture, 63, 63, "pad", g) for g in ("black", "white"))
        np.testing.assert_array_equal(black[21:42], picture)
        np.testing.assert_array_equal(white[21:42], picture)
        assert (black[:21].max(), white[:21].min()) == (0, 255)
        np.testing.assert_array_equal(fitting.fitted(picture, 63, 63, "pad"), black)


def as_pillow_fits(picture, size, fit):
    """The same without a first step, in one resampling of the whole picture."""
    image, lanczos = Image.fromarray(picture), Image.Resampling.LANCZOS
    if fit == "stretch":
        return np.asarray(image.resize(size, lanczos))
    return np.asarray(getattr(ImageOps, {"crop": "fit", "pad": "pad"}[fit])(image, size, lanczos))


@given(shape=st.tuples(*[st.integers(1, 90)] * 2), size=st.tuples(*[st.integers(16, 40)] * 2))
def test_of_less_than_six_times_the_size_nothing_is_averaged_first(shape, size):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    for fit in ("stretch", "crop"):
        expected = as_pillow_fits(picture, size, fit)
        np.testing.assert_array_equal(fitting.fitted(picture, *size, fit), expected)


@pytest.mark.parametrize(
    ("size", "times"), [((72, 28), 3), ((72, 112), 3), ((144, 112), 3), ((109, 89), 2)]
)
def test_pictures_of_the_proportions_wanted_are_taken_whole(size, times):
    """In floats a ratio times a side may be a little more than the other side."""
    width, height = (side * times for side in size)
    picture = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    expected = as_pillow_fits(picture, size, "crop")
    np.testing.assert_array_equal(fitting.fitted(picture, *size, "crop"), expected)


def photograph(height, width, seed=0):
    """Soft edges, and noise on them."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return np.clip(smooth + rng.integers(-8, 9, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("fit", fitting.FITS)
@pytest.mark.parametrize("shape", [(512, 512), (700, 401), (301, 1003)])
def test_what_is_averaged_first_does_not_show(shape, fit):
    picture = photograph(*shape)
    quick = fitting.fitted(picture, 32, 32, fit).astype(int)
    off = np.abs(quick - as_pillow_fits(picture, (32, 32), fit))
    assert 0 < off.max() <= 12  # at the edge, where what is averaged ends in the middle of a block
    assert off.mean() < 0.5
    assert np.quantile(off, 0.98) <= 4


@pytest.mark.parametrize("side", [32, 33, 60])
def test_a_large_jpeg_is_decoded_at_a_part_of_its_size(side):
    picture = photograph(700, 1000)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    enough = fitting.enough(side)
    small = files.read(file.getvalue(), enough=enough).pixels
    whole = files.read(file.getvalue()).pixels
    assert min(small.shape[:2]) >= enough > min(small.shape[:2]) / 2
    off = np.abs(fitting.fitted(small, side, side).astype(int) - fitting.fitted(whole, side, side))
    assert 0 < off.max() <= 6
    assert off.mean() < 0.6
    with pytest.raises(vae_onnx.FileError, match="cut off"):
        files.read(file.getvalue()[:-2000], enough=enough)
    with pytest.raises(vae_onnx.InputError, match="enough must be at least 1"):
        files.read(file.getvalue(), enough=0)
    png = io.BytesIO()
    Image.fromarray(picture).save(png, "PNG")
    other = files.read(png.getvalue(), enough=enough).pixels
    np.testing.assert_array_equal(other, picture)
