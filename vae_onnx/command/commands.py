"""The commands of `vae-onnx` on picture and array files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import vae_onnx
from vae_onnx import doctor, evaluation
from vae_onnx.command import files
from vae_onnx.engine import progress
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, VaeOnnxError
from vae_onnx.evaluation import Labels, Settings
from vae_onnx.pictures.arrays import Shape, to_x


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 0 or 1 (2 for wrong usage, by argparse)."""
    options = _parser().parse_args(arguments)
    try:
        if options.out:
            files.check_output(options.out, options.suffixes)
        options.run(options)
    except (VaeOnnxError, MemoryError) as error:
        print(f"vae-onnx: error: {error}", file=sys.stderr)
        return 1
    return 0


def info(options: argparse.Namespace) -> None:
    """List the bundled models, or tell everything about one."""
    if options.model is None:
        _print_table([vae_onnx.load(name) for name in vae_onnx.models()])
    else:
        _print_model(vae_onnx.load(options.model))


def encode(options: argparse.Namespace) -> None:
    """Images -> z."""
    model = vae_onnx.load(options.model)
    z = model.encode(_read_images(options, model.image_shape))
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
    images = _read_images(options, model.image_shape)
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
    x, labels = _read_data(options, model.image_shape)
    codes = model.encode(x) if model.kind == "ae" else model.posterior(x)
    result = evaluation.evaluate(
        x,
        codes,
        lambda z: model.decoder.graph.batched(z, np.asarray)[0],
        labels,
        settings,
        progress.track,
    )
    name = model.metadata.get("name", model.folder.name)
    print(evaluation.table(f"{name}, {options.data.name},", result))
    if options.out:
        files.write_json(options.out, {"model": name, "data": options.data.name, **result})


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vae-onnx",
        description="Run trained autoencoders on files, without PyTorch.",
        epilog="MODEL is the name of a bundled model (`vae-onnx info` lists them), a folder with "
        "encoder.onnx and decoder.onnx, or hf://owner/repo[@revision][/folder] on the Hugging Face "
        "Hub: pip install huggingface_hub; with HF_HUB_OFFLINE=1 from the cache alone. PNG files "
        "need Pillow: pip install pillow.",
    )
    parser.add_argument("--version", action="version", version=vae_onnx.__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = _command(commands, info, "list the bundled models, or describe one")
    command.add_argument("model", nargs="?", metavar="MODEL")

    command = _command(commands, encode, "images -> z (N, latent_dim), for a VAE the mean")
    _add_images(command)
    command.add_argument(
        "-o", "--out", type=Path, help=".npy file; without it, z is printed, one row an image"
    )
    command.set_defaults(suffixes=(".npy",))

    command = _command(commands, decode, "z (N, latent_dim) -> pictures")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("z", type=Path, metavar="Z", help=".npy file, (N, latent_dim)")
    _add_out(command)

    command = _command(commands, reconstruct, "images -> z -> pictures")
    _add_images(command)
    command.add_argument(
        "--seed", type=int, help="draw z from the VAE's posterior; without it, z is the mean"
    )
    _add_out(command)

    command = _command(commands, sample, "z ~ N(0, I) -> pictures")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("-n", type=int, default=64, help="how many (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="of the draw (default %(default)s)")
    _add_out(command)

    command = _command(commands, evaluate, "images -> ELBO, log p(x), kNN accuracy ... of a model")
    command.add_argument("model", metavar="MODEL")
    command.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help=".npy file of images (uint8 in 0..255 or float in 0..1), or an IDX file such as "
        "t10k-images-idx3-ubyte, whose labels are found beside it",
    )
    command.add_argument("--labels", type=Path, help=".npy or IDX file, a class for each image")
    command.add_argument("--limit", type=int, metavar="N", help="take the first N images alone")
    command.add_argument(
        "--draws",
        type=int,
        default=Settings.draws,
        help="samples of a VAE's noise per image for the ELBO (default %(default)s)",
    )
    command.add_argument(
        "--k",
        type=int,
        default=Settings.k,
        help="samples per image for the importance-weighted log p(x) (default %(default)s)",
    )
    command.add_argument(
        "--seed", type=int, default=Settings.seed, help="of the noise (default %(default)s)"
    )
    command.add_argument("-o", "--out", type=Path, help=".json file to write the figures to")
    command.set_defaults(suffixes=(".json",))

    command = _command(commands, grid, "the 2-D latent space, decoded side by side")
    command.add_argument("model", metavar="MODEL")
    command.add_argument(
        "--side", type=int, default=20, help="pictures a side (default %(default)s)"
    )
    _add_out(command)

    command = _command(commands, save, "the files of a model -> a folder, such as ./MODEL")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="made if it is missing")
    command.add_argument(
        "--overwrite", action="store_true", help="put it in the place of another model there"
    )

    command = _command(commands, bench, "how fast a model is here, beside a bare onnxruntime")
    command.add_argument("model", nargs="?", default="mnist-vae", metavar="MODEL")
    command.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        default=(1, 16, 256, 4096),
        metavar="N",
        help="rows of a call (default 1 16 256 4096)",
    )
    command.add_argument(
        "--rounds", type=int, default=15, help="turns of each (default %(default)s)"
    )
    command.add_argument("--device", default="auto", help="cpu, cuda, ... (default %(default)s)")
    command.add_argument("--threads", type=int, help="by default all that there are")
    command.add_argument(
        "--precision", default="float32", help="float32, float16 or int8 (default %(default)s)"
    )

    # For the list in --help: `vae_onnx.__main__` runs it, without what this module imports.
    commands.add_parser("doctor", help=doctor.SUMMARY, add_help=False)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    run: Callable[[argparse.Namespace], None],
    summary: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(run.__name__, help=summary, description=summary)
    command.set_defaults(run=run, out=None, suffixes=files.PICTURES)
    return command


