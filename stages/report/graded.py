"""The data of the figures: all that train and evaluate have written about one model, and the test images."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import IMAGES
from stages.arrays.prepared import open_prepared_images
from stages.tables import CALIBRATION, CLASSES, ERRORS, HISTORY, Row


class Graded(NamedTuple):
    """A graded model.

    history, errors, classes, calibration: the rows of these tables, see `stages.tables`.
    metrics: of the test set, by name.
    images: of the test set, float32 (n, rows, cols, channels) or channels first, in [0, 1].
    """

    history: list[Row]
    errors: list[Row]
    classes: list[Row]
    calibration: list[Row]
    metrics: dict[str, Any]
    images: NDArray[np.float32]


def read_graded(metrics: Path, data: Path) -> Graded:
    """Read the tables and `metrics`, and the test images from `data`.

    Raises:
        FileNotFoundError, InputError: a file is missing, or is not what its stage writes.
    """
    return Graded(
        HISTORY.read(metrics),
        ERRORS.read(metrics),
        CLASSES.read(metrics),
        CALIBRATION.read(metrics),
        json.loads((metrics / "test.json").read_text(encoding="utf-8")),
        open_prepared_images(data / IMAGES),
    )
