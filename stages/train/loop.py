"""Training with the same bytes on any number of cores and processes, also if it was killed and resumed."""

import math
import sys
from collections.abc import Iterator
from hashlib import sha256

import keras
import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Rows
from stages.arrays.prepared import is_channels_first
from stages.cluster.cluster import ALONE, Cluster
from stages.network.architecture import build_optimizer
from stages.network.inference import BATCH_SIZE, forward_function, loss_and_accuracy, predict_probabilities
from stages.running.process import InputError
from stages.train.augmentation import AMOUNTS, augment
from stages.train.outliers import DRAWS, add_outliers
from stages.train.parameters import Train
from stages.train.resume import Backup, unpack
from stages.train.rows import ahead, epoch_batches, repeat_extra, split_rows
from stages.train.step import ShardedStep

History = list[dict[str, float]]

FOR_AUGMENTATION, FOR_OUTLIERS = 1, 3  # streams of random numbers for a batch, apart from each other


class Training:
    """The training of a network.

    Each epoch takes every row that is not for validation once, including the last short batch. Their order depends only
    on the seed and the epoch. The optimizer and the loss are from `stages.network.architecture`.
    """

    def __init__(
        self,
        network: keras.Model,
        images: NDArray[np.float32] | Rows,
        labels: NDArray[np.float32],
        train: Train,
        cluster: Cluster = ALONE,
        extra: int = 0,
    ) -> None:
        """Get ready to fit `network` in place.

        Args:
            images: float32 (n, rows, cols, channels) or (n, channels, rows, cols) in [0, 1].
            labels: one-hot float32 (n, classes).
            cluster: the processes that share the work; all of them must make and run the same training.
            extra: how many of the last rows are of extra pictures, which are repeated and do not validate.

        Raises:
            InputError: the split leaves no row to train or to validate on, augmentation shifts images out of sight, or
                a layer of the network cannot train in shards, or not in shards of several processes.
        """
        sides = images.shape[2:4] if is_channels_first(images.shape[1:]) else images.shape[1:3]
        if train.augmentation.shift >= min(sides):
            raise InputError(
                f"params.yaml: train.augmentation.shift = {train.augmentation.shift:g}: must be less than the shorter "
                f"side of the images, {sides[0]}x{sides[1]}"
            )
        self.network, self.images, self.labels = network, images, labels
        self.train, self.cluster = train, cluster
        known = len(labels) - extra
        rows, self.validation_rows = split_rows(labels[:known], train.validation_split, train.validation_rows)
        self.training_rows = repeat_extra(rows, np.arange(known, len(labels)))
        self.optimizer = build_optimizer(train.learning_rate)
        self.optimizer.build(network.trainable_variables)
        self.variables = [*network.weights, *self.optimizer.variables]  # the state that an epoch leaves to the next
        self._step = ShardedStep(network, self.optimizer, train.seed, train.shards, cluster)
        self.forward = forward_function(network)

    def run(self, backup: Backup | None) -> Iterator[History]:
        """Train for `train.epochs` epochs; resume from `backup` if a run with the same inputs was interrupted.

        Args:
            backup: of the first process of the cluster, which keeps it for all; None in other processes.

        Yields:
            The history so far, after each epoch and after resuming: for each epoch its number, from 1, and what
            `run_epoch` returns; with early stopping also kept: 1 for the best so far, else 0.
        """
        epochs = self.train.epochs
        history: History = []
        best: list[NDArray[np.float32]] = []  # weights, with early stopping
        if saved := self.cluster.from_first(backup.load() if backup else b""):
            history, values = unpack(saved)
            best = values[len(self.variables) :]
            for variable, value in zip(self.variables, values[: len(self.variables)], strict=True):
                variable.assign(value)
            self._say(f"Resuming after epoch {len(history)}/{epochs}")
            yield history
        while len(history) < epochs and not self._is_over(history):
            epoch = len(history) + 1
            self._say(f"Epoch {epoch}/{epochs}")
            history.append({"epoch": epoch, **self.run_epoch(epoch)})
            if self.cluster.size > 1:  # else processes that differ would end after different epochs
                self.cluster.agree(self._digests(history[-1]))
            if self.train.early_stopping is not None:
                for row in history:
                    row["kept"] = int(row is self.kept(history))
                if history[-1]["kept"]:
                    best = self.network.get_weights()
            if backup:
                backup.save(history, [*(variable.numpy() for variable in self.variables), *best])
            yield history
        if best:
            self.network.set_weights(best)
            self._say(f"Keeping the weights of epoch {self.kept(history)['epoch']}, which has the lowest val_loss")

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train for one epoch, counted from 1, then validate.

        Returns:
            accuracy and loss, means over the epoch's batches during training, without outliers; val_accuracy and
            val_loss.

        Raises:
            InputError: the loss is not finite.
        """
        steps = -(-len(self.training_rows) // self.train.batch_size)
        names = ["accuracy", "loss", "val_accuracy", "val_loss"]
        verbose = (1 if sys.stdout.isatty() else 2) if self.cluster.leads else 0
        progress = keras.utils.Progbar(steps, verbose=verbose, stateful_metrics=names)
        loss, correct, seen = 0.0, 0.0, 0.0
        means: dict[str, float] = {}
        for batch, (images, labels, batch_rows) in enumerate(ahead(self._batches(epoch))):
            if self.train.schedule == "cosine":
                done = ((epoch - 1) * steps + batch) / (self.train.epochs * steps)
                self.optimizer.learning_rate = self.train.learning_rate * (1 + np.cos(np.pi * done)) / 2
            losses, hits, known = self._step(images, labels, batch_rows, epoch, batch)
            loss, correct, seen = loss + losses, correct + hits, seen + known
            means = {"accuracy": correct / max(seen, 1), "loss": loss / max(seen, 1)}
            progress.update(batch + 1, list(means.items()), finalize=False)
        if not math.isfinite(loss):
            raise InputError(f"training diverged in epoch {epoch}: the loss is {loss}; try a lower train.learning_rate")
        val_loss, val_accuracy = loss_and_accuracy(self._validate(), self.labels[self.validation_rows])
        row = {**means, "val_accuracy": val_accuracy, "val_loss": val_loss}
        progress.update(steps, list(row.items()), finalize=True)
        return row

    def _batches(self, epoch: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], int]]:
        """For each batch, images and labels of this process's rows, and the batch's size."""
        batches = epoch_batches(len(self.training_rows), self.train.batch_size, self.train.seed, epoch)
        for batch, places in enumerate(batches):
            shards = self._step.local_shards(len(places))
            rows = self.training_rows[places[shards.rows]]
            images, labels = self.images[rows], self.labels[rows]
            if self.train.outliers:
                draws = self._random(epoch, batch, FOR_OUTLIERS).random((len(places), DRAWS))
                images, labels = add_outliers(images, labels, shards.within, draws[shards.rows], self.train.outliers)
            amounts = self._random(epoch, batch, FOR_AUGMENTATION).uniform(-1, 1, (len(places), AMOUNTS))
            yield augment(images, amounts[shards.rows], self.train.augmentation), labels, len(places)

    def _random(self, epoch: int, batch: int, use: int) -> np.random.Generator:
        """The generator for a whole batch; it is the same in all processes."""
        return np.random.default_rng([self.train.seed, epoch, batch, use])

    def _validate(self) -> NDArray[np.float32]:
        """The probabilities of the validation rows; the processes share their batches like training shards."""
        n, classes = len(self.validation_rows), self.labels.shape[1]
        batches = -(-n // BATCH_SIZE)
        local_batches = self.cluster.local_parts(batches)
        rows = self.validation_rows[local_batches.start * BATCH_SIZE : local_batches.stop * BATCH_SIZE]
        filled = np.zeros(((local_batches.stop - local_batches.start) * BATCH_SIZE, classes), np.float32)
        if len(rows):
            filled[: len(rows)] = predict_probabilities(self.forward, self.images, rows)
        parts = self.cluster.gather_parts(filled.reshape(-1, BATCH_SIZE, classes), batches)
        return np.asarray(parts).reshape(-1, classes)[:n]

    def kept(self, history: History) -> dict[str, float]:
        """The epoch whose weights the network ends with: the last; with early stopping, the first with lowest val_loss.

        Args:
            history: of at least one epoch.
        """
        return history[-1] if self.train.early_stopping is None else min(history, key=lambda row: row["val_loss"])

    def _is_over(self, history: History) -> bool:
        """Whether the last `train.early_stopping` epochs have not lowered val_loss."""
        if self.train.early_stopping is None or not history:
            return False
        return len(history) - self.kept(history)["epoch"] >= self.train.early_stopping

    def _digests(self, metrics: dict[str, float]) -> dict[str, str]:
        """SHA-256 of the state of training."""
        weights = b"".join(variable.numpy().tobytes() for variable in self.variables)
        return {"metrics": sha256(repr(metrics).encode()).hexdigest(), "weights": sha256(weights).hexdigest()}

    def _say(self, text: str) -> None:
        if self.cluster.leads:
            print(text)
