"""A folder that has changed since a model was trained on it, and one that has moved."""

import json
import re
import shutil
from dataclasses import replace

import pytest
import torch

import vae_onnx
from export.__main__ import main
from export.config import Config
from export.data import datasets
from export.training import checkpoint, origin, preparing, record
from export.training.distributed import Group

SMALL = ["--image-size", "8", "--hidden-dim", "4", "--epochs", "1", "--batch-size", "16"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, draw_pictures):
    """A folder `pics` of two classes, a VAE and an AE trained on it, and the VAE's graphs."""
    root = tmp_path_factory.mktemp("trained")
    draw_pictures(root / "pics" / "dark", 20, 60)
    draw_pictures(root / "pics" / "light", 20, 200)
    options = ["--dataset", f"folder:{root / 'pics'}", *SMALL, "--schedule", "constant"]
    for kind in ("vae", "ae"):
        assert main(["train", *options, "--kind", kind, "--out", str(root / kind)]) == 0
    assert main(["onnx", str(root / "vae"), "--out", str(root / "model")]) == 0
    return root


@pytest.fixture
def place(trained, tmp_path):
    """The same, to be changed, at another place; the runs know of the new one."""
    shutil.copytree(trained, tmp_path / "place")
    for kind in ("vae", "ae"):
        path = tmp_path / "place" / kind / "config.json"
        config = json.loads(path.read_text())
        config["dataset"] = f"folder:{tmp_path / 'place' / 'pics'}"
        path.write_text(json.dumps(config))
        checkpoint.tell(path.parent, record.read_config(path.parent))
    return tmp_path / "place"


def commands(place, *options):
    """Every command that reads the folder again."""
    here = f"folder:{place / 'pics'}"
    model = ["--dataset", here] if not options else list(options)
    train = ["train", "--dataset", here, *SMALL, "--schedule", "constant"]
    return {
        "evaluate": ["evaluate", str(place / "vae"), "--k", "2", *options],
        "onnx": ["onnx", str(place / "vae"), "--out", str(place / "again"), *options],
        "figures": [
            *("figures", str(place / "vae"), str(place / "ae")),
            *("--out", str(place / "figures"), *options),
        ],
        "resume": [*train, "--resume", "--out", str(place / "vae"), *options],
        "quantize": ["quantize", str(place / "model"), "--dry-run", "--limit", "9", *model],
        "c-source": [
            *("c-source", str(place / "model"), "--precision", "int8"),
            *("--out", str(place / "model.h"), *model),
        ],
    }


COMMANDS = ("evaluate", "onnx", "figures", "resume", "quantize", "c-source")


def add_files(pics, draw_pictures):
    draw_pictures(pics / "dark", 10, 60, seed=1, first=20)


def add_a_class(pics, draw_pictures):
    draw_pictures(pics / "blue", 10, 90)


def change_one(pics, draw_pictures):
    content = (pics / "dark" / "3.png").read_bytes()
    draw_pictures(pics / "dark", 1, 60, seed=2, first=3)
    assert (pics / "dark" / "3.png").read_bytes() != content


def remove_one(pics, draw_pictures):
    (pics / "light" / "7.png").unlink()


def relabel_one(pics, draw_pictures):
    (pics / "light" / "7.png").rename(pics / "dark" / "77.png")


CHANGES = {
    add_files: r"10 pictures are new \(dark/20.png, ",
    add_a_class: r"1 class is new \(blue\); 10 pictures are new \(blue/0.png",
    change_one: r"1 picture is changed \(dark/3.png\)",
    remove_one: r"1 picture is gone \(light/7.png\)",
    relabel_one: r"1 picture is in another folder \(light/7.png, now dark/77.png\)",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_is_named_by_every_command(place, draw_pictures, capsys, command, change):
    change(place / "pics", draw_pictures)
    assert main(commands(place)[command]) == 1
    said = capsys.readouterr().err
    told = "they have changed" if command in ("quantize", "c-source") else CHANGES[change]
    assert re.search(rf"not those that .* was trained on: {told}", said), said
    assert "--dataset folder:PATH" in said
    assert not (place / "again").exists()
    assert not (place / "model.h").exists()


@pytest.mark.parametrize("command", ["evaluate", "resume", "c-source"])
def test_the_remedies_work(trained, place, draw_pictures, capsys, command):
    add_files(place / "pics", draw_pictures)
    here = commands(place)[command]
    assert main(here) == 1
    copy = commands(place, "--dataset", f"folder:{trained / 'pics'}")[command]
    assert main(copy) == 0, capsys.readouterr().err
    for number in range(20, 30):
        (place / "pics" / "dark" / f"{number}.png").unlink()
    assert main(commands(place)[command]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "quantize"])  # slow
