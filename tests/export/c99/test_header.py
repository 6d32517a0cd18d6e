"""`python -m export c-source`: the header compiled, run, and compared with the graphs."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import vae_onnx
from export import __main__ as command
from export.c99 import header, int8, reading
from export.c99.weights import Dense
from export.config import Config
from export.data import datasets
from export.errors import ConfigError, StructureError
from vae_onnx import evaluation
from vae_onnx.evaluation import Settings

from .compiling import C99, CPP, SANITIZERS, Library, compile_by, compiled

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"


def golden(model, name):
    return np.fromfile(GOLDEN / model / f"{name}.f32", "<f4")


def assert_agree(got, expected):
    """Within 1e-5, relative to the largest magnitude where that is above 1."""
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(got.reshape(-1), expected, rtol=0, atol=1e-5 * scale)


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    """Write the header of a bundled model once; returns it and what the command printed."""
    folder, written = tmp_path_factory.mktemp("headers"), {}

    def write(name, precision="float32"):
        if (name, precision) not in written:
            out = folder / precision / f"{name}.h"
            written[name, precision] = header.write(name, out, precision)
        return written[name, precision]

    return write


# The bundled models


DENSE = [name for name in vae_onnx.models() if "mnist" in name]


@pytest.mark.parametrize("name", DENSE)
def test_float32_equals_the_golden_vectors_under_the_sanitizers(name, headers, tmp_path):
    model = vae_onnx.load(name)
    program = compiled(C99, headers(name), model, tmp_path / "host", "-DPROGRAM", *SANITIZERS)
    run(program, name, tmp_path)
    expected = {"mu": "mu", "log_var": "log_var"} if model.kind == "vae" else {"mu": "z"}
    codes = len(golden(name, "x")) // 784 * model.latent_dim
    for written, theirs in expected.items():
        got = np.fromfile(tmp_path / f"{written}.f32", "<f4")
        assert_agree(got, golden(name, theirs)[:codes])
    assert_agree(np.fromfile(tmp_path / "x_recon.f32", "<f4"), golden(name, "x_recon"))
    reconstructed = np.fromfile(tmp_path / "reconstruct.f32", "<f4")
    assert_agree(reconstructed, golden(name, "x_recon")[: len(reconstructed)])


def run(program, name, out):
    inputs = [str(GOLDEN / name / "x.f32"), str(GOLDEN / name / "z.f32")]
    # Nothing allocates but the host, and where a debugger's rights are missing no leak is found.
    environment = {"ASAN_OPTIONS": "detect_leaks=0"}
    subprocess.run([program, *inputs, str(out)], check=True, timeout=60, env=environment)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_it_is_the_same_in_cpp(precision, headers, tmp_path):
    model = vae_onnx.load("mnist-vae")
    header = headers("mnist-vae", precision)
    for language, compiler in (("c", C99), ("cpp", CPP)):
        options = ["-DPROGRAM", *SANITIZERS, "-ffp-contract=off"]
        program = compiled(compiler, header, model, tmp_path / f"host-{language}", *options)
        (tmp_path / language).mkdir()
        run(program, "mnist-vae", tmp_path / language)
    for path in (tmp_path / "c").iterdir():
        assert path.read_bytes() == (tmp_path / "cpp" / path.name).read_bytes()


def test_fast_math_does_no_harm(headers, tmp_path):
    """Games are often compiled so; logits of -100 and below are there, where exp overflows."""
    model = vae_onnx.load("mnist-vae")
    options = ["-DPROGRAM", "-O3", "-ffast-math"]
    run(
        compiled(C99, headers("mnist-vae"), model, tmp_path / "host", *options),
        "mnist-vae",
        tmp_path,
    )
    assert_agree(np.fromfile(tmp_path / "x_recon.f32", "<f4"), golden("mnist-vae", "x_recon"))


def test_two_models_go_into_one_program(headers, tmp_path):
    vae, ae = headers("mnist-vae"), headers("mnist-ae", "int8")
    (tmp_path / "both.c").write_text(f"""
        #include "{vae}"
        #include "{ae}"
        #include "{vae}"
        int main(void)
        {{
            static float x[MNIST_VAE_PIXELS], z[MNIST_AE_LATENT_DIM];
            mnist_vae_reconstruct(x, x);
            mnist_ae_encode(x, z);
            return !(z[0] == z[0]);
        }}""")
    program = str(tmp_path / "both")
    compile_by(C99, "-O1", str(tmp_path / "both.c"), "-o", program, "-lm")
    subprocess.run([program], check=True)


def test_a_program_that_decodes_has_no_encoder(headers, tmp_path):
    (tmp_path / "decode.c").write_text(f"""
        #include "{headers("mnist-vae", "int8")}"
        void decode(const float *z, float *x_recon);
        void decode(const float *z, float *x_recon) {{ mnist_vae_decode(z, x_recon); }}""")
    out = tmp_path / "decode.o"
    compile_by(C99, "-Os", "-c", str(tmp_path / "decode.c"), "-o", str(out))
    assert 313_600 < out.stat().st_size < 350_000  # the weights of one of two large matrices


@pytest.mark.parametrize("name", ["mnist-vae", "fashion-mnist-ae"])
def test_int8_costs_what_the_header_says(name, headers, tmp_path):
    """On the complete test set, through C, with the noise of the card's figures."""
    header = headers(name, "int8")
    model = vae_onnx.load(name)
    library = Library(header, model, tmp_path)
    stated = re.search(
        r"(ELBO|reconstruction loss) (\S+) nats .* in float32 (\S+): a change of (\S+)",
        " ".join(header.read_text()[:3000].split()),
    )
    after, before, change = (float(figure) for figure in stated.groups()[1:])
    assert change == pytest.approx(after - before, abs=1e-3)
    assert abs(change) < 0.2

    x = datasets.load_test(Config(dataset=model.metadata["dataset"])).x.numpy()
    total = evaluation.losses(x, library.encode(x), library.decode, Settings())["total"]
    sign = -1 if model.kind == "vae" else 1
    assert sign * total == pytest.approx(after, abs=2e-3)
    assert sign * float(model.metadata["test_total"]) == pytest.approx(before, abs=6e-3)


