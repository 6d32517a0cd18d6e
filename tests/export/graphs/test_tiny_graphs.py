"""The tiny graphs that make the runtime tests exact, written by hand.

`python tests/export/graphs/test_tiny_graphs.py` writes them into `tests/runtime/graphs/`: the
runtime tests must pass where there is no `onnx` to parse the text.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest

import vae_onnx

FOLDER = Path(__file__).parents[2] / "runtime" / "graphs"

HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'

# A VAE of 2x2 pixels: mu is the upper row, log_var the lower one; the decoder shows z above -z,
# clipped to [0, 1].
VAE_ENCODER = """
encoder (float[N, 1, 2, 2] x) => (float[N, 2] mu, float[N, 2] log_var)
<int64[2] flat = {-1, 4}, int64[2] halves = {2, 2}> {
    pixels = Reshape(x, flat)
    mu, log_var = Split <axis = 1> (pixels, halves)
}"""
AE_ENCODER = """
encoder (float[N, 1, 2, 2] x) => (float[N, 2] z)
<int64[2] flat = {-1, 4}, int64[2] halves = {2, 2}> {
    pixels = Reshape(x, flat)
    z, rest = Split <axis = 1> (pixels, halves)
}"""
DECODER = """
decoder (float[N, 2] z) => (float[N, 1, 2, 2] x_recon)
<int64[4] picture = {-1, 1, 2, 2}, float zero = {0}, float one = {1}> {
    minus_z = Neg(z)
    both = Concat <axis = 1> (z, minus_z)
    clipped = Clip(both, zero, one)
    x_recon = Reshape(clipped, picture)
}"""

# An AE of colour pictures, 2 rows by 1 column: its code is the picture itself.
COLOUR_ENCODER = """
encoder (float[N, 3, 2, 1] x) => (float[N, 6] z)
<int64[2] flat = {-1, 6}> {
    z = Reshape(x, flat)
}"""
COLOUR_DECODER = """
decoder (float[N, 6] z) => (float[N, 3, 2, 1] x_recon)
<int64[4] picture = {-1, 3, 2, 1}> {
    x_recon = Reshape(z, picture)
}"""

# A VAE of RGBA pictures, 6 rows by 4 columns, whose code is a map, 4x3x2: the means of squares of
# 2x2; every log_var is -2 and the decoder shows each number of a code as a square.
MAP_ENCODER = """
encoder (float[N, 4, 6, 4] x) => (float[N, 4, 3, 2] mu, float[N, 4, 3, 2] log_var)
<float zero = {0}, float minus_two = {-2}> {
    mu = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (x)
    nothing = Mul(mu, zero)
    log_var = Add(nothing, minus_two)
}"""
MAP_DECODER = """
decoder (float[N, 4, 3, 2] z) => (float[N, 4, 6, 4] x_recon)
<float[4] twice = {1, 1, 2, 2}, float zero = {0}, float one = {1}> {
    large = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric",
        nearest_mode = "floor"> (z, "", twice)
    x_recon = Clip(large, zero, one)
}"""

# The same as an AE of colour pictures of any even size.
OPEN_ENCODER = """
encoder (float[N, 3, height, width] x) => (float[N, 3, latent_height, latent_width] z) {
    z = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (x)
}"""
OPEN_DECODER = """
decoder (float[N, 3, latent_height, latent_width] z) => (float[N, 3, height, width] x_recon)
<float[4] twice = {1, 1, 2, 2}, float zero = {0}, float one = {1}> {
    large = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric",
        nearest_mode = "floor"> (z, "", twice)
    x_recon = Clip(large, zero, one)
}"""

# Graphs that are sound, but none of ours.
FOREIGN = {
    # Declares any batch, and takes one of 2 alone.
    "contradiction": """foreign (float[N, 2] z) => (float[N, 1, 1, 2] x_recon)
        <float[2, 2] w = {1, 0, 0, 1}, float[2, 2] bias = {0, 0, 0, 0}, int64[2] axes = {1, 2}> {
            sum = Gemm(z, w, bias)
            x_recon = Unsqueeze(sum, axes)
        }""",
    "names": "foreign (float[N, 1, 2, 2] image) => (float[N, 1, 2, 2] out) { out = Neg(image) }",
    "static_batch": "foreign (float[1, 2] z) => (float[1, 2] x_recon) { x_recon = Neg(z) }",
    "rank": "foreign (float[N, 2] z) => (float[N, 2] x_recon) { x_recon = Neg(z) }",
    "dtype": "foreign (double[N, 2] z) => (double[N, 2] x_recon) { x_recon = Neg(z) }",
    "dynamic_size": """foreign (float[N, L] z) => (float[N, 1, 1, L] x_recon)
        <int64[2] axes = {1, 2}> { x_recon = Unsqueeze(z, axes) }""",
    "huge": """foreign (float[N, 2] z) => (float[N, 1, 999999, 999999] x_recon)
        <int64[2] axes = {1, 2}, int64[4] shape = {1, 1, 999999, 999999}> {
            most = ReduceMax <axes = [1]> (z)
            pixel = Unsqueeze(most, axes)
            x_recon = Expand(pixel, shape)
        }""",
    # Asks for 4 TB on its way from z to a picture.
    "huge_inside": """foreign (float[N, 2] z) => (float[N, 1, 1, 2] x_recon)
        <int64[3] shape = {10000, 10000, 10000}, int64[2] axes = {1, 2}> {
            ones = ConstantOfShape <value: tensor = float[1] {1}> (shape)
            one = ReduceMax <keepdims = 0> (ones)
            z_one = Mul(z, one)
            x_recon = Unsqueeze(z_one, axes)
        }""",
    # Never ends.
    "endless": """foreign (float[N, 2] z) => (float[N, 1, 1, 2] x_recon)
        <bool go = {1}, int64[2] axes = {1, 2}> {
            same = Loop <body = turn (int64 i, bool going, float[N, 2] now)
                => (bool on, float[N, 2] next) { on = Identity(going) next = Identity(now) }>
                ("", go, z)
            x_recon = Unsqueeze(same, axes)
        }""",
    # Reads its bias from a file outside its folder.
    "external": """foreign (float[N, 2] z) => (float[N, 1, 1, 2] x_recon)
        <float[2] bias = {0, 0}, int64[2] axes = {1, 2}> {
            sum = Add(z, bias)
            x_recon = Unsqueeze(sum, axes)
        }""",
}


def graphs() -> dict[str, onnx.ModelProto]:
    """Return file name -> graph."""
    vae = {"name": "tiny-vae", "kind": "vae"}
    ae = {"name": "tiny-ae", "kind": "ae", "latent_range": "[[0.0, 0.25], [0.5, 0.75]]"}
    colour = {"latent_range": "[[0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]]"}
    other = ae | {"name": "other-ae"}
    gaussian = {"name": "map-vae", "likelihood": "Gaussian, x_recon is its mean", "sigma": "0.1"}
    unknown = {
        "name": "open-ae",
        "likelihood": "none",
        "prior": "none",
        "size_multiple": "2",
        "latent_range": "[[0, 0, 0], [1, 1, 1]]",
    }
    return {
        "vae/encoder.onnx": _graph(VAE_ENCODER, vae),
        "vae/decoder.onnx": _graph(DECODER, vae),
        "ae/encoder.onnx": _graph(AE_ENCODER, ae),
        "ae/decoder.onnx": _graph(DECODER, ae),
        "colour/encoder.onnx": _graph(COLOUR_ENCODER, colour),
        "colour/decoder.onnx": _graph(COLOUR_DECODER, colour),
        "map/encoder.onnx": _graph(MAP_ENCODER, gaussian),
        "map/decoder.onnx": _graph(MAP_DECODER, gaussian),
        "open/encoder.onnx": _graph(OPEN_ENCODER, unknown),
        "open/decoder.onnx": _graph(OPEN_DECODER, unknown),
        "mixed_names/encoder.onnx": _graph(AE_ENCODER, ae),
        "mixed_names/decoder.onnx": _graph(DECODER, other),
        "mixed_shapes/encoder.onnx": _graph(AE_ENCODER, {}),
        "mixed_shapes/decoder.onnx": _graph(COLOUR_DECODER, {}),
        **{f"foreign/{name}.onnx": _foreign(name) for name in FOREIGN},
    }


def _graph(text: str, metadata: dict[str, str]) -> onnx.ModelProto:
    proto = onnx.parser.parse_model(HEADER + text)
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _foreign(name: str) -> onnx.ModelProto:
    proto = _graph(FOREIGN[name], {})
    if name == "external":
        bias = proto.graph.initializer[0]
        bias.ClearField("float_data")
        bias.data_location = onnx.TensorProto.EXTERNAL
        bias.external_data.add(key="location", value="../secret.bin")
    return proto


@pytest.mark.parametrize("name", graphs())
def test_the_committed_graph_is_what_the_text_says(name: str) -> None:
    assert onnx.load(FOLDER / name, load_external_data=False) == graphs()[name]


def test_weights_in_another_file_are_taken_in_as_the_error_says(tmp_path: Path) -> None:
    path = tmp_path / "decoder.onnx"
    proto = _graph(FOREIGN["external"], {})
    bias = proto.graph.initializer[0]
    bias.CopyFrom(onnx.numpy_helper.from_array(np.zeros(2, np.float32), bias.name))
    onnx.save(proto, path, save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(vae_onnx.GraphError, match="keeps its weights in another file") as raised:
        vae_onnx.Decoder(path)
    exec(str(raised.value).split("`")[1])
    assert vae_onnx.Decoder(path).latent_dim == 2


if __name__ == "__main__":
    for name, proto in graphs().items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_bytes(proto.SerializeToString(deterministic=True))
