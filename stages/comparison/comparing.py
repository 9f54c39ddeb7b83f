"""Two results side by side: what one gets right and the other does not."""

from dataclasses import dataclass

from stages.comparison.mcnemar import Pairs
from stages.comparison.results import Results
from stages.figures.tables import Row
from stages.running.process import InputError


@dataclass(frozen=True)
class Comparison:
    """Two results on the same test images.

    mended: what A got wrong and B gets right, by the number of the test image, with A's answer.
    broken: what A got right and B gets wrong, with B's answer.
    """

    a: Results
    b: Results
    pairs: Pairs
    mended: dict[int, Row]
    broken: dict[int, Row]


def compare(a: Results, b: Results) -> Comparison:
    """Compare two results.

    Raises:
        InputError: they were not graded on the same test images.
    """
    if (a.test_set, a.n) != (b.test_set, b.n):
        raise InputError(
            f"{a.revision} and {b.revision} were not graded on the same test images ({a.n:,} and {b.n:,}): "
            "their accuracies cannot be compared"
        )
    mended = {index: a.errors[index] for index in sorted(a.errors.keys() - b.errors.keys())}
    broken = {index: b.errors[index] for index in sorted(b.errors.keys() - a.errors.keys())}
    neither = len(a.errors.keys() & b.errors.keys())
    pairs = Pairs(a.n - len(mended) - len(broken) - neither, len(broken), len(mended), neither)
    return Comparison(a, b, pairs, mended, broken)