def test_int8_is_a_third_of_the_size(headers):
    float32, int8 = (headers("mnist-vae", each).stat().st_size for each in ("float32", "int8"))
    assert int8 < float32 / 3
    assert float32 < 8e6


def test_the_header_says_what_it_is(headers):
    text = headers("mnist-vae", "int8").read_text()
    model = vae_onnx.load("mnist-vae")
    top = " ".join(text.partition("*/")[0].split())
    for told in (
        f"mnist-vae {model.metadata['version']}, fingerprint {model.metadata['fingerprint']}",
        "SPDX-License-Identifier: MIT",
        "licence MIT",
        "python -m export c-source mnist-vae --precision int8",
        "pixels in [0, 1], 0.0 paper, 1.0 ink",
        "1,600 bytes of stack",
    ):
        assert told in top
    assert text.isascii()


def test_rounding_for_the_codes_beats_the_nearest():
    """The reason for `rounding`: a fiftieth of the cost of rounding each weight alone."""
    model = vae_onnx.load("mnist-vae")
    exact = reading.read(model)
    x = datasets.load_test(Config(dataset="mnist")).x.numpy()[:1000]

    def total(logits):
        rounded = replace(exact, decoder=(exact.decoder[0], logits))
        return evaluation.losses(x, rounded.encode(x), rounded.decode, Settings(draws=2))["total"]

    baseline = total(exact.decoder[1])
    nearest = total(int8.rounded(exact.decoder[1])) - baseline
    ours = total(int8.to_int8(model, exact).decoder[1]) - baseline
    assert nearest > 0.5
    assert ours < nearest / 20


# The page


def test_the_program_of_the_page_prints_what_stands_below_it(headers, tmp_path):
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    pattern = r"```c\n(.*?)```.*?`gcc ([^`]*)`.*?```text\n(.*?)```"
    source, arguments, printed = re.search(pattern, page, re.DOTALL).groups()
    (tmp_path / "digit.c").write_text(source)
    shutil.copy(headers("mnist-vae"), tmp_path / "mnist_vae.h")
    compile_by(["cc", *arguments.split()], "-Wall", "-Wextra", "-Werror", cwd=tmp_path)
    done = subprocess.run([tmp_path / "a.out"], capture_output=True, text=True, check=True)
    assert [line.rstrip() for line in done.stdout.splitlines()] == printed.splitlines()


# Rounding


def test_a_row_is_its_scale_times_whole_steps():
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((5, 9)).astype(np.float32)
    weight[3] = 0
    layer = Dense(weight, np.zeros(5, np.float32))
    inputs = rng.standard_normal((40, 9)).astype(np.float32)
    nearest, ours = int8.rounded(layer), int8.rounded(layer, inputs)
    for result in (nearest, ours):
        np.testing.assert_array_equal(result.weight, result.scale[:, None] * result.steps)
        assert not result.weight[3].any()
        assert np.abs(result.steps.astype(int)).max() == 127
    assert (np.abs(nearest.weight - weight) <= 0.501 * nearest.scale[:, None]).all()
    errors = [np.square(result(inputs) - layer(inputs)).mean() for result in (nearest, ours)]
    assert errors[1] < errors[0]


# Graphs written by hand

