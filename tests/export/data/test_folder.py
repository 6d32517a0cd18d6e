"""A user's own pictures as a data set."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from export import __main__ as command_line
from export.config import Config
from export.data import folder
from export.errors import ConfigError, DataError

COLOURS = {"dark": 40, "light": 220}


def read(root, side):
    return folder.read(root, Config(dataset=f"folder:{root}", image_size=side))


def squares(found):
    return found.of(range(len(found.names)))[:, 0]


@pytest.fixture
def pictures(tmp_path):
    """Forty pictures of two classes, of many sizes and modes."""
    rng = np.random.default_rng(0)
    modes = ["L", "RGB", "RGBA", "P", "1", "I;16"]
    for name, level in COLOURS.items():
        (tmp_path / "My Photos" / name).mkdir(parents=True)
        for i in range(20):
            height, width = rng.integers(5, 90, 2)
            grey = np.clip(level + rng.integers(-30, 30, (height, width)), 0, 255).astype(np.uint8)
            mode = modes[i % len(modes)]
            if mode == "I;16":
                picture = Image.fromarray(grey.astype(np.uint16) * 257)
            else:
                picture = Image.fromarray(grey).convert(mode)
            picture.save(tmp_path / "My Photos" / name / f"{i}.png")
    (tmp_path / "My Photos" / "notes.txt").write_text("no picture")
    return tmp_path / "My Photos"


def test_pictures_of_any_size_and_mode_are_grey_squares(pictures):
    found = read(pictures, 12)
    assert found.images.shape == (40, 1, 12, 12)
    assert found.images.dtype == np.uint8
    assert found.class_names == ("dark", "light")
    means = squares(found).mean(axis=(1, 2))
    assert (means[found.labels == 0] < 100).all()
    assert (means[found.labels == 1] > 150).all()
    assert [name.partition("/")[0] == "light" for name in found.names] == list(found.labels)


def test_the_middle_is_kept(tmp_path):
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 255
    for i in range(20):
        Image.fromarray(wide).save(tmp_path / f"{i}.png")
    found = read(tmp_path, 20)
    images = dict(zip(found.names, squares(found), strict=True))
    assert images["0.png"].min() == 255
    assert found.class_names == (tmp_path.name,)


def test_what_is_taken_and_what_is_left_is_said(pictures, capsys):
    (pictures / ".git").mkdir()
    (pictures / ".DS_Store").write_bytes(b"")
    (pictures / "dark" / "a.heic").write_bytes(b"")
    read(pictures, 8)
    taken, left, *_ = capsys.readouterr().err.splitlines()
    assert taken == f"{pictures}: 40 pictures of 2 classes (dark, light)"
    assert left == (
        "  left alone: 1 hidden or system folder (.git); 1 hidden or system file (.DS_Store); "
        "1 other file (1 .txt); 1 picture in formats that are not read (1 .heic): save them as PNG "
        "or JPEG"
    )


def test_what_is_noted_of_pictures_is_said_once_for_all_of_them(pictures, monkeypatch, capsys):
    decode = folder._read
    names = {
        path.read_bytes(): f"{path.parent.name}/{path.name}" for path in pictures.rglob("*.png")
    }
    ordered = sorted(names.values())

    def noting(content, *rest):
        number = ordered.index(names[content])
        notes = ("16 bits a pixel were reduced to 8.",) if number % 2 else (f"Level {number}.",)
        return replace(decode(content, *rest), notes=notes)

    monkeypatch.setattr(folder, "_read", noting)
    read(pictures, 8)
    said = capsys.readouterr().err.splitlines()
    assert "  20 pictures (dark/0.png, dark/10.png, dark/12.png, ...): Level 0." in said
    assert any(line.endswith("...): 16 bits a pixel were reduced to 8.") for line in said)
    assert sum("Level" in line for line in said) == 1


def test_pictures_in_no_folder_beside_a_class_of_that_name(tmp_path, draw_pictures):
    draw_pictures(tmp_path / "cat", 12)
    draw_pictures(tmp_path / "cat" / "cat", 12)
    found = read(tmp_path / "cat", 8)
    assert found.class_names == ("cat itself", "cat")


def test_a_folder_goes_all_the_way(pictures, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--dataset", f"folder:{pictures}", "--image-size", "16", "--hidden-dim", "8"]
    arguments = ["all", *options, "--epochs", "2", "--batch-size", "8", "--out", str(out)]
    assert command_line.main(arguments) == 0, capsys.readouterr().err
    assert (out / "figures" / "reconstructions.png").is_file()
    model = vae_onnx.load(out / "models" / "my-photos-vae")
    assert model.image_shape == (1, 16, 16)
    assert json.loads(model.metadata["class_names"]) == ["dark", "light"]
    assert model.metadata["dataset"] == "folder:My Photos"
    assert "licence" not in model.metadata
    assert model.reconstruct(np.zeros((16, 16), np.uint8)).shape == (1, 16, 16)
    card = (model.folder / "card.json").read_text()
    assert str(tmp_path) not in card
    assert "--dataset 'folder:My Photos'" in card
    report = tmp_path / "report.md"
    assert command_line.main(["report", "--runs", str(out), "--out", str(report)]) == 0
    assert "## the pictures in My Photos" in report.read_text()


def test_twenty_pictures_of_one_class_are_enough(tmp_path):
    pictures = tmp_path / "few"
    pictures.mkdir()
    for i in range(20):
        Image.new("L", (30, 30), 12 * i).save(pictures / f"{i}.png")
    options = ["--dataset", f"folder:{pictures}", "--hidden-dim", "4", "--epochs", "1"]
    assert command_line.main(["all", *options, "--out", str(tmp_path / "out")]) == 0
    model = vae_onnx.load(tmp_path / "out" / "models" / "few-ae")
    assert json.loads(model.metadata["class_names"]) == ["few"]


def test_bad_folders_are_named(tmp_path, pictures):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read(tmp_path / "none", 28)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"at least 20 pictures.*got 0"):
        read(tmp_path / "empty", 28)
    for number in range(3):
        (tmp_path / "empty" / f"{number}.heic").write_bytes(b"")
    with pytest.raises(DataError, match=r"got 0; left alone: 3 pictures .*3 \.heic.*save them as"):
        read(tmp_path / "empty", 28)


def test_all_bad_pictures_are_in_one_error(pictures):
    for number in range(14):
        path = pictures / "dark" / f"{number}.png"
        path.write_bytes(path.read_bytes()[:60] if number else b"")
    with pytest.raises(DataError) as caught:
        read(pictures, 28)
    first, *lines = str(caught.value).splitlines()
    assert first == f"14 of 40 pictures in {pictures} cannot be read; remove or mend them:"
    assert len(lines) == 11
    assert all(line.startswith("  dark/") for line in lines[:10])
    assert lines[10] == "  and 4 more"
    for number in range(14):  # the remedy
        (pictures / "dark" / f"{number}.png").unlink()
    assert len(read(pictures, 8).images) == 26


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "folder:"}, "or folder:PATH, got 'folder:'"),
        ({"dataset": "mnist", "image_size": 32}, "image_size is of folder:PATH"),
        ({"dataset": "folder:x", "image_size": 0}, "image_size must be"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ConfigError, match=message):
        Config(**options)


def test_the_model_is_named_after_the_folder(tmp_path):
    config = Config(dataset=f"folder:{tmp_path}/Cats & Dogs/", latent_dim=8)
    assert config.model_name == "cats-dogs-vae-8d"
