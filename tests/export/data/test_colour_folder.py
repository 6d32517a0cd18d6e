"""A folder of pictures in colour: every mode, the ground, the fit, and what does not fit."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from export.config import Config
from export.data import datasets, folder, memory, parallel
from export.errors import DataError

RED, BLUE = (250, 10, 20), (20, 10, 250)


def read(root, side=8, **options):
    options = {"colour": True, **options}
    return folder.read(root, Config(dataset=f"folder:{root}", image_size=side, **options))


def squares(found):
    """The images by the name of their file, (channels, height, width)."""
    return dict(zip(found.names, found.of(range(len(found.names))), strict=True))


@pytest.fixture
def coloured(tmp_path):
    """Forty pictures, red and blue, no two alike."""
    rng = np.random.default_rng(0)
    for name, colour in (("red", RED), ("blue", BLUE)):
        (tmp_path / "pics" / name).mkdir(parents=True)
        for number in range(20):
            noise = rng.integers(-9, 10, (12, 12, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pics" / name / f"{number}.png")
    return tmp_path / "pics"


def add(root, picture, name="x.png", **options):
    picture.save(root / "red" / name, **options)
    return f"red/{name}"


def test_the_planes_of_a_picture_come_one_after_another(coloured):
    found = read(coloured)
    assert found.of([0]).shape == (1, 3, 8, 8)
    for name, square in squares(found).items():
        expected = RED if name.startswith("red") else BLUE
        np.testing.assert_allclose(square.mean(axis=(1, 2)), expected, atol=9)


def test_the_splits_are_bytes_in_the_order_that_networks_take(coloured):
    loaded = datasets.load(Config(dataset=f"folder:{coloured}", colour=True, image_size=8))
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [32, 4, 4]
    for split in (loaded.train, loaded.validation, loaded.test):
        assert split.pixels.dtype == torch.uint8
        assert split.pixels.shape == (len(split), 3 * 8 * 8)
        levels = split.pixels.float().reshape(-1, 3, 64).mean(dim=2)
        is_red = split.labels == split.class_names.index("red")
        assert torch.equal(levels[:, 0] > levels[:, 2], is_red)


def test_a_split_in_grey_is_that_of_colour(coloured):
    names = {}
    for colour in (True, False):
        config = Config(dataset=f"folder:{coloured}", colour=colour, image_size=8)
        names[colour] = datasets.load(config).fingerprint.parts
    assert names[True] == names[False]


MODES = {
    "L": ((200, 200, 200), ""),
    "P": (RED, ""),
    "1": ((255, 255, 255), ""),
    "CMYK": (RED, "Inks of print (CMYK)"),
    "I;16": ((200, 200, 200), "16 bits"),
}


@pytest.mark.parametrize("mode", MODES)
def test_pictures_of_any_mode_in_colour(coloured, mode, capsys):
    expected, note = MODES[mode]
    if mode in ("P", "CMYK"):
        name = "x.tif" if mode == "CMYK" else "x.png"
        name = add(coloured, Image.new("RGB", (9, 9), RED).convert(mode), name)
    elif mode == "I;16":
        name = add(coloured, Image.fromarray(np.full((9, 9), 200 * 257, np.uint16)))
    else:
        name = add(coloured, Image.new(mode, (9, 9), 200))
    square = squares(read(coloured))[name]
    np.testing.assert_allclose(square.mean(axis=(1, 2)), expected, atol=4)
    assert note in capsys.readouterr().err


def test_of_an_animation_the_first_frame_is_taken_and_that_is_said(coloured, capsys):
    frames = [Image.new("RGB", (9, 9), colour) for colour in (RED, BLUE)]
    name = add(coloured, frames[0], "x.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(squares(read(coloured))[name].mean(axis=(1, 2)), RED, atol=9)
    assert "1 picture (red/x.gif): Of an animated picture" in capsys.readouterr().err


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_picture_one_pixel_wide(coloured, fit):
    name = add(coloured, Image.new("RGB", (1, 900), RED))
    square = squares(read(coloured, fit=fit))[name]
    assert tuple(square.max(axis=(1, 2))) == ((255, 255, 255) if fit == "pad" else RED)


@pytest.mark.parametrize("ground", ["white", "black", None])
@pytest.mark.parametrize("colour", [True, False])
def test_the_ground_is_seen_through_a_picture_and_beside_it(coloured, ground, colour):
    wide = np.zeros((10, 20, 4), np.uint8)
    wide[:, 5:15] = (*RED, 255)
    name = add(coloured, Image.fromarray(wide))
    square = squares(read(coloured, side=20, colour=colour, ground=ground, fit="pad"))[name]
    through, beside, drawn = square[:, 10, 1], square[:, 1, 10], square[:, 10, 10]
    white = ground == "white" or (colour and ground is None)  # white is the ground of colour
    assert set(beside) == {255 * white}
    # Without a ground, what is grey lies on the contrary of what is drawn: here red, which is dark.
    assert set(through) == {255 * (white or ground is None)}
    np.testing.assert_allclose(drawn, RED if colour else [82], atol=3)


def test_crop_takes_the_middle(coloured):
    wide = np.full((10, 30, 3), BLUE, np.uint8)
    wide[:, 10:20] = RED
    name = add(coloured, Image.fromarray(wide))
    np.testing.assert_array_equal(squares(read(coloured, side=10))[name].max(axis=(1, 2)), RED)


def test_colours_that_are_not_asked_for_are_told_once(coloured, capsys):
    grey = np.arange(144, dtype=np.uint8).reshape(12, 12)
    add(coloured, Image.fromarray(np.stack([grey] * 3, axis=2)))  # grey, though of three channels
    read(coloured, colour=False)
    lines = [line for line in capsys.readouterr().err.splitlines() if "--colour" in line]
    (line,) = lines
    assert line.startswith("  40 pictures (blue/0.png, ")
    assert line.endswith("): They have colour; --colour trains on it.")
    read(coloured)
    assert "--colour" not in capsys.readouterr().err


def test_pictures_that_look_all_the_same_can_be_trained_on(tmp_path):
    for number in range(20):  # not byte for byte
        Image.new("RGB", (9, 9 + number), RED).save(tmp_path / f"{number}.png")
    images = squares(read(tmp_path))
    assert {image.tobytes() for image in images.values()} == {images["0.png"].tobytes()}
    assert len(datasets.load(Config(dataset=f"folder:{tmp_path}", colour=True)).train) == 16


def test_one_picture_or_one_in_many_copies_is_too_few(tmp_path):
    Image.new("RGB", (9, 9), RED).save(tmp_path / "0.png")
    with pytest.raises(DataError, match=r"at least 20 pictures to train on, .*got 1"):
        read(tmp_path)
    for number in range(1, 30):
        shutil.copy(tmp_path / "0.png", tmp_path / f"{number}.png")
    with pytest.raises(DataError, match=r"got 1 \(29 more are byte for byte the same\)"):
        datasets.load(Config(dataset=f"folder:{tmp_path}", colour=True))


def test_cut_off_pictures_are_named_in_order_whichever_thread_met_them(coloured, monkeypatch):
    for number in (3, 11, 7):
        path = coloured / "red" / f"{number}.png"
        path.write_bytes(path.read_bytes()[:-30])
    said = set()
    for threads in (1, 4):
        monkeypatch.setattr(parallel.threads, "available", lambda threads=threads: threads)
        with pytest.raises(DataError) as caught:
            read(coloured)
        said.add(str(caught.value))
    (message,) = said
    first, *lines = message.splitlines()
    assert first.startswith("3 of 40 pictures in ")
    assert [line.split(":")[0] for line in lines] == ["  red/11.png", "  red/3.png", "  red/7.png"]


def test_any_number_of_threads_reads_the_same(coloured, monkeypatch):
    results = []
    for threads in (1, 5):
        monkeypatch.setattr(parallel.threads, "available", lambda threads=threads: threads)
        results.append(read(coloured))
    one, five = results
    assert (one.names, one.contents) == (five.names, five.contents)
    np.testing.assert_array_equal(one.of(range(40)), five.of(range(40)))


def test_more_pictures_than_the_memory_holds_are_refused_before_one_is_read(coloured, monkeypatch):
    monkeypatch.setattr(folder, "_read", None)  # would not be callable
    monkeypatch.setattr(memory, "available", lambda: 2 * 40 * 3 * 64 - 1)
    message = r"40 pictures of 8x8x3 take 0\.0 GB, which are held twice .* a smaller --image-size"
    with pytest.raises(DataError, match=message):
        read(coloured)
    monkeypatch.setattr(memory, "available", lambda: 2 * 40 * 3 * 64)
    monkeypatch.undo()
    assert len(read(coloured).names) == 40


def test_few_results_are_held_at_once_and_come_in_order():
    begun = []

    def work(number):
        begun.append(number)
        return number * number

    results = parallel.each(work, iter(range(1000)), 1000, "squares")
    assert next(results) == 0
    assert len(begun) <= parallel.MOST * parallel.AHEAD + 1
    assert list(results) == [number * number for number in range(1, 1000)]
