"""What the report says of extra pictures: how both models read those held back, and what they leave as it was."""

import subprocess
import sys
import tempfile
from pathlib import Path

from msgspec import convert

from stages.arrays.npy import IMAGES, LABELS, open_array
from stages.arrays.prepared import EXTRA
from stages.commands.comparison.changes import Changes
from stages.commands.comparison.results import recorded_outputs
from stages.commands.comparison.revisions import Revision
from stages.commands.comparison.showing import PREPARED_TEST_SET
from stages.evaluate.grading import grade_extra
from stages.network import MODEL
from stages.network.parameters import TensorFlow
from stages.running.params import PARAMS_FILE, load
from stages.running.process import InputError

VALIDATION_ROWS = {"train.validation_split", "train.validation_rows"}  # parameters that select them

Metrics = dict[str, float]


def take_apart(metrics: Metrics) -> tuple[Metrics, Metrics]:
    """The metrics of the test set, and those of extra pictures."""
    extra = {name.removeprefix("extra."): value for name, value in metrics.items() if name.startswith("extra.")}
    return {name: value for name, value in metrics.items() if not name.startswith("extra.")}, extra


def fold(files: list[str]) -> list[str]:
    """The files, with one line for all extra pictures."""
    folder = Path(load(PARAMS_FILE)["prepare"].get("extra", "data/extra"))
    extra = [file for file in files if Path(file).is_relative_to(folder)]
    return [*(file for file in files if file not in extra), *([f"{folder}: {len(extra)} files"] if extra else [])]


def same_validation_rows(changes: Changes) -> bool:
    """Whether both models were validated on the same rows: pictures of `prepare.extra` alone may have come or gone."""
    inputs = {stage.name: {*stage.inputs} for stage in changes.stages}
    train, prepare = inputs.get("train", set()), inputs.get("prepare", set())
    of_extra = {"prepare.extra", load(PARAMS_FILE)["prepare"].get("extra")}
    return not train & VALIDATION_ROWS and ("data/prepared/train" not in train or prepare <= of_extra)


def grade_base(base: Revision) -> tuple[Metrics, str]:
    """The metrics of a commit's model on the extra pictures that the working tree holds back, or why there are none."""
    try:
        return _grade_model(base), ""
    except InputError as error:
        return {}, str(error)
    except FileNotFoundError as error:
        return {}, f"{error.filename} is not there; `dvc checkout` brings it"


def _grade_model(base: Revision) -> Metrics:
    """Grade a commit's model on these pictures: see `grade_extra`.

    Raises:
        InputError: DVC's cache has no such model, or it is for other images.
    """
    if (digest := recorded_outputs(base).get(f"models/{MODEL}")) is None:
        raise InputError(f"{base}: its dvc.lock records no model")
    cache = subprocess.run([sys.executable, "-m", "dvc", "cache", "dir"], text=True, capture_output=True)
    model = Path(cache.stdout.strip(), "files", "md5", digest[:2], digest[2:])
    if cache.returncode != 0 or not model.is_file():
        raise InputError(f"{base}: its model is not in DVC's cache; `dvc fetch` in a checkout of it brings it")

    from stages.network.runtime import start_tensorflow

    tensorflow = convert(load(PARAMS_FILE)["tensorflow"], TensorFlow)
    start_tensorflow(tensorflow.instruction_set, tensorflow.device)

    from stages.network.inference import forward_function, loss_and_accuracy, predict_probabilities
    from stages.network.model_file import load_network

    images, labels = (open_array(Path(PREPARED_TEST_SET, EXTRA, file)) for file in (IMAGES, LABELS))
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder, MODEL)  # Keras goes by the suffix
        named.symlink_to(model)
        network = load_network(named, images.shape[1:], labels.shape[1])
    probabilities = predict_probabilities(forward_function(network), images)
    return grade_extra(*loss_and_accuracy(probabilities, labels), len(labels))
