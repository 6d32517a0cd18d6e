"""Collections of many images or codes: Parquet, Arrow, tar, and what a result tells of itself."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vae_onnx.bulk import job, shards
from vae_onnx.bulk.neighbours import building, index
from vae_onnx.bulk.neighbours.collection import Collection
from vae_onnx.bulk.places import Output
from vae_onnx.bulk.sources import opening
from vae_onnx.engine.progress import Said

from ..target import Change, Target, as_file
from .seeds import picture_seeds

RAW = 16  # bytes of an image
CODES = {"id": ["a", "b"], "mu": [[0.5, 1.0], [2.0, 3.0]]}


def _tables() -> Iterator[pa.Table]:
    png = picture_seeds()[0]
    raw = pa.array([bytes(RAW), bytes(range(RAW))], pa.binary(RAW))
    yield pa.table({"image": [png, png], "id": [3, 4]})
    yield pa.table({"image": [{"bytes": png, "path": "a.png"}, None]})
    yield pa.table({"image": raw})
    yield pa.table({"image": pa.array([np.arange(16), np.arange(16)], pa.list_(pa.uint8()))})
    nested = pa.array([[[0.0, 1.0], [1.0, 0.5]]] * 2, pa.list_(pa.list_(pa.float32())))
    yield pa.table({"image": nested, "id": ["a", "b"]})


def _parquet_seeds() -> Iterator[bytes]:
    for table in _tables():
        for compression in ("none", "zstd"):
            yield _parquet(table, compression)


def _parquet(table: pa.Table, compression: str = "none") -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression=compression)
    return out.getvalue()


def _arrow_seeds() -> Iterator[bytes]:
    for table in _tables():
        out = io.BytesIO()
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
        yield out.getvalue()


def _tar_seeds() -> Iterator[bytes]:
    for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            for number, png in enumerate(picture_seeds()[:2]):
                member = tarfile.TarInfo(f"{'long/' * 30 * number}{number}.png")
                member.size = len(png)
                archive.addfile(member, io.BytesIO(png))
        yield out.getvalue().rstrip(b"\0") + bytes(1024)


def _within_tar(content: bytes, change: Change, rng: random.Random) -> bytes:
    """Change the head of a member, and its sum with it."""
    at = 512 * rng.choice(
        [n for n in range(len(content) // 512) if content[512 * n + 257 :][:5] == b"ustar"]
    )
    head = bytearray(change(content[at : at + 512])[:512].ljust(512, b"\0"))
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return content[:at] + bytes(head) + content[at + 512 :]


def _read(name: str, form: str = "images") -> Callable[[bytes], None]:
    def take(content: bytes) -> None:
        path = as_file(content, name)
        source = opening.open_source(str(path), opening.Wanted(raw_bytes=RAW, form=form))
        for block in source.read(0, len(source), 1):
            block.ids.validate(full=True)
            assert len(block.ids) == len(list(block.items))

    return take


def _codes_seeds() -> Iterator[bytes]:
    told = {"model": "m", "rows": [0, 2], "errors": [], "sha256": {"encoder.onnx": "0"}}
    for about in ({}, {shards.KEY: json.dumps(told).encode()}):
        table = pa.table(CODES)
        yield _parquet(table.replace_schema_metadata(about))


def _take_collection(content: bytes) -> None:
    found = Collection(as_file(content, "codes.parquet"))
    _ = repr(found), found.missing
    for ids, vectors in found.blocks(1):
        assert len(ids) == len(vectors)
    found.ids_at(np.arange(1))
    found.vectors_at(np.arange(1))


def _state_seeds() -> Iterator[bytes]:
    yield json.dumps({"_data_files": [{"filename": "data.arrow"}], "_indices_files": None}).encode()
    yield json.dumps({"_data_files": [], "_indices_data_files": [{"filename": "x"}]}).encode()


def _take_state(content: bytes) -> None:
    folder = as_file(content, "list.json").parent / "saved"
    folder.mkdir(exist_ok=True)
    (folder / "data.arrow").write_bytes(next(_arrow_seeds()))
    (folder / "state.json").write_bytes(content)
    opening.open_source(str(folder), opening.Wanted(raw_bytes=RAW))


def _job_seeds() -> Iterator[bytes]:
    yield json.dumps({"vae_onnx": "1", "input": {"count": 2}}).encode()


def _take_job(content: bytes) -> None:
    folder = as_file(content, "job.json").parent / "result"
    (folder / job.OWN).mkdir(parents=True, exist_ok=True)
    (folder / job.JOB).write_bytes(content)
    told = {"vae_onnx": "1", "input": {"count": 2}}
    job._check_same(SimpleNamespace(output=Output(str(folder)), told=told))


def _index_seeds() -> Iterator[bytes]:
    yield json.dumps(
        {"lists": 1, "probes": 1, "recall": None, "sizes": {"a": 1}, "origin": {"format": 1}}
    ).encode()


def _take_index(content: bytes) -> None:
    folder = as_file(content, building.ABOUT).parent
    index._fresh(folder, {"format": 1}, Said(None))


_SCHEMA = (
    b"PAR1",
    b"image",
    b"bytes",
    b"list",
    b"element",
    b"vae_onnx",
    b'"sha256"',
    b'"rows"',
    b"ARROW",
)
_JSON = (b"null", b"[]", b"{}", b"1e999", b'"_data_files"', b'"filename"', b'"../x"', b"[", b"{")
TARGETS = (
    Target(
        "parquet",
        _parquet_seeds,
        _read("input.parquet"),
        words=_SCHEMA,
    ),
    Target(
        "arrow",
        _arrow_seeds,
        _read("input.arrow"),
        words=_SCHEMA,
    ),
    Target("arrow_folder", _state_seeds, _take_state, words=_JSON),
    Target("tar", _tar_seeds, _read("input.tar"), within=_within_tar),
    Target(
        "collection",
        _codes_seeds,
        _take_collection,
        words=_SCHEMA,
    ),
    Target("job", _job_seeds, _take_job, words=_JSON),
    Target("index", _index_seeds, _take_index, words=_JSON),
)
