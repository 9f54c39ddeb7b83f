"""Predicting single samples, and describing what came out."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stages.files import DECIMALS
from stages.inference import forward_function, predict_probabilities


def field_size(network: keras.Model) -> tuple[int, int]:
    """Rows and columns of the images that `network` takes; its channel axis, of length 1, may be first or last."""
    first, second, third = network.input_shape[1:]
    return (second, third) if first == 1 else (first, second)


def predict_fields(network: keras.Model, fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """Predict float32 images in [0, 1], of shape (n, rows, cols) or as prepared.

    Returns:
        Probabilities, float32 (n, classes).
    """
    images = np.ascontiguousarray(fields).reshape(-1, *network.input_shape[1:])
    return predict_probabilities(forward_function(network), images)


def describe(probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """The predicted class, its probability, and the probability of every class, from an array of shape (classes,)."""
    rounded = [round(value, DECIMALS) for value in probabilities.tolist()]
    predicted = int(probabilities.argmax())
    return {"predicted": predicted, "probability": rounded[predicted], "probabilities": rounded}
