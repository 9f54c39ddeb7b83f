"""How sure a network is when it is right: what its answers to pictures are measured by."""

import keras
import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Rows
from stages.network.inference import BATCH_SIZE, forward_function
from stages.network.views import VIEWS, predict_views
from stages.running.outputs import DECIMALS
from stages.training.augmentation import AMOUNTS, augment
from stages.training.parameters import Augmentation

# As far as people's hands differ from each other, and pictures of one digit do.
OTHER_HANDS = Augmentation(rotation=12, shear=0.25, zoom=0.12, shift=1.5)
SEED = 0  # the same rows and changes for every model

MOST_ROWS = 3000  # enough for the quantile; each is looked at fourteen times
RIGHT_ONES_WARNED_OF = 0.02  # a share: to warn of more wrong answers costs more right ones a warning


def unsure_below(
    network: keras.Model,
    images: NDArray[np.float32] | Rows,
    labels: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> dict[str, float]:
    """How sure the network is of all but 2 % of its right answers, so that to be less sure is worth a warning.

    The answers are those to `rows` of the images (of many, to some drawn at random), which the network was not trained
    on, turned, sheared, zoomed and shifted as other hands would have written them: the images as they are make every
    network look sure of itself.

    Args:
        images: float32 (n, rows, cols, channels) or channels first.
        labels: one-hot (n, classes).

    Returns:
        By one view of an image, and by all (see `predict_views`), a probability, in [0, 1]; 1 if no answer is right.
    """
    forward = forward_function(network)
    rows = np.sort(np.random.default_rng(SEED).permutation(rows)[:MOST_ROWS])
    of_right: dict[str, list[NDArray[np.float32]]] = {views: [] for views in VIEWS}
    amounts = np.random.default_rng([SEED, 0, 0, 2]).uniform(-1, 1, (len(rows), AMOUNTS))  # no stream of training's
    for start in range(0, len(rows), BATCH_SIZE):
        part = rows[start : start + BATCH_SIZE]
        changed = augment(images[part], amounts[start : start + BATCH_SIZE], OTHER_HANDS)
        for views, right in of_right.items():
            probabilities, sureness = predict_views(forward, changed, views)
            right.append(sureness[probabilities.argmax(axis=1) == labels[part].argmax(axis=1)])
    return {views: _low_quantile(np.concatenate(right)) for views, right in of_right.items()}


def _low_quantile(sureness: NDArray[np.float32]) -> float:
    if len(sureness) == 0:
        return 1.0
    return round(float(np.quantile(sureness.astype(np.float64), RIGHT_ONES_WARNED_OF)), DECIMALS)
