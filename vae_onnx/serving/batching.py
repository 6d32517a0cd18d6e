"""Requests that come at the same time are computed together, and each gets its own rows back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from vae_onnx.engine.graph import Array

Run = Callable[[Array], list[Array]]


class BusyError(Exception):
    """More waits than there is memory for; the same request may be asked later."""


class Waiting(NamedTuple):
    """A request that has been checked."""

    rows: Array  # (N, ...)
    answer: asyncio.Future[list[Array]]


class Batcher:
    """Adaptive batches of one model: while one is computed, the next gathers.

    Nothing waits while there is nothing to do, unless `delay` says so. Requests of another height
    or width are a batch of their own, in the order in which they came. A request of `max_rows` or
    more is computed alone, and not before smaller ones: it has a lane of its own.

    Args:
        run: (N, ...) -> the outputs, (N, ...) each; called in a thread.
        max_rows: Of a batch that is put together.
        delay: Seconds that the first of a batch waits for others.
        lane: Runs the batches, one at a time.
        wide_lane: Runs the large requests.
        most: Bytes of all requests that wait or are computed.
        seen: Told the rows of every batch.
    """

    def __init__(
        self,
        run: Run,
        max_rows: int,
        delay: float,
        lane: Executor,
        wide_lane: Executor,
        most: int,
        seen: Callable[[int], object] = bool,
    ) -> None:
        self._run, self._max_rows, self._delay = run, max_rows, delay
        self._lane, self._wide_lane, self._seen = lane, wide_lane, seen
        self._most, self._bytes = most, 0
        self._waiting: list[Waiting] = []
        self._enough = asyncio.Event()
        self._working: asyncio.Task[None] | None = None

    async def __call__(self, rows: Array) -> list[Array]:
        """Return the outputs (N, ...) for the rows (N, ...) of a request that has been checked.

        Raises:
            BusyError: Too much waits already.
            Exception: What `run` raises on these rows; never what it raises on those of others.
        """
        if self._bytes + rows.nbytes > self._most:
            raise BusyError("too much waits for this model; ask again later, or another worker")
        self._bytes += rows.nbytes
        try:
            return await (self._by_itself if len(rows) >= self._max_rows else self._with_others)(
                rows
            )
        finally:
            self._bytes -= rows.nbytes

    async def _by_itself(self, rows: Array) -> list[Array]:
        self._seen(len(rows))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._wide_lane, self._run, rows)

    async def _with_others(self, rows: Array) -> list[Array]:
        loop = asyncio.get_running_loop()
        request = Waiting(rows, loop.create_future())
        self._waiting.append(request)
        if self._count() >= self._max_rows:
            self._enough.set()
        if self._working is None or self._working.done():
            self._working = loop.create_task(self._work())
        return await request.answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await self._gather()
            batch = self._take()
            if batch:
                self._seen(sum(len(request.rows) for request in batch))
                answers: list[list[Array] | Exception]
                try:
                    answers = await loop.run_in_executor(self._lane, self._compute, batch)
                except Exception as error:  # of the lane, which is closed at the end
                    answers = [error] * len(batch)
                _give(batch, answers)

    async def _gather(self) -> None:
        """Let requests come in: those that are on their way already, or all within the delay."""
        self._enough.clear()
        if not self._delay or self._count() >= self._max_rows:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self._enough.wait(), self._delay)
        except TimeoutError:
            return

    def _take(self) -> list[Waiting]:
        """Take the first request out, and all behind it that go into one batch with it."""
        batch: list[Waiting] = []
        left: list[Waiting] = []
        count = 0
        for request in self._waiting:
            if request.answer.done():  # whoever asked is gone
                continue
            fits = not batch or (
                request.rows.shape[1:] == batch[0].rows.shape[1:]
                and count + len(request.rows) <= self._max_rows
            )
            (batch if fits else left).append(request)
            count += len(request.rows) * fits
        self._waiting = left
        return batch

    def _count(self) -> int:
        return sum(len(request.rows) for request in self._waiting)

    def _compute(self, batch: list[Waiting]) -> list[list[Array] | Exception]:
        """Compute a batch at once; should it fail, each request alone, so that one fails alone."""
        if len(batch) > 1:
            try:
                outputs = self._run(np.concatenate([request.rows for request in batch]))
            except Exception:  # whatever it is, it may be of one of them
                return [self._alone(request.rows) for request in batch]
            ends = np.cumsum([len(request.rows) for request in batch])[:-1]
            split = [np.split(output, ends) for output in outputs]
            return [list(rows) for rows in zip(*split, strict=True)]
        return [self._alone(batch[0].rows)]

    def _alone(self, rows: Array) -> list[Array] | Exception:
        try:
            return self._run(rows)
        except Exception as error:  # it is raised where the answer is waited for
            return error


def _give(batch: list[Waiting], answers: list[list[Array] | Exception]) -> None:
    for request, answer in zip(batch, answers, strict=True):
        if request.answer.done():
            continue
        if isinstance(answer, Exception):
            request.answer.set_exception(answer)
        else:
            request.answer.set_result(answer)
