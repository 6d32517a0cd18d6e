"""The command line of `vae-onnx`: what can be typed, and how a command ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import vae_onnx
from vae_onnx import checks, doctor
from vae_onnx.command import collections, nearest, outputs, streams, verbs
from vae_onnx.errors import VaeOnnxError
from vae_onnx.evaluation import Settings
from vae_onnx.pictures.fitting import FITS, MEANS
from vae_onnx.serving.options import Options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 0 or 1 (2 for wrong usage, by argparse)."""
    options = make_parser().parse_args(arguments)
    with streams.spooling() as spool:
        try:
            if isinstance(options.out, Path) and not verbs.is_bulk(options):
                wanted = options.format and f".{options.format}"
                options.ending = outputs.suffix(options.out, options.suffixes, wanted)
            spool.take(options, options.reads)
            options.run(options)
        except (VaeOnnxError, MemoryError) as error:
            print(f"vae-onnx: error: {spool.name(str(error))}", file=sys.stderr)
            return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """What `vae-onnx` takes, but for `doctor`, which has a parser of its own."""
    parser = argparse.ArgumentParser(
        prog="vae-onnx",
        description="Run trained autoencoders on files, without PyTorch.",
        epilog="MODEL is the name of a bundled model (`vae-onnx info` lists them), a folder with "
        "encoder.onnx and decoder.onnx, or hf://owner/repo[@revision][/folder] on the Hugging Face "
        "Hub: pip install huggingface_hub; with HF_HUB_OFFLINE=1 from the cache alone. PNG files "
        "need Pillow: pip install pillow. Instead of a file, - is standard input or output; pipes "
        "and <(...) do as well.",
    )
    parser.add_argument("--version", action="version", version=vae_onnx.__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = _command(commands, verbs.info, "list the bundled models, or describe one")
    command.add_argument("model", nargs="?", metavar="MODEL")

    command = _command(commands, verbs.encode, "images -> z (N, latent_dim), for a VAE the mean")
    _add_images(command)
    command.add_argument(
        "-o", "--out", type=_path, help=".npy file; without it, z is printed, one row an image"
    )
    command.set_defaults(suffixes=(".npy",))

    command = _command(commands, verbs.decode, "z (N, latent_dim) -> pictures")
    command.add_argument("model", metavar="MODEL")
    command.add_argument(
        "z",
        type=collections.place,
        metavar="Z",
        help=".npy file, (N, latent_dim); or what embed has written, to make a folder OUT of "
        "Parquet files with pictures",
    )
    command.set_defaults(reads=("z",))
    _add_out(command, kind=collections.place)
    collections.add_job(command)

    command = _command(commands, verbs.embed, "images in files, as many as there are -> Parquet")
    collections.add_embed(command)
    _add_invert(command)
    _add_fit(command)
    _add_noise(command)

    command = _command(commands, verbs.reconstruct, "images -> z -> pictures")
    _add_images(command)
    command.add_argument(
        "--seed", type=int, help="draw z from the VAE's posterior; without it, z is the mean"
    )
    _add_out(command)

    command = _command(commands, verbs.sample, "z ~ N(0, I) -> pictures")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("-n", type=int, default=64, help="how many (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="of the draw (default %(default)s)")
    _add_out(command)

    command = _command(
        commands, verbs.evaluate, "images -> ELBO, log p(x), kNN accuracy ... of a model"
    )
    command.add_argument("model", metavar="MODEL")
    command.add_argument(
        "data",
        type=_path,
        metavar="DATA",
        help=".npy file of images (uint8 in 0..255 or float in 0..1), or an IDX file such as "
        "t10k-images-idx3-ubyte(.gz), whose labels are found beside it, or a folder of pictures",
    )
    _add_fit(command)
    command.add_argument("--labels", type=_path, help=".npy or IDX file, a class for each image")
    command.add_argument("--limit", type=int, metavar="N", help="take the first N images alone")
    _add_noise(command)
    command.add_argument(
        "--k",
        type=int,
        default=Settings.k,
        help="samples per image for the importance-weighted log p(x) (default %(default)s)",
    )
    command.add_argument(
        "--refine",
        type=int,
        default=0,
        metavar="N",
        help="make a VAE's posteriors better in N steps with the decoder alone, and see what the "
        "encoder loses",
    )
    command.add_argument("-o", "--out", type=_path, help=".json file to write the figures to")
    command.set_defaults(suffixes=(".json",), reads=("data", "labels"))

    command = _command(
        commands, verbs.score, "images -> how well the model knows each, which finds odd ones"
    )
    _add_images(command)
    _add_noise(command)
    command.add_argument(
        "-o", "--out", type=_path, help=".csv file; without it, the table is printed"
    )
    command.set_defaults(suffixes=(".csv",))

    command = _command(commands, nearest.nearest, nearest.SUMMARY)
    nearest.add_arguments(command)
    _add_preparation(command)

    command = _command(commands, verbs.grid, "the 2-D latent space, decoded side by side")
    command.add_argument("model", metavar="MODEL")
    command.add_argument(
        "--side", type=int, default=20, help="pictures a side (default %(default)s)"
    )
    _add_out(command)

    command = _command(commands, verbs.save, "the files of a model -> a folder, such as ./MODEL")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("folder", type=_path, metavar="FOLDER", help="made if it is missing")
    command.add_argument(
        "--overwrite", action="store_true", help="put it in the place of another model there"
    )

    command = _command(
        commands, verbs.quantize, "int8 and float16 files beside the graphs of your own model"
    )
    _add_images(command)
    command.add_argument(
        "--precision",
        nargs="+",
        choices=("float16", "int8"),
        default=("float16", "int8"),
        help="which (default both); needs onnx",
    )
    command.add_argument(
        "--limit",
        type=float,
        default=0.5,
        metavar="DB",
        help="by how many dB the reconstructions of every other picture may be worse "
        "(default %(default)s)",
    )

    command = _command(commands, verbs.bench, "how fast a model is here, beside a bare onnxruntime")
    command.add_argument("model", nargs="?", default="mnist-vae", metavar="MODEL")
    command.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        metavar="N",
        help="rows of a call (default 1 16 256 4096, of large pictures fewer)",
    )
    command.add_argument(
        "--rounds", type=int, default=15, help="turns of each (default %(default)s)"
    )
    command.add_argument("--device", default="auto", help="cpu, cuda, ... (default %(default)s)")
    command.add_argument("--threads", type=int, help="by default all that there are")
    command.add_argument(
        "--precision", default="float32", help="float32, float16 or int8 (default %(default)s)"
    )

    command = _command(
        commands, verbs.serve, "a model for other machines: Open Inference Protocol, HTTP and gRPC"
    )
    _add_service(command)

    # For the list in --help: `vae_onnx.__main__` runs it, without what this module imports.
    commands.add_parser("doctor", help=doctor.SUMMARY, add_help=False)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    run: Callable[[argparse.Namespace], None],
    summary: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(run.__name__, help=summary, description=summary)
    command.set_defaults(run=run, out=None, suffixes=outputs.PICTURES, format=None, reads=())
    return command


def _add_service(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL")
    command.add_argument("--name", help="what to call it; by default as its graphs do")
    command.add_argument(
        "--host",
        default=Options.host,
        help="who may ask: 0.0.0.0 is every machine (default %(default)s, this one)",
    )
    numbers = {
        "--http-port": (Options.http_port, int, "(default %(default)s)"),
        "--grpc-port": (Options.grpc_port, int, "(default %(default)s)"),
        "--workers": (Options.workers, int, "processes, each with the model (default %(default)s)"),
        "--threads": (Options.threads, int, "of each; by default they share what there are"),
        "--max-batch": (
            Options.max_batch,
            int,
            "rows that are computed together (default %(default)s)",
        ),
        "--max-delay-ms": (
            Options.max_delay_ms,
            float,
            "how long a request waits for others though nothing is computed (default %(default)s)",
        ),
        "--max-mb": (Options.max_mb, int, "of a request, and of its answer (default %(default)s)"),
    }
    for option, (default, kind, told) in numbers.items():
        command.add_argument(option, type=kind, default=default, metavar="N", help=told)
    command.add_argument("--device", default=Options.device, help="cpu, cuda, ... (default auto)")
    command.add_argument(
        "--precision",
        default=Options.precision,
        help="float32, float16 or int8 (default %(default)s)",
    )


def _add_images(command: argparse.ArgumentParser) -> None:
    command.set_defaults(reads=("images",))
    command.add_argument("model", metavar="MODEL")
    command.add_argument(
        "images",
        nargs="+",
        type=_path,
        metavar="IMAGE",
        help="one .npy file (uint8 in 0..255 or float in 0..1), or picture files of the model's "
        "size; of another one with --fit",
    )
    _add_preparation(command)


def _add_preparation(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--drawing",
        action="store_true",
        help="pictures of any size, photographs too, each with one drawing: its paper is found, "
        "and it is centred and scaled as MNIST's digits are",
    )
    _add_invert(command)
    _add_fit(command)


def _add_invert(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--invert",
        action=argparse.BooleanOptionalAction,
        help="the pictures show dark ink on light paper, or they do not; without it that is found, "
        "where the model wants light ink on dark paper",
    )


def _add_fit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--fit",
        choices=FITS,
        help=f"bring picture files to the model's size: {MEANS}; where the model takes any size, "
        "they are cut to a multiple of what it wants",
    )


def _add_noise(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--draws",
        type=int,
        default=Settings.draws,
        help="samples of a VAE's noise per image for the ELBO (default %(default)s)",
    )
    command.add_argument(
        "--seed", type=int, default=Settings.seed, help="of the noise (default %(default)s)"
    )


def _add_out(
    command: argparse.ArgumentParser, kind: Callable[[str], Path | str] | None = None
) -> None:
    command.add_argument(
        "-o",
        "--out",
        type=kind or _path,
        required=True,
        help=".npy: the pictures, float32 in 0..1; .png: one sheet of all",
    )
    command.add_argument(
        "--format",
        choices=[suffix.removeprefix(".") for suffix in outputs.PICTURES],
        help="which of the two, where the name does not tell, as - does not (then npy)",
    )


def _path(text: str) -> Path:
    return checks.path(text, "path")
