"""Pieces of ink: which of them stand in a row, like the digits of a number, and where one may be cut."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.signal import find_peaks

from stages.digits.ink import EIGHT, Mask
from stages.glyphs import span

SPECK = 0.02  # of the heaviest piece's ink: less is dirt
TALL = 0.5  # lower / higher height: at least this for the main piece and a digit of its row; less for a part or a table
HEAVY = 0.05  # of the main piece's ink: a digit has more
REACH = 0.15  # of the main piece's longer side: a digit's parts are no farther from it
ALIKE = 0.5  # of the shorter range that two share: in columns, one is above the other; in rows, they are in a line
INNER = 0.3  # of its height: what a frame or ring encloses is higher, a speck in a 0 is not
NEAR, NARROW = 0.15, 1.2  # of its height: how far the parts of a broken digit are apart, and how wide it is
FLAT = 3  # times as wide as high: a line under a number rather than a digit
MOST = 60  # heaviest pieces that are considered: more are text, or the paper's grain
LIGHT = 0.02  # weight of pieces that are flat or at the picture's edge: digits may be, paper and fingers often are

SLANTS = (-0.5, -0.25, 0.0, 0.25, 0.5)  # of cuts, columns per row
THIN, APART = 0.1, 0.05  # of the height: how much less ink a cut crosses than cuts beside it; the distance of cuts
FINE = 0.05  # of the height: window of a mean
MOST_CUTS = 10


@dataclass(frozen=True, eq=False)
class Piece:
    """Ink: a mask (h, w), the picture's row and column of its corner, and small parts near that may belong to it.

    is_cut: whether it was cut out of connected ink.
    """

    top: int
    left: int
    mask: Mask
    parts: tuple["Piece", ...] = ()
    is_cut: bool = False

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def join(*pieces: Piece) -> Piece:
    """Merge pieces."""
    top, left = min(piece.top for piece in pieces), min(piece.left for piece in pieces)
    bottom, right = max(piece.box[0].stop for piece in pieces), max(piece.box[1].stop for piece in pieces)
    mask = np.zeros((bottom - top, right - left), bool)
    for piece in pieces:
        height, width = piece.mask.shape
        mask[piece.top - top :, piece.left - left :][:height, :width] |= piece.mask
    return Piece(top, left, mask)


def find_row(written: Mask, strong: Mask) -> tuple[list[Piece], list[Piece]]:
    """The pieces that stand in one row, from the left, and all others that are no dirt, of the MOST heaviest.

    The row has the heaviest piece, and as tall ones beside it or beside others of the row. A piece near above or below
    one is joined to it; a short piece is a part of the piece that it is near to, if any.

    Args:
        written: ink (h, w), at least some of it strong.
    """
    pieces, frames = heavy_pieces(written, strong)
    digits, apart = with_parts(pieces)
    row = line_up(digits)
    return row, [*frames, *apart, *(digit for digit in digits if digit not in row)]


def heavy_pieces(written: Mask, strong: Mask) -> tuple[list[Piece], list[Piece]]:
    """The pieces that are no dirt, the heaviest first, and apart from them what frames another."""
    labels, count = ndimage.label(written, EIGHT)
    mass = np.bincount(labels[strong], minlength=count + 1)[1:]
    boxes, heaviest = ndimage.find_objects(labels), np.argsort(-mass, kind="stable")[:MOST]
    inked = [Piece(boxes[k][0].start, boxes[k][1].start, labels[boxes[k]] == k + 1) for k in heaviest if mass[k] > 0]
    frames = [piece for piece in inked if any(encloses(piece, other) for other in inked)]
    pieces = sorted((piece for piece in inked if piece not in frames), key=lambda piece: -weight(piece, written.shape))
    least = SPECK * weight(pieces[0], written.shape)
    return [piece for piece in pieces if piece.mask.sum() >= least], frames


def with_parts(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Digits, the heaviest first, with the small pieces near them as their parts; and the other small pieces."""
    main, reach = pieces[0], REACH * max(pieces[0].mask.shape)
    digits: list[Piece] = []
    small: list[Piece] = []
    for piece in pieces:
        lower, higher = sorted((len(piece.mask), len(main.mask)))
        near = [k for k, digit in enumerate(digits) if shared(piece, digit, 1) >= ALIKE and gap(piece, digit) <= reach]
        if lower < TALL * higher or piece.mask.sum() < HEAVY * main.mask.sum():
            small.append(piece)
        elif near:
            digits[near[0]] = join(digits[near[0]], piece)
        else:
            digits.append(piece)
    apart = []
    for piece in sorted(small, key=lambda piece: min(gap(piece, digit) for digit in digits)):
        # Parts of a digit count, too: a part may be near to another part only.
        away, k = min((gap(piece, part), k) for k, digit in enumerate(digits) for part in (digit, *digit.parts))
        if away <= reach and piece.mask.shape[1] <= max(digits[k].mask.shape):
            digits[k] = replace(digits[k], parts=(*digits[k].parts, piece))
        else:
            apart.append(piece)
    return digits, apart


