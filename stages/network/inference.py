"""The network in use: probabilities for many images, and how good they are."""

from collections.abc import Callable
from itertools import chain, pairwise

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from stages.arrays.npy import Rows
from stages.network.architecture import LOSS
from stages.running.process import InputError

BATCH_SIZE = 200  # fixed: the last bits may depend on it; small for memory, and a divisor of 10,000 and 3,000
SHARDS = 4
SUM_TOLERANCE = 1e-3  # of float32, over 100,000 classes
GRADED_AT_ONCE = 10_000  # rows; for more, temporary arrays would take most of the memory

Forward = Callable[[tf.Tensor], tf.Tensor]


def shard_slices(n: int, shards: int) -> list[slice]:
    """Split n rows into at most `shards` consecutive parts whose sizes differ by one at most, none of them empty."""
    size, longer = divmod(n, shards)
    ends = [part * size + min(part, longer) for part in range(shards + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends) if stop > start]


def forward_function(network: keras.Model) -> Forward:
    """Make the function that runs `network`, without dropout, on one batch of images.

    The parts of a batch are computed side by side, each by single-threaded ops.
    """

    def forward(images: tf.Tensor) -> tf.Tensor:
        shards = shard_slices(images.shape[0], SHARDS)
        return tf.concat([network(images[shard], training=False) for shard in shards], axis=0)

    return tf.function(forward, autograph=False)


def predict_probabilities(
    forward: Forward, images: NDArray[np.float32] | Rows, rows: NDArray[np.int64] | None = None, watched: bool = False
) -> NDArray[np.float32]:
    """Run a `forward_function` over `images`, float32 (n, ...) in [0, 1], batch by batch.

    Args:
        rows: row numbers, or None for all.
        watched: show the progress.

    Returns:
        Probabilities, float32 (number of rows, classes).

    Raises:
        InputError: they are not finite, or not probabilities: another network may end with logits.
    """
    n = len(images) if rows is None else len(rows)
    batches = [slice(start, min(start + BATCH_SIZE, n)) for start in range(0, n, BATCH_SIZE)]
    parts = (forward(tf.constant(images[part if rows is None else rows[part]])).numpy() for part in batches)
    first = next(parts)
    probabilities = np.empty((n, *first.shape[1:]), first.dtype)  # filled in place: no batch is held twice
    with tqdm(batches, "predicting", unit=" batches", leave=False, disable=None if watched else True) as bar:
        for part, values in zip(bar, chain([first], parts), strict=True):
            probabilities[part] = values
    if not np.isfinite(probabilities).all():
        raise InputError("the model's outputs are not finite: its file is damaged, or training diverged")
    if probabilities.min() < 0 or abs(probabilities.sum(axis=1) - 1).max() > SUM_TOLERANCE:
        raise InputError("the model's outputs are no probabilities, from 0 to 1 with the sum 1; must end in a softmax")
    return probabilities


def loss_and_accuracy(probabilities: NDArray[np.float32], labels: NDArray[np.float32]) -> tuple[float, float]:
    """Grade probabilities (n, classes) by one-hot labels (n, classes), as Keras' `evaluate` does.

    Returns:
        The mean loss, in nats, and the share of images whose largest probability is the label's.
    """
    rows = [slice(start, start + GRADED_AT_ONCE) for start in range(0, len(labels), GRADED_AT_ONCE)]
    measures = (keras.losses.get(LOSS), keras.metrics.categorical_accuracy)
    losses, hits = (
        np.concatenate([np.asarray(measure(labels[part], probabilities[part])) for part in rows])
        for measure in measures
    )
    return float(np.mean(losses, dtype=np.float64)), float(np.mean(hits, dtype=np.float64))
