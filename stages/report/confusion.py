"""The confusion matrix: counts of actual and predicted classes."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm

from stages.plotting import CHART_COLORS, WIDTH, new_figure, save_figure, shorten
from stages.report.graded import Graded

MOST_CLASSES = 20  # that still have room for their counts
LONGEST_NAME = 16  # characters


def draw_confusion(path: Path, graded: Graded) -> None:
    """Write a PNG of the matrix: a row for each actual class, a column for each predicted one, counts in the cells.

    Of more than MOST_CLASSES classes, those with most errors are shown.
    """
    errors, classes = graded.errors, graded.classes
    involved = Counter(name for row in errors for name in (row["actual"], row["predicted"]))
    names = [row["class"] for row in classes]
    places = sorted(range(len(names)), key=lambda place: -involved[names[place]])[:MOST_CLASSES]
    shown = [names[place] for place in sorted(places)]
    wrong = Counter(row["actual"] for row in errors)
    counts = Counter((row["actual"], row["predicted"]) for row in errors)
    counts.update({(row["class"], row["class"]): row["support"] - wrong[row["class"]] for row in classes})
    matrix = np.array([[counts[actual, predicted] for predicted in shown] for actual in shown])
    mistakes = np.ma.masked_equal(matrix * ~np.eye(len(shown), dtype=bool), 0)  # right ones would hide them

    figure = new_figure(WIDTH, 700, layout="constrained")
    axes = figure.subplots()
    most = int(mistakes.max() or 1)
    axes.imshow(mistakes, cmap="Oranges", norm=LogNorm(0.7, 3 * most))
    for (row, column), count in np.ndenumerate(matrix):
        weight = "bold" if row == column else "normal"
        size = min(11, 150 / len(shown))
        axes.text(
            column, row, f"{count:,}" if count else "", ha="center", va="center", fontsize=size, fontweight=weight
        )
    ticks = [shorten(name, LONGEST_NAME) for name in shown]
    aslant: dict[str, Any] = {"rotation": 45, "ha": "right"} if max(map(len, ticks)) > 2 else {}
    axes.set_xticks(range(len(shown)), ticks, parse_math=False, **aslant)
    axes.set_yticks(range(len(shown)), ticks, parse_math=False)
    axes.set(xlabel="predicted class", ylabel="actual class")
    title = f"what is taken for what: {len(errors):,} of {sum(row['support'] for row in classes):,} test images wrong"
    if len(shown) < len(names):
        title += f"\n(the {len(shown)} of {len(names):,} classes with most mistakes)"
    axes.set_title(title)
    save_figure(figure, path, CHART_COLORS)
