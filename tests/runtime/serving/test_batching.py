"""Requests that come together are computed together, and none harms another."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vae_onnx.serving.batching import Batcher, BusyError

MOST = 10**6  # bytes


def double(x):
    return [2 * x, x.sum(axis=tuple(range(1, x.ndim)), keepdims=True)]


def in_a_loop(work):
    """Run a coroutine in a thread of its own: other tests may leave a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Counting:
    """Computes, and keeps the rows of each batch."""

    def __init__(self, run=double):
        self.run, self.batches, self.go = run, [], threading.Event()
        self.go.set()

    def __call__(self, x):
        assert self.go.wait(10)
        self.batches.append(len(x))
        return self.run(x)


def ask(run, requests, max_rows=8, delay=0.0):
    """The answers, or errors, of requests that come at the same time."""

    async def all_at_once():
        with ThreadPoolExecutor(1) as lane, ThreadPoolExecutor(1) as wide:
            batcher = Batcher(run, max_rows, delay, lane, wide, MOST)
            return await asyncio.gather(*map(batcher, requests), return_exceptions=True)

    return in_a_loop(all_at_once())


def rows(count, start=0.0, width=3):
    return np.arange(count * width, dtype=np.float32).reshape(count, width) + np.float32(start)


def check(answers, requests):
    assert len(answers) == len(requests)
    for answer, request in zip(answers, requests, strict=True):
        for found, expected in zip(answer, double(request), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_requests_at_the_same_time_are_one_batch():
    run = Counting()
    requests = [rows(1, 10), rows(2, 20), rows(3, 30)]
    check(ask(run, requests), requests)
    assert run.batches == [6]


def test_no_batch_is_larger_than_it_may_be_but_of_one_request():
    run = Counting()
    requests = [rows(n, 100 * n) for n in (3, 3, 3, 7, 1, 20)]
    check(ask(run, requests), requests)
    assert sorted(run.batches) == [3, 7, 7, 20]


def test_other_shapes_are_other_batches():
    run = Counting()
    requests = [rows(1), rows(1, width=5), rows(2), rows(2, width=5)]
    check(ask(run, requests), requests)
    assert run.batches == [3, 3]


def test_while_one_batch_is_computed_the_next_gathers():
    run = Counting()
    run.go.clear()
    requests = [rows(1, n) for n in range(6)]

    async def one_by_one():
        with ThreadPoolExecutor(1) as lane, ThreadPoolExecutor(1) as wide:
            batcher = Batcher(run, 8, 0.0, lane, wide, MOST)
            tasks = []
            for request in requests:
                tasks.append(asyncio.create_task(batcher(request)))
                await asyncio.sleep(0.01)
            run.go.set()
            return await asyncio.gather(*tasks)

    check(in_a_loop(one_by_one()), requests)
    assert run.batches == [1, 5]


def test_a_delay_waits_for_others_but_not_for_more_than_are_taken():
    run = Counting()

    async def one_by_one(count):
        with ThreadPoolExecutor(1) as lane, ThreadPoolExecutor(1) as wide:
            batcher = Batcher(run, 4, 30.0, lane, wide, MOST)
            tasks = []
            for number in range(count):
                tasks.append(asyncio.create_task(batcher(rows(1, number))))
                await asyncio.sleep(0.005)
            return await asyncio.wait_for(asyncio.gather(*tasks), 10)

    check(in_a_loop(one_by_one(4)), [rows(1, number) for number in range(4)])
    assert run.batches == [4]


def test_a_delay_comes_to_an_end():
    check(ask(double, [rows(1)], delay=0.01), [rows(1)])


def test_a_large_request_does_not_keep_small_ones_waiting():
    run = Counting()
    large = threading.Event()

    def slow_if_large(x):
        assert len(x) < 8 or large.wait(10)
        return run(x)

    async def both():
        with ThreadPoolExecutor(1) as lane, ThreadPoolExecutor(1) as wide:
            batcher = Batcher(slow_if_large, 8, 0.0, lane, wide, MOST)
            first = asyncio.create_task(batcher(rows(100)))
            await asyncio.sleep(0.01)
            second = await asyncio.wait_for(batcher(rows(1)), 10)
            large.set()
            return [await first, second]

    check(in_a_loop(both()), [rows(100), rows(1)])
    assert run.batches == [1, 100]


def test_one_that_fails_fails_alone():
    def touchy(x):
        if np.any(x == 13):
            raise ArithmeticError("thirteen")
        return double(x)

    requests = [rows(1), rows(1, 13), rows(2, 50)]
    answers = ask(touchy, requests)
    assert isinstance(answers[1], ArithmeticError)
    check([answers[0], answers[2]], [requests[0], requests[2]])


def test_who_has_gone_is_not_waited_for():
    run = Counting()
    run.go.clear()

    async def leave():
        with ThreadPoolExecutor(1) as lane, ThreadPoolExecutor(1) as wide:
            batcher = Batcher(run, 8, 0.0, lane, wide, MOST)
            tasks = [asyncio.create_task(batcher(rows(1, n))) for n in range(3)]
            await asyncio.sleep(0.01)  # they are in one batch, which is being computed
            late = [asyncio.create_task(batcher(rows(1, n))) for n in range(3, 6)]
            await asyncio.sleep(0.01)
            tasks[1].cancel()
            late[1].cancel()
            run.go.set()
            return await asyncio.gather(*tasks, *late, return_exceptions=True)

    answers = in_a_loop(leave())
    gone = [answers.pop(place) for place in (4, 1)]
    assert all(isinstance(error, asyncio.CancelledError) for error in gone)
    check(answers, [rows(1, n) for n in (0, 2, 3, 5)])
    assert run.batches == [3, 2]


@pytest.mark.parametrize("max_rows", [2, 32])
def test_many_of_mixed_sizes_get_their_own(max_rows):
    rng = np.random.default_rng(0)
    requests = [rows(int(n), 7 * i) for i, n in enumerate(rng.integers(1, 40, 200))]
    check(ask(double, requests, max_rows=max_rows), requests)


@pytest.mark.parametrize("max_rows", [2, 32])  # computed by themselves, or with others
def test_what_waits_is_limited_by_its_bytes(max_rows):
    run = Counting()
    run.go.clear()
    request = rows(4)

    async def too_many():
        with ThreadPoolExecutor(1) as lane, ThreadPoolExecutor(1) as wide:
            batcher = Batcher(run, max_rows, 0.0, lane, wide, 3 * request.nbytes)
            tasks = [asyncio.create_task(batcher(request)) for _ in range(3)]
            await asyncio.sleep(0.01)
            with pytest.raises(BusyError, match="too much waits for this model"):
                await batcher(rows(1))
            run.go.set()
            answers = await asyncio.gather(*tasks)
            return [*answers, await batcher(request)]  # there is room again

    check(in_a_loop(too_many()), [request] * 4)
