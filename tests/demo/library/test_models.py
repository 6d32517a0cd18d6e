"""Which models are shown, and together with which."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import vae_onnx
from demo.library.directions import Directions
from demo.library.models import Library
from demo.library.testset import COUNT
from demo.tabs.pad import example_list
from demo.tabs.training import published
from vae_onnx.store.datasets import PICTURES


def copies(folder: Path, *names: str) -> Path:
    for name in names:
        shutil.copytree(vae_onnx.load(name).folder, folder / name)
    return folder


def test_bundled_models_make_two_groups_and_one_is_shown_by_itself() -> None:
    library = Library()
    assert list(library.groups) == ["MNIST", "Fashion-MNIST"]
    assert library.titles == ["MNIST", "Fashion-MNIST", "Emoji"]
    assert set(library.models) == set(vae_onnx.models())
    assert library.singles["Emoji"].name == "emoji-vae"
    assert "emoji-vae" not in library.lanes
    assert library.first.wide is not None
    assert library.first.best.name == "mnist-vae-16d"


def test_own_models_come_first_and_the_bundled_ones_stay(tmp_path: Path) -> None:
    folder = copies(tmp_path, "mnist-ae", "mnist-vae")
    for path in folder.iterdir():
        card = json.loads((path / "card.json").read_text())
        card["config"]["dataset"] = "folder:/home/me/letters"
        (path / "card.json").write_text(json.dumps(card))
        path.rename(path.with_name(path.name.replace("mnist", "letters")))
    library = Library(folder)
    assert list(library.groups) == ["letters", "MNIST", "Fashion-MNIST"]
    assert library.first.vae.tests is None
    assert library.first.wide is None
    assert "letters-vae" in library.lanes


def test_own_models_of_a_bundled_name_hide_nothing(tmp_path: Path) -> None:
    library = Library(copies(tmp_path / "models", "mnist-ae", "mnist-vae"))
    assert list(library.groups) == ["MNIST", "MNIST, bundled", "Fashion-MNIST"]
    assert {"models/mnist-vae", "mnist-vae"} <= set(library.lanes)


@pytest.mark.parametrize(
    ("dataset", "title"),
    [
        ("folder:/x/mnist", "mnist, own pictures"),
        ("folder:/x/MNIST", "MNIST, own pictures"),
        ("folder:fashion-mnist", "fashion-mnist, own pictures"),
        ("folder:/x/Fashion-MNIST/", "Fashion-MNIST, own pictures"),
    ],
)
def test_a_folder_called_like_a_bundled_data_set_is_none(
    tmp_path: Path, dataset: str, title: str
) -> None:
    folder = copies(tmp_path, "fashion-mnist-ae", "fashion-mnist-vae")
    for path in folder.iterdir():
        card = json.loads((path / "card.json").read_text())
        card["config"]["dataset"] = dataset
        (path / "card.json").write_text(json.dumps(card))
    library = Library(folder)
    assert list(library.groups) == [title, "MNIST", "Fashion-MNIST"]
    lane = library.first.vae
    assert lane.tests is None
    assert lane.nearest(lane.latents[0][0], 3) == []
    assert lane.percentile(-100.0) is None
    assert example_list(library.first) == []
    assert published(lane) == {}
    assert lane.dataset == PICTURES + dataset.strip("/").rpartition("/")[-1].removeprefix(PICTURES)


def test_a_model_of_the_bundled_data_set_itself_has_its_test_images(tmp_path: Path) -> None:
    library = Library(copies(tmp_path, "mnist-ae", "mnist-vae"))
    assert library.first.vae.folder.parent == tmp_path
    assert library.first.vae.tests is not None
    assert len(example_list(library.first)) == 10


def test_two_folders_of_one_name_are_two_data_sets(tmp_path: Path) -> None:
    folder = copies(tmp_path, "mnist-ae", "mnist-vae")
    for which in ("one", "other"):
        for kind in ("ae", "vae"):
            path = folder / f"{which}-{kind}"
            shutil.copytree(folder / f"mnist-{kind}", path)
            card = json.loads((path / "card.json").read_text())
            card["config"]["dataset"] = "folder:letters"
            card["data"] = which
            (path / "card.json").write_text(json.dumps(card))
    own = [group for title, group in Library(folder).groups.items() if "letters" in title]
    names = [{lane.folder.name for lane in group.lanes} for group in own]
    assert names == [{"one-ae", "one-vae"}, {"other-ae", "other-vae"}]


@pytest.mark.parametrize(
    "names", [("mnist-vae",), ("mnist-vae-16d",), ("mnist-vae", "fashion-mnist-ae")]
)
def test_models_without_a_partner_are_shown_by_themselves(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    library = Library(copies(tmp_path / "own", *names))
    assert library.titles == [
        *sorted(f"own/{name}" for name in names), "MNIST", "Fashion-MNIST", "Emoji",
    ]  # fmt: skip
    assert set(names) < set(library.models)  # the bundled ones


def test_colours_make_no_group(tmp_path: Path) -> None:
    (path,) = copies(tmp_path, "emoji-vae").iterdir()
    path.rename(path.with_name("Emoji"))
    library = Library(tmp_path)
    assert library.titles == ["Emoji", "MNIST", "Fashion-MNIST", "Emoji, bundled"]
    assert library.singles["Emoji, bundled"].name == "emoji-vae"


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="found none; `python -m export all` writes"):
        Library(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="mine is no folder"):
        Library(tmp_path / "mine")


@pytest.mark.parametrize("file", ["decoder.onnx", "latents.npz", "card.json"])
def test_a_missing_file_is_told_at_the_start(tmp_path: Path, file: str) -> None:
    folder = copies(tmp_path, "mnist-ae", "mnist-vae")
    (folder / "mnist-vae" / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"{file} is missing"):
        Library(folder)


def test_a_damaged_card_is_told(tmp_path: Path) -> None:
    folder = copies(tmp_path, "mnist-ae", "mnist-vae")
    (folder / "mnist-vae" / "card.json").write_text("{}")
    with pytest.raises(ValueError, match="is not the card of a model"):
        Library(folder)


@pytest.mark.parametrize("title", ["MNIST", "Fashion-MNIST"])
def test_test_images_are_those_of_the_latents(title: str) -> None:
    lane = Library().groups[title].vae
    assert lane.tests is not None
    assert len(lane.tests.images) == COUNT
    z = lane.model.encode(lane.tests.images[:50])
    np.testing.assert_allclose(z, lane.latents[0][:50], rtol=2e-3, atol=2e-3)
    assert [int(lane.tests.labels[i]) for i in lane.tests.firsts] == list(range(10))


def test_the_nearest_test_image_to_one_is_itself() -> None:
    lane = Library().groups["MNIST"].best
    assert lane.nearest(lane.latents[0][17], 1) == [17]


def test_directions_are_the_principal_ones() -> None:
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(4000, 3)) * [0.5, 3, 1] + [1, 2, 3]).astype(np.float32)
    directions = Directions.of(z)
    np.testing.assert_allclose(directions.sigmas, [3, 1, 0.5], rtol=0.05)
    np.testing.assert_allclose(np.abs(directions.axes[0]), [0, 1, 0], atol=0.05)
    np.testing.assert_allclose(directions.at(np.zeros(2)), directions.mean)
    np.testing.assert_allclose(directions.at(directions.steps(z[:5])), z[:5], atol=1e-4)
