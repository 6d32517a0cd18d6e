"""The graphs of a model folder in shorter numbers, with what they cost and what they gain.

Beside `encoder.onnx` and `decoder.onnx` come `encoder.int8.onnx`, `decoder.int8.onnx` and the like,
with the same inputs, outputs and metadata; `card.json` tells their loss on the complete test set
and their speed on the machine that wrote them.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from tqdm import tqdm

from export import markdown
from export.choices import Variant
from export.errors import ConfigError
from export.lowprecision import convolutions
from export.lowprecision.conversion import find_product, inputs_of, tell, to_float16, to_int8
from export.lowprecision.measuring import (
    ROWS,
    QualityError,
    check_batches,
    losses,
    machine,
    time_ratios,
)
from export.lowprecision.opening import Model, open_model, sha256
from vae_onnx import Autoencoder, Decoder, Encoder
from vae_onnx.crossing.folder import add_variants
from vae_onnx.engine.graph import Array

SHOWN: Final = 20_000  # training images that the weights are rounded for
SEED: Final = 0

Step = Callable[[str], None]


def quantize(
    folders: Sequence[Path],
    variants: Sequence[Variant],
    limit: float,
    dataset: str | None = None,
    data_dir: Path | None = None,
    page: Path | None = None,
    dry_run: bool = False,
) -> None:
    """Write variants of model folders, and measure them; those of convolutions as `vae_onnx` does.

    Args:
        folders: Model folders, as `python -m export onnx` wrote them.
        variants: Which.
        limit: Nats per image that a variant may lose on the test set.
        dataset: Where the images are, unless the cards tell it.
        data_dir: Folder of the known data sets.
        page: Markdown file with a section for each variant, to write a table to.
        dry_run: Measure, and write nothing into the folders.

    Raises:
        FileNotFoundError: a graph, a card, the data set or the page is missing.
        ModelError: a file of a folder is damaged, or not from `python -m export onnx`.
        QualityError: a variant loses more than the limit; nothing is written into that folder.
        ConfigError: nothing is asked for, the page lacks a section, or there is no such data set.
        DataError: the data set is damaged.
    """
    _check(folders, variants, limit)
    others = [folder for folder in folders if convolutions.has_convolutions(folder)]
    convolutions.check(others, page, dry_run)
    for folder in others:
        convolutions.shorten(folder, tuple(variants), dataset, data_dir)
    folders = [folder for folder in folders if folder not in others]
    if not folders:
        return
    for variant in variants:
        if page:
            markdown.fill(page, variant)
    rows: dict[Variant, list[list[str]]] = {variant: [] for variant in variants}
    with tqdm(total=len(folders) * (1 + 3 * len(variants)), disable=None) as bar:

        def step(what: str) -> None:
            bar.set_description(what)
            bar.update()

        for folder in folders:
            step(f"{folder.name}: images")
            model = open_model(folder, dataset, data_dir)
            made, told = make(model, variants, limit, step)
            if not dry_run:
                write(model, made, told)
            for variant in variants:
                rows[variant].append(row(model.card["name"], told[variant], made[variant]))
                tqdm.write(line(model.card["name"], variant, told[variant], dry_run))
    for variant in variants:
        text = f"{markdown.table(HEADER, rows[variant])}\n\n{machine()}"
        if page:
            markdown.fill(page, variant, text)
        print(f"\n{variant}\n\n{text}")
    if page:
        print(f"wrote {page}")


def _check(folders: Sequence[Path], variants: Sequence[Variant], limit: float) -> None:
    if not folders:
        raise ConfigError("quantize takes at least one model folder, got none")
    if not variants:
        raise ConfigError("--precision takes float16, int8 or both, got none")
    if not limit >= 0:
        raise ConfigError(f"limit must be at least 0 nats, got {limit!r}")


def make(
    model: Model, variants: Sequence[Variant], limit: float, step: Step
) -> tuple[dict[Variant, dict[str, bytes]], dict[Variant, dict[str, Any]]]:
    """Make the variants of a model and measure them.

    Returns:
        File name -> content, and what the card tells, of each variant.

    Raises:
        QualityError: one loses more than the limit.
    """
    name = model.card["name"]
    before = losses(model, model.graphs.encoder, model.graphs.decoder)
    made: dict[Variant, dict[str, bytes]] = {}
    told: dict[Variant, dict[str, Any]] = {}
    for variant in variants:
        step(f"{name} {variant}: rounding")
        protos = shorten(model, variant)
        with tempfile.TemporaryDirectory() as folder:
            step(f"{name} {variant}: loss")
            encoder, decoder = _open(protos, Path(folder))
            after = losses(model, encoder, decoder)
            change = after["total"] - before["total"]
            if not change <= limit:  # written so that NaN fails too
                raise QualityError(
                    f"{name} in {variant} loses {change:.4f} nats per image on the test set, "
                    f"allowed are {limit}; nothing was written. --limit allows more"
                )
            check_batches(model, encoder, decoder)
            step(f"{name} {variant}: speed")
            ratios = time_ratios(model, encoder, decoder)
        nats = {
            f"test_{part}": f"{after[part]:.2f}"
            for part in ("total", "recon", "kld")
            if part in after
        }
        for proto in protos.values():
            tell(proto, nats)
        made[variant] = {
            f"{side}.{variant}.onnx": proto.SerializeToString(deterministic=True)
            for side, proto in protos.items()
        }
        told[variant] = {
            "total_change": change,
            "metrics": {"split": "test", **after},
            "time_ratio": ratios,
            "machine": machine(),
            "sha256": {file: sha256(content) for file, content in made[variant].items()},
        }
    return made, told


def shorten(model: Model, variant: Variant) -> dict[str, onnx.ModelProto]:
    """Return encoder and decoder of a model in shorter numbers."""
    if variant == "float16":
        return {side: to_float16(proto) for side, proto in model.protos.items()}
    rng = np.random.default_rng(SEED)
    x = model.train[rng.permutation(len(model.train))[:SHOWN]]
    z = places(model.graphs, x, rng)
    p = model.graphs.decoder.decode(z).reshape(len(z), -1)
    # How much log p(x | z) bends with the logits: where a pixel is certain, nothing hangs on them.
    fisher = (p * (1 - p)).mean(axis=1) + np.finfo(np.float32).tiny
    encoder, decoder = model.protos["encoder"], model.protos["decoder"]
    return {
        "encoder": to_int8(encoder, inputs_of(find_product(encoder), encoder, x)),
        "decoder": to_int8(decoder, inputs_of(find_product(decoder), decoder, z), fisher),
    }


def places(graphs: Autoencoder, x: Array, rng: np.random.Generator) -> Array:
    """Return z (M, latent_dim) that a decoder is asked for: those of images, and others.

    The others are draws from a VAE's prior, or from where the codes of an AE lie.
    """
    if graphs.kind == "vae":
        z = graphs.posterior(x).sample(rng)
        others = rng.standard_normal(z.shape, dtype=np.float32)
    else:
        z = graphs.encode(x)
        others = rng.uniform(*graphs.latent_range(), size=z.shape).astype(np.float32)
    return np.concatenate([z, others])


def write(
    model: Model, made: dict[Variant, dict[str, bytes]], told: dict[Variant, dict[str, Any]]
) -> None:
    """Write variants and card: all files are complete before the first takes its place."""
    files = {name: content for variant in made.values() for name, content in variant.items()}
    add_variants(model.folder, model.card, files, told)


HEADER: Final = [
    "model",
    "loss, nats",
    "change",
    "size",
    *(f"{operation} {rows:,}" for operation in ("decode", "encode") for rows in ROWS),
]


def row(name: str, told: dict[str, Any], made: dict[str, bytes]) -> list[str]:
    """A line of the table: loss, what the variant adds to it, file size, and time ratios."""
    ratios = told["time_ratio"]
    return [
        f"`{name}`",
        f"{told['metrics']['total']:.2f}",
        markdown.signed(told["total_change"]),
        f"{sum(map(len, made.values())) / 1e6:.2f} MB",
        *(f"{ratios[what][str(rows)]:.2f}" for what in ("decode", "encode") for rows in ROWS),
    ]


def line(name: str, variant: Variant, told: dict[str, Any], dry_run: bool) -> str:
    """What the command says of a variant."""
    decode = told["time_ratio"]["decode"]
    return (
        f"{name} {variant}: {told['total_change']:+.4f} nats per image, decodes {ROWS[-1]:,} rows "
        f"in {decode[str(ROWS[-1])]:.2f} and one in {decode['1']:.2f} of the time of float32"
        f"{', not written' if dry_run else ''}"
    )


def _open(protos: dict[str, onnx.ModelProto], folder: Path) -> tuple[Encoder, Decoder]:
    for side, proto in protos.items():
        (folder / f"{side}.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    return Encoder(folder / "encoder.onnx", threads=1), Decoder(folder / "decoder.onnx", threads=1)
