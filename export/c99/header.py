"""A model as one C99 header, weights and functions, for programs without any runtime."""

import re
import sys
import textwrap
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

import vae_onnx
from export import writing
from export.c99 import calls, int8
from export.c99.int8 import Rounded
from export.c99.reading import read
from export.c99.templates import (
    ACTIVATE,
    AFFINE,
    AFFINE_INT8,
    DECLARATIONS,
    DEFINITIONS,
    EACH,
    RELU,
    SIGMOID,
)
from export.c99.weights import Dense, Network
from export.choices import KINDS
from export.errors import ConfigError, DataError, StructureError
from vae_onnx import contract, evaluation
from vae_onnx.distributions import BERNOULLI
from vae_onnx.errors import GraphError

Number = Literal["float32", "int8"]

COPYRIGHT: Final = "Copyright (c) 2026 the vae-onnx authors"
COLUMNS: Final = 100
PER_LINE: Final = {"float": 8, "signed char": 25}


def write(
    model: str,
    out: Path | None = None,
    precision: Number = "float32",
    data_dir: Path | None = None,
    dataset: str | None = None,
) -> Path:
    """Write the header of a model.

    Args:
        model: Name of a bundled model, or a folder with encoder.onnx and decoder.onnx.
        out: File to write; by default the model's name with the suffix .h, in this folder.
        precision: Of the two large matrices, see `export.c99.int8`.
        data_dir: Folder of the data sets, where the change of ELBO by int8 is measured.
        dataset: folder:PATH, where the pictures are that the model was trained on.

    Returns:
        The file.

    Raises:
        FileNotFoundError: There is no such model.
        StructureError: The graphs are not dense layers with ReLU, tanh, SiLU or sigmoid.
        ConfigError: `precision` is none of the two.
        OSError: `out` cannot be written.
    """
    if precision not in get_args(Number):
        raise ConfigError(f"precision must be float32 or int8, got {precision!r}")
    try:
        loaded = vae_onnx.load(model)
    except GraphError as error:
        raise StructureError(str(error)) from error
    weights = read(loaded)
    measured = ""
    if precision == "int8":
        exact, weights = weights, int8.to_int8(loaded, weights)
        measured = _measured(loaded, exact, weights, data_dir, dataset)
    out = out or Path(f"{prefix(loaded)}.h")
    text = source(loaded, weights, measured)
    writing.write_text(out, text)
    print(f"{out}: {len(text):,} bytes of C99, {precision}" + (f"; {measured}" if measured else ""))
    return out


def source(model: vae_onnx.Autoencoder, weights: Network, measured: str = "") -> str:
    """Compose the header.

    Args:
        model: What it was made from.
        weights: Its layers, float32 or rounded.
        measured: What rounding changes, for the comment at the top.
    """
    layers = weights.named()
    eight_bits = any(isinstance(layer, Rounded) for layer in layers.values())
    parts = [
        "#ifndef NAME_H\n#define NAME_H\n\n#include <math.h>\n",
        _sizes(model, weights),
        DECLARATIONS.format(**_words(weights)),
        *(_arrays(name, layer) for name, layer in layers.items()),
        AFFINE,
        *([AFFINE_INT8] if eight_bits else []),
        *_units(weights),
        DEFINITIONS.format(**_words(weights)),
        "#endif /* NAME_H */",
    ]
    name = prefix(model)
    body = re.sub(r"\bname_", f"{name}_", "\n".join(parts))
    body = re.sub(r"\bNAME_", f"{name.upper()}_", body)
    return f"{_comment(model, weights, measured)}\n\n{body}\n"


