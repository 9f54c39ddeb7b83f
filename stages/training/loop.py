"""Training to the same bytes on any number of cores, also when it was killed and goes on."""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from stages.arrays.npy import Rows
from stages.network.inference import forward_function, loss_and_accuracy, predict_probabilities, shard_slices
from stages.running.process import InputError
from stages.training.resume import Backup

History = list[dict[str, float]]
Item = TypeVar("Item")
Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Training:
    """A network on its way through the epochs.

    Each epoch takes every row that is not for validation once, the last short batch included, in an order that follows
    from the seed and the epoch alone; the optimizer is Adam, the loss categorical cross-entropy.
    """

    def __init__(
        self,
        network: keras.Sequential,
        images: NDArray[np.float32] | Rows,
        labels: NDArray[np.float32],
        *,
        seed: int,
        batch_size: int,
        learning_rate: float,
        validation_split: float,
        validation_rows: str,
        shards: int,
    ) -> None:
        """Get ready to fit `network` in place.

        Args:
            images: float32 (n, rows, cols, channels) or (n, channels, rows, cols) in [0, 1].
            labels: one-hot float32 (n, classes).
            validation_split, validation_rows: how many rows validate, and which: see `split_rows`.
            shards: parts of a batch whose gradients are computed side by side; the result depends on this number, and
                not on that of the cores.

        Raises:
            InputError: the split leaves no row to train or to validate on.
        """
        self.network, self.images, self.labels = network, images, labels
        self.seed, self.batch_size = seed, batch_size
        self.training_rows, self.validation_rows = split_rows(labels, validation_split, validation_rows)
        optimizer = keras.optimizers.Adam(learning_rate)
        optimizer.build(network.trainable_variables)
        self.variables = [*network.variables, *optimizer.variables]
        self._step = sharded_step(network, optimizer, shards)
        self._forward = forward_function(network)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train for one epoch, counted from 1, then validate.

        Returns:
            accuracy and loss, means over the epoch's batches as they were trained on; val_accuracy and val_loss.

        Raises:
            InputError: the loss is not finite any more.
        """
        seed_dropout(self.network, self.seed, epoch)
        steps = -(-len(self.training_rows) // self.batch_size)
        figures = ["accuracy", "loss", "val_accuracy", "val_loss"]
        progress = keras.utils.Progbar(steps, verbose=1 if sys.stdout.isatty() else 2, stateful_metrics=figures)
        loss, correct, seen = 0.0, 0.0, 0
        for number, (images, labels) in enumerate(ahead(self._batches(epoch)), 1):
            losses, hits = self._step(tf.constant(images), tf.constant(labels))
            loss, correct, seen = loss + float(losses), correct + float(hits), seen + len(images)
            progress.update(number, [("accuracy", correct / seen), ("loss", loss / seen)], finalize=False)
        if not math.isfinite(loss):
            raise InputError(f"training diverged in epoch {epoch}: the loss is {loss}; try a lower train.learning_rate")
        probabilities = predict_probabilities(self._forward, self.images, self.validation_rows)
        val_loss, val_accuracy = loss_and_accuracy(probabilities, self.labels[self.validation_rows])
        row = {"accuracy": correct / seen, "loss": loss / seen, "val_accuracy": val_accuracy, "val_loss": val_loss}
        progress.update(steps, list(row.items()), finalize=True)
        return row

    def _batches(self, epoch: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        for places in epoch_batches(len(self.training_rows), self.batch_size, self.seed, epoch):
            rows = self.training_rows[places]
            yield self.images[rows], self.labels[rows]

    def run(self, epochs: int, backup: Backup) -> History:
        """Train for `epochs` epochs, going on from `backup` if a run with the same inputs was cut short.

        Returns:
            For each epoch its number, from 1, and what `run_epoch` returns.
        """
        history: History = []
        if (saved := backup.load()) is not None:
            history, values = saved
            for variable, value in zip(self.variables, values, strict=True):
                variable.assign(value)
            print(f"Resuming after epoch {len(history)}/{epochs}")
        for epoch in range(len(history) + 1, epochs + 1):
            print(f"Epoch {epoch}/{epochs}")
            history.append({"epoch": epoch, **self.run_epoch(epoch)})
            backup.save(history, [variable.numpy() for variable in self.variables])
        return history


def split_rows(
    labels: NDArray[np.float32], validation_split: float, validation_rows: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part the rows of a training set, one-hot (n, classes), into those to train on and those to validate on.

    Args:
        validation_split: the share that validates, rounded up.
        validation_rows: "last": the last rows, as in Keras' `fit`; "stratified": the last rows of each class.

    Returns:
        Both sets of row numbers in ascending order.

    Raises:
        InputError: one is empty.
    """
    n = len(labels)
    if validation_rows == "last":
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


def validation_warning(labels: NDArray[np.float32], validation_rows: NDArray[np.int64]) -> str | None:
    """What to say if the validation rows hold so few classes that they tell little, as where data are sorted by class.

    Args:
        labels: one-hot (n, classes), of all rows.
    """
    held = int(labels[validation_rows].any(axis=0).sum())
    if held >= min(labels.shape[1], len(validation_rows)) / 2:
        return None
    return (
        f"the {len(validation_rows):,} validation rows hold {held} of {labels.shape[1]} classes: val_accuracy says "
        "little; train.validation_rows = stratified takes the last rows of each class"
    )


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, the next one being made by a thread while the one before is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def epoch_batches(n: int, batch_size: int, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers 0..n-1 in the order of this epoch, which follows from (seed, epoch) alone, in batches."""
    order = np.random.default_rng([seed, epoch]).permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def seed_dropout(network: keras.Sequential, seed: int, epoch: int) -> None:
    """Set the generator of every dropout layer from (seed, layer, epoch), so that no state hides from a backup."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout) and layer.rate > 0]
    for number, layer in enumerate(layers):
        state = np.random.default_rng([seed, epoch, number]).integers(2**31, size=2)
        layer.seed_generator.state.assign(state.astype(layer.seed_generator.state.dtype))


def sharded_step(network: keras.Sequential, optimizer: keras.optimizers.Optimizer, shards: int) -> Step:
    """Make the function that trains on one batch: one graph, in which each shard's gradient is computed by its own ops.

    They run side by side on the inter-op pool, and are summed in the order of the shards: the mathematics of the whole
    batch, and the same rounding on every number of cores.

    Returns:
        A function from images and one-hot labels to the sum of the losses and the number of right answers.
    """

    @tf.function  # type: ignore[untyped-decorator]
    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        losses, corrects, gradients = [], [], []
        for shard in shard_slices(images.shape[0], shards):
            with tf.GradientTape() as tape:
                probabilities = network(images[shard], training=True)
                loss = tf.reduce_sum(keras.losses.categorical_crossentropy(labels[shard], probabilities))
                share = loss / images.shape[0]
            gradients.append(tape.gradient(share, network.trainable_variables))
            losses.append(loss)
            corrects.append(tf.reduce_sum(keras.metrics.categorical_accuracy(labels[shard], probabilities)))
        optimizer.apply([in_order(parts) for parts in zip(*gradients, strict=True)], network.trainable_variables)
        return in_order(losses), in_order(corrects)

    return step


def in_order(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Sum tensors from the first to the last; `add_n` leaves the order open."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
