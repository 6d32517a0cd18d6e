"""What each command of `vae-onnx` does."""

from __future__ import annotations

import argparse
import sys

import numpy as np

import vae_onnx
from vae_onnx import contract, evaluation
from vae_onnx.command import files, inputs
from vae_onnx.engine import progress
from vae_onnx.errors import InputError
from vae_onnx.evaluation import Settings


def info(options: argparse.Namespace) -> None:
    """List the bundled models, or tell everything about one."""
    if options.model is None:
        _print_table([vae_onnx.load(name) for name in vae_onnx.models()])
    else:
        _print_model(vae_onnx.load(options.model))


def encode(options: argparse.Namespace) -> None:
    """Images -> z."""
    model = vae_onnx.load(options.model)
    z = model.encode(inputs.read_images(options, model))
    if options.out:
        files.write_array(options.out, z)
    else:
        np.savetxt(sys.stdout, z, fmt="%.6f", delimiter="\t")


def decode(options: argparse.Namespace) -> None:
    """Latent codes z -> pictures."""
    model = vae_onnx.load(options.model)
    files.write_pictures(options.out, model.decode(files.read_array(options.z)))


def reconstruct(options: argparse.Namespace) -> None:
    """Images -> z -> pictures."""
    model = vae_onnx.load(options.model)
    rng = None if options.seed is None else _rng(options.seed)
    images = inputs.read_images(options, model)
    files.write_pictures(options.out, model.reconstruct(images, rng))


def sample(options: argparse.Namespace) -> None:
    """Draws from the prior -> pictures."""
    rng = _rng(options.seed)
    files.write_pictures(options.out, vae_onnx.load(options.model).sample(options.n, rng))


def grid(options: argparse.Namespace) -> None:
    """The 2-D latent space as one sheet of pictures."""
    files.write_pictures(options.out, vae_onnx.load(options.model).grid(options.side))


def save(options: argparse.Namespace) -> None:
    """The files of a model -> a folder."""
    vae_onnx.load(options.model).save(options.folder, overwrite=options.overwrite)


def evaluate(options: argparse.Namespace) -> None:
    """Images, labels -> ELBO, log p(x) and the other figures of an evaluation."""
    settings = Settings(options.draws, options.k, options.seed)
    model = vae_onnx.load(options.model)
    x, labels = inputs.read_data(options, model.image_shape)
    has_prior = contract.has_normal_prior(model.metadata, model.kind)
    codes = model.posterior(x) if has_prior else model.encode(x)
    result = evaluation.evaluate(
        x,
        codes,
        model.decoder.to_x_recon,
        labels,
        settings,
        progress.track,
        contract.likelihood(model.metadata),
    )
    name = model.metadata.get("name", model.folder.name)
    if options.out:
        files.write_json(options.out, {"model": name, "data": options.data.name, **result})
    print(evaluation.table(f"{name}, {options.data.name},", result))


def bench(options: argparse.Namespace) -> None:
    """Latency and throughput of a model on this machine."""
    from vae_onnx.command.bench import bench, table

    model = vae_onnx.load(
        options.model,
        device=options.device,
        threads=options.threads,
        precision=options.precision,
    )
    print(table(model, bench(model, options.batch_sizes, options.rounds)))


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
