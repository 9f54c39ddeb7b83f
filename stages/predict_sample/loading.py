"""What the stage and predicting by hand begin with: the parameters, and TensorFlow as they say."""

from msgspec import convert

from stages.network.parameters import TensorFlow
from stages.network.runtime import start_tensorflow
from stages.predict_sample.parameters import Predict
from stages.running.params import read_params


def start() -> Predict:
    """Read params.yaml and start TensorFlow, which must be before `prediction` is imported.

    Returns:
        The section `predict`.

    Raises:
        SystemExit: params.yaml is wrong, which is said on stderr.
    """
    params = read_params()
    tensorflow = convert(params["tensorflow"], TensorFlow)
    start_tensorflow(tensorflow.instruction_set, tensorflow.device)
    return convert(params["predict"], Predict)
