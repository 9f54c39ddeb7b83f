"""Two models on the same test images: each image is asked of both, so the answers are pairs.

Only the images that one gets right and the other wrong tell the models apart (McNemar 1947).
"""

from dataclasses import dataclass

from scipy.stats import binom

from stages.commands.comparison.results import Results
from stages.evaluate.grading import Z_95
from stages.running.process import InputError
from stages.tables import Row

LEVEL = 0.05  # up to which a difference counts as more than noise


@dataclass(frozen=True)
class Pairs:
    """How many test images both models get right, only A, only B, and neither."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def n(self) -> int:
        """All of them."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def difference(self) -> float:
        """The accuracy of B less that of A."""
        return (self.only_b - self.only_a) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference, as Bonett and Price (2012) adjust that of Wald."""
        n = self.n + 2
        a, b = (self.only_a + 1) / n, (self.only_b + 1) / n
        reach = Z_95 * ((a + b - (b - a) ** 2) / n) ** 0.5
        return max(-1.0, b - a - reach), min(1.0, b - a + reach)

    @property
    def exact_p(self) -> float:
        """The two-sided exact p-value that the models are equally good."""
        return min(1.0, 2 * self._tail(max(self.only_a, self.only_b)))

    @property
    def worse_p(self) -> float:
        """The one-sided exact p-value: how probable so many losses of B are if it is no worse than A."""
        return self._tail(self.only_a)

    def _tail(self, wins: int) -> float:
        """The probability that one of two equally good models alone is right at least so often."""
        return float(binom.sf(wins - 1, self.only_a + self.only_b, 0.5))

    @property
    def is_significant(self) -> bool:
        """Whether the exact test tells the models apart: equally good ones at most once in 20 times."""
        return self.exact_p <= LEVEL

    @property
    def verdict(self) -> str:
        """What B is: "better", "worse", or of "no significant difference"."""
        if not self.is_significant:
            return "no significant difference"
        return "better" if self.only_b > self.only_a else "worse"


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


def p_value(p: float) -> str:
    """A p-value in three decimals: "= 0.043" or "< 0.001"."""
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"
