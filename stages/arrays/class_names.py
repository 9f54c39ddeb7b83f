"""Names of classes: their order, and what outputs call a class."""

import re


def natural_order(name: str) -> tuple[list[tuple[int, int | str]], str]:
    """Sort key by which "2" comes before "10", and "img2" before "img10"; no two names have the same."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part)) if part[0] in "0123456789" else (1, part) for part in parts], name
