"""The order of class names that are text: a class's number is its index."""

import re
import unicodedata
from collections.abc import Iterable

LINE_BREAKING = ("Cc", "Cs", "Zl", "Zp")  # Unicode categories: control characters, surrogates, separators


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort the distinct `names`, numbers in them by value, the rest by code point: 1, 2, 10, a2, a10, b."""
    numbers = re.compile("([0-9]+)")  # split() puts the numbers at odd places
    return sorted(
        set(names), key=lambda name: ([int(p) if n % 2 else p for n, p in enumerate(numbers.split(name))], name)
    )


def is_name(text: str) -> bool:
    """Whether a text can name a class in every output: not empty, no control characters or line breaks."""
    return bool(text) and not any(unicodedata.category(letter) in LINE_BREAKING for letter in text)
