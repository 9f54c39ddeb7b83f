"""Holding back a test set, by what the pictures are and not by how they are called."""

from collections import Counter, defaultdict
from collections.abc import Sequence


def held_back(digests: Sequence[bytes], labels: Sequence[str], classes: Sequence[str], share: float) -> list[bool]:
    """Say of each picture whether it is of the test set: of every class its `share`, those of the lowest hashes.

    Equal pictures, of whatever class, come to one side; so a class may get a little less than its share. Where a class
    has two pictures or more, at least one is for the training, and one for the test unless they are equal.

    Args:
        digests: hashes of the pictures' pixels. labels: their classes. classes: all of them, in order.
    """
    of_class: dict[str, Counter[bytes]] = defaultdict(Counter)
    for digest, label in zip(digests, labels, strict=True):
        of_class[label][digest] += 1
    sides: dict[bytes, bool] = {}
    for name in classes:
        copies = of_class[name]
        total = copies.total()
        wanted = min(max(1, round(share * total)), total - 1)
        wanted -= sum(copies[digest] for digest in copies if sides.get(digest))
        for digest in sorted(copies.keys() - sides.keys()):
            sides[digest] = copies[digest] <= wanted
            wanted -= copies[digest] * sides[digest]
    return [sides[digest] for digest in digests]
