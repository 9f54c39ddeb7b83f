"""Comparing two models on the same test images: each image is asked of both, so the answers are pairs.

Only the images that one gets right and the other wrong tell the models apart (McNemar 1947).
"""

from dataclasses import dataclass
from functools import cached_property

from scipy.stats import binom, binomtest

from stages.evaluation.tables import Z_95

LEVEL = 0.05  # below which a difference counts as more than noise
FEWEST = 6  # images on which models must differ: 5 out of 5 on one side happen by chance once in 16 times


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
    def disagreements(self) -> int:
        """Images that just one of the models gets right."""
        return self.only_a + self.only_b

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

    @cached_property
    def exact_p(self) -> float:
        """The two-sided exact p-value that the models are equally good."""
        return float(binomtest(self.only_b, self.disagreements).pvalue) if self.disagreements else 1.0

    @cached_property
    def mid_p(self) -> float:
        """The same by mid-p, which is less careful than the exact one (Fagerland, Lydersen and Laake 2013)."""
        fewer = min(self.only_a, self.only_b)
        tail = binom.cdf(fewer - 1, self.disagreements, 0.5) + binom.pmf(fewer, self.disagreements, 0.5) / 2
        return min(1.0, 2 * float(tail)) if self.disagreements else 1.0

    @cached_property
    def worse_p(self) -> float:
        """The one-sided exact p-value: how probable so many losses of B are if it is no worse than A."""
        return (
            float(binomtest(self.only_a, self.disagreements, alternative="greater").pvalue)
            if self.disagreements
            else 1.0
        )

    @property
    def is_significant(self) -> bool:
        """Whether the exact test tells the models apart: equally good ones at most once in 20 times."""
        return self.exact_p <= LEVEL

    @property
    def smallest_difference(self) -> float:
        """The smallest difference that is significant among as many disagreements (FEWEST, if there are fewer)."""
        disagreements = max(FEWEST, self.disagreements)
        wins = int(binom.isf(LEVEL / 2, disagreements, 0.5)) + 1
        return min(1.0, (2 * wins - disagreements) / self.n)

    @property
    def verdict(self) -> str:
        """What B is: "better", "worse", or of "no significant difference"."""
        if not self.is_significant:
            return "no significant difference"
        return "better" if self.only_b > self.only_a else "worse"
