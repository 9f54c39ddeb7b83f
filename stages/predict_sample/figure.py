"""The picture of one prediction: the steps on the way to it, side by side."""

from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from stages.plotting import new_figure, save_figure, shorten
from stages.predict_sample.sample import Sample

LONGEST_NAME = 20  # characters of a class's name
LEVEL_NAME = 2  # of a name that is level below its bar
FRAME = 0.5  # gray
MOST_SHOWN = 20  # classes: more are too many to name each


def draw_prediction(path: Path, sample: Sample, prediction: dict[str, Any], classes: Sequence[int | str]) -> None:
    """Write a PNG: the input, what was found in it, what the network sees, and the probability of each class.

    For several digits: what the network sees of each, and the probability of its class.

    Args:
        prediction: of the sample, as `prediction.describe` gives it.
    """
    rows, cols = sample.fields.shape[1:3]
    seen = sample.fields[0] if len(sample.fields) == 1 else side_by_side(sample.fields)
    pictures: dict[str, NDArray[Any]] = {**sample.steps, f"what the network sees ({rows}x{cols})": seen}
    figure = new_figure(320 * len(pictures) + 460, 380, layout="constrained")
    *frames, chart = figure.subplots(1, len(pictures) + 1, width_ratios=[*[1] * len(pictures), 1.6])
    for frame, (title, picture) in zip(frames, pictures.items(), strict=True):
        two_channels = picture.ndim == 3 and picture.shape[2] == 2
        frame.imshow(picture[..., 0] if two_channels else picture, cmap="gray", vmin=0, vmax=1)
        frame.set_title(title, fontsize=10)
        frame.set_axis_off()

    predicted = prediction["predicted"]
    if "glyphs" in prediction:
        given = [(glyph["predicted"], glyph["probability"] or 0) for glyph in prediction["glyphs"]]
        draw_bars(chart, [("?" if name is None else name, value, name is not None) for name, value in given])
        chart.set_xlabel("digit")
    else:
        probabilities = prediction["probabilities"]
        values = np.array(list(probabilities.values()) if isinstance(probabilities, dict) else probabilities)
        most = np.sort(np.argsort(-values, kind="stable")[:MOST_SHOWN])
        draw_bars(chart, [(classes[number], values[number], classes[number] == predicted) for number in most])
        few = f" (the {len(most)} most probable of {len(classes):,})" if len(most) < len(classes) else ""
        chart.set_xlabel(f"class{few}")

    answer = "nothing predicted" if predicted is None else f"predicted {predicted}"
    title = answer if sample.label is None else f"{answer}, label {classes[sample.label]}"
    if prediction["warning"]:
        title += f" - warning: {prediction['warning']}"
    figure.suptitle(title, color="tab:red" if prediction["warning"] else "black", parse_math=False)
    save_figure(figure, path)


def draw_bars(chart: Axes, bars: Sequence[tuple[object, float, bool]]) -> None:
    """A bar for each name and probability; predicted ones are blue."""
    names, values = [str(name) for name, _, _ in bars], [value for _, value, _ in bars]
    drawn = chart.bar(range(len(bars)), values, color=["tab:blue" if blue else "lightgray" for _, _, blue in bars])
    chart.bar_label(drawn, [f"{value:.0%}" if value >= 0.005 else "" for value in values], fontsize=8)
    chart.set(ylabel="probability", ylim=(0, 1.1))
    short = [shorten(name, LONGEST_NAME) for name in names]
    aslant: dict[str, Any] = {"rotation": 45, "ha": "right"} if max(map(len, short)) > LEVEL_NAME else {}
    chart.set_xticks(range(len(bars)), short, parse_math=False, **aslant)
    chart.spines[["top", "right"]].set_visible(False)


def side_by_side(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fields (n, rows, cols), framed, as one picture: a nearly square grid in reading order."""
    columns = ceil(sqrt(len(fields)))
    framed = np.pad(fields, ((0, -len(fields) % columns), (1, 1), (1, 1)), constant_values=FRAME)
    lines = framed.reshape(-1, columns, *framed.shape[1:]).swapaxes(1, 2)
    return lines.reshape(lines.shape[0] * lines.shape[1], -1)