HEADER = '<ir_version: 8, opset_import: ["" : 18]>\n'
VAE_ENCODER = """
encoder (float[N, 3, 1, 2] x) => (float[N, 2] mu, float[N, 2] log_var)
<int64[2] flat = {-1, 6},
 float[3, 6] a = {1, 0, 0, 0, 0, 0,  0, 2, 0, 0, 0, -1,  -1, -1, -1, -1, -1, -1},
 float[3] b = {0.5, 0, 1},
 float[3, 2] c = {1, 0, 0, 1, 0, 0}, float[2] d = {0, 0.25},
 float[2, 3] e = {0, 0, 4, 1, 1, 1}> {
    pixels = Reshape(x, flat)
    hidden = Gemm <transB = 1> (pixels, a, b)
    h = Relu(hidden)
    log_var = Gemm <transB = 1, alpha = 0.5> (h, e)
    mu = Gemm <beta = 2.0> (h, c, d)
}"""
AE_ENCODER = VAE_ENCODER.replace("float[N, 2] mu, float[N, 2] log_var", "float[N, 2] z").replace(
    "    log_var = Gemm <transB = 1, alpha = 0.5> (h, e)\n    mu =", "    z ="
)
DECODER = """
decoder (float[N, 2] z) => (float[N, 3, 1, 2] x_recon)
<int64[4] picture = {-1, 3, 1, 2},
 float[2, 2] a = {1, 0, 0, 1}, float[2] b = {0, 0},
 float[6, 2] c = {0, 0, 1, 0, -1, 0, 0, 1, 0, -1, 1, -1}, float[6] d = {0, 0, 0, 0, 0, 0}> {
    hidden = Gemm <transB = 1> (z, a, b)
    h = Relu(hidden)
    logits = Gemm <transB = 1> (h, c, d)
    p = Sigmoid(logits)
    x_recon = Reshape(p, picture)
}"""


def folder_of(folder, encoder, decoder=DECODER, told=None):
    folder.mkdir(exist_ok=True)
    for name, text in (("encoder", encoder), ("decoder", decoder)):
        proto = onnx.parser.parse_model(HEADER + text)
        onnx.helper.set_model_props(proto, told or {})
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, folder / f"{name}.onnx")
    return folder


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_tiny_graphs_are_exact(kind, tmp_path):
    """Colour, another shape, weights of both orders, factors, no bias: every number by hand."""
    folder = folder_of(tmp_path / f"tiny-{kind}", VAE_ENCODER if kind == "vae" else AE_ENCODER)
    model = vae_onnx.load(folder)
    library = Library(header.write(str(folder), tmp_path / "tiny.h"), model, tmp_path)
    x = np.array([[0, 0, 0, 0, 0, 0], [1, 0.5, 0, 0, 0, 0.25]], np.float32)
    codes = library.encode(x)
    # h is [0.5, 0, 1] and [1.5, 0.75, 0].
    mu = codes.mu if kind == "vae" else codes
    np.testing.assert_array_equal(mu, [[0.5, 0.5], [1.5, 1.25]])
    if kind == "vae":
        np.testing.assert_array_equal(codes.log_var, [[2, 0.75], [0, 1.125]])
    large = 200
    pictures = library.decode([[0, 0], [large, 0], [-large, large]])
    half = 0.5
    np.testing.assert_array_equal(pictures[0], [half] * 6)
    np.testing.assert_array_equal(pictures[1], [half, 1, 0, half, half, 1])
    np.testing.assert_array_equal(pictures[2], [half, half, half, 1, 0, 0])


