"""Reading a trained network back from its file."""

from pathlib import Path

import keras

from stages.process import InputError, reason


def load_network(path: Path, input_shape: tuple[int, ...] | None = None, classes: int | None = None) -> keras.Model:
    """Read a network of ours.

    Args:
        input_shape, classes: of the images and labels that it is wanted for, if they are known.

    Raises:
        InputError: the file is missing, truncated, no Keras model, or of another input shape or number of classes.
    """
    if not path.is_file():
        raise InputError(f"{path}: {'is no file' if path.exists() else 'no such file'}; `dvc repro` trains it")
    try:
        network = keras.models.load_model(path, compile=False)
    except Exception as error:  # damaged files raised seven types of exception here
        raise InputError(f"{path}: not a readable Keras model: {reason(error)}") from error
    if len(getattr(network, "inputs", [])) != 1 or len(getattr(network, "outputs", [])) != 1:
        raise InputError(f"{path}: must be a model with one input and one output")
    taken, told = network.input_shape[1:], network.output_shape[1:]
    if len(taken) != 3 or len(told) != 1 or None in (*taken, *told) or 1 not in (taken[0], taken[2]):
        raise InputError(f"{path}: maps {taken} to {told}, must map (rows, cols, 1) or (1, rows, cols) to (classes,)")
    if input_shape is not None and taken != tuple(input_shape):
        raise InputError(f"{path}: takes images of {taken}, must take {tuple(input_shape)}")
    if classes is not None and told != (classes,):
        raise InputError(f"{path}: tells {told[0]} classes apart, must be {classes}")
    return network
