"""Two models on the same test images: both predict each image, so the predictions are pairs.

Only images that one model gets right and the other wrong show a difference (McNemar 1947).
"""

from dataclasses import dataclass

from scipy.stats import binom

from stages.commands.comparison.results import Results
from stages.evaluate.grading import Z_95
from stages.running.process import InputError
from stages.tables import Row

LEVEL = 0.05  # significance level: of the p-value, at most


@dataclass(frozen=True)
class Pairs:
    """How many test images both models get right, only A, only B, and neither."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def n(self) -> int:
        """All images."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def difference(self) -> float:
        """B's accuracy minus A's."""
        return (self.only_b - self.only_a) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference: Wald's, adjusted by Bonett and Price (2012)."""
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
        """The one-sided exact p-value: the chance of so many losses of B if it is no worse than A."""
        return self._tail(self.only_a)

    def _tail(self, wins: int) -> float:
        """The chance that one of two equally good models alone is right at least `wins` times."""
        return float(binom.sf(wins - 1, self.only_a + self.only_b, 0.5))

    @property
    def is_significant(self) -> bool:
        """Whether the exact test finds a difference: by chance, at most once in 20 times."""
        return self.exact_p <= LEVEL

    @property
    def verdict(self) -> str:
        """B is "better" or "worse", or there is "no significant difference"."""
        if not self.is_significant:
            return "no significant difference"
        return "better" if self.only_b > self.only_a else "worse"


@dataclass(frozen=True)
class Comparison:
    """Two results on the same test images.

    mended: what A got wrong and B gets right: test image number to A's answer.
    broken: what A got right and B gets wrong: test image number to B's answer.
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
