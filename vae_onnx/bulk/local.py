"""The work on this machine: files are read, pictures decoded and results written meanwhile."""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from vae_onnx.autoencoder import Autoencoder
from vae_onnx.bulk import shards
from vae_onnx.bulk.blocks import Block, aligned
from vae_onnx.bulk.embedding import Done, Work
from vae_onnx.bulk.job import Job
from vae_onnx.bulk.shards import Shard
from vae_onnx.engine import threads as workers

T = TypeVar("T")
Prepared = tuple[Block, list[Future[Any]] | None]  # and what becomes of each item, if that is work

READ_BYTES: Final = 2**24  # of the encoded pictures of a block
AHEAD: Final = 3  # blocks that are read and decoded before it is their turn


class Written(NamedTuple):
    """A shard that is done."""

    shard: Shard
    errors: Sequence[tuple[str, str]]
    notes: Counter[str]


def run(
    job: Job, waiting: Sequence[Shard], model: Autoencoder, tell: Callable[[int], None]
) -> Generator[Written]:
    """Do some shards, one after another.

    Args:
        job: What is to be done.
        waiting: Which shards, ascending.
        model: Opened.
        tell: Called with the number of images of each block that is finished.

    Yields:
        Each shard once its file is there.

    Raises:
        FileError, FileAccessError: The input or the output fails.
    """
    cores = workers.check(model.encoder.graph.threads)
    with (
        ThreadPoolExecutor(cores, "vae-onnx-picture") as pool,
        ThreadPoolExecutor(1, "vae-onnx-writer") as writer,
    ):
        work = job.work(model, pool.map)
        rows = min(work.block_rows, READ_BYTES // max(1, job.source.row_bytes))
        read = _blocks(job, waiting, max(1, rows))
        with closing(_prepared(read, work, pool)) as blocks:  # or all of it is done before an error
            yield from _shards(job, waiting, work, blocks, writer, tell)


def _shards(
    job: Job,
    waiting: Sequence[Shard],
    work: Work,
    blocks: Iterator[Prepared],
    writer: ThreadPoolExecutor,
    tell: Callable[[int], None],
) -> Iterator[Written]:
    writing: Future[Written] | None = None
    for shard in waiting:
        done = []
        at = shard.start
        while at < shard.stop:
            block, prepared = next(blocks)
            done.append(work(block, None if prepared is None else _results(prepared)))
            at += len(block.items)
            tell(len(block.items))
        if writing:
            yield writing.result()
        writing = writer.submit(_write, job, shard, done)
    if writing:
        yield writing.result()


def _blocks(job: Job, waiting: Sequence[Shard], rows: int) -> Iterator[Block]:
    """The blocks of the shards. Shards in a row are read in one go, each cut from its own start."""
    for _, group in groupby(enumerate(waiting), lambda pair: pair[1].number - pair[0]):
        run = [shard for _, shard in group]
        start, stop = run[0].start, run[-1].stop
        bounds = [
            min(first + rows, shard.stop)
            for shard in run
            for first in range(shard.start, shard.stop, rows)
        ]
        yield from aligned(job.source.read(start, stop, rows), bounds)


def _prepared(blocks: Iterable[Block], work: Work, pool: ThreadPoolExecutor) -> Generator[Prepared]:
    """Read ahead, and decode the pictures of the blocks that have been read."""
    waiting: deque[Prepared] = deque()
    with _read_ahead(blocks) as read:
        try:
            for block in read:
                futures = None
                if not isinstance(block.items, np.ndarray) or block.ids.null_count:
                    futures = [pool.submit(work.prepare, item) for item in block.items]
                waiting.append((block, futures))
                if len(waiting) > AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            for _, futures in waiting:
                for future in futures or ():
                    future.cancel()


def _results(futures: Sequence[Future[Any]]) -> list[Any]:
    return [future.result() for future in futures]


def _write(job: Job, shard: Shard, done: Sequence[Done]) -> Written:
    errors = [error for each in done for error in each.errors]
    notes = sum((each.notes for each in done), Counter[str]())
    batches = [each.rows for each in done]
    schema = batches[0].schema if batches else pa.schema([])
    shards.write(job.output, shard, job.told, batches, errors, schema)
    return Written(shard, errors, notes)


@contextmanager
def _read_ahead(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """Iterate in a thread, a few items before they are wanted; its error is raised here."""
    ready: queue.Queue[tuple[bool, Any]] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(entry: tuple[bool, Any]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:  # whatever it is belongs to who waits
            put((False, error))

    def ready_items() -> Iterator[T]:
        while True:
            is_item, value = ready.get()
            if is_item:
                yield value
            elif value is None:
                return
            else:
                raise value

    thread = threading.Thread(target=read, name="vae-onnx-reader", daemon=True)
    thread.start()
    try:
        yield ready_items()
    finally:
        stopped.set()
        thread.join()
