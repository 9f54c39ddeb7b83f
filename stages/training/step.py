"""One step of training: the gradients of a batch's shards, side by side, and their sum in a fixed order."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from stages.network.architecture import LOSS
from stages.network.inference import shard_slices
from stages.running.process import InputError
from stages.training.cluster import ALONE, Cluster
from stages.training.state import all_layers, draws_of_a_call, moving_averages, random_states

Step = Callable[[tf.Tensor, tf.Tensor, int], tuple[tf.Tensor, tf.Tensor]]


def own_rows(n: int, shards: int, cluster: Cluster) -> slice:
    """Which rows of a batch of n are in this process's shards; they may be none."""
    parts = shard_slices(n, shards)
    own = parts[cluster.share(len(parts))]
    return slice(own[0].start, own[-1].stop) if own else slice(0, 0)


def sharded_step(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, shards: int, cluster: Cluster = ALONE
) -> Step:
    """Make the function that trains on one batch: one graph, in which each shard's gradient is computed by its own ops.

    They run side by side on the inter-op pool, and on the processes of the cluster, and are summed in one order: the
    mathematics of the whole batch, and the same rounding on every number of cores and of processes. The losses of
    weights' regularizers count once a batch. A layer that looks at the batch, as BatchNormalization does, sees a shard
    at a time, and updates its moving averages shard after shard.

    Returns:
        A function from images and one-hot labels, of `own_rows` of a batch, and the batch's number of rows, to the sum
        of the losses and the number of right answers of the whole batch.

    Raises:
        InputError: a layer regularizes its activity, a loss that would count differently in shards, or, in a cluster,
            has a state that processes cannot share.
    """
    active = [layer.name for layer in all_layers(network) if layer.activity_regularizer is not None]
    if active:
        raise InputError(f"network: {', '.join(active)}: activity_regularizer is not supported; kernel_regularizer is")
    weights, loss_of = network.trainable_variables, keras.losses.get(LOSS)
    regularized = [variable for variable in weights if variable.regularizer is not None]
    averages = moving_averages(network) if cluster.size > 1 else []  # alone, Keras keeps them
    draws = draws_of_a_call(network) if cluster.size > 1 else []
    pieces = [*weights, *[average for average, _ in averages]]  # of what a shard tells; its loss and hits follow
    sizes = [int(np.prod(variable.shape)) for variable in pieces]

    def skip(count: int) -> None:
        """Have the random layers draw as if they had seen `count` shards, which other processes compute."""
        for state, drawn in zip(random_states(network), draws, strict=False):
            state.assign(state + tf.constant([0, count * drawn], state.dtype))

    def shard_row(images: tf.Tensor, labels: tf.Tensor, rows: int, first: bool) -> tf.Tensor:
        """All that a shard tells, in one row: gradients, what it adds to moving averages, loss, hits."""
        for average, _ in averages:
            average.assign(tf.zeros(average.shape, average.dtype))
        with tf.GradientTape() as tape:
            probabilities = network(images, training=True)
            loss = tf.reduce_sum(loss_of(labels, probabilities))
            share = loss / rows
            if first:
                share += sum(variable.regularizer(variable) for variable in regularized)
        hits = tf.reduce_sum(keras.metrics.categorical_accuracy(labels, probabilities))
        told = [*tape.gradient(share, weights), *[average.value for average, _ in averages], loss, hits]
        return tf.concat([tf.reshape(piece, [-1]) for piece in told], axis=0)

    @tf.function  # type: ignore[untyped-decorator]
    def step(images: tf.Tensor, labels: tf.Tensor, rows: int) -> tuple[tf.Tensor, tf.Tensor]:
        parts = shard_slices(rows, shards)
        own, offset = cluster.share(len(parts)), own_rows(rows, shards, cluster).start
        values = [tf.identity(average.value) for average, _ in averages]
        skip(own.start)
        told = []
        for number in range(own.start, own.stop):
            shard = slice(parts[number].start - offset, parts[number].stop - offset)
            told.append(shard_row(images[shard], labels[shard], rows, first=number == 0))
        skip(len(parts) - own.stop)
        stacked = tf.stack(told) if told else tf.zeros((0, sum(sizes) + 2))
        everyones = cluster.gather_parts(stacked, len(parts))
        # One order: TensorFlow would rewrite a chain of additions, and `add_n` leaves the order open.
        *sums, loss, hits = tf.split(tf.reduce_sum(everyones, axis=0), [*sizes, 1, 1])
        gradients = [tf.reshape(total, weight.shape) for total, weight in zip(sums, weights, strict=False)]
        optimizer.apply(gradients, weights)
        if averages:
            columns = tf.split(everyones, [*sizes, 1, 1], axis=1)[len(weights) : len(pieces)]
            for (average, momentum), value, added in zip(averages, values, columns, strict=True):
                for number in range(len(parts)):
                    value = value * momentum + tf.reshape(added[number], average.shape)
                average.assign(value)
        return loss[0], hits[0]

    return step
