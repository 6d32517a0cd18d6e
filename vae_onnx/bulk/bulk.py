"""`embed` and `decode`: what to call, and what comes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import vae_onnx
from vae_onnx import checks
from vae_onnx.autoencoder import Autoencoder
from vae_onnx.bulk import duplicates, job, local, places, shards
from vae_onnx.bulk.decoding import Form
from vae_onnx.bulk.job import Job, Opening
from vae_onnx.bulk.local import Written
from vae_onnx.bulk.places import Output
from vae_onnx.bulk.shards import Shard
from vae_onnx.bulk.sources.opening import Wanted, open_source
from vae_onnx.bulk.sources.parts import Source
from vae_onnx.engine import sizes
from vae_onnx.engine.progress import Meter, Said
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.evaluation import Settings
from vae_onnx.pictures.fitting import Fit

ROWS: Final = 50_000  # of a shard: what a crash may cost
Place = str | os.PathLike[str]


@dataclass(frozen=True)
class Cluster:
    """Where Ray does a job, and with how much of it.

    Attributes:
        address: Of a cluster that runs; by default $RAY_ADDRESS, or else a new one on this machine.
        actors: Most models at once, one an actor; by default as many as there is room for.
        num_cpus: Cores of an actor, which are the threads of its model.
        num_gpus: GPUs of an actor, or a part of one.
    """

    address: str | None = None
    actors: int | None = None
    num_cpus: int = 1
    num_gpus: float = 0


@dataclass(frozen=True)
class Report:
    """How a job ended.

    Attributes:
        images: Of the input.
        errors: How many of them could not be taken; `_job/errors.parquet` says which and why.
        shards: Files of the result.
        done: How many of these this run has made; the others were there.
        duplicates: Rows whose id came before.
        seconds: Of this run.
        notes: What was decided about images, and about how many of this run.
        again: Files of the result that were there, and were made again, with the reason.
    """

    images: int
    errors: int
    shards: int
    done: int
    duplicates: int
    seconds: float
    notes: Mapping[str, int]
    again: Mapping[str, str]


def embed(
    source: Place,
    output: Place,
    model: str,
    *,
    column: str | None = None,
    id_column: str | None = None,
    elbo: bool = False,
    draws: int = Settings.draws,
    seed: int = 0,
    fit: Fit | None = None,
    invert: bool | None = None,
    rows: int | None = None,
    max_errors: int | float = 0.01,
    resume: bool = False,
    cluster: Cluster | None = None,
    progress: bool = False,
    **options: Any,
) -> Report:
    """Embed images in files, as many as there are, into a folder of Parquet files.

    Args:
        source: A folder of pictures, `.npy`, `.npz`, IDX, Parquet, the tar files of WebDataset or a
            data set that `datasets` saved; see docs/bulk.md. A path, a pattern, or for Parquet and
            tar files an address such as s3://bucket/folder.
        output: The folder, new or empty; an address as well. It comes to hold part-00000.parquet
            ... with `id`, and `mu` and `log_var` of a VAE or `z` of an AE, each a list of
            latent_dim numbers in the order of `latent_shape`.
        model: What `vae_onnx.load` takes.
        column: Of the images; needed where several could be.
        id_column: Of the ids, by default `id` where there is one, else the number of the row.
        elbo: A column `elbo` more, in nats an image, higher is better.
        draws: Samples of the noise per image for that.
        seed: Of that noise.
        fit: How picture files of another size are brought to the model's; without it, they are
            errors.
        invert: As in the `encode` command.
        rows: Images a file of the result, by default 50,000 or fewer where codes are large: what a
            crash may cost.
        max_errors: How many images that cannot be taken make the job fail: a number, or below 1 a
            share of all, rounded up.
        resume: Go on with what is in `output`. Each file there is read and checked.
        cluster: Do it with Ray, on these terms; by default on this machine alone.
        progress: Say on stderr how far it has come.
        options: Of `load`: device, threads, precision. As many pictures are decoded at once as
            there are threads.

    Returns:
        A report. The result is the same, byte for byte, however often a run was killed.

    Raises:
        InputError: There is no image; what is meant is not clear; `output` holds something else; or
            too many images cannot be taken.
        FileError: A file of the input is damaged as a whole.
        FileAccessError: The input cannot be read, or the output not written.
        FileMissingError, GraphError, DeviceError: See `load`.
        PackageMissingError: pyarrow, fsspec or Ray is missing.
    """
    checks.integer(draws, "draws", at_least=1)
    checks.integer(seed, "seed", at_least=0)
    work: dict[str, Any] = {"invert": invert, "fit": fit, "elbo": elbo}
    if elbo:
        work |= {"draws": draws, "seed": seed}
    opening = Opening(_model(model), options)
    opened = _opened(opening, cluster)
    fixed = sizes.are_fixed(opened.image_shape)
    raw_bytes = int(np.prod(opened.image_shape)) if fixed else None
    images = open_source(os.fspath(source), Wanted(column, id_column, raw_bytes))
    row = 4 * 2 * opened.latent_dim if fixed else 2**16
    made = _job("embed", opening, opened, images, work, output, rows, row, max_errors)
    return _run(made, opened, cluster, resume=resume, progress=progress)


def decode(
    source: Place,
    output: Place,
    model: str,
    *,
    column: str | None = None,
    id_column: str | None = None,
    form: Form = "pictures",
    rows: int | None = None,
    max_errors: int | float = 0.01,
    resume: bool = False,
    cluster: Cluster | None = None,
    progress: bool = False,
    **options: Any,
) -> Report:
    """Decode the codes of an embedded collection into a folder of Parquet files of pictures.

    Args:
        source: What `embed` has written, or other Parquet or Arrow with a column of codes.
        output: As in `embed`; its files have `id` and `image`.
        model: As in `embed`.
        column: Of the codes, by default `mu` or `z` where there is one.
        id_column: As in `embed`.
        form: "pictures" writes `image` as PNG files, {"bytes", "path"} as `datasets` has them;
            "arrays" as uint8 numbers (height, width), or (height, width, channels).
        rows: As in `embed`, by default so many that a file has some 32 MB of pixels.
        max_errors: As in `embed`.
        resume: As in `embed`.
        cluster: As in `embed`.
        progress: As in `embed`.
        options: As in `embed`.

    Returns:
        A report.

    Raises:
        InputTypeError: `form` is neither of the two.
        VaeOnnxError: As in `embed`.
    """
    if form not in ("pictures", "arrays"):
        raise InputTypeError(f"form must be 'pictures' or 'arrays', got {form!r}")
    opening = Opening(_model(model), options)
    opened = _opened(opening, cluster)
    codes = open_source(os.fspath(source), Wanted(column, id_column, None, "codes"))
    _check_model(codes, opened)
    fixed = sizes.are_fixed(opened.image_shape)
    row = int(np.prod(opened.image_shape)) if fixed else 2**20
    made = _job("decode", opening, opened, codes, {"form": form}, output, rows, row, max_errors)
    return _run(made, opened, cluster, resume=resume, progress=progress)


def _opened(opening: Opening, cluster: Cluster | None) -> Autoencoder:
    """Open the model here: to look at it alone, where a cluster does the work."""
    if cluster is None:
        return opening.load()
    if opening.options.get("threads") is not None:
        raise InputError(
            "threads are of one machine; on a cluster num_cpus (--cpus) says how many cores, and "
            "so threads, each model has"
        )
    return opening.load(device="cpu")


def _check_model(codes: Source, model: Autoencoder) -> None:
    """See that codes are of the model, if they say of which they are."""
    told = codes.about.get("sha256", {})
    found = job.checksums(model)
    name = job.name_of(model)
    if told and not told.keys() & found.keys() and codes.about.get("model") != name:
        raise InputError(
            f"the codes are of {codes.about.get('model')}, not of {name}; decode with the model "
            f"that was embedded with: {codes.about.get('reference')}"
        )
    for name in told.keys() & found.keys():
        if told[name] != found[name]:
            raise InputError(
                f"the codes are of {codes.about.get('model')}, whose {name} has the sha256 "
                f"{told[name]}; that of {model.folder} has {found[name]}. Decode with the model "
                f"that was embedded with: {codes.about.get('reference')}"
            )


def _model(model: str | os.PathLike[str]) -> str:
    """What to open, also by processes in another folder."""
    if not isinstance(model, str | os.PathLike):
        raise InputTypeError(f"model must be a name or a path, got {type(model).__name__}")
    is_name = isinstance(model, str) and (model in vae_onnx.models() or places.is_remote(model))
    return str(model) if is_name else str(checks.path(model, "model").absolute())


def _job(
    verb: str,
    opening: Opening,
    model: Autoencoder,
    source: Source,
    options: dict[str, Any],
    output: Place,
    rows: int | None,
    row_bytes: int,
    max_errors: int | float,
) -> Job:
    if rows is None:
        rows = max(1, min(ROWS, job.SHARD_BYTES // row_bytes))
    rows = checks.integer(rows, "rows", at_least=1)
    told = job.identity(opening, model, source, {verb: options, "rows_per_shard": rows})
    return Job(
        source,
        opening,
        verb,
        options,
        Output(os.fspath(output)),
        told,
        shards.planned(len(source), rows),
        job.most_errors(max_errors, len(source)),
    )


def _run(
    made: Job,
    model: Autoencoder,
    cluster: Cluster | None,
    *,
    resume: bool,
    progress: bool,
) -> Report:
    began = time.monotonic()
    say = Said("vae-onnx" if progress else None)
    for line in made.source.taken:
        say(f"note: {line}")
    made.work(model)  # errors before anything is written
    state = job.begin(made, resume=resume)
    waiting = list(state.waiting)
    for shard, reason in state.again:
        say(f"note: {shard.name} is {reason}; it is made again")
    total = sum(shard.stop - shard.start for shard in waiting)
    meter = Meter("embedded" if made.verb == "embed" else "decoded", total, shown=progress)
    with meter, closing(_written(made, waiting, model, cluster, meter.add)) as written:
        for each in written:
            state.finish(each.shard, each.errors)
            state.notes.update(each.notes)
    state.write_errors()
    made.output.sweep()  # of a worker that was killed
    return Report(
        images=len(made.source),
        errors=state.failed,
        shards=len(made.shards),
        done=len(waiting),
        duplicates=duplicates.count(made) if made.source.may_repeat else 0,
        seconds=time.monotonic() - began,
        notes=dict(state.notes),
        again={shard.name: reason for shard, reason in state.again},
    )


def _written(
    made: Job,
    waiting: Sequence[Shard],
    model: Autoencoder,
    cluster: Cluster | None,
    tell: Callable[[int], None],
) -> Generator[Written]:
    if not waiting:
        return
    if cluster is None:
        threads = made.opening.options.get("threads")
        shared = local.for_workers(made.opening, model)
        yield from local.run(made, waiting, shared, threads, tell)
        return
    from vae_onnx.bulk import ray

    yield from ray.run(made, waiting, cluster, tell)
