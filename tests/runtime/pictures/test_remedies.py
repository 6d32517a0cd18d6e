"""What an error says to pass instead is taken when it is passed, and is what was meant."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import vae_onnx
from vae_onnx import InputError, InputTypeError
from vae_onnx.pictures.arrays import tile, to_uint8, to_x

GREY = (1, 3, 4)
RAMP = np.arange(12).reshape(3, 4)
SHARES = RAMP / 11


def followed(take, value, name="images", fixed=False):
    """The answer; where it is refused, what comes of doing literally what the error says."""
    try:
        return take(value)
    except (InputError, InputTypeError) as error:
        remedy = re.search(r"pass `(.+)`", str(error))
        if remedy is None or fixed:
            raise
    known = {"np": np, "vae_onnx": vae_onnx, name: value}
    return followed(take, eval(remedy[1], known), name, fixed=True)


def as_x(images):
    return followed(lambda some: to_x(some, GREY), images)[0, 0]


class Tensor:
    """What numpy makes an array of, as a tensor of another library."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array, dtype)


@pytest.mark.parametrize(
    ("images", "expected", "within"),
    [
        (RAMP % 2, RAMP % 2, 0),  # a mask
        ((RAMP % 2).astype(bool), RAMP % 2, 0),
        ((RAMP % 2 * 2 - 1).astype(np.int8), RAMP % 2, 0),
        (RAMP * 23, RAMP * 23 / 255, 0),
        ((RAMP * 23).tolist(), RAMP * 23 / 255, 0),
        (Tensor(RAMP * 23), RAMP * 23 / 255, 0),
        ((RAMP * 23).astype(object), RAMP * 23 / 255, 0),
        ((RAMP * 23).astype(str), RAMP * 23 / 255, 0),
        (SHARES.astype(str), SHARES, 0),
        (SHARES.astype(bytes), SHARES, 0),
        ((RAMP * 300).astype(np.uint16), RAMP * 300 / 4095, 0),
        ((RAMP * 5957).astype(np.uint16), RAMP * 5957 / 65535, 0),
        (RAMP * 100_000, SHARES, 0),
        (np.linspace(-128, 127, 12).reshape(3, 4).astype(np.int8), SHARES, 0.01),
        (RAMP - 5, SHARES, 0),
        (SHARES * 255, SHARES, 0),
        (SHARES * 255 - 1, SHARES, 0.01),  # as Lanczos leaves them
        (SHARES * 4095, SHARES, 0),
        (SHARES * 1.02 - 0.01, SHARES, 0.011),
        (SHARES * 2 - 1, SHARES, 0),
        ((SHARES - 0.1307) / 0.3081, SHARES, 0),  # torchvision's Normalize
        ((SHARES.astype(np.float32) - 0.1307) / 0.3081, SHARES, 0),
        (SHARES * 700 - 300, SHARES, 0),
        (SHARES.astype(complex), SHARES, 0),
        (np.where(RAMP == 3, np.nan, SHARES), np.where(RAMP == 3, 0, SHARES), 0),
        (np.where(RAMP == 3, np.inf, SHARES * 255), np.where(RAMP == 3, 0, SHARES), 0),
        (np.ma.masked_array(SHARES, RAMP == 3), np.where(RAMP == 3, 0, SHARES), 0),
    ],
    ids=range(27),
)  # fmt: skip
def test_images_become_what_was_meant(images, expected, within):
    with pytest.raises((InputError, InputTypeError), match="pass `"):
        to_x(images, GREY)
    np.testing.assert_allclose(as_x(images), expected, rtol=0, atol=within + 1e-6)


