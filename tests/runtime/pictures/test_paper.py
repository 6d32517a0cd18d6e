"""The paper of a picture is found, and what is drawn on it comes out as if it had been clean."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

import vae_onnx
from vae_onnx.pictures import paper, strokes
from vae_onnx.pictures.drawing import picture_to_x

LINES = [(60, 70), (300, 60), (180, 380)]  # a 7


def seven(side=440, pen=30):
    """Ink 255 on paper 0."""
    picture = Image.new("L", (440, 440))
    ImageDraw.Draw(picture).line(LINES, fill=255, width=pen, joint="curve")
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))


def photograph(ink, *, paper=205.0, drawn=50.0, uneven=60.0, noise=5.0, quality=75, seed=0):
    """How a camera sees it: blurred, unevenly lit, noisy, and through JPEG."""
    rng = np.random.default_rng(seed)
    share = np.asarray(Image.fromarray(ink).filter(ImageFilter.GaussianBlur(1.5)), float) / 255
    y, x = np.mgrid[-1 : 1 : ink.shape[0] * 1j, -1 : 1 : ink.shape[1] * 1j]
    light = 1 + uneven / 255 * (0.8 * x - 0.6 * y) - 0.1 * (x * x + y * y)
    grey = (paper * (1 - share) + drawn * share) * light + rng.normal(0, noise, ink.shape)
    out = io.BytesIO()
    Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=quality)
    return vae_onnx.read_picture(out.getvalue()).grey


CLEAN = vae_onnx.drawing_to_x(seven())


@pytest.mark.parametrize(
    "picture",
    [
        photograph(seven()),
        255 - photograph(seven()),
        photograph(seven(), uneven=120, noise=8, paper=170),
        photograph(seven(), paper=250, uneven=0, noise=0, quality=40),
        photograph(seven(), drawn=150),
        photograph(seven(), noise=20),
        photograph(seven(), quality=20),
        photograph(np.pad(seven(), ((0, 900), (700, 0)))),
        photograph(np.repeat(np.repeat(seven(), 4, 0), 4, 1)),
        (240 - seven() * 0.8).astype(np.uint8),
        (15 + seven() * 0.3).astype(np.uint8),
    ],
    ids=[
        "paper", "blackboard", "uneven", "jpeg", "pencil", "noise", "rough jpeg", "in a corner",
        "large", "cream", "faint",
    ],
)  # fmt: skip
def test_a_photograph_gives_what_the_clean_drawing_gives(picture):
    drawn = picture_to_x(picture)
    assert drawn.notes == ()
    assert drawn.clear
    assert np.abs(drawn.x - CLEAN).mean() < 0.02
    model = vae_onnx.load("mnist-vae")
    np.testing.assert_allclose(model.encode(drawn.x), model.encode(CLEAN), atol=0.25)


@pytest.mark.parametrize("light", [False, True])
def test_a_clean_drawing_is_left_as_it_is(light):
    ink = seven()
    drawn = picture_to_x(ink if light else 255 - ink)
    np.testing.assert_array_equal(drawn.x, CLEAN)
    assert drawn.dark is not light
    assert drawn.notes == ()


def test_whoever_knows_the_paper_is_believed_and_told():
    ink = seven()
    for picture, dark in ((ink, False), (255 - ink, True)):
        drawn = picture_to_x(picture, dark=dark)
        np.testing.assert_array_equal(drawn.x, CLEAN)
        assert drawn.notes == ()
        told = " ".join(picture_to_x(picture, dark=not dark).notes)
        assert "the picture looks the other way round" in told
        assert paper.MOST in told
    framed = np.pad(255 - ink, 40)  # white paper on a black table
    drawn = picture_to_x(framed, dark=False)
    assert paper.MOST in drawn.notes


def test_doubt_about_the_paper_is_told():
    half = np.full((100, 100), 128, np.uint8)
    half[20:40, 20:80], half[60:80, 20:80] = 0, 255
    drawn = picture_to_x(half)
    assert not drawn.clear
    assert any("not clear" in note for note in drawn.notes)


@pytest.mark.parametrize("pen", [1, 2, 3, 5])
@pytest.mark.parametrize("side", [300, 1000, 2000])
def test_thin_pens_do_not_vanish(pen, side):
    picture = Image.new("L", (side, side), 255)
    places = [(x * side // 440, y * side // 440) for x, y in LINES]
    ImageDraw.Draw(picture).line(places, fill=0, width=pen)
    drawn = picture_to_x(np.asarray(picture))
    assert strokes.WIDENED in drawn.notes
    assert drawn.x.max() > 0.95
    model = vae_onnx.load("mnist-vae")
    assert np.abs(drawn.x - CLEAN).mean() < 0.04
    np.testing.assert_allclose(model.encode(drawn.x), model.encode(CLEAN), atol=0.6)


def test_the_width_of_strokes():
    for wide in (1, 2, 5, 20):
        ink = np.zeros((300, 300), np.uint8)
        ink[20:280, 100 : 100 + wide] = 255
        assert strokes.width(ink) == pytest.approx(wide, rel=0.1)
    assert strokes.width(np.zeros((5, 5), np.uint8)) == 0


def test_digits_of_mnist_keep_their_strokes(images):
    kept = [strokes.thickened(image) is image for image in images["mnist"]]
    assert np.mean(kept) >= 0.99


def test_a_soft_drawing_is_left_as_it_is(images):
    """As a digit of MNIST is that was enlarged."""
    for image in images["mnist"][:30]:
        soft = np.asarray(Image.fromarray(image).resize((280, 280)))
        drawn = picture_to_x(255 - soft)
        if strokes.WIDENED not in drawn.notes:
            np.testing.assert_array_equal(drawn.x, vae_onnx.drawing_to_x(soft))


def test_no_image_of_a_test_set_is_taken_for_dark_on_light(images):
    for name in ("mnist", "fashion-mnist"):
        assert not any(paper.is_light(image) for image in images[name])
        assert all(paper.is_light(255 - image) for image in images[name])


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((50, 60), np.uint8),
        np.full((50, 60), 255, np.uint8),
        np.full((1, 1), 7, np.uint8),
        photograph(np.zeros((200, 200), np.uint8), noise=2),
        np.random.default_rng(0).integers(250, 256, (90, 90)).astype(np.uint8),
    ],
)
def test_one_even_surface_is_refused(picture):
    with pytest.raises(vae_onnx.InputError, match="one even surface"):
        picture_to_x(picture)


def test_what_is_hardly_a_drawing_is_told():
    ink = np.zeros((600, 600), np.uint8)
    ink[300:304, 300:304] = 255
    assert paper.HARDLY in picture_to_x(ink).notes
    ink[1:-1, 1:-1] = 255
    assert paper.MOST in picture_to_x(ink).notes
    ink[:, 1:-1], ink[:, 200:400] = 0, 255
    ink[300, :] = 255
    assert paper.RIM in picture_to_x(ink).notes


def test_pictures_of_any_shape():
    for shape in [(1, 2), (2, 1), (3, 1000), (1000, 3), (1, 5000), (5, 5)]:
        picture = np.full(shape, 255, np.uint8)
        picture[-1, -1] = 0
        assert picture_to_x(picture).x.max() > 0.5


def test_a_mask_of_zeros_and_ones_is_a_drawing():
    np.testing.assert_array_equal(
        picture_to_x(seven() // 255).x, picture_to_x(seven() // 255 * 255).x
    )
