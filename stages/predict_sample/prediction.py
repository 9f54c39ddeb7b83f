"""Predict single samples honestly: with all probabilities, and a warning where the answer is unreliable."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stages.arrays.prepared import channels_last
from stages.digits.reading import Judge
from stages.network.inference import forward_function, predict_probabilities
from stages.network.model_file import Card, load_network, read_card
from stages.predict_sample.sample import Sample
from stages.running.outputs import DECIMALS
from stages.running.process import InputError

CANNOT_TELL = "the network cannot tell"
UNKNOWN = 0.5  # of unsure_below: with less confidence, the network cannot tell
REMEMBERED = 100  # answers: whole pieces are predicted twice, and pieces that are read once more
CUT_OUT = 0.99  # confidence needed for a part of connected ink: two parts of a letter may look like digits


class Predictor:
    """A network, ready to predict samples.

    Attributes:
        field_shape: rows, columns and channels of the input, also if the network takes channels first.
        classes: the name of each, by its number.
        parameters: how many the network has.
    """

    def __init__(self, network: keras.Model, card: Card) -> None:
        """Take a network and its card."""
        self._shape = network.input_shape
        self.field_shape = channels_last(np.empty((0, *self._shape[1:]))).shape[1:]
        self.classes = card.classes
        self.parameters = network.count_params()
        rate = 1.0 if card.false_positive_rate is None else card.false_positive_rate
        self.judge = Judge(self.sureness, card.unsure_below, rate)
        self._forward = forward_function(network)
        self._answer = lru_cache(REMEMBERED)(self._ask)

    def predict(self, sample: Sample) -> dict[str, Any]:
        """Predict a sample.

        Returns:
            predicted, the class (None if the field is empty, or if the network cannot tell); probability, its
            probability; probabilities, for all classes (by name, if they have names); warning, or None. For several
            digits: predicted is a string with ? where the network cannot tell; probability is the product;
            probabilities is None; glyphs has these keys and x, y, width and height for each digit, from the left.
            passed_over has x, y, width and height of ink that was not read.
        """
        answers = [self._answer(field.tobytes()) for field in sample.fields]
        return describe(sample, answers, self.classes, self.judge.unsure_below)

    def sureness(self, fields: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's confidence in each of the fields, (n, rows, cols) or (n, rows, cols, channels); 0 if black."""
        return np.array([self._answer(field.tobytes()).max() if field.any() else 0 for field in fields], np.float32)

    def _ask(self, field: bytes) -> NDArray[np.float32]:
        """The probabilities of one field.

        It is predicted alone: in a batch, the last digits would depend on the number of other fields.
        """
        image = np.frombuffer(field, np.float32).reshape(1, *self.field_shape)
        if self.field_shape != self._shape[1:]:
            image = np.ascontiguousarray(np.moveaxis(image, -1, 1))
        return predict_probabilities(self._forward, image)[0]


def load_predictor(model: Path, preprocessing: str | None) -> Predictor:
    """Load a model and its card to predict with.

    Args:
        preprocessing: of the pictures to be predicted, see `picture_sample`; None for prepared images.

    Raises:
        InputError: the model or its card cannot be read, or "digit" does not suit the model's training images.
    """
    network = load_network(model)
    card = read_card(model, network.output_shape[1])
    if preprocessing == "digit" and not card.centred_glyphs:
        raise InputError(
            "params.yaml: predict.preprocessing = digit: makes pictures like MNIST's, but the network was not trained "
            "on light glyphs in the centre of a dark field; must be plain"
        )
    return Predictor(network, card)


def describe(
    sample: Sample,
    answers: Sequence[NDArray[np.float32]],
    classes: Sequence[int | str],
    unsure_below: float,
) -> dict[str, Any]:
    """The prediction for a sample: see `Predictor.predict`.

    Args:
        answers: for each of its fields, the probabilities of the classes.
    """
    least = [max(unsure_below, CUT_OUT if is_cut else 0) for is_cut in sample.are_cut or [False] * len(answers)]
    glyphs = [
        _describe_field(field, answer, classes, unsure_below, needed)
        for field, answer, needed in zip(sample.fields, answers, least, strict=True)
    ]
    warning = sample.warning or next((glyph["warning"] for glyph in glyphs if glyph["warning"]), None)
    others = {"passed_over": [box._asdict() for box in sample.passed_over]} if sample.passed_over else {}
    if len(glyphs) == 1:
        return {**glyphs[0], "warning": warning, **others}
    between = "" if max(len(str(name)) for name in classes) == 1 else " "
    return {
        "predicted": between.join("?" if glyph["predicted"] is None else str(glyph["predicted"]) for glyph in glyphs),
        "probability": round(prod(glyph["probability"] or 0 for glyph in glyphs), DECIMALS),
        "probabilities": None,
        "warning": warning,
        "glyphs": [{**box._asdict(), **glyph} for box, glyph in zip(sample.boxes, glyphs, strict=True)],
        **others,
    }


def _describe_field(
    field: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    classes: Sequence[int | str],
    unsure_below: float,
    needed: float,
) -> dict[str, Any]:
    rounded = [round(value, DECIMALS) for value in probabilities.tolist()]
    named = rounded if isinstance(classes[0], int) else dict(zip(classes, rounded, strict=True))
    if not field.any():
        return {"predicted": None, "probability": None, "probabilities": named, "warning": CANNOT_TELL}
    predicted, is_known = int(np.argmax(probabilities)), probabilities.max() >= UNKNOWN * unsure_below
    warning = "the network is unsure" if is_known else CANNOT_TELL
    return {
        "predicted": classes[predicted] if is_known else None,
        "probability": rounded[predicted],
        "probabilities": named,
        "warning": warning if probabilities.max() < needed else None,
    }
