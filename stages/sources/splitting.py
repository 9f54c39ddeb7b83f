"""Holding back a test set, by what the pictures are and not by how they are called."""

from collections import Counter, defaultdict
from collections.abc import Sequence


def held_back(digests: Sequence[bytes], labels: Sequence[str], classes: Sequence[str], share: float) -> list[bool]:
    """Say of each picture whether it is of the test set: of every class its `share`, those of the lowest hashes.

    Equal pictures come to one side, and those that two classes share to the training; so a class may get a little less
    than its share. Each class keeps at least one picture for the training.

    Args:
        digests: hashes of the pictures' pixels. labels: their classes. classes: all of them, in order.
    """
    of_class: dict[str, Counter[bytes]] = defaultdict(Counter)
    for digest, label in zip(digests, labels, strict=True):
        of_class[label][digest] += 1
    held_by = Counter(digest for copies in of_class.values() for digest in copies)
    sides = {digest: False for digest, classes_with_it in held_by.items() if classes_with_it > 1}
    for name in classes:
        copies = of_class[name]
        total = copies.total()
        wanted = min(max(1, round(share * total)), total - 1)
        for digest in sorted(copies.keys() - sides.keys()):
            sides[digest] = copies[digest] <= wanted
            wanted -= copies[digest] * sides[digest]
    return [sides[digest] for digest in digests]
