"""What the model of a commit makes of the extra pictures that the working tree holds back."""

import subprocess
import sys
import tempfile
from pathlib import Path

from msgspec import convert

from stages.arrays.npy import IMAGES, LABELS, open_array
from stages.arrays.prepared import EXTRA
from stages.commands.comparison.results import recorded_outputs
from stages.commands.comparison.revisions import Revision
from stages.commands.comparison.showing import PREPARED_TEST_SET
from stages.evaluate.grading import grade_extra
from stages.network import MODEL
from stages.network.parameters import TensorFlow
from stages.running.params import PARAMS_FILE, load
from stages.running.process import InputError


def grade_model(base: Revision) -> dict[str, float]:
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
