"""What `make bench-pictures` draws, and how it grades."""

from itertools import islice
from typing import Any

import numpy as np
import pytest

from tests.bench_pictures import Source, broken, grade, pictures, pieces, touching


@pytest.fixture(scope="module")
def source(mnist: dict[str, np.ndarray]) -> Source:
    return Source({str(digit): mnist["x_test"][mnist["y_test"] == digit] for digit in range(10)}, {})


def test_digits_that_touch_are_one_piece_of_ink_and_broken_ones_several(source: Source) -> None:
    rng = np.random.default_rng(0)
    for pair in ("47", "11", "05", "92"):
        for _ in range(5):
            assert len(pieces(touching(rng, source, pair, 4.5))) == 1
            assert len(pieces(broken(rng, source, pair[0], 4.5))) > 1


@pytest.mark.parametrize("name", ["touching", "squared", "dates"])
def test_a_set_has_the_same_bytes_each_time_and_others_of_another_split(name: str, source: Source) -> None:
    first, again, other = (
        [(picture.tobytes(), text) for picture, text in islice(pictures(name, split, source), 3)]
        for split in ("val", "val", "test")
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("expected", "answer", "counts"),
    [
        ("7", {"predicted": 7, "warning": None}, {"right"}),
        ("07", {"predicted": "07", "warning": "the network is unsure"}, {"right", "right_warned"}),
        ("07", {"predicted": 7, "warning": None}, {"wrong_silent"}),
        ("07", {"predicted": 7, "warning": None, "passed_over": [{"x": 0}]}, {"wrong_warned"}),
        ("07", {"predicted": "?7", "warning": None}, {"wrong_warned"}),
        ("07", None, {"wrong_warned"}),
        ("12/05", {"predicted": "1205", "warning": None}, {"right"}),
        ("50%", {"predicted": "50??", "warning": None}, {"right", "right_warned"}),
        ("3+4", {"predicted": "344", "warning": None}, {"wrong_silent"}),
        (None, {"predicted": None, "warning": "no digit found"}, {"right", "right_warned"}),
        (None, {"predicted": 4, "warning": "the network is unsure"}, {"wrong_warned"}),
        (None, {"predicted": 4, "warning": None}, {"wrong_silent"}),
    ],
)
def test_an_answer_is_right_or_wrong_and_told_of_or_silent(
    expected: str | None, answer: dict[str, Any] | None, counts: set[str]
) -> None:
    assert grade(expected, answer) == counts
