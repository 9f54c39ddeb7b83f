"""Predicting single samples, honestly: with every probability, and a warning where the answer is worth little."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stages.arrays.prepared import Dataset
from stages.network.inference import forward_function, predict_probabilities
from stages.pictures.reading import find_pictures
from stages.pictures.sample import Sample, picture_sample
from stages.running.outputs import DECIMALS
from stages.running.process import InputError

# Of MNIST's test images that get less than this, more are wrong than right.
UNSURE = 0.6

PICTURES_AT_ONCE = 64  # bounds the memory for folders of any length


class Predictor:
    """A network, ready to predict samples.

    Attributes:
        field_shape: rows, columns and channels of what the network takes, in whatever order it takes them.
        classes: what each is called, by its number.
    """

    def __init__(self, network: keras.Model, dataset: Dataset) -> None:
        """Take a network and the data set that it was trained on.

        Raises:
            InputError: it has another number of classes.
        """
        if network.output_shape[1] != len(dataset.classes):
            raise InputError(f"the model has {network.output_shape[1]} classes, the data set {len(dataset.classes)}")
        first, second, third = network.input_shape[1:]
        self._channels_first = dataset.image_data_format == "channels_first"
        self.field_shape = (second, third, first) if self._channels_first else (first, second, third)
        self.classes = dataset.classes
        self._forward = forward_function(network)

    def predict(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """Predict at least one sample.

        Returns:
            For each: predicted, the class (None if the field is empty: there is nothing to tell), its probability, the
            probabilities of all classes (by name, if they have names), and warning (None if there is nothing to warn
            of).
        """
        fields = np.stack([sample.field for sample in samples]).reshape(-1, *self.field_shape)
        if self._channels_first:
            fields = np.ascontiguousarray(np.moveaxis(fields, -1, 1))
        probabilities = predict_probabilities(self._forward, fields).tolist()
        return [describe(sample, row, self.classes) for sample, row in zip(samples, probabilities, strict=True)]


def describe(sample: Sample, probabilities: list[float], classes: Sequence[int] | Sequence[str]) -> dict[str, Any]:
    """What there is to say of a sample that got these probabilities: see `Predictor.predict`."""
    rounded = [round(value, DECIMALS) for value in probabilities]
    named = rounded if isinstance(classes[0], int) else dict(zip(classes, rounded, strict=True))
    if not sample.field.any():
        return {"predicted": None, "probability": None, "probabilities": named, "warning": sample.warning}
    predicted = int(np.argmax(probabilities))
    warning = sample.warning or ("the network is unsure" if probabilities[predicted] < UNSURE else None)
    return {
        "predicted": classes[predicted],
        "probability": rounded[predicted],
        "probabilities": named,
        "warning": warning,
    }


def predict_pictures(predictor: Predictor, paths: Iterable[Path], preprocessing: str, as_json: bool) -> bool:
    """Predict picture files and folders, and print a line for each picture; errors go to stderr, a line each.

    Returns:
        Whether all of them could be read.
    """
    failures: list[InputError] = []
    waiting: list[tuple[Path, Sample]] = []
    for path, sample in _readable(paths, predictor.field_shape, preprocessing, failures):
        waiting.append((path, sample))
        if len(waiting) == PICTURES_AT_ONCE:
            _print_predictions(predictor, waiting, as_json)
            waiting.clear()
    if waiting:
        _print_predictions(predictor, waiting, as_json)
    return not failures


def _readable(
    paths: Iterable[Path], shape: tuple[int, int, int], preprocessing: str, failures: list[InputError]
) -> Iterator[tuple[Path, Sample]]:
    for path in paths:
        try:
            found = find_pictures(path)
        except InputError as error:
            failures.append(error)
            print(f"predict_sample: {error}", file=sys.stderr)
            continue
        for picture in found:
            try:
                yield picture, picture_sample(picture, shape, preprocessing)
            except InputError as error:
                failures.append(error)
                print(f"predict_sample: {error}", file=sys.stderr)


def _print_predictions(predictor: Predictor, pictures: list[tuple[Path, Sample]], as_json: bool) -> None:
    predictions = predictor.predict([sample for _, sample in pictures])
    for (path, sample), prediction in zip(pictures, predictions, strict=True):
        if as_json:
            print(json.dumps({"picture": str(path), **prediction, "note": sample.note}))
        else:
            print(f"{path}: {in_words(prediction, sample.note)}")
    sys.stdout.flush()


def in_words(prediction: dict[str, Any], note: str | None) -> str:
    """One line for a person: "7 (99.9 %)", and what to know about it."""
    answer = "?" if prediction["predicted"] is None else f"{prediction['predicted']} ({prediction['probability']:.1%})"
    remarks = [remark for remark in (prediction["warning"], note) if remark]
    return " - ".join([answer.replace("%", " %"), *remarks])