def prefix(model: vae_onnx.Autoencoder) -> str:
    """Make a C identifier of a model's name: mnist-vae is mnist_vae."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", _name(model)).strip("_").lower()
    return name if name[:1].isalpha() else f"model_{name}".strip("_")


def losses(
    model: vae_onnx.Autoencoder,
    exact: Network,
    rounded: Network,
    data_dir: Path | None = None,
    dataset: str | None = None,
) -> tuple[int, float, float]:
    """Measure what rounding changes on the complete test set of a model's data set.

    The evaluation is that of the model's card: for a VAE -ELBO with 16 draws of the noise, for an
    AE the reconstruction loss.

    Returns:
        How many images there are, and the mean loss of either network in nats per image.

    Raises:
        FileNotFoundError: The test set is missing.
        DataError: It is damaged, or none that this program knows, or not that of the model.
        ConfigError: `dataset` is no folder, or the model was not trained on one.
    """
    from export.training import origin  # only here is torch needed

    shape = model.image_shape
    x = origin.of_model(model.folder, model.metadata, shape, data_dir, dataset).test.x.numpy()
    px = contract.likelihood(model.metadata) or BERNOULLI
    before, after = (
        evaluation.losses(x, part.encode(x), part.decode, px=px)["total"]
        for part in (exact, rounded)
    )
    return len(x), before, after


def _measured(
    model: vae_onnx.Autoencoder,
    exact: Network,
    rounded: Network,
    data_dir: Path | None,
    dataset: str | None,
) -> str:
    """Tell what `losses` gives; where there is no test set print that, and tell nothing."""
    try:
        images, before, after = losses(model, exact, rounded, data_dir, dataset)
    except (DataError, FileNotFoundError) as error:
        if dataset is not None:
            raise
        print(f"the change of ELBO by int8 is not measured: {error}", file=sys.stderr)
        return ""
    what, sign = ("ELBO", -1) if model.kind == "vae" else ("reconstruction loss", 1)
    return (
        f"{what} {sign * after:.3f} nats per image on the {images:,} test images of "
        f"{model.metadata['dataset']}, in float32 {sign * before:.3f}: "
        f"a change of {sign * (after - before):+.3f}"
    )


def _name(model: vae_onnx.Autoencoder) -> str:
    return model.metadata.get("name") or model.folder.resolve().name


def _comment(model: vae_onnx.Autoencoder, weights: Network, measured: str) -> str:
    told, name = model.metadata, prefix(model)
    channels, height, width = model.image_shape
    pixels = channels * height * width
    eight_bits = isinstance(weights.decoder[-1], Rounded)
    precision = (
        "int8 for the two large matrices, with a scale for each row; all others and all arithmetic "
        "are float"
        if eight_bits
        else "float"
    )
    version = f" {told['version']}" if "version" in told else ""
    codes = "mu, log_var" if model.kind == "vae" else "z"
    lines = {
        "weights": f"{_name(model)}{version}, fingerprint {told.get('fingerprint', 'not stated')}, "
        f"trained on {told.get('dataset', 'images that are not stated')}, licence "
        f"{told.get('licence', 'not stated: it is for their owner to say')}",
        "written by": f"python -m export c-source {_name(model)}"
        f"{' --precision int8' if eight_bits else ''} (vae-onnx {vae_onnx.__version__})",
        "precision": precision,
        **({"measured": measured} if measured else {}),
        "x, x_recon": f"float[{pixels}], [channels][height][width] = [{channels}][{height}]"
        f"[{width}], from the top left, row by row; pixels in [0, 1]"
        + (f", {told['polarity']}" if "polarity" in told else "")
        + "; of pixels in 0..255 take v / 255.0f",
        codes: f"float[{model.latent_dim}]" + (" each" if model.kind == "vae" else ""),
        "needs": f"{_functions(weights)} of libm, and {calls.stack(weights):,} bytes of stack for "
        "hidden units; allocates nothing, writes to no global",
    }
    intro = (
        f"Include it where the model is used: everything is static, so that each source file that "
        f"includes it has its own copy, and a program that only decodes has no encoder in it. "
        f"#define {name.upper()}_... below are the sizes, and the functions "
        f"{name}_encode, {name}_decode and {name}_reconstruct are declared there."
    )
    paragraphs = [
        f"{name}.h - {_name(model)}, a {KINDS[model.kind]} in C99 (and C++), weights included",
        f"SPDX-License-Identifier: MIT\n{COPYRIGHT} (the functions; of the weights see below)",
        _wrapped(intro),
        "\n".join(_wrapped(text, f"{label + ':':<13}") for label, text in lines.items()),
    ]
    return "/*\n" + textwrap.indent(_harmless("\n\n".join(paragraphs)), "   ") + "\n*/"


def _functions(weights: Network) -> str:
    """Name what of libm the functions call."""
    used = calls.activations(weights) | {weights.decoder[-1].activation}
    names = [
        *(["expf", "fabsf"] if {"sigmoid", "silu"} & used else []),
        *(["tanhf"] if "tanh" in used else []),
        *(["fmaxf", "fminf"] if weights.clip else []),
    ]
    return " and ".join(names) if len(names) < 3 else ", ".join(names) or "nothing"


def _wrapped(text: str, label: str = "") -> str:
    return textwrap.fill(
        text,
        COLUMNS - 3,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )


def _harmless(text: str) -> str:
    """Keep what a stranger's metadata say from ending the comment, or from meaning more in C."""
    text = re.sub(r"[^\n -~]", "?", text)
    for sign in ("*/", "/*", "??"):
        text = text.replace(sign, " ".join(sign))
    return text


