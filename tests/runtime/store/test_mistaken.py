"""What people have in the place of a file is named, and what to do about it works."""

import gzip
import io
import json
import pickle
import shlex
import shutil
import struct
import tarfile
import zipfile

import numpy as np
import pytest

import vae_onnx
from vae_onnx.store import mistaken, model_files

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1263652\n"
PAGE = b"\xef\xbb\xbf<!DOCTYPE html>\n<html><title>Sign in</title></html>"
XML = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("encoder.onnx"), io.BytesIO())
    return file.getvalue()


def array():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


SAFETENSORS = struct.pack("<Q", 17) + b'{"__metadata__":{}}' + bytes(8)
KINDS = [
    (b"", "empty"),
    (LFS, "a pointer of Git LFS, not the file itself"),
    (PAGE, "a page of the web"),
    (b"<html><body>404</body></html>", "a page of the web"),
    (XML, "XML"),
    (b'{"error": "Invalid credentials"}', r'begins "{\"error\": \"Invalid credentials\"}"'),
    ("Zürich: not found".encode(), 'it is text, and begins "Zürich: not found"'),
    (("ü" * 4000).encode(), 'it is text, and begins "üüü'),
    (zipped("encoder.onnx"), "a zip archive; `unzip`"),
    (zipped("model/data.pkl", "model/version"), "a checkpoint of PyTorch"),
    (zipped("z.npy"), "an archive of numpy"),
    (gzip.compress(b"x", mtime=0), "packed with gzip; `gunzip`"),
    (tarred(), "a tar archive"),
    (pickle.dumps({"weights": 1}), "a pickle"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a pickle"),
    (b"\x1c\0\0\0TFL3\x14\0 \0", "a model of TensorFlow Lite"),
    (SAFETENSORS, "a file of weights alone (safetensors)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (array(), "an array of numpy (.npy)"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
]


@pytest.mark.parametrize(("content", "words"), KINDS, ids=[words for _, words in KINDS])
def test_in_the_place_of_a_graph_and_of_a_card(tmp_path, graphs, content, words):
    folder = shutil.copytree(graphs / "ae", tmp_path / "model")
    (folder / "decoder.onnx").write_bytes(content)
    with pytest.raises(vae_onnx.GraphError) as raised:
        vae_onnx.load(folder)
    told = str(raised.value)
    assert f"{folder / 'decoder.onnx'} ({len(content)} bytes) is not a complete ONNX graph" in told
    assert words in told
    assert "onnxruntime says" not in told
    assert len(told.splitlines()) == 1
    if not content.startswith(b"{"):
        (folder / "card.json").write_bytes(content)
        with pytest.raises(
            vae_onnx.FileError, match=r"card.json is not a JSON file: it is "
        ) as error:
            model_files.read_card(folder)
        assert words in str(error.value)


@pytest.mark.parametrize("path", ["vae/encoder.onnx", "foreign/endless.onnx"])
def test_a_graph_is_nothing_else(graphs, path):
    content = (graphs / path).read_bytes()
    for size in (10, 100, len(content)):
        assert mistaken.named(content[:size], graphs / path) is None
    assert mistaken.in_place_of(graphs / "none") is None
    assert mistaken.in_place_of(graphs) is None


def test_every_bundled_file_is_nothing_else(bundled):
    for name in model_files.present(bundled.folder):
        if name.endswith(".onnx"):
            assert mistaken.in_place_of(bundled.folder / name) is None


def test_a_pointer_of_git_lfs_becomes_the_file(tmp_path, graphs, monkeypatch):
    """What the message says is typed; in the place of Git LFS is a program that fetches it."""
    folder = shutil.copytree(graphs / "vae", tmp_path / "a model")
    (folder / "encoder.onnx").write_bytes(LFS)
    with pytest.raises(vae_onnx.GraphError, match="pointer of Git LFS") as raised:
        vae_onnx.load(folder)
    git, option, where, *command = shlex.split(str(raised.value).split("`")[1])
    assert (git, option, command) == ("git", "-C", ["lfs", "pull"])
    assert where == str(folder)
    shutil.copy(graphs / "vae" / "encoder.onnx", where)
    assert vae_onnx.load(folder).kind == "vae"


def test_a_checksum_that_is_another_ones(tmp_path, graphs):
    folder = shutil.copytree(graphs / "vae", tmp_path / "model")
    sums = dict.fromkeys(model_files.GRAPHS, "0" * 64)
    (folder / "card.json").write_text(json.dumps({"sha256": sums}))
    (folder / "encoder.onnx").write_bytes(PAGE)
    with pytest.raises(vae_onnx.FileError, match=r"is not the file .* it is a page of the web"):
        model_files.verify(folder)
    with pytest.raises(vae_onnx.FileError, match=r"a page of the web.*; tell the owner$"):
        model_files.verify(folder, "tell the owner")


def test_a_card_without_checksums_is_mended_as_it_says(tmp_path, graphs):
    import hashlib

    folder = shutil.copytree(graphs / "vae", tmp_path / "model")
    card: dict[str, dict[str, str]] = {}
    for name in model_files.GRAPHS:
        (folder / "card.json").write_text(json.dumps(card))
        with pytest.raises(vae_onnx.FileError, match=f"lists no sha256 of {name}") as raised:
            model_files.verify(folder)
        template = str(raised.value).split("write it there: ")[1].split(", as `sha256sum`")[0]
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        card.setdefault("sha256", {}).update(json.loads(template.replace("...", digest))["sha256"])
    (folder / "card.json").write_text(json.dumps(card))
    model_files.verify(folder)


def test_a_graph_that_is_newer_than_onnxruntime(tmp_path, graphs):
    content = bytearray((graphs / "ae" / "decoder.onnx").read_bytes())
    assert content[:2] == b"\x08\x08"
    content[1] = 99
    path = tmp_path / "decoder.onnx"
    path.write_bytes(content)
    with pytest.raises(vae_onnx.GraphError, match=r"is newer than .*--upgrade.*for IR version 8"):
        vae_onnx.Decoder(path)
    content[1] = 8
    path.write_bytes(content)
    assert vae_onnx.Decoder(path).latent_dim == 2


def test_a_precision_that_is_not_there(graphs):
    with pytest.raises(vae_onnx.FileMissingError, match='load it with precision="float32"'):
        vae_onnx.load(graphs / "vae", precision="int8")
    assert vae_onnx.load(graphs / "vae", precision="float32").kind == "vae"


def test_an_ae_without_its_range_shows_places_of_ones_own(graphs):
    model = vae_onnx.load(graphs / "ae")
    model.encoder.graph.metadata = {}
    with pytest.raises(vae_onnx.GraphError, match=r"model\.decode\(vae_onnx\.latent\.plane\("):
        model.grid(2)
    horizontal = vertical = np.linspace(-1, 1, 3, dtype=np.float32)
    assert model.decode(vae_onnx.latent.plane(horizontal, vertical)).shape == (9, 2, 2)
