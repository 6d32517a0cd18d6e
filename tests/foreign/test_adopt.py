"""`adopt`: graphs that exist already, written by hand as other exporters write them."""

import re
import subprocess
import sys
import textwrap

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import vae_onnx
from vae_onnx import errors

SIDE = 8
X = np.random.default_rng(0).random((6, 1, SIDE, SIDE), dtype=np.float32)
TURN = np.linalg.qr(np.random.default_rng(1).normal(size=(64, 64)))[0].astype(np.float32)


def graph(body, inputs, outputs, *, opset=18, name="main", **constants):
    """A graph of lines `OUT = Operator(IN, ...)`, ports as in onnx's own text."""
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]>\n{name} ({inputs}) => ({outputs})\n'
        f"{{ {textwrap.dedent(body)} }}"
    )
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    return model


def encoder(**options):
    return graph(
        "flat = Flatten(image) code = MatMul(flat, turn)",
        "float[n, 1, 8, 8] image", "float[n, 64] code", turn=TURN, **options,
    )  # fmt: skip


def decoder(**options):
    return graph(
        "flat = MatMul(latent, back) picture = Reshape(flat, shape)",
        "float[n, 64] latent", "float[n, 1, 8, 8] picture",
        back=TURN.T.copy(), shape=np.array([-1, 1, 8, 8]), **options,
    )  # fmt: skip


def keras_encoder():
    """As tf2onnx writes one: channels last, z and its log variance as two heads."""
    return graph(
        """image = Transpose <perm = [0, 3, 1, 2]> (input_1)
        flat = Flatten(image) mean = MatMul(flat, turn) negative = Neg(mean)
        small = Abs(negative) logs = Neg(small)
        z_mean = Identity(mean) z_log_var = Identity(logs)""",
        "float[n, 8, 8, 1] input_1", "float[n, 64] z_mean, float[n, 64] z_log_var", turn=TURN,
    )  # fmt: skip


def keras_decoder():
    return graph(
        """flat = MatMul(input_2, back) image = Reshape(flat, shape)
        output_2 = Transpose <perm = [0, 2, 3, 1]> (image)""",
        "float[n, 64] input_2", "float[n, 8, 8, 1] output_2",
        back=TURN.T.copy(), shape=np.array([-1, 1, 8, 8]),
    )  # fmt: skip


def test_two_graphs(tmp_path):
    onnx.save(encoder(), tmp_path / "e.onnx")
    folder = vae_onnx.adopt(tmp_path / "m", tmp_path / "e.onnx", decoder(), X, licence="MIT")
    model = vae_onnx.load(folder)
    assert (model.kind, model.latent_dim, model.image_shape) == ("ae", 64, (1, 8, 8))
    assert model.metadata["licence"] == "MIT"
    np.testing.assert_allclose(model.encode(X), X.reshape(6, 64) @ TURN, atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(X), X[:, 0], atol=1e-6)
    assert (folder / "strip.png").exists()


def test_graphs_of_keras(tmp_path):
    model = vae_onnx.load(vae_onnx.adopt(tmp_path / "m", keras_encoder(), keras_decoder(), X))
    assert model.kind == "vae"
    posterior = model.posterior(X)
    np.testing.assert_allclose(posterior.mu, X.reshape(6, 64) @ TURN, atol=1e-6)
    np.testing.assert_allclose(posterior.log_var, -np.abs(posterior.mu), atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(X), X[:, 0], atol=1e-6)


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
def test_other_opsets_become_ours(opset, tmp_path):
    folder = vae_onnx.adopt(tmp_path / "m", encoder(opset=opset), decoder(opset=opset), X)
    for name in ("encoder", "decoder"):
        proto = onnx.load(folder / f"{name}.onnx")
        assert [(o.domain, o.version) for o in proto.opset_import] == [("", 18)]
        assert proto.ir_version == 8
    np.testing.assert_allclose(vae_onnx.load(folder).reconstruct(X), X[:, 0], atol=1e-6)


def test_names_that_are_taken(tmp_path):
    """What is called x, z or mu within has to give way to the ports."""
    inside = graph(
        "x = Flatten(z) mu = MatMul(x, log_var) x_recon = Identity(mu)",
        "float[n, 1, 8, 8] z", "float[n, 64] x_recon", log_var=TURN,
    )  # fmt: skip
    outside = graph(
        "z = MatMul(x_recon, x) mu = Reshape(z, shape)",
        "float[n, 64] x_recon", "float[n, 1, 8, 8] mu",
        x=TURN.T.copy(), shape=np.array([-1, 1, 8, 8]),
    )  # fmt: skip
    model = vae_onnx.load(vae_onnx.adopt(tmp_path / "m", inside, outside, X))
    np.testing.assert_allclose(model.reconstruct(X), X[:, 0], atol=1e-6)


