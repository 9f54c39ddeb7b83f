"""The picture of one prediction: the steps on the way to it, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from stages.pictures.sample import Sample
from stages.running.outputs import replacing

LONGEST_NAME = 20  # characters of a class's name
MOST_TICKS = 20  # classes beyond this are too many to name each


def draw_prediction(
    path: Path, sample: Sample, prediction: dict[str, Any], classes: Sequence[int] | Sequence[str]
) -> None:
    """Write a PNG: what came, what was found in it, what the network sees, and the probability of each class.

    Args:
        prediction: of the sample, as `prediction.describe` gives it.
    """
    matplotlib.rcdefaults()  # a matplotlibrc in the working folder would win over the pinned one
    rows, cols = sample.field.shape[:2]
    pictures = {**sample.steps, f"what the network sees ({rows}x{cols})": sample.field}
    figure = Figure(figsize=(3.2 * len(pictures) + 4.6, 3.8), dpi=100, layout="constrained")
    *frames, chart = figure.subplots(1, len(pictures) + 1, width_ratios=[*[1] * len(pictures), 1.6])
    for frame, (title, picture) in zip(frames, pictures.items(), strict=True):
        frame.imshow(picture, cmap="gray", vmin=0, vmax=1)
        frame.set_title(title, fontsize=10)
        frame.set_axis_off()

    probabilities, predicted = prediction["probabilities"], prediction["predicted"]
    if isinstance(probabilities, dict):
        probabilities = list(probabilities.values())
    colors = ["tab:blue" if name == predicted else "lightgray" for name in classes]
    bars = chart.bar(range(len(probabilities)), probabilities, color=colors)
    chart.bar_label(bars, [f"{value:.0%}" if value >= 0.005 else "" for value in probabilities], fontsize=8)
    chart.set(xlabel="class", ylabel="probability", ylim=(0, 1.1))
    if len(probabilities) <= MOST_TICKS:
        chart.set_xticks(range(len(probabilities)))
    if isinstance(classes[0], str) and len(probabilities) <= MOST_TICKS:
        names = [f"{name[: LONGEST_NAME - 1]}…" if len(name) > LONGEST_NAME else name for name in map(str, classes)]
        chart.set_xticklabels(names, rotation=45, ha="right", parse_math=False)
    chart.spines[["top", "right"]].set_visible(False)

    told = "nothing predicted" if predicted is None else f"predicted {predicted}"
    title = told if sample.label is None else f"{told}, label {classes[sample.label]}"
    if prediction["warning"]:
        title += f" - warning: {prediction['warning']}"
    figure.suptitle(title, color="tab:red" if prediction["warning"] else "black", parse_math=False)
    with replacing(path) as partial:
        figure.savefig(partial, metadata={"Software": None})
