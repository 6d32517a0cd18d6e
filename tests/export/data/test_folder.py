"""A user's own pictures as a data set."""

import json

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from export import __main__ as command_line
from export.config import Config
from export.data import datasets, folder
from export.errors import ConfigError, DataError

COLOURS = {"dark": 40, "light": 220}


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
    images, names, labels = folder.read(pictures, 12)
    assert images.shape == (40, 12, 12)
    assert images.dtype == np.uint8
    assert names == ["dark", "light"]
    means = images.mean(axis=(1, 2))
    assert (means[np.array(labels) == 0] < 100).all()
    assert (means[np.array(labels) == 1] > 150).all()


def test_the_middle_is_kept(tmp_path):
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 255
    for i in range(20):
        Image.fromarray(wide).save(tmp_path / f"{i}.png")
    images, names, _ = folder.read(tmp_path, 20)
    assert images[0].min() == 255
    assert names == [tmp_path.name]


def test_the_split_is_whole_fixed_and_disjoint(pictures):
    name = f"folder:{pictures}"
    train, validation = datasets.load_train_validation(name, image_size=8)
    test = datasets.load_test(name, image_size=8)
    assert (len(train), len(validation), len(test)) == (32, 4, 4)
    rows = np.concatenate([split.x.numpy() for split in (train, validation, test)])
    assert rows.shape == (40, 64)
    assert len(np.unique(rows, axis=0)) == len(np.unique(folder.read(pictures, 8)[0], axis=0))
    assert (datasets.load_test(name, image_size=8).x == test.x).all()


def test_a_folder_goes_all_the_way(pictures, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--dataset", f"folder:{pictures}", "--image-size", "16", "--hidden-dim", "8"]
    arguments = ["all", *options, "--epochs", "2", "--batch-size", "8", "--out", str(out)]
    assert command_line.main(arguments) == 0, capsys.readouterr().err
    assert (out / "figures" / "reconstructions.png").is_file()
    model = vae_onnx.load(out / "models" / "my-photos-vae")
    assert model.image_shape == (1, 16, 16)
    assert json.loads(model.metadata["class_names"]) == ["dark", "light"]
    assert model.metadata["dataset"] == "my-photos"
    assert "licence" not in model.metadata
    assert model.reconstruct(np.zeros((16, 16), np.uint8)).shape == (1, 16, 16)
    card = (model.folder / "card.json").read_text()
    assert str(tmp_path) not in card
    assert "--dataset 'folder:My Photos'" in card
    report = tmp_path / "report.md"
    assert command_line.main(["report", "--runs", str(out), "--out", str(report)]) == 0
    assert "## my-photos" in report.read_text()


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
        folder.read(tmp_path / "none", 28)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"at least 20 pictures.*got 0"):
        folder.read(tmp_path / "empty", 28)
    broken = pictures / "dark" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(DataError, match=r"3\.png: this file is not a picture.*remove it"):
        folder.read(pictures, 28)


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
