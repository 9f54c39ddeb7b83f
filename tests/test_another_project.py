"""What somebody else has made of the project: README, data, classes, parameters and a network of theirs.

Its name comes early in the alphabet, and so does its start: it takes longest.
"""

from pathlib import Path

import pytest

from stages.running.params import flatten
from tests.project import copy_project, draw_pictures, set_params

NETWORK = '''
"""Another network than the classic one: with a graph, averages and no dropout."""

import keras

from stages.arrays.prepared import is_channels_first
from stages.network.parameters import Model

LOSS = "categorical_crossentropy"


def build_optimizer(learning_rate: float) -> keras.optimizers.Optimizer:
    """Make it."""
    return keras.optimizers.SGD(learning_rate, momentum=0.9)


def build_network(input_shape: tuple[int, int, int], classes: int, model: Model) -> keras.Model:
    """Build it: a residual block for each of the filters."""
    layers = keras.layers
    image = layers.Input(input_shape)
    found = layers.Permute((2, 3, 1))(image) if is_channels_first(input_shape) else image
    for units in model.filters:
        before = layers.Conv2D(units, 3, padding="same", activation="relu")(found)
        after = layers.BatchNormalization()(layers.Conv2D(units, 3, padding="same")(before))
        found = layers.ReLU()(layers.Add()([before, after]))
    pooled = layers.GlobalAveragePooling2D()(found)
    return keras.Model(image, layers.Dense(classes, activation="softmax")(pooled))
'''

MINE = {
    "data": {"source": "mine", "test_split": 0.3, "image_size": [16, 24], "channels": 3},
    "prepare": {"image_data_format": "channels_first", "scale": 255, "classes": 3, "strict": True},
    "model": {"filters": [8, 4], "kernel_size": 5, "conv_dropout": 0, "dense_units": 7},
    "train": {
        **{"seed": 5, "epochs": 4, "batch_size": 16, "learning_rate": 0.02, "schedule": "cosine", "early_stopping": 2},
        **{"validation_split": 0.2, "validation_rows": "stratified", "shards": 2, "augmentation": {"rotation": 10}},
    },
    "tensorflow": {"instruction_set": "native"},
    "predict": {"index": 3, "preprocessing": "plain"},
    "gate": {"accuracy": None, "level": 0.01},
}


@pytest.mark.slow
def test_make_ci_passes_whole_on_what_somebody_else_has_made_of_it(tmp_path: Path) -> None:
    """The tests in it are those of `make test`."""
    project = copy_project(tmp_path / "project")
    (project.root / "README.md").write_text("# Mine\n")
    draw_pictures(project.root / "mine", ("red", "red, or: green", "$b$"), 180)
    (project.root / "stages/network/architecture.py").write_text(NETWORK.lstrip())
    set_params(project.root / "params.yaml", flatten(MINE))
    project.reproduce()
    project.commit("mine")
    run = project.make("ci")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "gate: results are as committed" in run.stdout
