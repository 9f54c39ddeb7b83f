"""The classic Keras CNN with two convolutions, as a stock Sequential that anyone can load; and its optimizer."""

import sys

import keras

from stages.arrays.prepared import is_channels_first
from stages.network.parameters import Model

LOSS = "categorical_crossentropy"  # Keras' name of the training loss, for one-hot labels and probabilities


def build_optimizer(learning_rate: float) -> keras.optimizers.Optimizer:
    """Make the optimizer that trains the network; the model file contains it, for further training.

    Its name is fixed, since Keras would count up from "adam"; its rate is a float: Keras refuses integers.
    """
    return keras.optimizers.Adam(float(learning_rate), name="adam")


def build_network(
    input_shape: tuple[int, int, int],
    classes: int,
    model: Model,
) -> keras.Sequential:
    """Build the CNN: for each of `model.filters` a convolution (relu) and a max-pooling, dropout, two dense layers.

    Channels-first input passes a `Permute` first, so that it trains to the same weights, also on CPUs that have
    channels-last convolutions only.

    Images may have any size: where kernel and pooling do not fit into the remaining pixels, a convolution keeps the
    size (padding "same") and has no pooling, with a warning on stderr.

    Args:
        input_shape: of one prepared image, (rows, cols, channels) or (channels, rows, cols).

    Returns:
        A model from float32 (n, *input_shape) in [0, 1] to probabilities, float32 (n, classes).
    """
    layers = keras.layers
    network = keras.Sequential([layers.Input(input_shape, name="image")], name="cnn")
    channels_first = is_channels_first(input_shape)
    if channels_first:
        network.add(layers.Permute((2, 3, 1), name="channels_last"))
    size = min(input_shape[1:] if channels_first else input_shape[:2])
    for number, units in enumerate(model.filters, 1):
        fits = size >= model.kernel_size + model.pool_size - 1
        padding = "valid" if fits else "same"
        network.add(layers.Conv2D(units, model.kernel_size, padding=padding, activation="relu", name=f"conv_{number}"))
        if fits:
            network.add(layers.MaxPooling2D(model.pool_size, name=f"pool_{number}"))
            size = (size - model.kernel_size + 1) // model.pool_size
        else:
            print(
                f"warning: model.kernel_size = {model.kernel_size} and model.pool_size = {model.pool_size} do not fit "
                f"into the {size} pixels that conv_{number} gets: it keeps their number, without pooling",
                file=sys.stderr,
            )
    network.add(layers.Dropout(model.conv_dropout, name="conv_dropout"))
    network.add(layers.Flatten(name="flatten"))
    network.add(layers.Dense(model.dense_units, activation="relu", name="dense"))
    network.add(layers.Dropout(model.dense_dropout, name="dense_dropout"))
    network.add(layers.Dense(classes, name="logits"))
    network.add(layers.Activation("softmax", name="probabilities"))
    return network
