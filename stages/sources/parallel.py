"""Work that threads share."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # batches a core that wait for the one in front of them: what is held in memory
MOST_THREADS = 16  # each may hold a picture of MOST_PIXELS, some 0.3 GB


def map_in_threads(function: Callable[[Item], Result], items: Sequence[Item], batch: int) -> Iterator[Result]:
    """Yield function(item) for each of `items`, in their order, from threads that work ahead a few batches.

    Threads, since Pillow decodes without Python's lock, and other processes could outlive this one.
    """
    cores = min(MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    batches = (items[start : start + batch] for start in range(0, len(items), batch))
    pool = ThreadPoolExecutor(cores)

    def work(items: Sequence[Item]) -> list[Result]:
        return [function(item) for item in items]

    try:
        waiting = deque(pool.submit(work, items) for items in itertools.islice(batches, AHEAD * cores))
        while waiting:
            yield from waiting.popleft().result()
            waiting.extend(pool.submit(work, items) for items in itertools.islice(batches, 1))
    finally:
        pool.shutdown(cancel_futures=True)
