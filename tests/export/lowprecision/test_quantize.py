"""Graphs in shorter numbers: what they compute, what they may lose, what is refused."""

import hashlib
import json
import re
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from PIL import Image

import vae_onnx
from export import __main__ as command
from export.config import Config
from export.data import datasets
from export.graphs import model_folder
from export.lowprecision import conversion, measuring, quantize
from export.training.run import train
from vae_onnx import Decoder, Encoder, evaluation
from vae_onnx.evaluation import Settings

VARIANTS = ("float16", "int8")
SIDES = ("encoder", "decoder")
FILES = {f"{side}.{variant}.onnx" for side in SIDES for variant in VARIANTS}
OPENED = {"encoder": Encoder, "decoder": Decoder}


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """Times are not looked at here, and a small model needs few images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "ROUNDS", 1)
        patch.setattr(measuring, "SECONDS", 0)
        patch.setattr(quantize, "SHOWN", 2000)
        yield


@pytest.fixture(scope="module", params=["vae", "ae"])
def plain(request, tmp_path_factory):
    """The folder of a small model, in float32."""
    folder = tmp_path_factory.mktemp("quantize") / request.param
    config = Config(dataset="mnist", kind=request.param, hidden_dim=16, latent_dim=3, epochs=1)
    split, validation = datasets.load_train_validation(Config(dataset="mnist"))
    train(config, split.x[:2000], validation.x[:500], folder / "run")
    model_folder.export_run(folder / "run", folder / "model")
    path = folder / "model" / "card.json"
    card = json.loads(path.read_text())
    if request.param == "vae":
        card["metrics"]["draws"] = 1  # is quicker, and as good for a comparison
    path.write_text(json.dumps(card))
    return folder / "model"


@pytest.fixture(scope="module")
def made(plain, tmp_path_factory):
    """The same with its variants."""
    folder = shutil.copytree(plain, tmp_path_factory.mktemp("made") / plain.parent.name)
    assert command.main(["quantize", str(folder)]) == 0
    return folder


@pytest.fixture
def model(plain, tmp_path):
    """A copy in float32, to be spoiled."""
    return shutil.copytree(plain, tmp_path / "model")


@pytest.fixture(scope="module")
def x():
    return datasets.load_test(Config(dataset="mnist")).x.reshape(-1, 1, 28, 28).numpy()


def told(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# What is written


def test_the_variants_come_beside_what_was_there(plain, made):
    before, after = contents(plain), contents(made)
    assert after.keys() - before.keys() == FILES
    assert {name for name in before if after[name] != before[name]} == {"card.json"}


def test_the_card_tells_of_the_variants(plain, made):
    before, card = (json.loads((folder / "card.json").read_text()) for folder in (plain, made))
    assert card.pop("variants").keys() == set(VARIANTS)
    assert card == before


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_card_tells_loss_speed_and_checksums(made, variant):
    card = json.loads((made / "card.json").read_text())
    entry = card["variants"][variant]
    assert entry["total_change"] <= 0.2
    total = card["metrics"]["total"] if "kld" not in card["metrics"] else None  # of other draws
    assert entry["metrics"]["total"] == pytest.approx(total or entry["metrics"]["total"], abs=0.2)
    assert entry["metrics"]["images"] == 10_000
    for operation in ("encode", "decode"):
        assert entry["time_ratio"][operation].keys() == {"1", "10000"}
        assert all(ratio > 0 for ratio in entry["time_ratio"][operation].values())
    assert "onnxruntime" in entry["machine"]
    assert entry["sha256"] == {
        f"{side}.{variant}.onnx": hashlib.sha256(
            (made / f"{side}.{variant}.onnx").read_bytes()
        ).hexdigest()
        for side in SIDES
    }


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_contract_is_that_of_float32(made, side, variant):
    own, short = (onnx.load(made / name) for name in (f"{side}.onnx", f"{side}.{variant}.onnx"))
    onnx.checker.check_model(short, full_check=True)
    assert short.graph.input == own.graph.input
    assert short.graph.output == own.graph.output
    assert short.opset_import == own.opset_import
    assert short.ir_version == 8
    assert {node.domain for node in short.graph.node} == {""}
    assert not any(tensor.external_data for tensor in short.graph.initializer)
    before, after = (told(made / name) for name in (f"{side}.onnx", f"{side}.{variant}.onnx"))
    entry = json.loads((made / "card.json").read_text())["variants"][variant]
    assert after.pop("precision") == variant
    for part in ("total", "recon", "kld"):
        if f"test_{part}" in before:
            before[f"test_{part}"] = f"{entry['metrics'][part]:.2f}"
    assert after == before


def test_a_graph_of_newer_versions_becomes_one_for_hosts_of_old(plain):
    proto = onnx.load(plain / "encoder.onnx")
    proto.ir_version = 10
    assert conversion.to_float16(proto).ir_version == 8


def test_the_files_are_smaller(made):
    sizes = {path.name: path.stat().st_size for path in made.glob("*.onnx")}
    for side in SIDES:
        assert sizes[f"{side}.float16.onnx"] < 0.65 * sizes[f"{side}.onnx"]
        assert sizes[f"{side}.int8.onnx"] < 0.55 * sizes[f"{side}.onnx"]


# What they compute


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("variant", VARIANTS)
def test_they_agree_with_float32_at_every_batch_size(made, x, variant, size):
    own, short = (
        [OPENED[side](made / f"{side}{suffix}.onnx") for side in SIDES]
        for suffix in ("", f".{variant}")
    )
    codes = [sides[0].encode(x[:size]) for sides in (own, short)]
    assert codes[0].shape == codes[1].shape
    tolerance = 0.02 * np.abs(codes[0]).max()
    np.testing.assert_allclose(codes[1], codes[0], atol=tolerance)
    pictures = [sides[1].decode(codes[0]) for sides in (own, short)]
    assert pictures[0].shape == pictures[1].shape
    assert np.abs(pictures[1] - pictures[0]).mean() < 0.005


# The sigmoid is 1 / (1 + exp(-x)), which is right at exp's overflow too.
@pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_engine_computes_the_same(made, x, variant):
    """One engine fuses nodes where it can, the reference runs each as the standard has it."""
    encoder, decoder = (OPENED[side](made / f"{side}.{variant}.onnx") for side in SIDES)
    z = encoder.encode(x[:20])
    for graph, batch in ((encoder.graph, x[:20]), (decoder.graph, z)):
        name = next(iter(graph.inputs))
        expected = ReferenceEvaluator(str(graph.path)).run(None, {name: batch})
        for got, value in zip(graph(batch), expected, strict=True):
            # A sum at the edge of a step may be rounded either way.
            assert np.abs(got - value).mean() <= 1e-5 * max(1, np.abs(value).max())


def test_no_row_depends_on_those_beside_it(made):
    decoder = Decoder(made / "decoder.int8.onnx")
    z = np.random.default_rng(0).standard_normal((8, 3), np.float32)
    far = np.full((1, 3), 1e4, np.float32)
    beside = decoder.decode(np.concatenate([far, z]))[1:]
    np.testing.assert_allclose(beside, decoder.decode(z), atol=1e-6)


def test_no_z_is_out_of_range(made):
    """The steps of the hidden layer follow its values, wherever z is."""
    own, short = (Decoder(made / f"decoder{suffix}.onnx") for suffix in ("", ".int8"))
    z = np.random.default_rng(0).standard_normal((200, 3), np.float32)
    for far in (1, 10, 100):
        difference = np.abs(short.decode(far * z) - own.decode(far * z))
        assert difference.mean() < 0.01


def test_a_hidden_layer_of_zeros_is_no_division_by_zero(made):
    proto = onnx.load(made / "decoder.int8.onnx")
    for tensor in proto.graph.initializer:
        if tensor.name.endswith("decoder.hidden.bias"):
            never = np.full(tensor.dims, -100, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(never, tensor.name))
    path = made.parent / "zeros.onnx"
    onnx.save(proto, path)
    picture = Decoder(path).decode(np.zeros((1, 3), np.float32))
    bias = next(t for t in proto.graph.initializer if t.name == "decoder.logits.bias")
    expected = 1 / (1 + np.exp(numpy_helper.to_array(bias).astype(np.float64)))
    np.testing.assert_allclose(picture.ravel(), expected, rtol=1e-5)


@pytest.mark.parametrize(("side", "steps"), [("encoder", 255), ("decoder", 181)])
def test_two_products_fit_into_16_bits(made, side, steps):
    """Processors without VNNI add two of them there."""
    weights = [
        numpy_helper.to_array(tensor).astype(int)
        for tensor in onnx.load(made / f"{side}.int8.onnx").graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8
    ]
    (weight,) = weights
    assert weight.size == 784 * 16
    assert 2 * steps * np.abs(weight).max() <= 2**15 - 1


def test_the_same_model_gives_the_same_files(made, plain, tmp_path):
    again = shutil.copytree(plain, tmp_path / "again")
    assert command.main(["quantize", str(again), "--precision", "int8"]) == 0
    for side in SIDES:
        name = f"{side}.int8.onnx"
        assert (again / name).read_bytes() == (made / name).read_bytes()
    assert json.loads((again / "card.json").read_text())["variants"].keys() == {"int8"}


def test_another_export_takes_the_variants_of_the_old_model_away(made, plain, tmp_path):
    folder = shutil.copytree(made, tmp_path / "model")
    model_folder.export_run(plain.parent / "run", folder)
    assert not FILES & {path.name for path in folder.iterdir()}
    assert "variants" not in json.loads((folder / "card.json").read_text())


# The command


def test_a_dry_run_measures_and_writes_the_page_alone(model, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- float16 --><!-- /float16 -->\n<!-- int8 --><!-- /int8 -->\n")
    before = contents(model)
    arguments = ["quantize", str(model), "--precision", "int8", "--dry-run", "--page", str(page)]
    assert command.main(arguments) == 0
    assert contents(model) == before
    assert "nats per image" in capsys.readouterr().out
    float16, int8 = page.read_text().split("<!-- /float16 -->")
    assert float16 == "<!-- float16 -->"
    name = json.loads((model / "card.json").read_text())["name"]
    assert re.search(rf"\| `{name}` *\|( +[-+.\d]+( MB)? \|){{7}}\n", int8)


@pytest.fixture
def spoiled(monkeypatch):
    """A rounding that forgets the weights."""

    def round_weights(weight, *_args):
        outputs = np.ones(len(weight), np.float32)
        return np.zeros(weight.shape, np.int8), outputs, 0 * outputs

    monkeypatch.setattr(conversion, "round_weights", round_weights)


@pytest.mark.usefixtures("spoiled")
def test_a_variant_that_loses_too_much_is_refused(model, capsys):
    before = contents(model)
    assert command.main(["quantize", str(model)]) == 1
    assert re.search(
        r"error: mnist-\w+-3d in int8 loses [\d.]+ nats per image .*, allowed are 0\.2; nothing "
        r"was written\. --limit allows more\n$",
        capsys.readouterr().err,
    )
    assert contents(model) == before


@pytest.mark.usefixtures("spoiled")
def test_a_limit_of_ones_own_allows_more(model):
    assert command.main(["quantize", str(model), "--precision", "int8", "--limit", "500"]) == 0
    card = json.loads((model / "card.json").read_text())
    assert 1 < card["variants"]["int8"]["total_change"] < 500


def without_card(folder):
    (folder / "card.json").unlink()


def without_graphs(folder):
    for path in folder.glob("*.onnx"):
        path.unlink()


def change_card(folder, change):
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def old_card(folder):
    change_card(folder, lambda card: card.pop("sha256"))


def card_of_a_list(folder):
    (folder / "card.json").write_text("[1, 2]")


def half_a_card(folder):
    (folder / "card.json").write_text((folder / "card.json").read_text()[:100])


def card_of_others(folder):
    change_card(folder, lambda card: card["sha256"].update({"decoder.onnx": "0" * 64}))


def half_a_graph(folder):
    (folder / "encoder.onnx").write_bytes((folder / "encoder.onnx").read_bytes()[:500])


def foreign_graph(folder):
    """It runs, and is no network of ours."""
    text = """<ir_version: 8, opset_import: ["" : 18]>
        foreign (float[batch, 3] z) => (float[batch, 1, 28, 28] x_recon)
        <int64[1] one = {1}, int64[2] axes = {1, 2}, int64[4] shape = {1, 1, 28, 28}> {
            most = ReduceMax <keepdims = 1> (z, one)
            pixel = Unsqueeze(most, axes)
            x_recon = Expand(pixel, shape)
        }"""
    proto = onnx.parser.parse_model(text)
    onnx.helper.set_model_props(proto, told(folder / "decoder.onnx"))
    onnx.save(proto, folder / "decoder.onnx")
    content = (folder / "decoder.onnx").read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    change_card(folder, lambda card: card["sha256"].update({"decoder.onnx": checksum}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            without_card,
            "card.json is missing; `python -m export onnx` writes it",
        ),
        (without_graphs, "encoder.onnx is missing or no file"),
        (old_card, "is not a card of this version (KeyError: 'sha256')"),
        (card_of_a_list, "is not a card of this version"),
        (half_a_card, "is not a card of this version"),
        (card_of_others, "is the card of another decoder.onnx"),
        (half_a_graph, "is not a complete ONNX graph"),
        (foreign_graph, "must hold one Gemm that reads a Relu"),
    ],
)
def test_a_folder_that_cannot_be_used(model, capsys, spoil, words):
    spoil(model)
    before = contents(model)
    assert command.main(["quantize", str(model)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert contents(model) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "at least one model folder, got none"),
        (["none"], "none/encoder.onnx is missing"),
        (["none", "--precision"], "--precision takes float16, int8 or both, got none"),
        (["none", "--limit", "-1"], "limit must be at least 0 nats, got -1.0"),
        (["none", "--limit", "nan"], "limit must be at least 0 nats, got nan"),
        (["none", "--page", "none.md"], "none.md"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(capsys, options, words):
    assert command.main(["quantize", *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error


def test_an_unknown_data_set_is_refused(model, capsys):
    assert command.main(["quantize", str(model), "--dataset", "cifar"]) == 1
    assert "dataset must be one of fashion-mnist, mnist, kmnist, " in capsys.readouterr().err


def test_pictures_of_ones_own_are_found_where_the_option_says(tmp_path, capsys):
    pictures = tmp_path / "few"
    pictures.mkdir()
    for i in range(30):
        Image.new("L", (12, 12), 8 * i).save(pictures / f"{i}.png")
    small = ["--image-size", "12", "--hidden-dim", "8", "--epochs", "1"]
    run, model = str(tmp_path / "run"), str(tmp_path / "model")
    assert command.main(["train", "--dataset", f"folder:{pictures}", *small, "--out", run]) == 0
    assert command.main(["onnx", run, "--out", model]) == 0
    assert command.main(["quantize", model]) == 1
    assert "name where they are with --dataset folder:PATH" in capsys.readouterr().err
    assert command.main(["quantize", model, "--dataset", f"folder:{pictures}"]) == 0
    assert Decoder(tmp_path / "model" / "decoder.int8.onnx").decode([0, 0]).shape == (1, 12, 12)


# The bundled models


VARIED = [name for name in vae_onnx.models() if "mnist" in name]


def test_models_of_digits_alone_have_variants():
    cards = {
        name: json.loads((vae_onnx.load(name).folder / "card.json").read_text())
        for name in vae_onnx.models()
    }
    assert [name for name, card in cards.items() if "variants" in card] == VARIED


@pytest.mark.parametrize("name", VARIED)
def test_the_bundled_variants_lose_what_their_cards_tell(name):
    folder = vae_onnx.load(name).folder
    card = json.loads((folder / "card.json").read_text())
    x = (
        datasets.load_test(Config(dataset=card["config"]["dataset"]))
        .x.reshape(-1, 1, 28, 28)
        .numpy()
    )

    def total(suffix):
        encoder, decoder = (OPENED[side](folder / f"{side}{suffix}.onnx") for side in SIDES)
        codes = encoder.encode(x) if encoder.kind == "ae" else encoder.posterior(x)
        decode = decoder.graph
        return evaluation.losses(x, codes, lambda z: decode(z)[0], Settings(draws=1))["total"]

    before = total("")
    for variant, entry in card["variants"].items():
        change = total(f".{variant}") - before
        assert change <= 0.2
        assert change == pytest.approx(entry["total_change"], abs=0.03)  # of other draws
