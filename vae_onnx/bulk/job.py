"""A job: which input, which model, where to; what of it is done, and how it ends."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final

import pyarrow as pa

import vae_onnx
from vae_onnx.autoencoder import Autoencoder
from vae_onnx.bulk import shards
from vae_onnx.bulk.decoding import Decoding, Map
from vae_onnx.bulk.embedding import Embedding, Work
from vae_onnx.bulk.places import HIDDEN, NO_DATA, Output
from vae_onnx.bulk.shards import Shard
from vae_onnx.bulk.sources.parts import Source
from vae_onnx.errors import FileError, FileMissingError, InputError

OWN: Final = "_job"  # the folder in a result for what is no data; readers of Parquet pass it over
JOB: Final = f"{OWN}/job.json"
ERRORS: Final = f"{OWN}/errors.parquet"
SHARD_BYTES: Final = 2**25  # of a file, where a row is large


@dataclass(frozen=True)
class Opening:
    """How a model is opened, wherever the work is done. It can be pickled.

    Attributes:
        model: As `vae_onnx.load` takes it.
        options: The other arguments of `load`.
    """

    model: str
    options: Mapping[str, Any]

    def load(self, **other: Any) -> Autoencoder:
        """Open it, with some options in the place of others; errors are those of `load`."""
        return vae_onnx.load(self.model, **{**self.options, **other})


@dataclass(frozen=True)
class Job:
    """What is to be done. It can be pickled, and carried out on any machine that sees the files.

    Attributes:
        source: Of the images or codes.
        opening: Of the model.
        verb: "embed" or "decode".
        options: Of `Embedding` or `Decoding`.
        output: The folder of the result.
        told: What every file of the result says of the job.
        shards: The files of the result.
        most_errors: How many images that cannot be taken make the job fail.
    """

    source: Source
    opening: Opening
    verb: str
    options: Mapping[str, Any]
    output: Output
    told: Mapping[str, Any]
    shards: Sequence[Shard]
    most_errors: int

    def work(self, model: Autoencoder, each: Map = map) -> Work:
        """Return what is done with each block."""
        if self.verb == "embed":
            return Embedding(model, **self.options)
        return Decoding(model, **self.options, each=each)


@dataclass
class State:
    """How far a job has come.

    Attributes:
        job: Which.
        waiting: Shards that are yet to be done.
        errors: By shard, the ids of images that could not be taken, and why.
        again: Shards that were there and are done again, with the reason.
        notes: What was decided about images of this run, and how often.
    """

    job: Job
    waiting: list[Shard]
    errors: dict[int, Sequence[tuple[str, str]]] = field(default_factory=dict)
    again: list[tuple[Shard, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def finish(self, shard: Shard, errors: Sequence[tuple[str, str]]) -> None:
        """Take note of a shard that is written.

        Raises:
            InputError: More images than allowed could not be taken.
        """
        self.errors[shard.number] = errors
        self.check()

    def check(self) -> None:
        """See that no more images than allowed could not be taken.

        Raises:
            InputError: They are more.
        """
        failed = self.failed
        if failed > self.job.most_errors:
            self.write_errors()
            first = "; ".join(
                f"{called}: {reason}" for called, reason in list(self.all_errors())[:3]
            )
            raise InputError(
                f"{failed:,} images could not be taken, more than {self.job.most_errors:,}: "
                f"{first}; {self.job.output.path(ERRORS)} has all so far. Mend them and start "
                "anew, or go on with --resume and a larger --max-errors"
            )

    @property
    def failed(self) -> int:
        """Images that could not be taken."""
        return sum(map(len, self.errors.values()))

    def all_errors(self) -> Iterable[tuple[str, str]]:
        """Yield them in the order of the input."""
        for number in sorted(self.errors):
            yield from ((called, reason) for called, reason in self.errors[number])

    def write_errors(self) -> None:
        """Write `errors.parquet`: `id` and `reason`, no row where there was none."""
        schema = pa.schema([("id", pa.string()), ("reason", pa.string())])
        columns = [pa.array(column, pa.string()) for column in zip(*self.all_errors(), strict=True)]
        none = [pa.nulls(0, pa.string())] * 2  # `pa.array` would import pandas first
        table = pa.Table.from_arrays(columns or none, schema=schema)
        shards.write_table(self.job.output, ERRORS, table)


def most_errors(max_errors: int | float, count: int) -> int:
    """Return how many images that cannot be taken a job bears, of a number or a share below 1.

    Raises:
        InputError: It is neither.
    """
    if not isinstance(max_errors, int | float) or not max_errors >= 0:
        raise InputError(f"max_errors must be a number of at least 0, got {max_errors!r}")
    return math.ceil(max_errors * count) if max_errors < 1 else int(min(max_errors, count))


def identity(
    opening: Opening, model: Autoencoder, source: Source, details: Mapping[str, Any]
) -> Any:
    """Return what tells a result from every other: model, input and options."""
    return {
        "vae_onnx": vae_onnx.__version__,
        "model": name_of(model),
        "reference": opening.model,
        "precision": model.precision,
        "kind": model.kind,
        "latent_shape": list(model.latent_shape),
        "sha256": checksums(model),
        "input": {
            "kind": source.kind,
            "count": len(source),
            "sha256 of names, sizes and times": source.digest,
            "column": source.named[0],
            "id": source.named[1],
        },
        **details,
    }


def name_of(model: Autoencoder) -> str:
    """Return what a model calls itself, or else the name of its folder."""
    return model.metadata.get("name") or model.folder.name


def checksums(model: Autoencoder) -> dict[str, str]:
    """Return the sha256 of each graph that runs, by the name of its file."""
    paths = (model.encoder.graph.path, model.decoder.graph.path)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def begin(job: Job, *, resume: bool) -> State:
    """Prepare the folder of the result, or see what of it is done.

    Raises:
        InputError: Something is in it without `resume`, or it is the result of another job.
        FileError: Its `job.json` is damaged.
    """
    names = job.output.names()
    if not resume:
        if names:
            raise InputError(
                f"{job.output} is not empty: it holds {names[0]}; --resume goes on with a job, "
                "another one needs another folder"
            )
        return _new(job)
    job.output.sweep()
    parts = [name for name in names if name.startswith(shards.PREFIX)]
    if not (parts or (OWN in names and job.output.has(JOB))):  # killed before it began, or new
        if strange := [name for name in names if not name.startswith((HIDDEN, NO_DATA))]:
            raise InputError(
                f"{job.output} holds {strange[0]}, and no job to resume; name another folder"
            )
        return _new(job)
    _check_same(job)
    state = State(job, [])
    for shard in job.shards:
        told = shards.look(job.output, shard, job.told)
        if isinstance(told, str):
            state.waiting.append(shard)
            if told != "missing":
                state.again.append((shard, told))
        else:
            state.errors[shard.number] = told["errors"]
    state.check()
    return state


def _new(job: Job) -> State:
    content = json.dumps(job.told, indent=2, sort_keys=True).encode() + b"\n"
    job.output.write(JOB, lambda file: _fill(file, content))
    return State(job, list(job.shards))


def _check_same(job: Job) -> None:
    try:
        told = json.loads(job.output.read(JOB))
        if not isinstance(told, dict):
            raise TypeError(f"it holds a {type(told).__name__}")
        differing = list(_differing(told, _plain(job.told)))
    except (FileMissingError, ValueError, AttributeError, TypeError) as error:
        raise FileError(
            f"{job.output.path(JOB)} is damaged or missing: {error}; start anew in another folder"
        ) from error
    if differing:
        raise InputError(
            f"{job.output} is the result of another job: {'; '.join(differing)}. Go on with what "
            "it was, or name another folder"
        )


def _differing(was: Any, now: Any, name: str = "its ") -> Iterable[str]:
    """Say in which values two jobs differ."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            yield from _differing(was.get(key), now.get(key), f"{name}{key} ")
    elif was != now:
        yield f"{name}was {was}, now it is {now}"


def _fill(file: IO[bytes], content: bytes) -> None:
    file.write(content)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
