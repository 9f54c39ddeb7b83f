"""The gallery: wrong answers that the network is most sure of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.prepared import channels_last
from stages.plotting import GRAY, RED, WIDTH, new_figure, save_figure, shorten, tile
from stages.report.graded import Graded
from stages.tables import Row

COLUMNS, ROWS = 6, 4
TILE, CELL, TEXT, HEAD = 96, 172, 64, 36  # in pixels: image, height of a cell, its text, and the title
COLORS = 256  # of images, which may be colour photographs
LONGEST_NAME = 15  # characters
MOST = COLUMNS * ROWS  # images


def most_confident(errors: Sequence[Row]) -> list[Row]:
    """The most confident errors, sorted, as many as fit; they need "index" and "probability"."""
    return sorted(errors, key=lambda row: (-row["probability"], row["index"]))[:MOST]


def draw_errors(path: Path, graded: Graded) -> None:
    """Write the gallery of a graded model's errors."""
    shown = most_confident(graded.errors)
    n = len(graded.errors)
    title = f"the {len(shown)} most confident of {n:,} wrong answers" if n else "no wrong answer"
    draw_gallery(path, title, shown, graded.images)


def draw_gallery(path: Path, title: str, errors: Sequence[Row], images: NDArray[np.float32]) -> None:
    """Write a PNG of wrong answers: each image with its class, the predicted class, and the probability.

    Args:
        errors: rows of ERRORS, at most MOST.
        images: of the whole test set, (n, rows, cols, channels) or channels first, in [0, 1].
    """
    lines = max(1, -(-len(errors) // COLUMNS))
    height = HEAD + lines * CELL
    figure = new_figure(WIDTH, height)

    def write(left: float, top: float, text: str, **style: Any) -> None:
        figure.text(left / WIDTH, 1 - top / height, text, ha="center", parse_math=False, **style)

    write(WIDTH / 2, HEAD / 2, title, va="center", fontsize=12)
    canvas = np.full((lines * CELL, WIDTH, 3), 255, np.uint8)
    for place, row in enumerate(errors):
        line, column = divmod(place, COLUMNS)
        middle, top = round((column + 0.5) * WIDTH / COLUMNS), line * CELL
        picture = tile(channels_last(images[row["index"] : row["index"] + 1])[0], 1, TILE)
        rows, cols = picture.shape[:2]
        first, left = top + CELL - TEXT - rows, middle - cols // 2
        canvas[first - 1 : first + rows + 1, left - 1 : left + cols + 1] = 170  # a frame, for images white or black
        canvas[first : first + rows, left : left + cols] = picture
        foot = HEAD + top + CELL - TEXT + 4
        write(middle, foot, f"test image {row['index']:,}", va="top", fontsize=7.5, color=GRAY)
        write(middle, foot + 13, f"is {shorten(row['actual'], LONGEST_NAME)}", va="top", fontsize=8.5)
        answer = f"said {shorten(row['predicted'], LONGEST_NAME)}\n{100 * row['probability']:.1f} %"
        write(middle, foot + 26, answer, va="top", fontsize=8.5, color=RED)
    figure.figimage(canvas, 0, 0, zorder=-1)
    save_figure(figure, path, COLORS)
