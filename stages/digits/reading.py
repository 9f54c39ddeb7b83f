"""Read a gray picture: find the digits in it, and fit each into a field like the training images.

`ink` removes what a camera or a paint program adds. Strokes are bilevel, then anti-aliased, as in MNIST.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from stages.digits.best_path import best_path
from stages.digits.ink import DARKEST, EIGHT, dividing_threshold, find_ink, has_dark_ink, without_lines
from stages.digits.pieces import Piece, are_parts, find_row, join
from stages.glyphs import Gray, box_side, fit_into_field, resize, span
from stages.running.process import InputError

THINNEST = 1.6 / 20  # stroke width over box: 95 % of MNIST's strokes are wider; thinner pens are thickened to it
OVERSAMPLING = 8  # pixels per field pixel while a digit is cut out and thickened

FAINT = 0.6  # of the threshold: pixels so faint still belong to a stroke that has pixels above it
LEAST_CONTRAST, LOW_CONTRAST = 0.04, 0.08  # below these thresholds, nothing was written, or hardly (a pencil has 0.15)
NOISE = 3.2  # threshold / mean of the rest; below it, ink is paper grain

LONGEST = 20  # digits in a row: nobody photographs a longer number, and it takes long

DOUBTFUL = "this may not be a digit"
TOO_LONG = f"of more than {LONGEST} digits only the first are read"


@dataclass(frozen=True)
class Judge:
    """A network's part in the choice of a reading.

    sureness: fields (n, rows, cols) to the confidence in each, in [0, 1].
    unsure_below, false_positive_rate: see `best_path`.
    """

    sureness: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    unsure_below: float
    false_positive_rate: float


@dataclass(frozen=True)
class Digits:
    """What was found: digits from the left, their fields for the network, (n, rows, cols), and unread pieces."""

    pieces: list[Piece]
    fields: NDArray[np.float32]
    passed_over: list[Piece]
    warning: str | None


class Written(NamedTuple):
    """What is written in a picture.

    ink: (h, w) in [0, 1], 0.5 at its outline. row: the pieces of ink that stand in a row, from the left; others: the
    rest. is_pale: whether it is hardly darker than the paper.
    """

    ink: Gray
    row: list[Piece]
    others: list[Piece]
    is_pale: bool


def find_written(gray: Gray) -> Written | None:
    """Find the ink in a picture (h, w) in [0, 1] of either polarity; None if there is none."""
    ink = find_ink(gray if has_dark_ink(gray) else 1 - gray)
    threshold = dividing_threshold(ink, 0.5 * float(np.percentile(ink, DARKEST)))
    written = without_lines(ink, ink >= FAINT * threshold)
    strong = written & (ink >= threshold)
    if not strong.any() or threshold < LEAST_CONTRAST:
        return None
    is_pale = threshold < max(LOW_CONTRAST, NOISE * float(ink[~written].mean(dtype=np.float64)))
    return Written(np.clip(ink / (2 * threshold), 0, 1), *find_row(written, strong), is_pale)


def read_digits(gray: Gray, rows: int, cols: int, judge: Judge) -> Digits:
    """Find the digits in a picture (h, w) in [0, 1] of either polarity, for a network that takes (rows, cols)."""
    if (written := find_written(gray)) is None:
        return Digits([], np.zeros((1, rows, cols), np.float32), [], "no digit found")
    field_of = cache(lambda piece: fit_field(written.ink, piece, rows, cols))  # whole pieces are asked for twice

    def sureness_of(pieces: Sequence[Piece]) -> NDArray[np.float32]:
        return judge.sureness(np.stack([field_of(piece) for piece in pieces]))

    row = written.row
    pieces = best_path(row[:LONGEST], sureness_of, judge.unsure_below, judge.false_positive_rate)
    passed_over = [*written.others, *row[LONGEST:], *(part for piece in pieces for part in piece.parts)]
    warning = TOO_LONG if len(row) > LONGEST else DOUBTFUL if written.is_pale else None
    return Digits(pieces, np.stack([field_of(piece) for piece in pieces]), passed_over, warning)


def read_single_digit(gray: Gray, rows: int, cols: int) -> Gray:
    """Fit the only digit of a picture, which may be broken, into a field (rows, cols), without asking a network.

    Raises:
        InputError: there is none, or there are several.
    """
    written = find_written(gray)
    pieces = [join(piece, *piece.parts) for piece in written.row] if written else []
    if written is None or not all(are_parts(left, right) for left, right in pairwise(pieces)):
        found = f"{len(pieces)} digits were" if pieces else "no digit was"
        raise InputError(f"{found} found; must hold one")
    return fit_field(written.ink, join(*pieces), rows, cols)


def fit_field(ink: Gray, piece: Piece, rows: int, cols: int) -> Gray:
    """A digit, white on black, float32 (rows, cols) in [0, 1].

    Args:
        ink: of the picture, 0.5 at its outline.
    """
    height, width = piece.mask.shape
    # The outline lies between the last pixel in and the next one out.
    near = ndimage.binary_dilation(np.pad(piece.mask, 1), EIGHT)
    ink = np.pad(ink, 1)[piece.top : piece.top + height + 2, piece.left : piece.left + width + 2] * near
    side = box_side(rows, cols) * OVERSAMPLING
    scale = side / max(height, width)
    ink = resize(ink, (round(ink.shape[0] * scale), round(ink.shape[1] * scale)), Image.Resampling.BICUBIC)
    stroke = np.pad(ink >= 0.5, side // 4)
    if not stroke.any():
        return np.zeros((rows, cols), np.float32)
    depth = float(ndimage.distance_transform_edt(stroke)[stroke].mean(dtype=np.float64))
    thickness = 4 * depth - 2  # the mean depth of a bar of width w is w/4 + 1/2
    grow = (THINNEST * side - thickness) / (2 - 2 * THINNEST)  # the digit grows too and is shrunk into the box again
    if grow > 0:
        stroke = ndimage.distance_transform_edt(~stroke) <= grow
    return fit_into_field(stroke[span(stroke)].astype(np.float32), rows, cols)
