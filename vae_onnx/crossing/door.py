"""The one door: a stranger's two halves, the pictures and the gates in their order, a folder."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import vae_onnx
from vae_onnx.crossing import folder as folders
from vae_onnx.crossing import metadata, options, reading
from vae_onnx.crossing.folding import surgery
from vae_onnx.crossing.gates import parity, roundtrip, sizes, soundness
from vae_onnx.crossing.model import AT_ONCE, Half, Original
from vae_onnx.crossing.options import Wishes
from vae_onnx.engine import progress
from vae_onnx.engine.graph import Array
from vae_onnx.store import model_files

ROWS = 3  # of the example: of a batch of one, exporters make a constant


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The dimensions of a row of the graphs, and at which sizes of pictures they are compared."""

    pictures: surgery.Dims
    codes: surgery.Dims
    example: sizes.Size
    unseen: list[sizes.Size]
    multiple: int | None = None


def cross(
    folder: Path,
    encoder: Original,
    decoder: Original,
    x: Array,
    wishes: Wishes,
    about: Mapping[str, Any],
) -> Path:
    """Write the model folder of a stranger's model, if it passes all gates.

    Args:
        folder: Where to; checked before.
        encoder: The network.
        decoder: The network.
        x: Pictures (N, C, H, W) in [0, 1].
        wishes: What the user says of the model.
        about: What `card.json` is to tell of it: made_by, parameters, versions.

    Raises:
        ExportError: A gate is not passed, each its own kind; nothing was written.
        FileAccessError: The folder cannot be written.
    """
    say = progress.Said("export" if wishes.progress else None)
    say(f"running the model on your {len(x)} pictures {x.shape[1:]}")
    pixels = wishes.pixels(x.shape[1])
    few = x[: max(2, AT_ONCE // x[0].size)]
    read = reading.read(encoder, decoder, few, pixels, wishes.spread, wishes.logits)
    halves = read.halves(encoder, decoder, pixels)
    codes = halves[0].all(x)
    for half, value in zip(halves, (x, codes[0]), strict=True):
        soundness.check_draws(half, value[: len(few)])
        soundness.check_rows(half, value)
    space = options.latents(wishes, codes[0])
    found = _sizes(halves, x, codes[0], wishes)
    if found.multiple:
        say(f"height and width may be any multiples of {found.multiple}")

    protos = _graphs(halves, x, found, say)
    worst = _compare(halves, protos, (x, codes[0]), found, wishes.tolerance, say)
    trip, line = roundtrip.check(read, encoder, decoder, x, pixels, wishes.strict)
    say(f"{line}; {trip.clipped:.2%} of the values were clipped to [0, 1]")

    told = metadata.describe(folder, wishes, read, codes, _fingerprint(protos))
    told |= {"tolerance": f"{worst:.2e}", "clipped": f"{trip.clipped:.4f}"}
    told |= {"size_multiple": str(found.multiple)} if found.multiple else {}
    if told["prior"] == "none" and len(codes) == 2 and wishes.prior is None:
        far = metadata.deviation(codes)
        say(f"no prior is stated: the codes have a deviation of {far:.2f}, far from N(0, I)'s 1")
    graphs = {}
    for name, proto in zip(model_files.GRAPHS, protos, strict=True):
        surgery.describe(proto, told | {"graph": name.removesuffix(".onnx")})
        graphs[name] = soundness.check_file(proto)
    card = _card(told, read, wishes, trip, graphs, about)
    others = {}
    if space is not None:
        others[model_files.LATENTS] = folders.latents(*space)
    if (strip := folders.strip(x, trip.x_recon)) is not None:
        others[model_files.STRIP] = strip
    folders.write(folder, graphs, card, others)
    say(f"written to {folder}: {told['kind'].upper()}, codes {read.latent_shape}")
    return folder


def _sizes(halves: tuple[Half, Half], x: Array, z: Array, wishes: Wishes) -> Sizes:
    size = (x.shape[2], x.shape[3])
    if not wishes.dynamic_size:
        return Sizes(x.shape[1:], z.shape[1:], size, [])
    multiple = sizes.find_multiple(*halves, x)
    example, unseen = sizes.tried(size, multiple)
    pictures = (x.shape[1], "height", "width")
    codes = (z.shape[1], "latent_height", "latent_width")
    return Sizes(pictures, codes, example, [size, unseen], multiple)


def _graphs(
    halves: tuple[Half, Half], x: Array, found: Sizes, say: progress.Said
) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Make both graphs, which every host can run."""
    example = sizes.resized(x[np.arange(ROWS) % len(x)], found.example)
    protos = []
    ends = ((example, found.pictures, found.codes), (None, found.codes, found.pictures))
    for half, (value, before, after) in zip(halves, ends, strict=True):
        part = half.original.part
        say(f"making the graph of the {part}")
        given = halves[0](example)[0] if value is None else value
        proto = half.graph(given, (before, after))
        proto.graph.name = f"{part}.onnx"
        soundness.check_operators(proto)
        soundness.check_file(proto)
        onnx.checker.check_model(proto, full_check=True)
        protos.append(proto)
    return protos[0], protos[1]


def _compare(
    halves: tuple[Half, Half],
    protos: tuple[onnx.ModelProto, onnx.ModelProto],
    values: tuple[Array, Array],
    found: Sizes,
    tolerance: float,
    say: progress.Said,
) -> float:
    """Compare both graphs with the model, on pictures and their codes, and at unseen sizes."""
    worst = 0.0
    compare = functools.partial(
        parity.check_parity,
        tolerance=tolerance,
        remedy="; a larger tolerance, up to 1e-3, allows more",
    )
    x, z = values
    # Codes of no picture, too: of a decoder that is asked for samples.
    z = np.concatenate([z, np.random.default_rng(0).permuted(z, axis=0)])
    for half, proto, value in zip(halves, protos, (x, z), strict=True):
        batches = parity.batches(proto, value.shape[1:])
        say(f"comparing the {half.original.part} with the model at {batches} rows")
        worst = max(worst, compare(proto, half, value, batches))
    for size in found.unseen:
        say(f"comparing both at {size[0]}x{size[1]} pixels")
        pictures = sizes.resized(x[:2], size)
        for half, proto in zip(halves, protos, strict=True):
            worst = max(worst, compare(proto, half, pictures, (1, 2)))
            pictures = half(pictures)[0]  # codes by now
    return worst


def _fingerprint(protos: tuple[onnx.ModelProto, onnx.ModelProto]) -> str:
    """Return a hash of both graphs, which they then have in common."""
    content = b"".join(proto.SerializeToString(deterministic=True) for proto in protos)
    return hashlib.sha256(content).hexdigest()[:16]


def _card(
    told: Mapping[str, str],
    read: reading.Reading,
    wishes: Wishes,
    trip: roundtrip.RoundTrip,
    graphs: Mapping[str, bytes],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record of a model: what it is, what was folded in, what was measured."""
    return {
        "name": told["name"],
        "kind": told["kind"],
        "made_by": about["made_by"],
        "parameters": about["parameters"],
        "image_shape": list(read.image_shape),
        "latent_shape": list(read.latent_shape),
        "folded_in": {
            "pixels": str(wishes.pixels(read.image_shape[0])),
            "outputs": wishes.outputs,
        },
        "measured": {
            "reconstruction_psnr": round(trip.psnr, 2),
            "clipped": float(told["clipped"]),
            "tolerance": float(told["tolerance"]),
        },
        "metadata": dict(told),
        "versions": {
            "vae_onnx": vae_onnx.__version__,
            "onnx": onnx.__version__,
            **about["versions"],
        },
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in graphs.items()},
    }
