"""Work on many files by all cores, in order: Pillow and hashlib let other threads run meanwhile."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from tqdm import tqdm

from export.data.walk import first_process
from vae_onnx.engine import threads

AHEAD: Final = 16  # files a thread that wait: few results are held at once, of however many files
MOST: Final = 8  # threads: more only wait for each other

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    work: Callable[[Item], Result], items: Iterable[Item], total: int, title: str
) -> Iterator[Result]:
    """Yield the results in the order of the items, under a progress bar."""
    number = max(1, min(MOST, threads.available() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    waiting: deque[Future[Result]] = deque()
    quiet = None if first_process() else True
    with (
        ThreadPoolExecutor(number) as pool,
        tqdm(total=total, desc=title, disable=quiet) as bar,
    ):
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= number * AHEAD:
                yield waiting.popleft().result()
                bar.update()
        while waiting:
            yield waiting.popleft().result()
            bar.update()