def test_a_port_that_passes_through_the_graph(tmp_path):
    nothing = graph("same = Identity(a)", "float[n, 64] a", "float[n, 64] same, float[n, 64] same")
    nothing.graph.output[1].name = "a"
    back = graph("picture = Identity(z)", "float[n, 64] z", "float[n, 64] picture")
    model = vae_onnx.load(vae_onnx.adopt(tmp_path / "m", nothing, back, X, spread="log_var"))
    posterior = model.posterior(X)
    np.testing.assert_array_equal(posterior.mu, posterior.log_var)
    np.testing.assert_array_equal(model.reconstruct(X), X[:, 0])


def test_an_old_export_of_a_batch_of_one(tmp_path):
    old = graph(
        "flat = Reshape(image, shape) code = MatMul(flat, turn)",
        "float[1, 1, 8, 8] image", "float[1, 64] code", turn=TURN, shape=np.array([1, -1]),
    )  # fmt: skip
    back = graph(
        "flat = MatMul(latent, back) picture = Reshape(flat, shape)",
        "float[1, 64] latent", "float[1, 1, 8, 8] picture",
        back=TURN.T.copy(), shape=np.array([1, 1, 8, 8]),
    )  # fmt: skip
    model = vae_onnx.load(vae_onnx.adopt(tmp_path / "m", old, back, X))
    np.testing.assert_allclose(model.reconstruct(X), X[:, 0], atol=1e-6)


def test_the_weights_of_a_graph_in_another_file(tmp_path):
    onnx.save(encoder(), tmp_path / "e.onnx", save_as_external_data=True, size_threshold=0)
    folder = vae_onnx.adopt(tmp_path / "m", tmp_path / "e.onnx", decoder(), X)
    np.testing.assert_allclose(vae_onnx.load(folder).reconstruct(X), X[:, 0], atol=1e-6)


def test_pixels_and_logits_are_folded_in(tmp_path):
    """Logit = 8 x - 4, of pixels in [-1, 1]."""
    codes = graph(
        "flat = Flatten(image) code = MatMul(flat, turn)",
        "float[n, 1, 8, 8] image", "float[n, 64] code", turn=TURN * 4,
    )  # fmt: skip
    folder = vae_onnx.adopt(
        tmp_path / "m", codes, decoder(), X, pixel_range=(-1, 1), outputs="logits", strict=False
    )
    model = vae_onnx.load(folder)
    expected = 1 / (1 + np.exp(-(8 * X[:, 0] - 4)))
    np.testing.assert_allclose(model.reconstruct(X), expected, atol=1e-6)
    assert model.metadata["likelihood"] == "Bernoulli, x_recon is its mean"


def half_precision():
    made = encoder()
    for port in (*made.graph.input, *made.graph.output):
        port.type.tensor_type.elem_type = TensorProto.FLOAT16
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(TURN.astype(np.float16), "turn"))
    return made


def integer_codes():
    return graph(
        "flat = Flatten(image) code = ArgMax <axis = 1, keepdims = 1> (flat)",
        "float[n, 1, 8, 8] image", "int64[n, 1] code",
    )  # fmt: skip


def drawing():
    return graph(
        """flat = Flatten(image) mean = MatMul(flat, turn)
        noise = RandomNormalLike(mean) code = Add(mean, noise)""",
        "float[n, 1, 8, 8] image", "float[n, 64] code", turn=TURN,
    )  # fmt: skip


def branching():
    made = encoder()
    branches = [
        helper.make_graph([helper.make_node("Identity", ["flat"], ["same"])], name, [],
                          [helper.make_tensor_value_info("same", TensorProto.FLOAT, None)])
        for name in ("then", "else")
    ]  # fmt: skip
    made.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    made.graph.node.insert(
        1, helper.make_node("If", ["yes"], ["chosen"], then_branch=branches[0],
                            else_branch=branches[1])
    )  # fmt: skip
    made.graph.node[2].input[0] = "chosen"
    return made


def another_domain():
    made = encoder()
    made.graph.node[1].domain = "com.microsoft"
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return made


def several(ports, changes):
    made = encoder()
    getattr(made.graph, ports).extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in changes
    )
    made.graph.node.extend(
        helper.make_node("Neg", ["code"], [name]) for name in changes if ports == "output"
    )
    return made


def of_a_batch(size):
    return graph(
        "flat = Reshape(image, shape) code = MatMul(flat, turn) all = Transpose(code)"
        " more = Transpose(all)",
        f"float[{size}, 1, 8, 8] image", f"float[{size}, 64] more",
        turn=TURN, shape=np.array([size, 64]),
    )  # fmt: skip


