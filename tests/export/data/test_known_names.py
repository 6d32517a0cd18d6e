"""Pictures in a folder called mnist, all the way: nothing takes them for MNIST."""

import json

import pytest

import vae_onnx
from demo.library.models import Library
from demo.server.endpoints import Endpoints
from demo.tabs.pad import example_list
from export.__main__ import main
from export.choices import DATASETS, FOLDER
from export.hub import model_card
from vae_onnx.store.datasets import PICTURES, TITLES, known_dataset


@pytest.fixture(scope="module")
def out(tmp_path_factory, draw_pictures):
    root = tmp_path_factory.mktemp("called")
    draw_pictures(root / "mnist" / "dark", 20, 60)
    draw_pictures(root / "mnist" / "light", 20, 200)
    options = ["--dataset", f"folder:{root / 'mnist'}", "--hidden-dim", "4", "--epochs", "1"]
    assert main(["all", *options, "--out", str(root / "out")]) == 0
    return root / "out"


def test_the_graphs_and_the_card_say_that_it_was_a_folder(out):
    for kind in ("vae", "ae"):
        folder = out / "models" / f"mnist-{kind}"
        metadata = vae_onnx.load(folder).metadata
        assert metadata["dataset"] == "folder:mnist"
        assert known_dataset(metadata) is None
        card = json.loads((folder / "card.json").read_text())
        assert card["config"]["dataset"] == "folder:mnist"
        assert card["data"] == metadata["data"]


def test_the_demo_shows_none_of_mnist(out):
    library = Library(out / "models")
    assert list(library.groups) == ["mnist, own pictures", "MNIST", "Fashion-MNIST"]
    group = library.first
    assert group.vae.class_names == ("dark", "light")
    assert example_list(group) == []
    picture = str(out / ".." / "mnist" / "dark" / "0.png")
    told = Endpoints(library).encode(picture, group.vae.name)
    assert told["nearest"] == []
    assert told["percentile"] is None


def test_the_c_header_is_measured_on_the_folder_or_not_at_all(out, tmp_path, capsys):
    model, header = str(out / "models" / "mnist-vae"), tmp_path / "own.h"
    command = ["c-source", model, "--precision", "int8", "--out", str(header)]
    assert main(command) == 0
    assert "not measured: " in (said := capsys.readouterr().err)
    assert "--dataset folder:PATH" in said
    assert "test images" not in header.read_text()
    assert main([*command, "--dataset", f"folder:{out.parent / 'mnist'}"]) == 0
    text = " ".join(header.read_text().split())
    assert "nats per image on the 4 test images of folder:mnist" in text


def test_the_report_and_the_model_card_do_not_say_mnist(out, tmp_path):
    assert main(["report", "--runs", str(out), "--out", str(tmp_path / "report.md")]) == 0
    text = (tmp_path / "report.md").read_text()
    assert "## the pictures in mnist" in text
    assert "These are pictures of a folder" in text
    assert "published" not in text.partition("## the pictures")[2]
    card = (out / "vae" / "README.md").read_text()
    assert "(VAE) of the pictures in mnist: " in card
    assert str(out.parent) not in card


def test_every_side_has_the_same_known_data_sets():
    assert set(DATASETS) == set(TITLES)
    assert set(model_card.DATASETS) < set(TITLES)
    assert FOLDER == PICTURES
