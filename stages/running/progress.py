"""A progress bar on stderr for work that takes minutes; silent where nobody watches."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

WIDTH = 24  # characters of the bar: with its figures the line fits a terminal of 80 columns
INTERVAL = 0.25  # seconds between two updates: fast enough to the eye, slow enough to cost nothing


def progress(
    items: Iterable[Item], total: int, what: str, size: Callable[[Item], int] = lambda item: 1
) -> Iterator[Item]:
    """Yield `items` and show, if stderr is a terminal, how many of `total` have come, their rate and the time left.

    Args:
        what: what is counted, in the plural: "pictures".
        size: how many of these an item is.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    start = shown = time.monotonic()
    count = 0
    try:
        for item in items:
            yield item
            count += size(item)
            now = time.monotonic()
            if now - shown >= INTERVAL:
                shown = now
                print(f"\r{_line(count, total, what, now - start)}\033[K", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)  # the line makes room for what is printed next


def _line(count: int, total: int, what: str, seconds: float) -> str:
    """`[=====>   ] 12,345 of 60,000 pictures, 4,115/s, 0:12 left`; `seconds` is above 0."""
    filled = WIDTH * count // max(total, 1)
    rate = count / seconds
    left = round(max(total - count, 0) / rate)
    hours, minutes = divmod(left // 60, 60)
    clock = f"{hours}:{minutes:02}:{left % 60:02}" if hours else f"{minutes}:{left % 60:02}"
    bar = ("=" * filled + ">").ljust(WIDTH)[:WIDTH]
    return f"[{bar}] {count:,} of {total:,} {what}, {rate:,.{0 if rate >= 10 else 1}f}/s, {clock} left"
