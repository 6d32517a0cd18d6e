"""Export, its gate, and the committed graphs against onnx.reference and torch."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import vae_onnx
from export import __main__ as command
from export.config import Config
from export.data import datasets
from export.graphs import freezing, model_folder, parity
from export.networks import building
from export.training.run import train
from vae_onnx import evaluation
from vae_onnx.crossing.folding import surgery
from vae_onnx.evaluation import Settings

MODELS = Path(vae_onnx.__file__).parent / "models"
BATCH_SIZES = (1, 3, 77)  # none of those that the gate looks at, but 1


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


@pytest.fixture(scope="module", params=vae_onnx.models())
def bundled(request):
    return vae_onnx.load(request.param)


@pytest.fixture(scope="module")
def test_images():
    """The complete test set of each data set, x (10000, 1, 28, 28) float32."""
    return {
        name: datasets.load_test(Config(dataset=name)).x.reshape(-1, 1, 28, 28).numpy()
        for name in ("mnist", "fashion-mnist")
    }


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


def assert_agree(got, expected):
    for ours, theirs in zip(got, expected, strict=True):
        assert parity.relative_error(np.asarray(ours), np.asarray(theirs)) <= 1e-5


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


# The committed models


# The sigmoid is 1 / (1 + exp(-x)), which is right at exp's overflow too.
@pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_committed_graphs_agree_with_reference_and_torch(bundled, test_images, batch_size):
    x = test_images[bundled.metadata["dataset"]][-batch_size:]
    rebuilt = torch_model(bundled.folder, config_of(bundled.folder))
    codes = bundled.encode(x)
    for graph, module, value in (
        (bundled.encoder.graph, rebuilt.encoder, x),
        (bundled.decoder.graph, freezing.PictureDecoder(rebuilt), codes),
    ):
        got = graph(value)
        assert_agree(
            got, ReferenceEvaluator(str(graph.path)).run(None, {next(iter(graph.inputs)): value})
        )
        with torch.inference_mode():
            expected = module(torch.from_numpy(value))
        assert_agree(got, expected if isinstance(expected, tuple) else (expected,))


def test_committed_decoders_keep_seven_digits_of_small_means(bundled, test_images):
    """Against float64 on the codes of the whole test set; the nats of p(x | z) rest on it."""
    rebuilt = torch_model(bundled.folder, config_of(bundled.folder))
    z = bundled.encode(test_images[bundled.metadata["dataset"]])
    with torch.inference_mode():
        logits = rebuilt.decoder.double()(torch.from_numpy(z).double()).numpy()
    p = bundled.decode(z).reshape(logits.shape)
    seen = logits > -87
    assert (p[~seen] < 2e-38).all()
    log_p = -np.logaddexp(0, -logits[seen])
    # What float32 makes of a logit of -87 is off by 1e-4 before any sigmoid.
    np.testing.assert_allclose(np.log(p[seen], dtype=np.float64), log_p, atol=2e-4)
    assert (p[seen] > 0).all()


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


def test_committed_models_are_the_reports(bundled):
    """784-400-2-400-784: 631,188 parameters, 802 fewer without the head of the variance."""
    count = {"vae": 631_188, "ae": 630_386}[bundled.kind]
    count += (bundled.latent_dim - 2) * (2 * 401 + 400)
    card = json.loads((bundled.folder / "card.json").read_text())
    assert card["parameters"] == count
    weights = [
        numpy_helper.to_array(tensor)
        for graph in (bundled.encoder.graph, bundled.decoder.graph)
        for tensor in onnx.load(graph.path).graph.initializer
    ]
    # The 1 of the sigmoid is the only other float.
    assert sum(w.size for w in weights if w.dtype == np.float32 and w.ndim > 0) == count


# Nats per image on the complete test set that the bundled graphs stay below.
LIMITS = {  # nats per image
    "fashion-mnist-vae": 258.0,
    "fashion-mnist-ae": 250.0,
    "mnist-vae": 145.0,
    "mnist-ae": 135.0,
    "fashion-mnist-vae-16d": 240.0,
    "mnist-vae-16d": 101.5,
}


def test_the_card_tells_the_truth_about_the_test_set(bundled, test_images):
    """The metrics of the card again, from the graphs alone."""
    x = test_images[bundled.metadata["dataset"]]
    metrics = json.loads((bundled.folder / "card.json").read_text())["metrics"]
    assert metrics["images"] == len(x) == 10_000

    codes = bundled.encode(x) if bundled.kind == "ae" else bundled.posterior(x)
    got = evaluation.losses(x, codes, lambda z: bundled.decoder.graph(z)[0], Settings(draws=16))
    for part in ("total", "recon", "kld"):
        assert got.get(part, 0) == pytest.approx(metrics.get(part, 0), abs=1e-3)
    assert got["total"] <= LIMITS[bundled.metadata["name"]]