def _sizes(model: vae_onnx.Autoencoder, weights: Network) -> str:
    channels, height, width = model.image_shape
    sizes = {
        "CHANNELS": channels,
        "HEIGHT": height,
        "WIDTH": width,
        "PIXELS": channels * height * width,
        "LATENT_DIM": model.latent_dim,
        **{
            f"{name.upper()}_UNITS": len(layer.bias)
            for name, layer in weights.named().items()
            if name not in (*weights.heads, "logits")
        },
    }
    return "".join(f"#define NAME_{name} {size}\n" for name, size in sizes.items())


def _arrays(name: str, layer: Dense) -> str:
    """Write the numbers of a layer, its weights input after input."""
    if isinstance(layer, Rounded):
        parts = [
            _array("signed char", f"{name}_weight", layer.steps.T),
            _array("float", f"{name}_scale", layer.scale),
        ]
    else:
        parts = [_array("float", f"{name}_weight", layer.weight.T)]
    return "".join([*parts, _array("float", f"{name}_bias", layer.bias)])


def _array(ctype: str, name: str, values: npt.NDArray[Any]) -> str:
    words = [_literal(value) for value in values.reshape(-1)]
    per_line = PER_LINE[ctype]
    lines = [",".join(words[at : at + per_line]) for at in range(0, len(words), per_line)]
    return f"static const {ctype} name_{name}[{len(words)}] = {{\n" + ",\n".join(lines) + "};\n"


def _literal(value: np.float32 | np.int8) -> str:
    """Write a number: of a float the fewest digits that give it back."""
    if isinstance(value, np.int8):
        return str(value)
    return re.sub(r"^(-?)0\.", r"\1.", str(value)) + "f"


def _words(weights: Network) -> dict[str, str]:
    """Return what the functions of this network put into the texts above."""
    heads = weights.heads
    gaussian = "x -> q(z | x), a Gaussian: mu is its mean, log_var the logarithm of its variance."
    return {
        "encode_is": gaussian if len(heads) == 2 else "x -> z.",
        "code_parameters": ", ".join(f"float {head}[NAME_LATENT_DIM]" for head in heads),
        "code_buffers": ", ".join(f"{head}[NAME_LATENT_DIM]" for head in heads),
        "codes": ", ".join(heads),
        "through": next(iter(heads)),
        "encoder": calls.encoder_body(weights),
        "decoder": calls.decoder_body(weights),
    }


def _units(weights: Network) -> list[str]:
    """Return the functions of single numbers that the layers use."""
    used = calls.activations(weights)
    pixels = weights.decoder[-1].activation
    return [
        *([RELU] if "relu" in used else []),
        *([SIGMOID] if {"sigmoid", "silu"} & (used | {pixels}) else []),
        *(
            ACTIVATE.format(activation=name, s="s" if name == "sigmoid" else "", each=each)
            for name, each in EACH.items()
            if name in used
        ),
    ]
