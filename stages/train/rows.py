"""The training rows, their order in an epoch, and the validation rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stages.running.process import InputError
from stages.train.parameters import Train

Item = TypeVar("Item")

FEW_STEPS = 300  # MNIST takes 2,230; data sets that took dozens were hardly learned
EXTRA_SHARE = 0.015  # of the other training rows, to which extra ones are repeated; 79, once each, change nothing
MOST_REPEATED = 20  # times, or a single picture would be learned by heart
FEW = 50  # validation rows; of fewer, the 2 % that `confidence` uses are less than one answer


def split_rows(
    labels: NDArray[np.float32], validation_split: float, which: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the rows of a training set, one-hot (n, classes), into training and validation rows.

    Args:
        validation_split: the share that validates, rounded up.
        which: "last": the last rows, as in Keras' `fit`; "stratified": the last rows of each class.

    Returns:
        Both sets of row numbers in ascending order.

    Raises:
        InputError: one is empty.
    """
    n = len(labels)
    if which == "last":
        trains = np.arange(n) < int(n * (1.0 - validation_split))
    else:
        classes = labels.argmax(axis=1)
        sizes = np.bincount(classes)
        order = np.argsort(classes, kind="stable")
        place = np.empty(n, np.int64)
        place[order] = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # of a row among those of its class
        trains = place < np.maximum((sizes * (1.0 - validation_split)).astype(np.int64), 1)[classes]
    training, validation = np.flatnonzero(trains), np.flatnonzero(~trains)
    if len(training) == 0 or len(validation) == 0:
        raise InputError(
            f"params.yaml: train.validation_split = {validation_split} of {n} images leaves {len(training)} for "
            f"training and {len(validation)} for validation; must leave at least 1 for each"
        )
    return training, validation


def repeat_extra(training_rows: NDArray[np.int64], extra: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row numbers to train on: the rows, and those of extra pictures, repeated until they are EXTRA_SHARE of the rows.

    That is once at least, and MOST_REPEATED times at most.
    """
    if len(extra) == 0:
        return training_rows
    times = max(1, round(EXTRA_SHARE * len(training_rows) / len(extra)))
    return np.concatenate([training_rows, np.tile(extra, min(times, MOST_REPEATED))])


def validation_warning(labels: NDArray[np.float32], validation_rows: NDArray[np.int64]) -> str | None:
    """A warning if the validation rows tell little: they are few, or of few classes, as in sorted data.

    Args:
        labels: one-hot (n, classes), of all rows.
    """
    n, (held, occurring) = len(validation_rows), (rows.any(axis=0).sum() for rows in (labels[validation_rows], labels))
    if n >= FEW and held >= occurring / 2:
        return None
    return (
        f"{n:,} validation rows, of {held} of {occurring} classes: val_accuracy and what counts as unsure say little; "
        "a larger train.validation_split takes more, train.validation_rows = stratified some of each class"
    )


def steps_warning(rows: int, train: Train) -> str | None:
    """What to say if training takes few steps, as small data do by the parameters for MNIST."""
    steps = -(-rows // train.batch_size)
    if train.epochs * steps >= FEW_STEPS:
        return None
    return (
        f"{train.epochs:,} epochs of {steps:,} steps are few to learn from: more train.epochs (30), or a smaller "
        "train.batch_size (32), make more of them"
    )


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; a thread makes the next one while the caller uses the current one."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def epoch_batches(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """Batches of the row numbers 0..n-1; their order in this epoch depends only on (seed, epoch)."""
    order = np.random.default_rng([seed, epoch]).permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]
