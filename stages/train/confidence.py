"""The network's confidence when it is right, and on glyphs of no class: the thresholds for predicting pictures."""

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import Rows
from stages.network.inference import BATCH_SIZE, Forward, predict_probabilities
from stages.running.outputs import DECIMALS
from stages.train.augmentation import AMOUNTS, OTHER_HANDS, augment
from stages.train.outliers import DRAWS, add_outliers

SEED = 0  # the same rows and changes for every model

MOST_ROWS = 3000  # enough for the quantile
FALSE_ALARMS = 0.02  # share of right answers that get a warning; a larger one finds more wrong answers


def measure_confidence(
    forward: Forward,
    images: NDArray[np.float32] | Rows,
    labels: NDArray[np.float32],
    rows: NDArray[np.int64],
    are_glyphs: bool,
) -> dict[str, float | None]:
    """Measure the network's confidence on what it knows, and on glyphs of no class.

    It predicts `rows` of the images (at most MOST_ROWS, drawn at random), which it was not trained on. They are turned,
    sheared, zoomed and shifted, like other handwritings: on unchanged images, every network looks sure. Glyphs of no
    class are made from them, too.

    Args:
        forward: the network's `forward_function`.
        images: float32 (n, rows, cols, channels) or channels first.
        labels: one-hot (n, classes).
        are_glyphs: whether they are light glyphs in the centre of a dark field.

    Returns:
        unsure_below, in [0, 1]: 98 % of the right answers have at least this confidence, and less is worth a warning;
        1 if no answer is right. false_positive_rate, in [0, 1]: the share of glyphs of no class with at least this
        confidence; None where images are no glyphs.
    """
    rng = np.random.default_rng(SEED)
    rows = np.sort(rng.permutation(rows)[:MOST_ROWS])
    amounts, draws = rng.uniform(-1, 1, (len(rows), AMOUNTS)), rng.random((len(rows), DRAWS))
    of_right, of_none = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    for start in range(0, len(rows), BATCH_SIZE):
        part = slice(start, start + BATCH_SIZE)
        known, classes = images[rows[part]], labels[rows[part]]
        probabilities = predict_probabilities(forward, augment(known, amounts[part], OTHER_HANDS))
        of_right.append(probabilities.max(axis=1)[probabilities.argmax(axis=1) == classes.argmax(axis=1)])
        if are_glyphs:
            unknown, classes = add_outliers(known, classes, [slice(0, len(known))], draws[part], 1)
            of_none.append(predict_probabilities(forward, unknown).max(axis=1)[classes.max(axis=1) < 1])
    right, none = (np.concatenate(sureness).astype(np.float64) for sureness in (of_right, of_none))
    below = round(float(np.quantile(right, FALSE_ALARMS)), DECIMALS) if len(right) else 1.0
    taken = round(float((none >= below).mean()), DECIMALS) if len(none) else None
    return {"unsure_below": below, "false_positive_rate": taken}
