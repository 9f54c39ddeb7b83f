"""The picture of one prediction."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stages.files import replacing


def draw_prediction(path: Path, image: NDArray[np.float32], probabilities: NDArray[np.float32], label: int) -> None:
    """Write a PNG: the image beside a bar chart of its probabilities, titled with predicted and true label.

    Args:
        image: (rows, cols) in [0, 1].
        probabilities: (classes,).
    """
    matplotlib.rcdefaults()  # a matplotlibrc in the working folder would win over the pinned one
    predicted = int(probabilities.argmax())
    figure = Figure(figsize=(7, 3.2), dpi=100, layout="constrained")
    seen, chances = figure.subplots(1, 2, width_ratios=(1, 1.6))
    figure.suptitle(f"predicted {predicted}, label {label}")
    seen.imshow(image, cmap="gray", vmin=0, vmax=1)
    seen.set_axis_off()
    colors = ["tab:blue" if number == predicted else "lightgray" for number in range(len(probabilities))]
    bars = chances.bar(range(len(probabilities)), probabilities, color=colors)
    chances.bar_label(bars, [f"{value:.1%}" if value >= 0.001 else "" for value in probabilities], fontsize=8)
    chances.set(xlabel="class", ylabel="probability", ylim=(0, 1.1))
    if len(probabilities) <= 20:
        chances.set_xticks(range(len(probabilities)))
    chances.spines[["top", "right"]].set_visible(False)
    with replacing(path) as partial:
        figure.savefig(partial, metadata={"Software": None})
