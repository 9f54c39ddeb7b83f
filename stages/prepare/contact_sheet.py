"""The contact sheet: samples of each class side by side, to see the data and their labels at once."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import evenly_spaced
from stages.plotting import WIDTH, new_figure, save_figure, tile

SAMPLES = 10  # of a class
MOST_CLASSES = 30  # rows that fit into one view
MARGIN, NAMES, HEAD = 10, 104, 34  # the sheet's edge, the column of names, the title, in pixels
TILE, GAP = 64, 4  # for a sample, and between two
LINE, LINES = 12, 2  # characters of a name that fit into the column, and how many lines
FRAME = 170  # gray frame, so that the edges of both black and white samples are visible


def draw_contact_sheet(
    path: Path, images: NDArray[Any], labels: NDArray[np.integer[Any]], classes: Sequence[str | int], white: float
) -> None:
    """Write a PNG with a row for each class: its name, how many images it has, and SAMPLES of them.

    The samples are evenly spaced in the rows of the class; no other image is read. Of more than MOST_CLASSES
    classes, the first are shown.

    Args:
        images: (n, rows, cols) or (n, rows, cols, channels); of 2 channels the first is shown, of 4 the first 3.
        labels: the number of each image's class, of shape (n,).
        classes: the name of each class, or its number where it has none.
        white: the value that is white; 0 is black.
    """
    counts = np.bincount(labels, minlength=len(classes))
    shown = range(min(len(classes), MOST_CLASSES))
    height = HEAD + len(shown) * (TILE + GAP) + MARGIN
    figure = new_figure(WIDTH, height)

    def write(top: float, text: str, **style: Any) -> None:
        figure.text(MARGIN / WIDTH, 1 - top / height, text, parse_math=False, **style)

    title = f"training set: {len(labels):,} images of {images.shape[1]}x{images.shape[2]}, {len(classes):,} classes"
    if len(classes) > len(shown):
        title += f", the first {len(shown)} of them shown"
    write(HEAD / 2, title, va="center", fontsize=10.5)
    strips = np.full((height - HEAD, WIDTH - MARGIN - NAMES, 3), 255, np.uint8)
    for number in shown:
        count, middle = int(counts[number]), number * (TILE + GAP) + (TILE + GAP) // 2
        name = textwrap.wrap(str(classes[number]), LINE, max_lines=LINES, placeholder="…") or [""]
        below = HEAD + middle + 8 * (len(name) - 1)
        write(below, "\n".join(name), va="bottom", fontsize=9)
        color = "dimgray" if count else "tab:red"
        write(below + 3, f"{count:,}" if count else "no image", va="top", fontsize=8.5, color=color)
        rows = np.flatnonzero(labels == number)[evenly_spaced(count, SAMPLES)]
        for place, row in enumerate(rows):
            sample = tile(images[row], white, TILE)
            top = middle - sample.shape[0] // 2
            left = place * (TILE + GAP) + (TILE + GAP - sample.shape[1]) // 2
            strips[top - 1 : top + sample.shape[0] + 1, left - 1 : left + sample.shape[1] + 1] = FRAME
            strips[top : top + sample.shape[0], left : left + sample.shape[1]] = sample
    figure.figimage(strips, MARGIN + NAMES, 0, zorder=4)  # over names that are too long
    save_figure(figure, path)