def test_a_folder_that_has_moved_is_named_anew(place, capsys, command, monkeypatch):
    (place / "pics").rename(place / "moved")
    assert main(commands(place)[command]) == 1
    said = capsys.readouterr().err
    assert "there is no folder" in said
    assert "--dataset folder:PATH" in said
    monkeypatch.chdir(place)
    assert main(commands(place, "--dataset", "folder:moved")[command]) == 0, capsys.readouterr().err


def test_times_and_names_of_files_do_not_matter(place, capsys):
    for path in (place / "pics" / "dark").iterdir():
        path.rename(path.with_name(f"renamed-{path.name}"))
        path.with_name(f"renamed-{path.name}").touch()
    assert main(commands(place)["evaluate"]) == 0, capsys.readouterr().err


def test_a_relative_path_is_the_same_from_everywhere(tmp_path, draw_pictures, monkeypatch, capsys):
    draw_pictures(tmp_path / "one" / "pics" / "a", 24)
    draw_pictures(tmp_path / "other" / "pics" / "b", 24, seed=1)
    monkeypatch.chdir(tmp_path / "one")
    run = str(tmp_path / "run")
    assert main(["train", "--dataset", "folder:pics", *SMALL, "--out", run]) == 0
    assert record.read_config(tmp_path / "run").dataset == f"folder:{tmp_path / 'one' / 'pics'}"
    monkeypatch.chdir(tmp_path / "other")
    assert main(["onnx", run, "--out", "model"]) == 0
    metadata = vae_onnx.load(tmp_path / "other" / "model").metadata
    assert json.loads(metadata["class_names"]) == ["a"]
    assert metadata["dataset"] == "folder:pics"
    resume = ["train", "--dataset", "folder:pics", *SMALL, "--out", run, "--resume"]
    assert main(resume) == 1
    assert "1 class is new (b); 1 class is gone (a)" in capsys.readouterr().err


def test_the_class_of_a_folder_keeps_its_name_when_it_moves(tmp_path, draw_pictures):
    draw_pictures(tmp_path / "pets", 24)
    options = ["--dataset", f"folder:{tmp_path / 'pets'}", *SMALL, "--out", str(tmp_path / "run")]
    assert main(["train", *options]) == 0
    (tmp_path / "pets").rename(tmp_path / "animals")
    moved = ["--dataset", f"folder:{tmp_path / 'animals'}"]
    assert main(["onnx", str(tmp_path / "run"), "--out", str(tmp_path / "model"), *moved]) == 0
    metadata = vae_onnx.load(tmp_path / "model").metadata
    assert json.loads(metadata["class_names"]) == ["pets"]
    assert metadata["dataset"] == "folder:pets"


def test_pictures_to_test_with_are_told_in_the_run(trained):
    told = json.loads((trained / "vae" / "data.json").read_text())
    assert {part: len(files) for part, files in told["files"].items()} == {
        "train": 32,
        "validation": 4,
        "test": 4,
    }
    assert told["class_names"] == ["dark", "light"]


@pytest.mark.parametrize(
    ("command", "dataset", "message"),
    [
        ("evaluate", "mnist", "is of a folder of pictures, not of mnist"),
        ("evaluate", "cifar", "dataset must be one of fashion-mnist, mnist, kmnist, emnist, "),
        ("quantize", "mnist", "is of a folder of pictures, not of mnist"),
        ("c-source", "mnist", "is of a folder of pictures, not of mnist"),
    ],
)
def test_another_data_set_is_refused(place, capsys, command, dataset, message):
    assert main(commands(place, "--dataset", dataset)[command]) == 1
    assert message in capsys.readouterr().err


