"""Tables of pixels, as Kaggle's train.csv: a header line `label,pixel0,pixel1,...`, then a line for each image."""

import math
import warnings
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.class_names import natural_order
from stages.arrays.npy import write_array
from stages.ingest.parameters import Data
from stages.ingest.raw import FILES, check_arrays, held_back, replacing_raw, summary
from stages.running.process import InputError, reason

HEADER = "label,"  # how it begins
BRIGHTEST = 255


def matches(source: Path) -> bool:
    """Whether it is such a table, or a folder with train.csv."""
    return source.suffix.lower() == ".csv" or has_labels(source / "train.csv")


def copy(source: Path, raw: Path, data: Data) -> list[str]:
    """Write a table's images, uint8 (n, side, side), and labels to `raw`.

    The images to test on come from test.csv beside train.csv if it has labels, as Kaggle's has not; else a share of
    every class, `data.test_split`, is held back.

    Returns:
        The detected kind, and what is tested on, a line each.

    Raises:
        InputError: as `read_table`, or the images are too few to hold some back.
    """
    train, test = (source, None) if source.is_file() else (source / "train.csv", source / "test.csv")
    images, labels = read_table(train)
    if test is not None and has_labels(test):
        test_images, test_labels = read_table(test)
        check_arrays(
            {f"{train}": images, f"{train}, labels": labels, f"{test}": test_images, f"{test}, labels": test_labels}
        )
        note = f"{test.name} is the test set"
    else:
        names = [str(label) for label in labels.tolist()]
        digests = [blake2b(image, digest_size=16).digest() for image in images]
        is_test = np.array(held_back(digests, names, natural_order(names), data.test_split))
        if len(set(is_test.tolist())) < 2:
            raise InputError(f"{train}: {len(images)} images, too few to hold some back for the test")
        test_images, test_labels = images[is_test], labels[is_test]
        images, labels = images[~is_test], labels[~is_test]
        note = f"no labelled test.csv: {data.test_split:g} of each class was held back for the test"
    arrays: list[NDArray[Any]] = [images, labels, test_images, test_labels]
    with replacing_raw(raw) as partials:
        for name, array in zip(FILES, arrays, strict=True):
            write_array(partials[name], array.dtype.str, array.shape, [np.ascontiguousarray(array).data])
    return [summary("a table of pixels", images.shape, test_images.shape), note]


def has_labels(path: Path) -> bool:
    """Whether a file's first line begins as a table's with labels."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:  # Excel begins with a byte order mark
        return file.readline(len(HEADER) + 2).replace('"', "").lower().startswith(HEADER)


def read_table(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the images, uint8 (n, side, side), and the labels, (n,), of a table.

    Raises:
        InputError: it has no labels first, its images are not square, or it holds other than whole numbers, 0 to 255.
    """
    if not has_labels(path):
        raise InputError(f"{path}: must begin with a header line: label,pixel0,pixel1,...")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty table has a message below
            table = np.loadtxt(path, np.int64, delimiter=",", comments=None, skiprows=1, ndmin=2, encoding="utf-8")
    except (ValueError, OverflowError) as error:
        why = reason(error).partition(";")[0]  # the rest is advice on numpy's options
        raise InputError(f"{path}: must hold whole numbers below its header: {why}") from error
    side = math.isqrt(max(0, table.shape[1] - 1))
    if side == 0 or side * side != table.shape[1] - 1 or len(table) == 0:
        pixels = table.shape[1] - 1
        raise InputError(f"{path}: {len(table)} images of {pixels} pixels; must be at least 1, of a square number")
    if table[:, 1:].min() < 0 or table[:, 1:].max() > BRIGHTEST:
        raise InputError(
            f"{path}: pixels from {table[:, 1:].min()} to {table[:, 1:].max()}; must be from 0 to {BRIGHTEST}"
        )
    return table[:, 1:].astype(np.uint8).reshape(-1, side, side), np.ascontiguousarray(table[:, 0])
