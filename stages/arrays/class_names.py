"""The order of class names that are text: a label's number is its place in it."""

import re
import unicodedata
from collections.abc import Iterable

LINE_BREAKING = ("Cc", "Cs", "Zl", "Zp")  # Unicode categories: control characters, surrogates, separators


def natural_order(names: Iterable[str]) -> list[str]:
    """The distinct `names`, numbers in them by their value and the rest by code point: 1, 2, 10, a2, a10, b."""
    return sorted(set(names), key=_key)


def is_name(text: str) -> bool:
    """Whether a text can name a class in every output: not empty, no control characters or line breaks."""
    return bool(text) and not any(unicodedata.category(letter) in LINE_BREAKING for letter in text)


def _key(name: str) -> tuple[list[str | tuple[int, str]], str]:
    """Texts and numbers in turn, so that like meets like; a number as (digits, text), which no length is too large for.

    The name itself decides between such as 1 and 01.
    """
    parts = re.split("([0-9]+)", name)
    numbers = [part.lstrip("0") for part in parts[1::2]]
    key: list[str | tuple[int, str]] = list(parts)
    key[1::2] = [(len(number), number) for number in numbers]
    return key, name
