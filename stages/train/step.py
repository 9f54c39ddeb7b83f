"""One step of training: the gradients of a batch's shards, side by side, and their sum in a fixed order."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from stages.cluster.cluster import ALONE, Cluster
from stages.network.architecture import LOSS
from stages.network.inference import shard_slices
from stages.running.process import InputError

RANDOM_STATE = "seed_generator_state"  # Keras' name for it in any layer


class LocalShards(NamedTuple):
    """The shards of a batch that this process computes.

    first, total: the number of the first of them, and how many the whole batch has.
    rows: their rows in the batch. within: the rows of each, counted from the first of these.
    """

    first: int
    total: int
    rows: slice
    within: list[slice]


class ShardedStep:
    """Trains a network on a batch: one graph, in which each shard's gradient is computed by its own ops.

    The shards run in parallel on the inter-op pool and on the processes of the cluster. Their gradients are summed in
    one order: this is the gradient of the whole batch, with the same rounding on any number of cores and processes. The
    losses of weights' regularizers count once per batch. A layer that looks at the batch, like BatchNormalization, sees
    one shard at a time, and updates its moving averages shard after shard. What a random layer, such as dropout, draws
    depends only on the seed, the epoch, the layer and the shard's place in the epoch.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        seed: int,
        shards: int,
        cluster: Cluster = ALONE,
    ) -> None:
        """Get ready to train `network` in place.

        Raises:
            InputError: a layer has an activity regularizer, whose loss would differ in shards, or, in a cluster,
                changes variables other than the weights, which the processes cannot share.
        """
        active = [layer.name for layer in network._flatten_layers() if layer.activity_regularizer]
        if active:
            raise InputError(
                f"network: {', '.join(active)}: activity_regularizer is not supported; kernel_regularizer is"
            )
        with keras.StatelessScope() as scope:  # this call changes nothing, but records what training changes
            network(tf.zeros((1, *network.input_shape[1:])), training=True)
        changed = [variable for variable in network.variables if scope.get_current_value(variable) is not None]
        states = [variable for variable in changed if variable.path.endswith(RANDOM_STATE)]
        others = [variable.path for variable in changed if not variable.path.endswith(RANDOM_STATE)]
        if others and cluster.size > 1:
            raise InputError(
                f"network: {', '.join(others)}: changes in training beside the weights, as BatchNormalization's "
                "averages do, which several processes cannot share: train without TF_CONFIG"
            )
        self._network, self._optimizer, self._weights = network, optimizer, network.trainable_variables
        self._loss_of = keras.losses.get(LOSS)
        self._seed, self._shards, self._cluster = seed, shards, cluster
        self._random_states = states  # pairs of integers; each draw adds 1 to the second one
        self._draws = [int((scope.get_current_value(state) - state.value)[1]) for state in states]  # per call
        self._graph = tf.function(self._train, autograph=False)

    def local_shards(self, batch_rows: int) -> LocalShards:
        """The shards of a batch of so many rows that this process computes; there may be none."""
        shards = shard_slices(batch_rows, self._shards)
        local = self._cluster.local_parts(len(shards))
        start, stop = (shards[local.start].start, shards[local.stop - 1].stop) if local.stop > local.start else (0, 0)
        within = [slice(shard.start - start, shard.stop - start) for shard in shards[local]]
        return LocalShards(local.start, len(shards), slice(start, stop), within)

    def __call__(
        self, images: NDArray[np.float32], labels: NDArray[np.float32], batch_rows: int, epoch: int, batch: int
    ) -> tuple[float, float, float]:
        """Train on one batch.

        Args:
            images, labels: rows of this process's shards, float32 (n, ...) and (n, classes), one-hot but for outliers.
            batch_rows: the size of the whole batch.
            epoch, batch: the epoch's number, from 1; the batch's in the epoch, from 0.

        Returns:
            For the whole batch without outliers: the sum of losses, the number of right answers, the number of rows.
        """
        seeds = tf.constant(self._seeds(epoch, batch))
        totals = self._graph(tf.constant(images), tf.constant(labels), batch_rows, seeds)
        loss, hits, known = totals.numpy().tolist()
        return loss, hits, known

    def _seeds(self, epoch: int, batch: int) -> NDArray[np.int64]:
        """The random states for a batch's first shard, (layers, 2)."""
        seeds = np.empty((len(self._draws), 2), np.int64)
        for number, draws in enumerate(self._draws):
            seeds[number] = np.random.default_rng([self._seed, epoch, number]).integers(2**31, size=2)
            seeds[number, 1] += batch * self._shards * draws
        return seeds

    def _train(self, images: tf.Tensor, labels: tf.Tensor, batch_rows: int, seeds: tf.Tensor) -> tf.Tensor:
        shards = self.local_shards(batch_rows)
        sizes = [int(np.prod(weight.shape)) for weight in self._weights]
        results = []
        for number, shard in enumerate(shards.within, shards.first):
            # As if all shards before had drawn, whichever process computes them.
            for place, (state, draws) in enumerate(zip(self._random_states, self._draws, strict=True)):
                state.assign(seeds[place] + tf.constant([0, number * draws], seeds.dtype))
            results.append(self._result(images[shard], labels[shard], batch_rows, is_first=number == 0))
        all_results = self._cluster.gather_parts(
            tf.stack(results) if results else tf.zeros((0, sum(sizes) + 3)), shards.total
        )
        # One order: TensorFlow would rewrite a chain of additions, and `add_n` leaves the order open.
        *sums, totals = tf.split(tf.reduce_sum(all_results, axis=0), [*sizes, 3])
        gradients = [tf.reshape(total, weight.shape) for total, weight in zip(sums, self._weights, strict=True)]
        self._optimizer.apply(gradients, self._weights)
        return totals

    def _result(self, images: tf.Tensor, labels: tf.Tensor, batch_rows: int, is_first: bool) -> tf.Tensor:
        """The results of a shard, in one row: gradients, then what `__call__` returns."""
        known = tf.cast(tf.reduce_max(labels, axis=1) == 1, tf.float32)  # else it is an outlier
        with tf.GradientTape() as tape:
            probabilities = self._network(images, training=True)
            losses = self._loss_of(labels, probabilities)
            loss = tf.reduce_sum(losses) / batch_rows  # the shard's part of the batch's mean
            if is_first:
                loss += sum(weight.regularizer(weight) for weight in self._weights if weight.regularizer is not None)
        hits = keras.metrics.categorical_accuracy(labels, probabilities)
        totals = [tf.reduce_sum(losses * known), tf.reduce_sum(hits * known), tf.reduce_sum(known)]
        result = [*tape.gradient(loss, self._weights), *totals]
        return tf.concat([tf.reshape(piece, [-1]) for piece in result], axis=0)