class HalfTensor:
    """A tensor of PyTorch in bfloat16, which numpy does not have."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Got unsupported ScalarType BFloat16")

    def float(self):
        return Tensor(SHARES)


def test_a_tensor_in_bfloat16():
    np.testing.assert_allclose(as_x(HalfTensor()), SHARES, atol=1e-6)


def test_what_needs_no_remedy_is_taken():
    for images in (SHARES, SHARES.astype(np.float16), SHARES.tolist(), Tensor(SHARES)):
        np.testing.assert_allclose(to_x(images, GREY)[0, 0], SHARES, atol=1e-3)
    np.testing.assert_array_equal(to_x(np.ma.masked_array(SHARES), GREY), to_x(SHARES, GREY))


@pytest.mark.parametrize(
    "mode", ["1", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "I;16", "F"]
)
def test_pictures_of_pillow_in_any_mode(mode):
    levels = np.where(RAMP % 2, 255, 0).astype(np.uint8)
    dtypes = {"I": np.int32, "I;16": np.uint16, "F": np.float32}
    if mode in dtypes:
        picture = Image.fromarray(levels.astype(dtypes[mode]))
    elif mode == "LAB":
        neutral = Image.new("L", (4, 3), 128)
        picture = Image.merge("LAB", [Image.fromarray(levels), neutral, neutral])
    else:
        picture = Image.fromarray(levels).convert("RGB").convert(mode)
    np.testing.assert_allclose(as_x(picture), RAMP % 2, atol=0.02)
    colours = (3, 3, 4)
    if mode in ("P", "RGBA", "CMYK", "HSV"):
        x = followed(lambda some: to_x(some, colours), picture)
        np.testing.assert_allclose(x[0], np.stack([RAMP % 2] * 3), atol=0.01)


def test_alpha_does_not_become_black():
    ink = Image.fromarray(np.where(RAMP % 2, 255, 0).astype(np.uint8))
    picture = Image.merge("LA", (Image.new("L", (4, 3)), ink))
    np.testing.assert_array_equal(as_x(picture), 1 - RAMP % 2)


@pytest.mark.filterwarnings("ignore:.*(overflow|invalid value|cast):RuntimeWarning")
@settings(deadline=None)
@given(st.data())
def test_every_remedy_that_is_named_is_taken(data):
    kinds = (
        hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(),
        hnp.floating_dtypes(), hnp.complex_number_dtypes(), hnp.unicode_string_dtypes(max_len=3),
    )  # fmt: skip
    dtype = data.draw(st.one_of(kinds))
    array = data.draw(hnp.arrays(dtype, (2, 3, 4)))
    for take, value, name in (
        (lambda some: to_x(some, GREY), array, "images"),
        (to_uint8, array, "pictures"),
        (vae_onnx.drawing_to_x, array[0], "ink"),
    ):
        try:
            followed(take, value, name)
        except (InputError, InputTypeError) as error:
            assert "pass `" not in str(error)
            assert dtype.kind in "Uc"


@pytest.mark.parametrize(
    "z", [[[True, False]], [["0.5", "-1"]], np.array([[0.5, -1]], object), [[0.5 + 0j, -1]]]
)
def test_codes_become_numbers(tiny_vae, z):
    assert followed(tiny_vae.decode, z, "z").shape == (1, 2, 2)
    masked = np.ma.masked_array([[0.5, -1]], [[False, True]])
    assert followed(tiny_vae.decode, masked, "z").shape == (1, 2, 2)


def test_the_advice_follows_from_all_rows_of_a_batch(tiny_vae):
    images = np.zeros((5000, 2, 2))
    images[0], images[-1] = 1.1, 255
    with pytest.raises(InputError, match=r"got \[0.0, 255.0\]; pass `images / 255`"):
        tiny_vae.encode(images)
    assert len(followed(tiny_vae.encode, images)) == 5000


def test_ink_of_other_dtypes():
    ink = np.zeros((40, 40), np.uint8)
    ink[5:30, 10:14] = 255
    expected = vae_onnx.drawing_to_x(ink)
    for other in (
        ink / 255,
        ink > 0,
        ink.astype(np.int64),
        ink.tolist(),
        ink.astype(np.uint16) * 257,
    ):
        np.testing.assert_array_equal(followed(vae_onnx.drawing_to_x, other, "ink"), expected)


def test_pictures_of_other_shapes_are_tiled():
    for shape in [(3, 4), (2, 3, 4, 1), (2, 1, 3, 4), (2, 3, 4, 4)]:
        sheet = followed(tile, np.ones(shape), "pictures")
        assert sheet.all()


def test_whole_numbers_become_uint8():
    for dtype in (np.uint8, np.int64, np.uint16):
        pixels = (RAMP * 23).astype(dtype)
        np.testing.assert_array_equal(followed(to_uint8, pixels, "pictures"), RAMP * 23)