def test_a_known_data_set_is_in_no_folder(capsys):
    assert main(["quantize", "vae_onnx/models/mnist-ae", "--dataset", "folder:x"]) == 1
    assert "is of mnist; --data-dir names where that is" in capsys.readouterr().err


def test_a_run_that_does_not_tell_its_pictures_is_refused(place, capsys):
    (place / "vae" / "data.json").unlink()
    assert main(commands(place)["evaluate"]) == 1
    assert "data.json is missing" in capsys.readouterr().err
    (place / "vae" / "data.json").write_text('{"files": {}, "class_names": [], "fingerprint": ""}')
    assert main(commands(place)["evaluate"]) == 1
    assert "is not written by `python -m export train`" in capsys.readouterr().err


def test_figures_are_of_runs_on_the_same_pictures(place, draw_pictures, capsys):
    add_files(place / "pics", draw_pictures)
    here = ["--dataset", f"folder:{place / 'pics'}", *SMALL, "--kind", "ae"]
    assert main(["train", *here, "--out", str(place / "later")]) == 0
    assert main(["figures", str(place / "vae"), str(place / "later"), "--out", str(place)]) == 1
    assert "both runs must be of one data set" in capsys.readouterr().err


@pytest.mark.parametrize(
    "other",
    [{"image_size": 9}, {"colour": True, "ground": "black"}, {"fit": "pad"}, {"ground": "white"}],
)
def test_pictures_that_are_read_otherwise_are_another_data_set(trained, other):
    vae, ae = ((trained / kind, record.read_config(trained / kind)) for kind in ("vae", "ae"))
    assert origin.same(vae, ae)
    assert not origin.same(vae, (ae[0], replace(ae[1], **other)))


def test_the_pictures_of_a_model_are_read_as_its_graphs_tell(trained):
    dataset = f"folder:{trained / 'pics'}"
    config = Config(
        dataset=dataset, colour=True, image_size=6, ground="black", fit="pad", network="mlp"
    )
    expected = datasets.load(config)
    metadata = {"dataset": "folder:pics", "data": expected.fingerprint.digest}
    told = metadata | {"ground": "black", "fit": "pad"}
    found = origin.of_model(trained / "model", told, (3, 6, 6), dataset=dataset)
    assert torch.equal(found.train.pixels, expected.train.pixels)
    grey = origin.of_model(trained / "model", metadata, (1, 6, 6), dataset=dataset)
    assert grey.train.pixels.shape == (32, 36)


def test_the_known_data_set_of_a_model_in_its_size(trained, monkeypatch):
    loaded = []
    monkeypatch.setattr(datasets, "load", lambda config, _: loaded.append(config))
    for name, shape in (("celeba", (3, 32, 32)), ("svhn", (3, 32, 32)), ("mnist", (1, 28, 28))):
        origin.of_model(trained, {"dataset": name, "licence": "MIT"}, shape)
    assert [(one.dataset, one.image_shape) for one in loaded] == [
        ("celeba", (3, 32, 32)),
        ("svhn", (3, 32, 32)),
        ("mnist", (1, 28, 28)),
    ]


@pytest.mark.parametrize("train_on", ["train", "all"])
def test_a_run_has_its_images_as_bytes(trained, train_on):
    config = Config(
        dataset=f"folder:{trained / 'pics'}", colour=True, image_size=6, train_on=train_on
    )
    images = preparing.load(config, None, Group(torch.device("cpu")))
    x_train, x_validation = images.train.pixels, images.validation.pixels
    assert x_train.dtype == x_validation.dtype == torch.uint8
    assert x_train.shape == (36 if train_on == "all" else 32, 3 * 6 * 6)
    assert x_validation.shape == (4, 3 * 6 * 6)
