"""The picture of one prediction: the steps on the way to it, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.drawing.canvas import new_figure, save_figure, shorten
from stages.pictures.sample import Sample

LONGEST_NAME = 20  # characters of a class's name
LEVEL_NAME = 2  # of one that stands level below its bar
MOST_SHOWN = 20  # classes: more are too many to name each


def draw_prediction(
    path: Path, sample: Sample, prediction: dict[str, Any], classes: Sequence[int] | Sequence[str]
) -> None:
    """Write a PNG: what came, what was found in it, what the network sees, and the probability of each class.

    Args:
        prediction: of the sample, as `prediction.describe` gives it.
    """
    rows, cols = sample.field.shape[:2]
    pictures: dict[str, NDArray[Any]] = {**sample.steps, f"what the network sees ({rows}x{cols})": sample.field}
    figure = new_figure(320 * len(pictures) + 460, 380, layout="constrained")
    *frames, chart = figure.subplots(1, len(pictures) + 1, width_ratios=[*[1] * len(pictures), 1.6])
    for frame, (title, picture) in zip(frames, pictures.items(), strict=True):
        two_channels = picture.ndim == 3 and picture.shape[2] == 2
        frame.imshow(picture[..., 0] if two_channels else picture, cmap="gray", vmin=0, vmax=1)
        frame.set_title(title, fontsize=10)
        frame.set_axis_off()

    probabilities, predicted = prediction["probabilities"], prediction["predicted"]
    values = np.array(list(probabilities.values()) if isinstance(probabilities, dict) else probabilities)
    shown = np.sort(np.argsort(-values, kind="stable")[:MOST_SHOWN])
    names = [str(classes[number]) for number in shown]
    colors = ["tab:blue" if classes[number] == predicted else "lightgray" for number in shown]
    bars = chart.bar(range(len(shown)), values[shown], color=colors)
    chart.bar_label(bars, [f"{value:.0%}" if value >= 0.005 else "" for value in values[shown]], fontsize=8)
    chart.set(xlabel="class", ylabel="probability", ylim=(0, 1.1))
    if len(shown) < len(classes):
        chart.set_xlabel(f"class (the {len(shown)} most probable of {len(classes):,})")
    short = [shorten(name, LONGEST_NAME) for name in names]
    aslant = {"rotation": 45, "ha": "right"} if max(map(len, short)) > LEVEL_NAME else {}
    chart.set_xticks(range(len(shown)), short, parse_math=False, **aslant)
    chart.spines[["top", "right"]].set_visible(False)

    told = "nothing predicted" if predicted is None else f"predicted {predicted}"
    title = told if sample.label is None else f"{told}, label {classes[sample.label]}"
    if prediction["warning"]:
        title += f" - warning: {prediction['warning']}"
    figure.suptitle(title, color="tab:red" if prediction["warning"] else "black", parse_math=False)
    save_figure(figure, path)
