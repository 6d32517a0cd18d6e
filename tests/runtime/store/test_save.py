"""`Autoencoder.save`, and what the files of a model are allowed to hold."""

import re
import shutil
import tokenize
from pathlib import Path

import numpy as np
import pytest

import vae_onnx
from vae_onnx.__main__ import main
from vae_onnx.store import model_files

Z = np.random.default_rng(0).standard_normal((3, 2), dtype=np.float32)


@pytest.fixture
def model():
    return vae_onnx.load("mnist-vae")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_saved_gives_the_same_bits(bundled, tmp_path, images):
    folder = bundled.save(tmp_path / "new" / "folder")
    assert folder == tmp_path / "new" / "folder"
    assert contents(folder) == contents(bundled.folder)
    again = vae_onnx.load(folder)
    x = images[bundled.metadata["dataset"]][:5]
    np.testing.assert_array_equal(again.encode(x), bundled.encode(x))
    np.testing.assert_array_equal(again.reconstruct(x), bundled.reconstruct(x))


def test_a_model_without_card_or_with_a_variant_is_saved_as_it_is(graphs, tmp_path):
    source = shutil.copytree(graphs / "vae", tmp_path / "source")
    (source / "decoder.int8.onnx").write_bytes(b"int8")
    (source / "notes.txt").write_text("mine")
    folder = vae_onnx.load(source).save(str(tmp_path / "copy"))
    assert set(contents(folder)) == {"encoder.onnx", "decoder.onnx", "decoder.int8.onnx"}


def test_saving_again_changes_nothing(model, tmp_path):
    folder = model.save(tmp_path / "mine")
    assert model.save(folder) == folder
    assert vae_onnx.load(folder).save(folder) == folder
    (folder / "card.json").unlink()  # as when the process was killed between two files
    assert contents(model.save(folder)) == contents(model.folder)


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.int8.onnx", "README.md", ".git"])
def test_a_folder_with_something_else_in_it_is_refused(model, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(vae_onnx.InputError, match=rf"holds {re.escape(name)}, which is no file of"):
        model.save(tmp_path)
    assert contents(tmp_path) == {name: b"mine"}


def test_overwrite_leaves_one_model_and_what_belongs_to_none(model, tmp_path):
    vae_onnx.load("mnist-ae").save(tmp_path)
    (tmp_path / "decoder.int8.onnx").write_bytes(b"of the other model")
    (tmp_path / "README.md").write_text("mine")
    model.save(tmp_path, overwrite=True)
    assert contents(tmp_path) == contents(model.folder) | {"README.md": b"mine"}


def test_a_failed_save_leaves_what_was_there(model, tmp_path, monkeypatch):
    vae_onnx.load("mnist-ae").save(tmp_path)
    before = contents(tmp_path)
    write = Path.write_bytes

    def full_disk(path, content):
        if path.name == "latents.npz":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(vae_onnx.FileAccessError, match="No space left"):
        model.save(tmp_path, overwrite=True)
    assert contents(tmp_path) == before


def test_a_model_whose_files_changed_is_not_saved(tmp_path):
    model = vae_onnx.load(vae_onnx.load("mnist-ae").save(tmp_path / "source"))
    vae_onnx.load("mnist-vae").save(tmp_path / "source", overwrite=True)
    with pytest.raises(vae_onnx.GraphError, match=r"holds another model than .* mnist-vae;"):
        model.save(tmp_path / "copy")
    shutil.rmtree(tmp_path / "source")
    with pytest.raises(vae_onnx.FileMissingError, match=r"encoder.onnx is missing"):
        model.save(tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []


def test_a_file_in_the_place_of_the_folder(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(vae_onnx.FileAccessError, match="File exists"):
        model.save(tmp_path / "file")


def test_the_command(tmp_path, capsys):
    assert main(["save", "mnist-vae", str(tmp_path / "mine")]) == 0
    assert main(["save", "mnist-ae", str(tmp_path / "mine")]) == 1
    captured = capsys.readouterr()
    assert "put the model in its place with overwrite=True (--overwrite)" in captured.err
    assert main(["save", "mnist-ae", str(tmp_path / "mine"), "--overwrite"]) == 0
    assert vae_onnx.load(tmp_path / "mine").kind == "ae"
    assert captured.out == ""


def test_checksums_of_the_bundled_models(bundled):
    model_files.verify(bundled.folder)


def test_nothing_in_the_package_can_unpickle():
    """Each np.load and np.save has allow_pickle=False, and each torch.load weights_only=True."""
    sources = sorted(Path(vae_onnx.__file__).parent.rglob("*.py"))
    assert len(sources) > 10
    for path in sources:
        with path.open("rb") as file:
            code = " ".join(
                token.string
                for token in tokenize.tokenize(file.readline)
                if token.type in (tokenize.NAME, tokenize.OP)
            )
        calls = len(re.findall(r"\bnp \. (?:load|save) \(", code))
        assert code.count("allow_pickle = False") == calls, path
        for harmless in ("allow_pickle = False", "import pickle", "pickle . UnpicklingError"):
            code = code.replace(harmless, "")
        assert "pickle" not in code, path
        assert not re.search(r"\b(dill|joblib|marshal|shelve|exec)\b|(?<!\. )\beval\b", code), path
        assert code.count("torch . load (") == code.count("weights_only = True"), path
