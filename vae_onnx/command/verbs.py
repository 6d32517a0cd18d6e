"""What each command of `vae-onnx` does."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, cast

import numpy as np

import vae_onnx
from vae_onnx import contract, evaluation
from vae_onnx.command import collections, inputs, outputs, rows, streams
from vae_onnx.engine import progress, sizes
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError
from vae_onnx.evaluation import Settings
from vae_onnx.posterior import Posterior
from vae_onnx.store import array_files as files


def info(options: argparse.Namespace) -> None:
    """List the bundled models, or tell everything about one."""
    if options.model is None:
        _print_table([vae_onnx.load(name) for name in vae_onnx.models()])
    else:
        _print_model(vae_onnx.load(options.model))


def encode(options: argparse.Namespace) -> None:
    """Images -> z."""
    model = vae_onnx.load(options.model)
    x = inputs.read_images(options, model)
    z = map(model.encode, rows.blocks(x))
    if options.out:
        outputs.write_array(options.out, len(x), z)
        return
    for block in z:
        np.savetxt(sys.stdout, block.reshape(len(block), -1), fmt="%.6f", delimiter="\t")


def decode(options: argparse.Namespace) -> None:
    """Latent codes z -> pictures."""
    if is_bulk(options):
        collections.decode(options)
        return
    collections.check_single(options)
    model = vae_onnx.load(
        options.model,
        device=options.device,
        threads=options.threads,
        precision=options.precision,
    )
    z = files.read_array(options.z)
    if not z.ndim or not len(z) or not sizes.fit(z.shape[1:], model.latent_shape):
        z = model.decoder.as_rows(z)  # of one code, or an error
    _write_pictures(options, len(z), map(model.decode, rows.blocks(z)))


def embed(options: argparse.Namespace) -> None:
    """Images in files -> a folder of Parquet files."""
    collections.embed(options)


def is_bulk(options: argparse.Namespace) -> bool:
    """Whether `decode` is asked for a collection, into a folder, rather than for one file."""
    return options.run is decode and collections.is_collection(options.z)


def reconstruct(options: argparse.Namespace) -> None:
    """Images -> z -> pictures."""
    model = vae_onnx.load(options.model)
    rng = None if options.seed is None else _rng(options.seed)
    x = inputs.read_images(options, model)
    _write_pictures(options, len(x), (model.reconstruct(block, rng) for block in rows.blocks(x)))


def sample(options: argparse.Namespace) -> None:
    """Draws from the prior -> pictures."""
    rng = _rng(options.seed)
    model = vae_onnx.load(options.model)
    z = model.sample_codes(options.n, rng)
    _write_pictures(options, len(z), model.decode_iter(z))


def grid(options: argparse.Namespace) -> None:
    """The 2-D latent space as one sheet of pictures."""
    pictures = vae_onnx.load(options.model).grid(options.side)
    _write_pictures(options, len(pictures), [pictures])


def save(options: argparse.Namespace) -> None:
    """The files of a model -> a folder."""
    vae_onnx.load(options.model).save(options.folder, overwrite=options.overwrite)


def evaluate(options: argparse.Namespace) -> None:
    """Images, labels -> ELBO, log p(x) and the other figures of an evaluation."""
    settings = Settings(options.draws, options.k, options.seed)
    model = vae_onnx.load(options.model)
    x, labels = inputs.read_data(options, model)
    codes: Array | Posterior
    if not (options.refine or contract.has_normal_prior(model.metadata, model.kind)):
        codes = np.concatenate([model.encode(block) for block in rows.blocks(x)])
    else:
        parts = [model.posterior(block, options.refine) for block in rows.blocks(x)]
        codes = Posterior(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("mu", "log_var"))
        )
    result = evaluation.evaluate(
        cast(Array, x),
        codes,
        model.decoder.to_x_recon,
        labels,
        settings,
        progress.track,
        contract.likelihood(model.metadata),
    )
    name = model.metadata.get("name", model.folder.name)
    if options.out:
        refined = {"refine": options.refine} if options.refine else {}
        about = {"model": name, "data": options.data.name, **refined}
        outputs.write_json(options.out, {**about, **result})
    elsewhere = sys.stderr if options.out == streams.STANDARD else sys.stdout
    how = f", posteriors refined in {options.refine} steps," if options.refine else ","
    print(evaluation.table(f"{name}, {options.data.name}{how}", result), file=elsewhere)


def score(options: argparse.Namespace) -> None:
    """Images -> how well the model knows each."""
    rng = _rng(options.seed)
    model = vae_onnx.load(options.model)
    x = inputs.read_images(options, model)
    parts = [model.score(block, rng, options.draws) for block in rows.blocks(x)]
    names = options.images if len(options.images) == len(x) else range(len(x))
    columns = {"image": map(str, names), "mse": _joined([part.mse for part in parts], ".6f")}
    columns["psnr"] = _joined([part.psnr for part in parts], ".2f")
    if parts[0].nats is not None:
        columns["nats"] = _joined([part.nats for part in parts], ".2f")
    outputs.write_table(options.out, columns)


def quantize(options: argparse.Namespace) -> None:
    """The graphs of a model -> the same in shorter numbers, beside them."""
    model = vae_onnx.load(options.model)
    x = inputs.read_images(options, model)
    print(vae_onnx.quantize(model.folder, np.asarray(x), options.precision, limit=options.limit))


def serve(options: argparse.Namespace) -> None:
    """A model for other programs and machines, until Ctrl-C."""
    from vae_onnx.serving import service  # which the other commands do not need
    from vae_onnx.serving.options import Options

    given = {field.name: getattr(options, field.name) for field in fields(Options)}
    service.run(Options(**given))


def bench(options: argparse.Namespace) -> None:
    """Latency and throughput of a model on this machine."""
    from vae_onnx.command.bench import bench, table, usual_sizes

    model = vae_onnx.load(
        options.model,
        device=options.device,
        threads=options.threads,
        precision=options.precision,
    )
    sizes = options.batch_sizes or usual_sizes(model)
    print(table(model, bench(model, sizes, options.rounds)))


def _write_pictures(options: argparse.Namespace, count: int, blocks: Iterable[Array]) -> None:
    outputs.write_pictures(options.out, options.ending, count, blocks)


def _joined(parts: Iterable[Any], form: str) -> Iterator[str]:
    return (format(value, form) for value in np.concatenate(list(parts)))


def _rng(seed: int) -> np.random.Generator:
    if seed < 0:
        raise InputError(f"--seed must be at least 0, got {seed}")
    return np.random.default_rng(seed)


def _print_table(models: list[vae_onnx.Autoencoder]) -> None:
    columns = "{:<22} {:<14} {:<5} {:>10} {:>18}"
    print(columns.format("model", "data set", "kind", "latent_dim", "test, nats / image"))
    for model in models:
        told = model.metadata
        print(
            columns.format(
                told["name"], told["dataset"], model.kind, model.latent_dim, told["test_total"]
            )
        )


def _print_model(model: vae_onnx.Autoencoder) -> None:
    print(f"{model.folder}\n")
    for graph in (model.encoder.graph, model.decoder.graph):
        print(f"{graph.path.name}: {graph}")
    print()
    for key, value in sorted(model.metadata.items()):
        print(f"{key:<14} {value}")
