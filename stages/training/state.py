"""What a network carries from one shard of a batch to the next: random states and moving averages."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from stages.running.process import InputError

MARK = 2.0**20  # larger than what a layer could add to its average
RANDOM_STATE = "seed_generator_state"  # how Keras calls it in whatever layer


def all_layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a network, and of the networks that are among them."""
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)


def random_states(network: keras.Model) -> list[keras.Variable]:
    """Of every random layer, such as dropout, the variable (2,) whose second number goes up by each draw."""
    return [variable for variable in network.non_trainable_variables if variable.path.endswith(RANDOM_STATE)]


def seed_layers(network: keras.Model, seed: int, epoch: int) -> None:
    """Set the state of every random layer, such as dropout, from (seed, layer, epoch): none hides from a backup."""
    for number, variable in enumerate(random_states(network)):
        state = np.random.default_rng([seed, epoch, number]).integers(2**31, size=2)
        variable.assign(state.astype(variable.dtype))


def moving_averages(network: keras.Model) -> list[tuple[keras.Variable, float]]:
    """The variables that BatchNormalization averages in training, each with its momentum."""
    layers = [layer for layer in all_layers(network) if isinstance(layer, keras.layers.BatchNormalization)]
    trained = [layer for layer in layers if layer.trainable]
    return [(average, layer.momentum) for layer in trained for average in (layer.moving_mean, layer.moving_variance)]


def draws_of_a_call(network: keras.Model) -> list[int]:
    """How many numbers each of `random_states` goes on by in a call of the network, found by one; all is as before.

    Raises:
        InputError: the call changes something else, or an average twice, which could not be known of shards that other
            processes compute.
    """
    states, averages = random_states(network), moving_averages(network)
    before = [variable.numpy() for variable in network.variables]
    drawn = [int(state.numpy()[1]) for state in states]
    for average, _ in averages:
        average.assign(tf.fill(average.shape, MARK))
    marked = [variable.numpy() for variable in network.variables]
    network(tf.zeros((1, *network.input_shape[1:])), training=True)
    draws = [(int(state.numpy()[1]) - start) % 2**32 for state, start in zip(states, drawn, strict=True)]
    known = {id(variable) for variable in (*states, *(average for average, _ in averages))}
    changed = [
        variable.path
        for variable, value in zip(network.variables, marked, strict=True)
        if id(variable) not in known and (variable.numpy() != value).any()
    ]
    for average, momentum in averages:
        left = average.numpy() / MARK
        if (abs(left - momentum**2) < abs(left - momentum)).any():
            changed.append(average.path)
    for variable, value in zip(network.variables, before, strict=True):
        variable.assign(value)
    if changed:
        raise InputError(
            f"network: {', '.join(changed)}: changes in training beside the weights; several processes can share only "
            "random states, and averages of BatchNormalization layers that are called once and not inside another "
            "layer: train without TF_CONFIG"
        )
    return draws
