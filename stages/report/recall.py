"""Recall by class: which class the network misses most."""

from pathlib import Path

from stages.plotting import BLUE, CHART_COLORS, WIDTH, new_figure, save_figure, shorten
from stages.report.graded import Graded

MOST_CLASSES = 40  # that one picture has room for
LONGEST_NAME = 24  # characters


def draw_recall(path: Path, graded: Graded) -> None:
    """Write a PNG with each class's recall and its 95 % interval; of more than MOST_CLASSES, the lowest.

    Classes without images are left out.
    """
    tested = [row for row in graded.classes if row["support"] > 0]
    lowest = sorted(range(len(tested)), key=lambda place: tested[place]["recall"])[:MOST_CLASSES]
    shown = [tested[place] for place in sorted(lowest)]
    figure = new_figure(WIDTH, 110 + 26 * len(shown), layout="constrained")
    axes = figure.subplots()
    recalls = [row["recall"] for row in shown]
    reach = [
        [row["recall"] - row["recall_low"] for row in shown],
        [row["recall_high"] - row["recall"] for row in shown],
    ]
    axes.errorbar(recalls, range(len(shown)), xerr=reach, fmt="o", color=BLUE, capsize=4)
    for place, row in enumerate(shown):
        axes.annotate(
            f"{100 * row['recall']:.1f} % of {row['support']:,}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
        )
    names = [shorten(row["class"], LONGEST_NAME) for row in shown]
    axes.set_yticks(range(len(shown)), names, parse_math=False)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="recall: share of the class's test images that are recognised (95 % interval)", ylabel="class")
    few = "" if len(shown) == len(tested) else f" (the {len(shown)} lowest of {len(tested):,})"
    axes.set_title(f"recall by class{few}")
    save_figure(figure, path, CHART_COLORS)
