"""Copies, pickles and other processes: the same files, opened anew with the same options."""

import copy
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

import vae_onnx
from vae_onnx.engine import providers

Z = np.array([[0.25, 0.5]], np.float32)
WAYS = (copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value)))


@pytest.fixture
def folder(graphs, tmp_path):
    return shutil.copytree(graphs / "vae", tmp_path / "vae")


@pytest.mark.parametrize("way", WAYS)
def test_what_comes_out_computes_the_same(way, bundled):
    again = way(bundled)
    np.testing.assert_array_equal(again.sample(3, np.random.default_rng(0)),
                                  bundled.sample(3, np.random.default_rng(0)))  # fmt: skip
    assert (again.folder, again.precision, repr(again)) == (
        bundled.folder,
        bundled.precision,
        repr(bundled),
    )
    assert again.metadata == bundled.metadata


@pytest.mark.parametrize("way", WAYS)
def test_encoder_decoder_and_posterior_alone(way, graphs):
    encoder = vae_onnx.Encoder(graphs / "vae" / "encoder.onnx", threads=3)
    decoder = way(vae_onnx.Decoder(graphs / "vae" / "decoder.onnx"))
    assert way(encoder).graph.threads == 3
    assert way(encoder.graph)(np.ones((1, 1, 2, 2), np.float32))[0].tolist() == [[1, 1]]
    posterior = way(way(encoder).posterior(np.ones((2, 2), np.uint8) * 255))
    assert decoder.decode(posterior.mu).shape == (1, 2, 2)


def test_the_options_go_along(digits):
    model = vae_onnx.load(digits.folder, device="cpu", threads=1, precision="int8")
    again = pickle.loads(pickle.dumps(model))
    assert again.precision == "int8"
    assert again.encoder.graph.path.name == "encoder.int8.onnx"
    assert (again.device, again.encoder.graph.threads) == ("cpu", 1)


def test_a_pickle_names_files_and_holds_none(bundled):
    assert len(pickle.dumps(bundled)) < 2000


def test_the_default_number_of_threads_is_that_of_the_other_machine(tiny_vae, monkeypatch):
    content = pickle.dumps(tiny_vae)
    monkeypatch.setattr("vae_onnx.engine.threads.available", lambda: 5)
    assert pickle.loads(content).decoder.graph.threads == 5


def test_bundled_models_are_found_where_they_are_on_the_other_machine(tmp_path, monkeypatch):
    model = vae_onnx.load("mnist-vae")
    content = pickle.dumps(model)
    assert str(model.folder).encode() not in content
    moved = shutil.copytree(model.folder.parent, tmp_path / "models")
    monkeypatch.setattr("vae_onnx.store.bundled.FOLDER", moved)
    assert pickle.loads(content).folder == moved / "mnist-vae"


def test_a_relative_folder_is_found_from_elsewhere(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder.parent)
    content = pickle.dumps(vae_onnx.load("vae"))
    monkeypatch.chdir(tmp_path.parent)
    assert pickle.loads(content).folder == folder


def test_a_closed_model_stays_closed(folder):
    model = vae_onnx.load(folder)
    again = copy.deepcopy(model)
    model.close()
    for way in WAYS[1:]:
        with pytest.raises(vae_onnx.ClosedError, match="was closed; load the model again"):
            way(model)
    assert again.decode(Z).shape == (1, 2, 2)


def test_files_that_have_changed_since(folder, graphs):
    """Once before the pickle, once after; what the message says is right."""
    model = vae_onnx.load(folder)
    content = pickle.dumps(model)
    shutil.copy(graphs / "ae" / "decoder.onnx", folder / "decoder.onnx")
    with pytest.raises(vae_onnx.GraphError, match=r"decoder.onnx has changed since it was loaded"):
        pickle.dumps(model)
    with pytest.raises(vae_onnx.GraphError, match=r"decoder.onnx is not the file that was pickled"):
        pickle.loads(content)
    shutil.copy(graphs / "vae" / "decoder.onnx", folder / "decoder.onnx")  # that one in its place
    assert pickle.loads(content).decode(Z).shape == (1, 2, 2)
    again = vae_onnx.load(folder)  # load the model again
    assert pickle.loads(pickle.dumps(again)).decode(Z).shape == (1, 2, 2)


def test_files_that_are_gone(folder):
    content = pickle.dumps(vae_onnx.load(folder))
    away = folder.rename(folder.with_name("away"))
    with pytest.raises(vae_onnx.FileMissingError, match="copy the folder to there"):
        pickle.loads(content)
    shutil.copytree(away, folder)
    assert pickle.loads(content).kind == "vae"


def test_a_device_that_the_other_machine_lacks(tiny_vae, monkeypatch):
    content = pickle.dumps(vae_onnx.load(tiny_vae.folder, device="cpu"))

    def lacking(provider):
        raise vae_onnx.DeviceError(f"{provider} cannot be had")

    monkeypatch.setattr("vae_onnx.engine.reopening.check_available", lacking)
    with pytest.raises(vae_onnx.DeviceError, match=f"{providers.CPU} cannot be had"):
        pickle.loads(content)


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_in_other_processes(method, tmp_path):
    """A script as people write it, with a bound method for the pool's work."""
    script = tmp_path / "script.py"
    script.write_text(f"""
import multiprocessing
import numpy as np
import vae_onnx

if __name__ == "__main__":
    model = vae_onnx.load("mnist-vae", threads=1)
    z = np.random.default_rng(0).standard_normal((4, 2), np.float32)
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        pictures = pool.map(model.decode, np.split(z, 2))
    np.testing.assert_array_equal(np.concatenate(pictures), model.decode(z))
    print("the same")
""")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("the same\n", "")
