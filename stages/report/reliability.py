"""The reliability diagram: whether answers with a probability of 80 % are right 8 times in 10."""

from pathlib import Path

from stages.plotting import BLUE, CHART_COLORS, GRAY, WIDTH, new_figure, save_figure
from stages.report.graded import Graded


def draw_reliability(path: Path, graded: Graded) -> None:
    """Write a PNG: accuracy, with its 95 % interval, over mean confidence, and the number of images."""
    bins = graded.calibration
    figure = new_figure(WIDTH, 620, layout="constrained")
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    confidences, accuracies = ([row[name] for row in bins] for name in ("confidence", "accuracy"))
    below = [row["accuracy"] - row["accuracy_low"] for row in bins]
    above = [row["accuracy_high"] - row["accuracy"] for row in bins]
    axes.plot((0, 1), (0, 1), "--", color=GRAY, label="as sure as right")
    axes.errorbar(
        confidences,
        accuracies,
        yerr=[below, above],
        fmt="o-",
        color=BLUE,
        capsize=4,
        label="the network (95 % interval)",
    )
    axes.set(ylabel="share of right answers", ylim=(-0.03, 1.03))
    axes.set_title(f"reliability: expected calibration error {graded.metrics['calibration_error']:.4f}")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    counts.bar(confidences, [row["n"] for row in bins], width=0.03, color=BLUE)
    counts.set(xlabel="probability that the network gives its answer", ylabel="images", yscale="log", xlim=(0, 1.02))
    counts.set_ylim(bottom=0.7)
    for part in (axes, counts):
        part.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path, CHART_COLORS)