def fixed_inside():
    """A batch of two that stands in a constant which nobody may change."""
    return graph(
        """flat = Flatten(image) code = MatMul(flat, turn) two = Expand(zero, shape)
        sum = Add(code, two)""",
        "float[2, 1, 8, 8] image", "float[2, 64] sum",
        turn=TURN, zero=np.zeros(1, np.float32), shape=np.array([2, 64]),
    )  # fmt: skip


REFUSED = {
    "a missing file": (lambda: "none.onnx", errors.FileMissingError, "must be an .onnx file"),
    "no graph": (lambda: onnx.ModelProto(), errors.GraphError, "no nodes"),
    "half precision": (half_precision, errors.OutputError, "FLOAT16.*float32"),
    "places in a table": (integer_codes, errors.OutputError, "INT64.*VQ-VAE"),
    "a draw": (drawing, errors.DrawsError, "RandomNormalLike"),
    "a branch": (branching, errors.OperatorError, "has If in it"),
    "another domain": (another_domain, errors.OperatorError, "com.microsoft"),
    "two inputs": (
        lambda: several("input", ["more"]), errors.InputTypeError, "has 2: image, more",
    ),
    "three outputs": (
        lambda: several("output", ["a", "b"]), errors.OutputError, "extract_model",
    ),
    "a positive second output": (
        lambda: graph(
            "flat = Flatten(image) code = MatMul(flat, turn) wide = Exp(code)",
            "float[n, 1, 8, 8] image", "float[n, 64] code, float[n, 64] wide", turn=TURN,
        ),
        errors.SpreadError, "spread='std'",
    ),
    "a batch inside": (fixed_inside, errors.ParityError, "batch size 1"),
    "another size": (
        lambda: graph("code = Flatten(image)", "float[n, 1, 9, 9] image", "float[n, 81] code"),
        errors.ModelRunError, r"takes tensor\(float\) \['n', 1, 9, 9\]",
    ),
    "a number": (lambda: 7, errors.InputTypeError, "must be a path"),
    "an unknown operator": (
        lambda: graph("code = Nonsense(image)", "float[n, 64] image", "float[n, 64] code"),
        errors.GraphError, "no graph that onnxruntime runs",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_graphs_that_cannot_be_taken(name, tmp_path, capfd):
    make, kind, message = REFUSED[name]
    with pytest.raises(errors.VaeOnnxError) as caught:
        vae_onnx.adopt(tmp_path / "m", make(), decoder(), X, progress=False)
    assert type(caught.value) is kind, str(caught.value)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert not (tmp_path / "m").exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b"", b"<html>", encoder().SerializeToString()[:500]])
def test_files_that_are_no_graphs(content, tmp_path):
    (tmp_path / "e.onnx").write_bytes(content)
    with pytest.raises(errors.GraphError):
        vae_onnx.adopt(tmp_path / "m", tmp_path / "e.onnx", decoder(), X)


def test_a_batch_of_three_is_freed(tmp_path):
    model = vae_onnx.load(vae_onnx.adopt(tmp_path / "m", of_a_batch(3), decoder(), X))
    np.testing.assert_allclose(model.reconstruct(X), X[:, 0], atol=1e-6)


def test_fixed_sizes_cannot_be_dynamic(tmp_path):
    maps = graph("code = Neg(image)", "float[n, 1, 8, 8] image", "float[n, 1, 8, 8] code")
    with pytest.raises(errors.SizeError, match="leave dynamic_size out"):
        vae_onnx.adopt(tmp_path / "m", maps, maps, X, dynamic_size=True)


def test_dynamic_sizes(tmp_path, opened):
    maps = graph("code = Neg(image)", "float[n, 1, h, w] image", "float[n, 1, h, w] code")
    folder = vae_onnx.adopt(tmp_path / "m", maps, maps, X, dynamic_size=True)
    model = opened(folder)
    assert model.told["size_multiple"] == "1"
    np.testing.assert_array_equal(model.reconstruct(X[:, :, :5, :3]), X[:, :, :5, :3])


def test_onnx_alone_is_needed(tmp_path):
    """Where torch cannot be imported."""
    for name, make in (("e", encoder), ("d", decoder)):
        onnx.save(make(), tmp_path / f"{name}.onnx")
    np.save(tmp_path / "x.npy", X)
    code = """
        import sys
        sys.modules["torch"] = None
        import numpy as np, vae_onnx
        vae_onnx.adopt("m", "e.onnx", "d.onnx", np.load("x.npy"))
        print(vae_onnx.load("m"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "<m: ae, latent_dim 64, image_shape (1, 8, 8)>\n", done.stderr
