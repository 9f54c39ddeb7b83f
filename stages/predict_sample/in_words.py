"""A prediction in words, for a person."""

from typing import Any


def in_words(prediction: dict[str, Any]) -> str:
    """One line, "7 (99.9 %)" or "42 (97.1 %, 99.0 %)", and what to know about it."""
    digits = prediction.get("glyphs", [prediction])
    chances = ", ".join(f"{digit['probability'] or 0:.1%}".replace("%", " %") for digit in digits)
    answer = "?" if prediction["predicted"] is None else f"{prediction['predicted']} ({chances})"
    remarks = [prediction["warning"], other_marks(prediction), prediction["note"]]
    return " - ".join([answer, *(remark for remark in remarks if remark)])


def other_marks(prediction: dict[str, Any]) -> str | None:
    """What to say about ink that was not read."""
    count = len(prediction.get("passed_over", []))
    return f"{count} other mark{'s' if count > 1 else ''} passed over" if count else None
