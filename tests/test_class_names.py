"""The order of class names that are text."""

from itertools import permutations

import pytest

from stages.arrays.class_names import natural_order


@pytest.mark.parametrize(
    "ordered",
    [
        ["a", "a1", "a2", "a10", "b"],
        ["A", "Z", "a", "ä"],
        ["01", "1", "1.2.9", "1.2.10", "1.10", "2"],
        ["", "0", "9" * 4000, "1" + "0" * 4000],
        ["x²", "x³"],
    ],
)
def test_numbers_come_by_value_and_the_rest_by_letter(ordered: list[str]) -> None:
    for names in permutations(ordered):
        assert natural_order([*names, *names]) == ordered
