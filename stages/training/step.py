"""One step of training: the gradients of a batch's shards, side by side, and their sum in a fixed order."""

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from stages.network.inference import shard_slices
from stages.running.process import InputError

RANDOM_STATE = "seed_generator_state"  # how Keras calls it in whatever layer
Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def sharded_step(network: keras.Model, optimizer: keras.optimizers.Optimizer, shards: int) -> Step:
    """Make the function that trains on one batch: one graph, in which each shard's gradient is computed by its own ops.

    They run side by side on the inter-op pool, and are summed in the order of the shards: the mathematics of the whole
    batch, and the same rounding on every number of cores. The losses of weights' regularizers count once a batch. A
    layer that looks at the batch, as BatchNormalization does, sees a shard at a time, and updates its moving averages
    shard after shard.

    Returns:
        A function from images and one-hot labels to the sum of the losses and the number of right answers.

    Raises:
        InputError: a layer regularizes its activity, a loss that would count differently in shards.
    """
    active = [layer.name for layer in all_layers(network) if layer.activity_regularizer is not None]
    if active:
        raise InputError(f"network: {', '.join(active)}: activity_regularizer is not supported; kernel_regularizer is")
    regularized = [variable for variable in network.trainable_variables if variable.regularizer is not None]

    @tf.function  # type: ignore[untyped-decorator]
    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        losses, corrects, gradients = [], [], []
        for number, shard in enumerate(shard_slices(images.shape[0], shards)):
            with tf.GradientTape() as tape:
                probabilities = network(images[shard], training=True)
                loss = tf.reduce_sum(keras.losses.categorical_crossentropy(labels[shard], probabilities))
                share = loss / images.shape[0]
                if number == 0 and regularized:
                    share += in_order([variable.regularizer(variable) for variable in regularized])
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


def all_layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a network, and of the networks that are among them."""
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)


def seed_layers(network: keras.Model, seed: int, epoch: int) -> None:
    """Set the state of every random layer, such as dropout, from (seed, layer, epoch): none hides from a backup."""
    states = [variable for variable in network.non_trainable_variables if variable.path.endswith(RANDOM_STATE)]
    for number, variable in enumerate(states):
        state = np.random.default_rng([seed, epoch, number]).integers(2**31, size=2)
        variable.assign(state.astype(variable.dtype))
