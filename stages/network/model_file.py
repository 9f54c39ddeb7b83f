"""A trained network's file: written as stock Keras would, and read back with checks."""

import sys
from math import prod
from pathlib import Path
from typing import Annotated

import h5py  # type: ignore[import-untyped]
import keras
import msgspec
import numpy as np
from keras.src.legacy.saving.legacy_h5_format import save_model_to_hdf5  # what Model.save calls; that takes paths only

from stages.arrays.prepared import MOST_CHANNELS
from stages.network.architecture import LOSS, build_optimizer
from stages.network.inference import predict_probabilities
from stages.running.outputs import md5, naming
from stages.running.process import InputError, reason


def save_network(network: keras.Model, path: Path, learning_rate: float) -> None:
    """Write `network` as .h5, compiled, so that a plain `load_model(path).evaluate(x, y)` works.

    The optimizer is a fresh one: training is over, and its moments would triple the file. The file is made in memory:
    on a full disk HDF5 fails in too many ways.
    """
    network.compile(build_optimizer(learning_rate), loss=LOSS, metrics=["accuracy"])
    with h5py.File(path.name, "w", driver="core", backing_store=False) as memory:
        save_model_to_hdf5(network, memory)
        content = memory.id.get_file_image()
    with naming(path):
        path.write_bytes(content)


def load_network(path: Path, input_shape: tuple[int, ...] | None = None, classes: int | None = None) -> keras.Model:
    """Load and check a model file.

    Args:
        input_shape, classes: as the data require, if known.

    Raises:
        InputError: the file is missing, truncated, not a Keras model, has another input shape or number of classes, or
            its output is no probabilities.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: {'is not a file' if path.exists() else 'no such file'}; `dvc repro` trains models/cnn.h5"
        )
    try:
        network = keras.models.load_model(path, compile=False)
    except Exception as error:  # damaged files raised seven types of exception here
        raise InputError(f"{path}: not a readable Keras model: {reason(error)}") from error
    if len(getattr(network, "inputs", [])) != 1 or len(getattr(network, "outputs", [])) != 1:
        raise InputError(f"{path}: must be a model with one input and one output")
    if not keras.backend.is_float_dtype(network.inputs[0].dtype):
        raise InputError(f"{path}: takes images of {network.inputs[0].dtype}, must take floats, from 0 to 1")
    takes, gives = network.input_shape[1:], network.output_shape[1:]
    if len(takes) != 3 or len(gives) != 1 or None in (*takes, *gives) or min(takes[0], takes[2]) > MOST_CHANNELS:
        raise InputError(
            f"{path}: maps {takes} to {gives}, must map (rows, cols, channels) or (channels, rows, cols), of at most "
            f"{MOST_CHANNELS} channels, to (classes,)"
        )
    if input_shape is not None and takes != tuple(input_shape):
        raise InputError(f"{path}: takes images of {takes}, must take {tuple(input_shape)}")
    if classes is not None and gives != (classes,):
        raise InputError(f"{path}: has {gives[0]} classes, must have {classes}")
    if any(layer.compute_dtype == "bfloat16" for layer in network._flatten_layers()):  # crashes TensorFlow under AVX2
        raise InputError(f"{path}: computes in bfloat16; must compute in float16, float32 or float64")
    image = np.linspace(0, 1, prod(takes), dtype=np.float32).reshape(1, *takes)
    try:
        answer = network(image, training=False)
    except Exception as error:  # foreign layers may raise any exception
        raise InputError(f"{path}: cannot tell what an image is: {reason(error)}") from error
    if not keras.ops.is_tensor(answer):
        raise InputError(f"{path}: its output is a {type(answer).__name__}; must be a tensor")
    try:
        predict_probabilities(lambda _: answer, image)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return network


Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Card(msgspec.Struct):
    """The metadata of a network: X.json beside X.h5.

    classes: the name of each class, by its number.
    unsure_below, false_positive_rate: see `measure_confidence`; with 0 and None no answer is unsure, nothing is cut.
    centred_glyphs: whether it was trained on single light glyphs in the centre of a dark field, like MNIST's.
    model_md5: of the model file, or None to skip the check.
    """

    classes: list[int | str]
    unsure_below: Rate
    false_positive_rate: Rate | None
    centred_glyphs: bool
    model_md5: str | None = None


def card_path(model: Path) -> Path:
    """The path of a model's card, beside it."""
    return model.with_suffix(".json")


def read_card(model: Path, classes: int) -> Card:
    """Read the card of a model with `classes` classes; without it, they are numbers, and no answer is unsure.

    Raises:
        InputError: it is no card, or of another model.
    """
    path = card_path(model)
    if not path.exists():
        print(f"note: {path}: no such file: classes are numbers, no answer is said to be unsure", file=sys.stderr)
        return Card(list(range(classes)), 0.0, None, True)
    try:
        card = msgspec.json.decode(path.read_bytes(), type=Card)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            f"{path}: must be what evaluate wrote of a model (`dvc repro` writes it anew): {reason(error)}"
        ) from error
    if len(card.classes) != classes:
        raise InputError(f"{path}: names {len(card.classes)} classes, but {model} has {classes}")
    if card.model_md5 not in (None, md5(model)):
        raise InputError(
            f"{path}: of another model than {model}; `dvc repro` writes it anew (model_md5 = null allows any)"
        )
    return card
