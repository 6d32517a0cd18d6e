"""Whatever comes in, what comes out is an answer or an error of this package."""

import contextlib
import gzip
import operator
import os
import random
import shutil
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import vae_onnx
from vae_onnx import VaeOnnxError
from vae_onnx.__main__ import main
from vae_onnx.store import array_files as files

SHAPES = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5)
LIKELY = st.sampled_from([(2,), (3, 2), (2, 2), (3, 2, 2), (3, 4), (3, 1, 2, 2), (1, 2, 2, 1)])
DTYPES = st.one_of(
    hnp.scalar_dtypes(), hnp.unicode_string_dtypes(), st.sampled_from([np.uint8, np.float32])
)
ARRAYS = hnp.arrays(DTYPES, st.one_of(SHAPES, LIKELY))
ODD = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.recursive(st.floats(), lambda inner: st.lists(inner, max_size=3), max_leaves=6),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
    st.just(object()),
)
ANYTHING = st.one_of(ARRAYS, ARRAYS, ODD)
THOROUGH = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@contextlib.contextmanager
def answer_or_error():
    """Let an error of this package pass, if its message says something."""
    try:
        yield
    except VaeOnnxError as error:
        assert len(str(error)) > 20
        assert isinstance(error, ValueError | TypeError | OSError | ModuleNotFoundError)


@pytest.mark.filterwarnings("ignore:.*(cast|overflow|discards the imaginary):RuntimeWarning")
@THOROUGH
@given(value=ANYTHING)
def test_any_value_is_answered_or_refused(tiny_vae, tiny_ae, value):
    for take in (tiny_vae.encode, tiny_ae.encode, tiny_vae.posterior, tiny_vae.reconstruct):
        with answer_or_error():
            take(value)
    with answer_or_error():
        x_recon = tiny_vae.decode(value)
        assert np.isfinite(x_recon).all()
    for take in (vae_onnx.drawing_to_x, vae_onnx.to_uint8, vae_onnx.tile):
        with answer_or_error():
            take(value)


def at_most_100(value):
    """What counts as an integer, an array of one included, bounded: pictures take memory."""
    try:
        return min(operator.index(value), 100)
    except TypeError:
        return value


@THOROUGH
@given(value=ANYTHING)
def test_any_argument_is_taken_or_refused(tiny_vae, graphs, value):
    rng = np.random.default_rng(0)
    small = at_most_100(value)
    for call in (
        lambda: tiny_vae.decode([[0, 0]], out=value),
        lambda: tiny_vae.sample(small, rng),
        lambda: tiny_vae.sample(1, value),
        lambda: tiny_vae.interpolate(value, value, 3),
        lambda: tiny_vae.interpolate(np.zeros((2, 2)), np.zeros((2, 2)), small),
        lambda: tiny_vae.grid(small),
        lambda: vae_onnx.load(graphs / "vae", threads=small),
        lambda: vae_onnx.load(value),
    ):
        with answer_or_error():
            call()


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Turn some bytes of a graph, most of them where its structure is, and cut off every fifth."""
    turned = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        ends = (rng.randrange(min(len(turned), 3000)), -1 - rng.randrange(min(len(turned), 3000)))
        turned[rng.choice([*ends, rng.randrange(len(turned))])] = rng.randrange(256)
    return bytes(turned[: rng.randrange(len(turned))] if rng.random() < 0.2 else turned)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_graphs_are_refused_or_run(tmp_path, graphs, seed, capfd):
    rng = random.Random(seed)
    for folder in (graphs / "vae", vae_onnx.load("mnist-vae").folder):
        for _ in range(50):
            name = rng.choice(["encoder.onnx", "decoder.onnx"])
            shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
            (tmp_path / name).write_bytes(damaged((folder / name).read_bytes(), rng))
            with answer_or_error():
                model = vae_onnx.load(tmp_path)
                model.decode(np.zeros((40, model.latent_dim)))
                model.encode(np.zeros((40, *model.image_shape), np.uint8))
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("huge", "more than 268,435,456 numbers for a row"),
        ("endless", r"has Loop in it, with which it may never end"),
        ("external", r"keeps its weights in another file.*external_data=False"),
    ],
)
def test_graphs_that_would_take_too_much_are_refused(graphs, name, message):
    with pytest.raises(vae_onnx.GraphError, match=message):
        vae_onnx.Decoder(graphs / "foreign" / f"{name}.onnx")


def test_a_graph_that_asks_for_more_memory_than_there_is(graphs):
    with pytest.raises(vae_onnx.GraphError, match=r"huge_inside.onnx"):
        vae_onnx.Decoder(graphs / "foreign" / "huge_inside.onnx").decode([[0, 0]])


@pytest.mark.skipif(sys.platform == "win32", reason="opens files by Linux's and macOS's rules")
def test_nothing_outside_the_folder_is_read(graphs, tmp_path):
    """Where a graph says that its weights are, a pipe waits: to open it would be to hang."""
    os.mkfifo(tmp_path / "secret.bin")
    (tmp_path / "model").mkdir()
    shutil.copy(graphs / "foreign" / "external.onnx", tmp_path / "model" / "decoder.onnx")
    with pytest.raises(vae_onnx.GraphError, match="keeps its weights in another file"):
        vae_onnx.Decoder(tmp_path / "model" / "decoder.onnx")


def test_what_stands_where_a_graph_should(tmp_path):
    (tmp_path / "encoder.onnx").mkdir()
    with pytest.raises(vae_onnx.FileMissingError, match="is missing or no file"):
        vae_onnx.load(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(vae_onnx.FileMissingError, match="no folder"):
        vae_onnx.load(tmp_path / "file")


@THOROUGH
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=80).map(lambda b: b"\x93NUMPY\x01\x00v\x00" + b),
        st.binary(max_size=80).map(lambda b: b"\x00\x00\x0b\x03" + b),
        st.binary(max_size=80).map(lambda b: gzip.compress(b"\x00\x00\x08\x01" + b)[: len(b)]),
    )
)
@pytest.mark.parametrize(
    "name", ["data.npy", "data-idx3-ubyte", "data-idx3-ubyte.gz", "picture.png"]
)
def test_any_file_is_read_or_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with answer_or_error():
        if name.endswith(".png"):
            vae_onnx.read_picture(path)
        else:
            files.read_data(path)


@pytest.mark.parametrize("cut", [1, 10, 100, 300])
def test_the_command_says_it_in_one_line(tmp_path, cut, capsys):
    np.save(tmp_path / "x.npy", np.zeros((2, 28, 28), np.uint8))
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content[:-cut])
    assert main(["encode", "mnist-vae", str(tmp_path / "x.npy")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("vae-onnx: error: ")
    assert said.err.count("\n") == 1
