"""Arrays as people have them -> x, and back to pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from vae_onnx.pictures.arrays import from_x, tile, to_uint8, to_x

GREY = (1, 3, 4)
COLOUR = (3, 2, 5)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(3), st.just(4))))
def test_every_grey_layout_gives_the_same_x(pictures):
    n = len(pictures)
    expected = (pictures / 255).astype(np.float32)[:, np.newaxis]
    for shape in [(n, 3, 4), (n, 1, 3, 4), (n, 3, 4, 1), (n, 12)]:
        x = to_x(pictures.reshape(shape), GREY)
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, expected, rtol=0, atol=1e-7)
    for dtype in (np.float16, np.float32, np.float64):
        x = to_x((pictures / 255).astype(dtype), GREY)
        np.testing.assert_allclose(x, expected, rtol=0, atol=1e-3 if dtype == np.float16 else 1e-7)


@given(hnp.arrays(np.uint8, (2, 2, 5, 3)))
def test_every_colour_layout_gives_the_same_x(pictures):
    expected = to_x(pictures, COLOUR)
    assert expected.shape == (2, 3, 2, 5)
    planes = pictures.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(to_x(planes, COLOUR), expected)
    np.testing.assert_array_equal(to_x(planes.reshape(2, -1), COLOUR), expected)
    np.testing.assert_array_equal(to_x(pictures[0], COLOUR), expected[:1])
    np.testing.assert_array_equal(to_uint8(from_x(expected)), pictures)


def test_one_picture_is_a_batch_of_one():
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for one in (picture, picture[np.newaxis], picture[..., np.newaxis], Image.fromarray(picture)):
        np.testing.assert_array_equal(to_x(one, GREY), picture[None, None] / np.float32(255))


def test_lists_and_views_are_taken_as_they_are():
    picture = np.linspace(0, 1, 12).reshape(3, 4)
    x = to_x([picture.tolist()], GREY)
    np.testing.assert_array_equal(x[0, 0], picture.astype(np.float32))
    assert to_x(picture[:, ::-1], GREY).flags.c_contiguous


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((4, 3)), ValueError, r"\(3, 4\), \(N, 3, 4\), .* got shape \(4, 3\)"),
        (np.zeros((0, 3, 4)), ValueError, "at least one image"),
        (np.zeros(()), ValueError, "got shape"),
        (np.zeros((3, 4), np.int64), TypeError, r"uint8 .* got int64; .*astype"),
        (np.zeros((3, 4), bool), TypeError, r"got bool; .*astype\(np.float32\)"),
        (np.full((3, 4), "ink"), TypeError, "got <U3"),
        (np.full((3, 4), None), TypeError, "got object"),
        (np.full((3, 4), 1j), TypeError, "got complex"),
        (np.full((3, 4), 255.0), ValueError, r"\[0, 1\], got \[255.0, 255.0\]; pass"),
        (np.full((3, 4), 1.0000001), ValueError, "got .*1.0000001.*clip"),
        (np.full((3, 4), -0.1), ValueError, r"got \[-0.1, -0.1\]; pass .*clip"),
        (np.full((3, 4), np.nan), ValueError, "finite"),
        (np.full((3, 4), np.inf), ValueError, "finite"),
        ([[0.0], [0.0, 1.0]], ValueError, "ragged"),
    ],
)
def test_bad_images_are_named(images, error, message):
    with pytest.raises(error, match=message):
        to_x(images, GREY)


@given(
    hnp.arrays(
        st.one_of(hnp.scalar_dtypes(), hnp.unicode_string_dtypes()),
        hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    )
)
def test_any_array_gives_x_or_a_typed_error(array):
    try:
        x = to_x(array, GREY)
    except (TypeError, ValueError) as error:
        assert "images" in str(error)
    else:
        assert x.shape[1:] == GREY
        assert x.min() >= 0
        assert x.max() <= 1


def test_to_uint8_rounds_to_nearest():
    np.testing.assert_array_equal(to_uint8([[0, 0.5, 1], [0.1, 0.9, 1 / 255]])[0], [0, 128, 255])


@pytest.mark.parametrize(
    ("pictures", "error"),
    [([[0, 128]], TypeError), ([1.2], ValueError), ([-0.1], ValueError), ([np.nan], ValueError)],
)
def test_to_uint8_refuses(pictures, error):
    with pytest.raises(error, match="pictures must be"):
        to_uint8(pictures)


def test_tile_lays_out_row_by_row():
    pictures = np.arange(1, 6)[:, None, None] * np.ones((5, 1, 2))
    np.testing.assert_array_equal(tile(pictures), [[1, 1, 2, 2, 3, 3], [4, 4, 5, 5, 0, 0]])
    np.testing.assert_array_equal(tile(pictures, columns=1)[:, 0], [1, 2, 3, 4, 5])
    assert tile(np.ones((3, 2, 4, 3)), columns=3).shape == (2, 12, 3)


@pytest.mark.parametrize(
    ("shape", "columns"),
    [((2, 2), None), ((0, 2, 2), None), ((1, 1, 1, 2, 2), None), ((), None), ((1, 2, 2), 0)],
)
def test_tile_refuses(shape, columns):
    with pytest.raises(ValueError, match="must be"):
        tile(np.zeros(shape), columns)