def line_up(digits: Sequence[Piece]) -> list[Piece]:
    """The first digit's row, from the left: the digits beside it, or beside one that is."""
    row, rest = [digits[0]], digits[1:]
    for piece in sorted(rest, key=lambda piece: piece.left):
        if piece.left > row[0].left and is_beside(row[-1], piece):
            row.append(piece)
    for piece in sorted(rest, key=lambda piece: -piece.left):
        if piece.left < row[0].left and is_beside(piece, row[0]):
            row.insert(0, piece)
    return row


def weight(piece: Piece, shape: tuple[int, ...]) -> float:
    """The ink of a piece, in a picture of this shape; what is hardly a digit counts less."""
    (ys, xs), (height, width) = piece.box, piece.mask.shape
    inside = ys.start > 0 and xs.start > 0 and ys.stop < shape[0] and xs.stop < shape[1]
    return float(piece.mask.sum()) * (1 if inside and width <= FLAT * height else LIGHT)


def encloses(piece: Piece, other: Piece) -> bool:
    """Whether a piece is a frame or ring: around another that is not tiny, on all four sides of its middle."""
    within = all(one.start < two.start and two.stop < one.stop for one, two in zip(piece.box, other.box, strict=True))
    if not within or len(other.mask) <= INNER * len(piece.mask):
        return False
    y, x = (
        (side.start + side.stop) // 2 - start for side, start in zip(other.box, (piece.top, piece.left), strict=True)
    )
    row, column = piece.mask[y], piece.mask[:, x]
    return bool(row[:x].any() and row[x:].any() and column[:y].any() and column[y:].any())


def is_beside(left: Piece, right: Piece) -> bool:
    """Whether two pieces follow each other in a line; lines may slope."""
    return shared(left, right, 0) >= ALIKE and shared(left, right, 1) < ALIKE


def shared(one: Piece, other: Piece, axis: int) -> float:
    """The overlap of two boxes along an axis, as a share of the shorter one; at most 0: none."""
    a, b = one.box[axis], other.box[axis]
    return (min(a.stop, b.stop) - max(a.start, b.start)) / min(a.stop - a.start, b.stop - b.start)


def gap(one: Piece, other: Piece) -> int:
    """The gap between two boxes in pixels, along rows or columns; at most 0: none."""
    return max(max(a.start, b.start) - min(a.stop, b.stop) for a, b in zip(one.box, other.box, strict=True))


def are_parts(left: Piece, right: Piece) -> bool:
    """Whether two neighbours in a row may be one broken digit."""
    height, width = join(left, right).mask.shape
    return gap(left, right) <= NEAR * height and width <= NARROW * height


def cuts(piece: Piece) -> list[tuple[Mask, float]]:
    """Straight cuts through thin places of a piece, from the left: the mask left of each, its length in heights."""
    height = len(piece.mask)
    ys, xs = np.nonzero(piece.mask)
    candidates: list[tuple[float, int, float]] = []  # the length, the column at half the height, the slant
    for slant in SLANTS:
        columns = np.rint(xs + slant * (ys - height / 2)).astype(int)
        first = int(columns.min())
        ink = ndimage.uniform_filter1d(np.bincount(columns - first).astype(float), max(1, round(FINE * height)))
        thin, _ = find_peaks(-ink, distance=max(1, APART * height), prominence=THIN * height)
        candidates += [(ink[k] / height, first + int(k), slant) for k in thin]
    chosen: list[tuple[int, float, float]] = []
    for length, column, slant in sorted(candidates):
        apart = (abs(column - other) + abs(slant - its) * height / 2 for other, its, _ in chosen)
        if len(chosen) < MOST_CUTS and min(apart, default=height) >= APART * height:
            chosen.append((column, slant, length))
    row, col = np.indices(piece.mask.shape)
    return [
        (piece.mask & (col + slant * (row - height / 2) < column), length) for column, slant, length in sorted(chosen)
    ]


def cut_out(piece: Piece, mask: Mask) -> Piece:
    """The part of a piece in a mask of its shape, which is not empty."""
    ys, xs = span(mask)
    return Piece(piece.top + ys.start, piece.left + xs.start, mask[ys, xs], is_cut=True)
