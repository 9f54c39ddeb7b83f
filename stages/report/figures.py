"""The figures of the report, by the names of their files and in the order of the page: a line for each."""

from collections.abc import Callable
from pathlib import Path

from stages.report.confusion import draw_confusion
from stages.report.curves import draw_curves
from stages.report.gallery import draw_errors
from stages.report.graded import Graded
from stages.report.recall import draw_recall
from stages.report.reliability import draw_reliability

FIGURES: dict[str, Callable[[Path, Graded], None]] = {
    "learning_curves": draw_curves,
    "confusion_matrix": draw_confusion,
    "recall_by_class": draw_recall,
    "reliability": draw_reliability,
    "most_confident_errors": draw_errors,
}
