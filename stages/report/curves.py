"""The learning curves: loss and accuracy, epoch by epoch."""

from pathlib import Path

from matplotlib.ticker import MaxNLocator

from stages.plotting import BLUE, CHART_COLORS, ORANGE, WIDTH, new_figure, save_figure
from stages.report.graded import Graded


def draw_curves(path: Path, graded: Graded) -> None:
    """Write a PNG of training and validation loss and accuracy over the epochs."""
    history = graded.history
    figure = new_figure(WIDTH, 360, layout="constrained")
    epochs = [row["epoch"] for row in history]
    titles = {"loss": "loss: cross-entropy (nats)", "accuracy": "accuracy"}
    for axes, (name, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        axes.plot(epochs, [row[name] for row in history], "o--", color=ORANGE, label="training rows, with dropout")
        axes.plot(epochs, [row[f"val_{name}"] for row in history], "s-", color=BLUE, label="validation rows")
        axes.set(title=title, xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=9)
    save_figure(figure, path, CHART_COLORS)
