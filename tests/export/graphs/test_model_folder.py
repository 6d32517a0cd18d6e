"""Export and its gate; what is committed is looked at in test_committed.py."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import vae_onnx
from export import __main__ as command
from export.config import Config
from export.data import datasets
from export.graphs import freezing, model_folder, parity
from export.networks import building
from export.training.run import train
from vae_onnx.crossing.folding import surgery

MODELS = Path(vae_onnx.__file__).parent / "models"


@pytest.fixture(scope="module", params=["vae", "ae"])
def run(request, tmp_path_factory):
    """A small model, trained for an epoch on a few real images."""
    out = tmp_path_factory.mktemp("runs") / request.param
    config = Config(dataset="mnist", kind=request.param, hidden_dim=16, latent_dim=3, epochs=1)
    split, validation = datasets.load_train_validation(Config(dataset="mnist"))
    train(config, split.x[:2000], validation.x[:500], out)
    return out


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "model"
    model_folder.export_run(run, out)
    return out


def torch_model(folder, config):
    """The torch model, rebuilt from nothing but the weights inside the two graphs."""
    rebuilt = building.build(config)
    weights = {}
    for name in ("encoder", "decoder"):
        for tensor in onnx.load(folder / f"{name}.onnx").graph.initializer:
            key = f"{name}.{tensor.name.removeprefix('decoder.')}"
            if key in rebuilt.state_dict():
                weights[key] = torch.from_numpy(numpy_helper.to_array(tensor).copy())
    rebuilt.load_state_dict(weights)
    return rebuilt.eval()


def config_of(folder):
    return Config(**json.loads((folder / "card.json").read_text())["config"])


# The export


def test_the_folder_is_complete(exported):
    names = {path.name for path in exported.iterdir()}
    assert names == {"encoder.onnx", "decoder.onnx", "card.json", "history.jsonl", "latents.npz"}
    assert vae_onnx.load(exported).latent_dim == 3


def test_the_name_tells_what_the_model_is(exported, run):
    card = json.loads((exported / "card.json").read_text())
    assert card["name"] == f"mnist-{run.name}-3d"
    assert card["command"].startswith("python -m export train --dataset mnist")
    assert f"--kind {run.name}" in card["command"]
    assert str(run.parent) not in json.dumps(card), "a local path"


@pytest.mark.parametrize(
    ("folder", "shown"),
    [("runs/x", "runs/x"), ("/home/me/runs/x", "x"), ("../../home/me/x", "x")],
)
def test_the_card_shows_no_path_of_this_machine(folder, shown):
    config = Config(hidden_dim=2)
    card = model_folder.make_card(Path(folder), config, building.build(config), {}, {})
    assert card["command"].endswith(f"--hidden-dim 2 --kind vae --out {shown}")


def test_the_graphs_of_two_trainings_are_told_apart(exported, tmp_path):
    """As when the process is killed between two files, or somebody mixes them up."""
    mixed = shutil.copytree(exported, tmp_path / "mixed")
    proto = onnx.load(mixed / "decoder.onnx")
    told = {entry.key: entry.value for entry in proto.metadata_props}
    onnx.helper.set_model_props(proto, told | {"fingerprint": "another"})
    onnx.save(proto, mixed / "decoder.onnx")
    with pytest.raises(vae_onnx.GraphError, match="fingerprint"):
        vae_onnx.load(mixed)


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_the_graph_is_clean(exported, name):
    proto = onnx.load(exported / f"{name}.onnx", load_external_data=False)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.ir_version == 8
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", 18)]
    assert not proto.functions
    assert not any(tensor.external_data for tensor in proto.graph.initializer)
    for part in (*proto.graph.node, *proto.graph.input, *proto.graph.output):
        assert not part.metadata_props
        assert not part.doc_string
    sigmoid = {"Exp", "Add", "Reciprocal"} if name == "decoder" else set()
    assert {node.op_type for node in proto.graph.node} <= {"Gemm", "Relu", "Reshape"} | sigmoid
    content = (exported / f"{name}.onnx").read_bytes()
    for trace in (b"stack_trace", b"site-packages", b".py"):
        assert trace not in content


def test_the_same_run_gives_the_same_graphs(run, exported, tmp_path):
    model_folder.export_run(run, tmp_path)
    for name in ("encoder.onnx", "decoder.onnx", "card.json"):
        assert (tmp_path / name).read_bytes() == (exported / name).read_bytes()


def test_the_metadata_stands_in_both_graphs(exported, run):
    told = vae_onnx.load(exported).metadata
    assert told["name"] == f"mnist-{run.name}-3d"
    assert told["dataset"] == "mnist"
    assert told["version"] == vae_onnx.__version__
    assert json.loads(told["class_names"]) == list("0123456789")
    assert float(told["test_total"]) > 100
    assert ("test_kld" in told) == (run.name == "vae")


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.onnx")), ids=lambda path: path.stem)
def test_every_committed_graph_is_for_hosts_of_old(path):
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert (proto.ir_version, proto.opset_import[0].version, len(proto.opset_import)) == (8, 18, 1)


# The gate


@pytest.fixture
def spoiled(monkeypatch):
    """An exporter that gets one weight wrong by a thousandth."""
    original = freezing.to_onnx

    def to_onnx(*arguments):
        proto = original(*arguments)
        tensor = next(t for t in proto.graph.initializer if t.name.endswith("hidden.bias"))
        wrong = numpy_helper.to_array(tensor) + np.float32(1e-3)
        tensor.CopyFrom(numpy_helper.from_array(wrong, tensor.name))
        return proto

    monkeypatch.setattr(model_folder, "to_onnx", to_onnx)


def test_a_failed_gate_writes_nothing_and_exits_non_zero(spoiled, run, tmp_path, capsys):
    out = tmp_path / "model"
    assert command.main(["onnx", str(run), "--out", str(out)]) == 1
    assert "differs from torch" in capsys.readouterr().err
    assert not out.exists()


def test_a_failed_gate_keeps_the_model_that_was_there(spoiled, run, exported):
    before = {path: path.read_bytes() for path in exported.iterdir()}
    with pytest.raises(parity.ParityError, match="nothing was written"):
        model_folder.export_run(run, exported)
    assert {path: path.read_bytes() for path in exported.iterdir()} == before


def test_the_gate_fails_at_nan(exported):
    rebuilt = torch_model(exported, config_of(exported))
    proto = onnx.load(exported / "encoder.onnx")
    x = torch.rand(1000, 1, 28, 28)
    parity.check_parity(proto, rebuilt.encoder, x)
    rebuilt.encoder.hidden.bias.data[:] = float("nan")
    with pytest.raises(parity.ParityError):
        parity.check_parity(proto, rebuilt.encoder, x)


@pytest.mark.parametrize(
    ("got", "expected", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0),
        ([0.5], [0.25], 0.25),  # absolute below 1
        ([10.0, 0.0], [10.0, -1.0], 0.1),  # relative to the largest above
        ([np.nan], [0.0], np.nan),
        ([1.0], [1.0, 1.0], np.inf),
    ],
)
def test_relative_error(got, expected, error):
    result = parity.relative_error(np.array(got), np.array(expected))
    np.testing.assert_equal(result, error)


def test_an_unwritable_folder_is_an_error(run, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert command.main(["onnx", str(run), "--out", str(tmp_path / "file" / "model")]) == 1
    assert "error: " in capsys.readouterr().err


def test_a_missing_run_is_an_error(tmp_path, capsys):
    assert command.main(["onnx", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 1
    assert "best.pt is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_negation_is_folded_into_its_product_alone():
    graph = onnx.parser.parse_graph("""
        g (float[2, 2] x) => (float[2, 2] y, float[2, 2] w)
        <float[2, 2] a = {1, 2, 3, 4}, float[2] b = {5, 6}> {
            p = Gemm <alpha = 1.0, beta = 1.0> (x, a, b)
            n = Neg(p)
            r = Gemm <alpha = 1.0, beta = 1.0> (n, a, b)
            m = Neg(r)
            y = Add(r, m)
            e = Relu(x)
            w = Neg(e)
        }""")
    surgery.fold_negations(graph)
    assert [node.op_type for node in graph.node] == ["Gemm", "Gemm", "Neg", "Add", "Relu", "Neg"]
    first, second = graph.node[:2]
    assert [attribute.f for attribute in first.attribute] == [-1, -1]
    assert [attribute.f for attribute in second.attribute] == [1, 1]
    assert list(first.output) == ["n"]
