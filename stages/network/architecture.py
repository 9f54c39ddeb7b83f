"""The classic Keras CNN with two convolutions, as a stock Sequential that anyone can load; and what trains it."""

import sys
from collections.abc import Sequence

import keras

LOSS = (
    "categorical_crossentropy"  # Keras' name of what training lowers: of one-hot labels and probabilities, a row each
)


def build_optimizer(learning_rate: float) -> keras.optimizers.Optimizer:
    """Make the optimizer that trains the network, and that its file has for whoever goes on training it.

    It has a name, since Keras would count up from "adam", and a float, since Keras refuses a whole number.
    """
    return keras.optimizers.Adam(float(learning_rate), name="adam")


def build_network(
    input_shape: tuple[int, int, int],
    image_data_format: str,
    classes: int,
    *,
    filters: Sequence[int],
    kernel_size: int,
    pool_size: int,
    conv_dropout: float,
    dense_units: int,
    dense_dropout: float,
) -> keras.Sequential:
    """Build the CNN: per entry of `filters` a convolution (relu) and a max-pooling, dropout, a dense layer, softmax.

    Channels-first input enters through a `Permute`, so that it trains on CPUs whose convolutions are channels-last
    only, and to the same weights.

    Images of any size will do: a convolution whose window and pooling no longer fit into what is left of the image
    keeps its size instead (padding "same"), and has no pooling, with a warning on stderr.

    Args:
        input_shape: of one prepared image, (rows, cols, channels) or (channels, rows, cols).

    Returns:
        A model from float32 (n, *input_shape) in [0, 1] to probabilities, float32 (n, classes).
    """
    layers = keras.layers
    network = keras.Sequential([layers.Input(input_shape, name="image")], name="cnn")
    if image_data_format == "channels_first":
        network.add(layers.Permute((2, 3, 1), name="channels_last"))
    size = min(input_shape[:2] if image_data_format == "channels_last" else input_shape[1:])
    for number, units in enumerate(filters, 1):
        fits = size >= kernel_size + pool_size - 1
        padding = "valid" if fits else "same"
        network.add(layers.Conv2D(units, kernel_size, padding=padding, activation="relu", name=f"conv_{number}"))
        if fits:
            network.add(layers.MaxPooling2D(pool_size, name=f"pool_{number}"))
            size = (size - kernel_size + 1) // pool_size
        else:
            print(
                f"warning: model.kernel_size = {kernel_size} and model.pool_size = {pool_size} do not fit into the "
                f"{size} pixels that conv_{number} gets: it keeps their number, without pooling",
                file=sys.stderr,
            )
    network.add(layers.Dropout(float(conv_dropout), name="conv_dropout"))
    network.add(layers.Flatten(name="flatten"))
    network.add(layers.Dense(dense_units, activation="relu", name="dense"))
    network.add(layers.Dropout(float(dense_dropout), name="dense_dropout"))
    network.add(layers.Dense(classes, name="logits"))
    network.add(layers.Activation("softmax", name="probabilities"))
    return network
