"""One step of training: the gradients of a batch's shards, side by side, and their sum in a fixed order."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from stages.network.inference import shard_slices

Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


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


def seed_dropout(network: keras.Sequential, seed: int, epoch: int) -> None:
    """Set the generator of every dropout layer from (seed, layer, epoch), so that no state hides from a backup."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout) and layer.rate > 0]
    for number, layer in enumerate(layers):
        state = np.random.default_rng([seed, epoch, number]).integers(2**31, size=2)
        layer.seed_generator.state.assign(state.astype(layer.seed_generator.state.dtype))
