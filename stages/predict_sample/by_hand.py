"""Predicting pictures by hand: any picture files and folders, a line each."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.predict_sample.prediction import Predictor
from stages.predict_sample.reading import find_pictures
from stages.predict_sample.sample import picture_sample
from stages.running.process import InputError, printable


def predict_pictures(predictor: Predictor, paths: Iterable[Path], preprocessing: str, as_json: bool) -> bool:
    """Predict picture files and folders, and print a line for each picture; errors go to stderr, a line each.

    Returns:
        Whether all of them could be read.
    """
    files: list[Path | InputError] = []
    for place in paths:
        try:
            files += find_pictures(place)
        except InputError as error:
            files.append(error)
    all_read = True
    for path in files:
        try:
            if isinstance(path, InputError):
                raise path
            sample = picture_sample(path, predictor.field_shape, preprocessing, predictor.judge)
            prediction = predictor.predict(sample)
        except InputError as error:
            all_read = False
            print(f"predict_sample: {error}", file=sys.stderr)
            continue
        if as_json:
            line = json.dumps({"picture": str(path), **prediction, "note": sample.note})
        else:
            line = f"{printable(path)}: {in_words(prediction, sample.note)}"
        print(line, flush=True)
    return all_read


def in_words(prediction: dict[str, Any], note: str | None) -> str:
    """One line for a person, "7 (99.9 %)" or "42 (97.1 %, 99.0 %)", and what to know about it."""
    digits = prediction.get("glyphs", [prediction])
    chances = ", ".join(f"{digit['probability'] or 0:.1%}".replace("%", " %") for digit in digits)
    answer = "?" if prediction["predicted"] is None else f"{prediction['predicted']} ({chances})"
    remarks = [prediction["warning"], passed_over(prediction), note]
    return " - ".join([answer, *(remark for remark in remarks if remark)])


def passed_over(prediction: dict[str, Any]) -> str | None:
    """A note on ink that was not read."""
    count = len(prediction.get("passed_over", []))
    return f"{count} other mark{'s' if count > 1 else ''} passed over" if count else None
