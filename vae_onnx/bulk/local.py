"""The work on this machine: files are read, pictures decoded and results written meanwhile."""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from vae_onnx.autoencoder import Autoencoder
from vae_onnx.bulk import shards
from vae_onnx.bulk.blocks import Block, Items, aligned
from vae_onnx.bulk.embedding import Done, Work
from vae_onnx.bulk.job import Job, Opening
from vae_onnx.bulk.shards import Shard
from vae_onnx.engine import threads as workers

T = TypeVar("T")

READ_BYTES: Final = 2**24  # of the encoded pictures of a block
AHEAD: Final = 2  # blocks that wait for a worker, and as many that wait to be read
PIECES: Final = 8  # of a block of pictures, for each worker


class Written(NamedTuple):
    """A shard that is done."""

    shard: Shard
    errors: Sequence[tuple[str, str]]
    notes: Counter[str]


def for_workers(opening: Opening, model: Autoencoder) -> Autoencoder:
    """Return a model as `run` takes it: on one thread, where each worker has blocks of its own.

    It is opened from where the first one lies: what its reference names may have changed since.
    """
    if _takes_turns(model) or model.encoder.graph.threads == 1:
        return model
    return replace(opening, model=str(model.folder)).load(threads=1, spin=False)


def run(
    job: Job,
    waiting: Sequence[Shard],
    model: Autoencoder,
    threads: int | None,
    tell: Callable[[int], None],
) -> Generator[Written]:
    """Do some shards, one after another.

    Args:
        job: What is to be done.
        waiting: Which shards, ascending.
        model: Opened, see `for_workers`.
        threads: That work at once; by default as many as there are cores.
        tell: Called with the number of images of each block that is finished.

    Yields:
        Each shard once its file is there.

    Raises:
        FileError, FileAccessError: The input or the output fails.
    """
    cores = workers.check(threads)
    with (
        ThreadPoolExecutor(cores, "vae-onnx-worker") as pool,
        ThreadPoolExecutor(1, "vae-onnx-model") as one,
        ThreadPoolExecutor(1, "vae-onnx-writer") as writer,
    ):
        if _takes_turns(model):
            hands, work = one, job.work(model, pool.map)
        else:  # nobody waits for another within a block
            hands, work = pool, job.work(model)
        rows = min(work.block_rows, READ_BYTES // max(1, job.source.row_bytes))
        read = _blocks(job, waiting, max(1, rows))
        with closing(_done(read, work, pool, hands, cores)) as blocks:
            yield from _shards(job, waiting, blocks, writer, tell)


def _takes_turns(model: Autoencoder) -> bool:
    return model.encoder.graph.takes_turns or model.decoder.graph.takes_turns


def _shards(
    job: Job,
    waiting: Sequence[Shard],
    blocks: Iterator[Done],
    writer: ThreadPoolExecutor,
    tell: Callable[[int], None],
) -> Iterator[Written]:
    writing: Future[Written] | None = None
    for shard in waiting:
        done = []
        left = shard.stop - shard.start
        while left:
            done.append(next(blocks))
            left -= done[-1].count
            tell(done[-1].count)
        if writing:
            yield writing.result()
        writing = writer.submit(_write, job, shard, done)
    if writing:
        yield writing.result()


def _blocks(job: Job, waiting: Sequence[Shard], rows: int) -> Iterator[Block]:
    """The blocks of the shards. Shards in a row are read in one go.

    Blocks end where shards do, and at multiples of `rows` in the input, as what is read does:
    wherever a run begins they are the same, and few are pieced together.
    """
    for _, group in groupby(enumerate(waiting), lambda pair: pair[1].number - pair[0]):
        run = [shard for _, shard in group]
        read = job.source.read(run[0].start, run[-1].stop, rows)
        yield from aligned(read, _ends(run, rows))


def _ends(run: Sequence[Shard], rows: int) -> Iterator[int]:
    for shard in run:
        yield from range(shard.start - shard.start % rows + rows, shard.stop, rows)
        yield shard.stop


def _done(
    blocks: Iterable[Block],
    work: Work,
    pool: ThreadPoolExecutor,
    hands: ThreadPoolExecutor,
    cores: int,
) -> Generator[Done]:
    """Work on a few blocks at once; they come out in their order.

    What is submitted to the pool is begun in that order too, so that a block never waits in it for
    pictures that nobody has begun to decode.
    """
    begun: deque[tuple[Future[Done], list[Future[list[Any]]]]] = deque()
    with _read_ahead(blocks) as read:
        try:
            for block in read:
                pieces = None
                if not isinstance(block.items, np.ndarray) or block.ids.null_count:
                    size = -(-len(block.items) // (PIECES * cores))
                    pieces = [
                        pool.submit(_prepare, work, block.items[first : first + size])
                        for first in range(0, len(block.items), size)
                    ]
                begun.append((hands.submit(_work, work, block, pieces), pieces or []))
                if len(begun) >= cores + AHEAD:
                    yield begun.popleft()[0].result()
            while begun:
                yield begun.popleft()[0].result()
        finally:  # or all of it is done before an error is raised
            for done, pieces in begun:
                done.cancel()
                for piece in pieces:
                    piece.cancel()


def _prepare(work: Work, items: Items) -> list[Any]:
    return [work.prepare(item) for item in items]


def _work(work: Work, block: Block, pieces: Sequence[Future[list[Any]]] | None) -> Done:
    if pieces is None:
        return work(block, None)
    return work(block, [each for piece in pieces for each in piece.result()])


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