def test_any_hidden_and_latent_size(tmp_path):
    """As `python -m export onnx` writes them, but for their weights: sizes that nothing divides."""
    torch = pytest.importorskip("torch")
    from export.config import Config
    from export.graphs import freezing
    from export.networks import building

    torch.manual_seed(0)
    config = Config(kind="vae", hidden_dim=7, latent_dim=5, dataset="mnist", image_size=28)
    module = building.build(config).eval()
    told = {"name": "2 Fast*/, 2 Ünsafe", "fingerprint": "\\", "polarity": "ink ??/ /* paper"}
    x, z = torch.rand(3, 1, 28, 28), torch.randn(3, 5)
    for name, part, inputs, port, outputs in (
        ("encoder", module.encoder, x, "x", ["mu", "log_var"]),
        ("decoder", freezing.PictureDecoder(module), z, "z", ["x_recon"]),
    ):
        proto = freezing.to_onnx(part, port, inputs, outputs, told | {"graph": name})
        onnx.save(proto, tmp_path / f"{name}.onnx")
    loaded = vae_onnx.load(tmp_path)
    written = header.write(str(tmp_path), tmp_path / "model.h")
    assert header.prefix(loaded) == "model_2_fast_2_nsafe"
    library = Library(written, loaded, tmp_path)
    np.testing.assert_allclose(
        library.encode(x.numpy()).mu, loaded.posterior(x.numpy()).mu, atol=1e-6
    )
    np.testing.assert_allclose(
        library.decode(z.numpy()).reshape(3, 28, 28), loaded.decode(z.numpy()), atol=1e-6
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("h = Relu(hidden)", "h = Sin(hidden)", "it has the operator Sin"),
    ],
)
def test_another_encoder_is_refused(tmp_path, old, new, message):
    assert old in AE_ENCODER
    folder = folder_of(tmp_path / "other", AE_ENCODER.replace(old, new))
    with pytest.raises(StructureError, match=message):
        header.write(str(folder), tmp_path / "other.h")
    assert not (tmp_path / "other.h").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("p = Sigmoid(logits)", "p = Exp(logits)", "x_recon is something else"),
        (
            "p = Sigmoid(logits)",
            "e = Exp(logits)\n s = Add(e, b)\n p = Reciprocal(s)",
            "it has the operator Add",
        ),
        ("(z, a, b)", "(z, z, b)", "must be float32 inside"),
    ],
)
def test_another_decoder_is_refused(tmp_path, old, new, message):
    assert old in DECODER
    decoder = DECODER.replace(old, new)
    if "Add(e, b)" in new:  # the operators of 1 / (1 + exp), but 1 is another number
        decoder = decoder.replace("> {", ", float[1] two = {2}> {", 1).replace("(e, b)", "(e, two)")
    folder = folder_of(tmp_path / "other", AE_ENCODER, decoder)
    with pytest.raises(StructureError, match=message):
        header.write(str(folder), tmp_path / "other.h")


def test_a_transposed_input_is_refused():
    encoder = AE_ENCODER.replace("<transB = 1> (pixels", "<transB = 1, transA = 1> (pixels")
    walk = reading._Walk(onnx.parser.parse_model(HEADER + encoder), (3, 2, 1))
    reshape, gemm, *_ = walk.graph.node
    walk.take(reshape)
    with pytest.raises(StructureError, match="must not transpose its input"):
        walk.take(gemm)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_convolutions_are_refused(tmp_path, capsys, precision):
    out = tmp_path / "out.h"
    options = ["--precision", precision, "--out", str(out)]
    assert command.main(["c-source", "emoji-vae", *options]) == 1
    error = capsys.readouterr().err
    assert "it has the operator Conv, and convolutions are not for C; docs/embedding.md" in error
    assert not out.exists()
    with pytest.raises(StructureError, match="convolutions"):
        header.write("emoji-vae", out)


def test_the_command_names_what_is_wrong(tmp_path, capsys):
    tiny = Path(__file__).parents[2] / "runtime" / "graphs"
    for model, message in (
        (tiny / "ae", "it has the operator Concat"),
        (tiny / "mixed_shapes", "must agree on"),
        (tmp_path / "none", "no bundled model and no folder"),
    ):
        out = tmp_path / "out.h"
        assert command.main(["c-source", str(model), "--out", str(out)]) == 1
        assert message in capsys.readouterr().err
        assert not out.exists()
    with pytest.raises(ConfigError, match="float32 or int8, got 'int4'"):
        header.write("mnist-vae", tmp_path / "out.h", "int4")


def test_the_file_is_called_as_the_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main(["c-source", "mnist-ae"]) == 0
    assert (tmp_path / "mnist_ae.h").is_file()
    assert "mnist_ae.h: 7," in capsys.readouterr().out


def test_without_the_test_set_no_figure_is_invented(tmp_path, capsys, monkeypatch):
    folder = folder_of(tmp_path / "pets-ae", AE_ENCODER, told={"dataset": "pets"})
    written = header.write(str(folder), tmp_path / "pets.h", "int8")
    assert "do not tell which pictures they were trained on" in capsys.readouterr().err
    assert "measured:" not in written.read_text()

    def missing(*_):
        raise FileNotFoundError("mnist is not complete")

    monkeypatch.setattr(datasets, "load", missing)
    written = header.write("mnist-ae", tmp_path / "mnist.h", "int8")
    assert "not measured: mnist is not complete" in capsys.readouterr().err
    assert "measured:" not in written.read_text()


@pytest.mark.parametrize(
    "told",
    [
        {"dataset": "folder:mnist", "data": "0123"},
        {"dataset": "folder:fashion-mnist", "data": "0123"},
        {"dataset": "mnist"},  # as a folder called so was told of by an earlier version
    ],
)
def test_a_folder_called_like_a_known_data_set_is_not_measured_on_that(tmp_path, capsys, told):
    folder = folder_of(tmp_path / "mnist-ae", AE_ENCODER, told=told)
    written = header.write(str(folder), tmp_path / "own.h", "int8")
    assert "the change of ELBO by int8 is not measured" in capsys.readouterr().err
    assert "measured:" not in written.read_text()
    assert "10,000" not in written.read_text()
