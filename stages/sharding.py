"""Splitting a batch into a fixed number of parts."""

from itertools import pairwise


def shard_slices(n: int, shards: int) -> list[slice]:
    """Split n rows into at most `shards` consecutive parts whose sizes differ by one at most, none of them empty."""
    size, longer = divmod(n, shards)
    ends = [part * size + min(part, longer) for part in range(shards + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends) if stop > start]
