"""`vae-onnx embed`, and `decode` of what it has written: as many images as there are."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vae_onnx.errors import InputError

if TYPE_CHECKING:
    from vae_onnx.bulk import Cluster, Report

TABLES: Final = (".parquet", ".pq", ".arrow")
FORMS: Final[dict[str | None, str]] = {"png": "pictures", "npy": "arrays", None: "pictures"}
ENGINES: Final = ("local", "ray")


def add_embed(command: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `embed`."""
    command.add_argument(
        "source",
        metavar="INPUT",
        help="a folder of pictures, .npy, .npz, IDX, Parquet, WebDataset tar files, or a folder "
        "that `datasets` saved; a path, a quoted pattern, or an address such as s3://bucket/folder",
    )
    command.add_argument("output", metavar="OUTPUT", help="a new folder, of Parquet files")
    command.add_argument("--model", required=True, metavar="MODEL", help="what encodes them")
    command.add_argument(
        "--elbo", action="store_true", help="a column more: the ELBO of a VAE, in nats an image"
    )
    add_job(command)


def add_job(command: argparse.ArgumentParser) -> None:
    """Give a parser what `embed` and `decode` of a collection have in common."""
    job = command.add_argument_group("collections of any size")
    job.add_argument("--column", metavar="NAME", help="of the images, or of the codes to decode")
    job.add_argument("--id", metavar="NAME", help="column of the ids (default id, if there is one)")
    job.add_argument(
        "--rows", type=int, metavar="N", help="rows of an output file: what a crash may cost"
    )
    job.add_argument(
        "--max-errors",
        type=_share,
        default=0.01,
        metavar="N",
        help="how many that cannot be taken make it fail, a number or a share (default 1%%)",
    )
    job.add_argument("--resume", action="store_true", help="go on with what is in OUTPUT")
    job.add_argument("--device", default="auto", help="cpu, cuda, ... (default %(default)s)")
    job.add_argument("--precision", default="float32", help="float32, float16 or int8")
    job.add_argument("--threads", type=int, help="by default all that there are")
    job.add_argument("--engine", choices=ENGINES, default="local", help="ray: on a cluster")
    job.add_argument("--address", help="of the Ray cluster (default a new one on this machine)")
    job.add_argument("--actors", type=int, help="models at once on it (default as many as fit)")
    job.add_argument("--cpus", type=int, default=1, help="of an actor (default %(default)s)")
    job.add_argument("--gpus", type=float, default=0, help="of an actor (default %(default)s)")


def embed(options: argparse.Namespace) -> None:
    """Images in files -> a folder of Parquet files."""
    from vae_onnx import bulk

    report = bulk.embed(
        options.source,
        options.output,
        options.model,
        elbo=options.elbo,
        draws=options.draws,
        seed=options.seed,
        fit=options.fit,
        invert=options.invert,
        **_job(options),
    )
    _tell(report, options.output)


def decode(options: argparse.Namespace) -> None:
    """A folder of Parquet files with codes -> one with pictures."""
    from vae_onnx import bulk

    form: Any = FORMS[options.format]
    report = bulk.decode(
        str(options.z), str(options.out), options.model, form=form, **_job(options)
    )
    _tell(report, str(options.out))


def check_single(options: argparse.Namespace) -> None:
    """See that what is of collections alone was not asked for one `.npy` file of codes.

    Raises:
        InputError: It was.
    """
    alone = {
        "--column": options.column,
        "--id": options.id,
        "--rows": options.rows,
        "--resume": options.resume,
        "--engine": options.engine != ENGINES[0],
        "an address as --out": isinstance(options.out, str),
    }
    for name, given in alone.items():
        if given:
            raise InputError(
                f"{name} is for what `vae-onnx embed` has written, and {options.z} is one file of "
                "codes: name a folder or .parquet files, or leave it out"
            )


def is_collection(place: Path | str) -> bool:
    """Whether codes are many, in a folder or in tables, rather than in one `.npy` file."""
    if isinstance(place, str):
        return True
    return place.suffix.lower() in TABLES or place.is_dir()


def place(text: str) -> Path | str:
    """Return a path, or an address as it is."""
    from vae_onnx import checks

    return text if "://" in text else checks.path(text, "path")


def _job(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "column": options.column,
        "id_column": options.id,
        "rows": options.rows,
        "max_errors": options.max_errors,
        "resume": options.resume,
        "cluster": _cluster(options),
        "progress": True,
        "device": options.device,
        "precision": options.precision,
        "threads": options.threads,
    }


def _cluster(options: argparse.Namespace) -> Cluster | None:
    from vae_onnx.bulk import Cluster

    if options.engine == "ray":
        return Cluster(options.address, options.actors, options.cpus, options.gpus)
    if options.address or options.actors or options.gpus or options.cpus != 1:
        raise InputError("--address, --actors, --cpus and --gpus are of --engine ray")
    return None


def _share(text: str) -> float | int:
    try:
        number = float(text.removesuffix("%"))
        if not 0 <= number < math.inf:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected 20, 0.01 or 1%, got {text!r}") from None
    if text.endswith("%"):
        return number / 100 if number < 100 else math.inf
    return int(number) if number >= 1 else number


def _tell(report: Report, output: str) -> None:
    """Say on stderr what was decided, and on stdout what came of it."""
    if sys.stderr is not None:
        for note, count in report.notes.items():
            print(f"vae-onnx: note: {count:,} of the pictures: {note}", file=sys.stderr)
        if report.duplicates:
            print(
                f"vae-onnx: note: {report.duplicates:,} rows have an id that came before",
                file=sys.stderr,
            )
    taken = report.images - report.errors
    print(f"{taken:,} of {report.images:,} in {report.shards:,} files of {output}")
    if report.errors:
        print(f"{report.errors:,} could not be taken: {output}/_job/errors.parquet says why")
    if report.done < report.shards:
        print(f"{report.shards - report.done:,} of the files were there and sound")
    rate = report.images * report.done / report.shards / report.seconds
    print(f"{report.seconds:.1f} s, {rate:,.0f} / s")