def _add_images(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL")
    command.add_argument(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="one .npy file (uint8 in 0..255 or float in 0..1), or picture files of the model's "
        "size, light ink on dark paper",
    )
    command.add_argument(
        "--drawing",
        action="store_true",
        help="pictures of any size, each with one drawing: centred and scaled as MNIST's digits; "
        "all that is not exactly paper (black, with --invert white) counts as ink",
    )
    command.add_argument(
        "--invert", action="store_true", help="the pictures show dark ink on light paper"
    )


def _add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        help=".npy: the pictures, float32 in 0..1; .png: one sheet of all",
    )


def _rng(seed: int) -> np.random.Generator:
    if seed < 0:
        raise InputError(f"--seed must be at least 0, got {seed}")
    return np.random.default_rng(seed)


def _read_images(options: argparse.Namespace, image_shape: Shape) -> Array:
    """Read what the command line names as x (N, channels, height, width)."""
    paths: list[Path] = options.images
    if paths[0].suffix.lower() == ".npy":
        if len(paths) > 1 or options.drawing or options.invert:
            raise InputError("a .npy file stands alone, without --drawing and --invert")
        return to_x(files.read_array(paths[0]), image_shape)
    grey = options.drawing or image_shape[0] == 1
    pictures = [files.read_picture(path, grey=grey, invert=options.invert) for path in paths]
    if options.drawing:
        return np.concatenate([vae_onnx.drawing_to_x(picture) for picture in pictures])
    height, width = image_shape[1:]
    for path, picture in zip(paths, pictures, strict=True):
        if picture.shape[:2] != (height, width):
            raise InputError(
                f"{path} is {picture.shape[1]}x{picture.shape[0]} pixels, the model takes "
                f"{width}x{height}; resize it, or pass --drawing if it shows one drawn digit"
            )
    return to_x(np.stack(pictures), image_shape)


def _read_data(options: argparse.Namespace, image_shape: Shape) -> tuple[Array, Labels | None]:
    """Read the images as x (N, channels, height, width), and their classes if there are any."""
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit must be at least 1, got {options.limit}")
    images = files.read_data(options.data)
    path = options.labels or files.labels_beside(options.data)
    labels = None if path is None else files.read_data(path)
    x = to_x(images, image_shape)
    if labels is not None:
        evaluation.check_labels(labels, len(x))
        labels = labels[: options.limit]
    return x[: options.limit], labels


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
