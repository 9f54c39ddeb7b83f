"""Which pieces of ink are one digit, and which are the digits of a number, side by side.

A digit of a number is tall ink of its own. What is short - the bar of a 5, a dot, the end of a stroke - belongs to the
digit that it is above, below or nearest to; and tall pieces close above one another are one digit, since numbers are
written from left to right.
"""

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stages.pictures.ink import EIGHT, Mask

Numbers = NDArray[np.uint8]
Box = tuple[slice, slice]

REACH = 0.3  # of the digit's size: pieces no farther than half of this from each other are one digit
SPECK = 0.02  # of the digit's ink: smaller pieces are dirt
TALL, HEAVY = 0.5, 0.05  # of the main digit's size and of its ink: what has less is no digit of its own
SMALL = 0.27  # of the main digit's height: what is beside the digits and lower is a point or a comma
ALIKE = 0.5  # of the shorter range that two share: above one another, if across; in one line, if along
CLOSE = 0.1  # of the height: what is no wider than high and nearer may be one digit, broken
NARROW = 0.8  # of the height: two digits are wider together, unless there is a 1
UNEVEN = 0.85  # of the higher one's height: the digits of a number differ less
LEADING = 0.15  # of a piece's height: tall pieces farther above one another may be digits of two lines
MOST = 20  # digits: more are no number that a person photographs
SMALLEST, SMALLEST_AT_EDGE = 0.04, 0.15  # of the picture's longer side: what is smaller is dirt, or the end of a line
HOLES = 20  # more of them than a digit's strokes enclose, some pinholes allowed: paper grain, a grid
SHARE = 0.3  # of all ink: a digit has more, or the paper's grain is what was found
FLAT = 3  # times as wide as high: a line under a number rather than a digit
LIGHT = 0.1  # weight of what is flat or touches the picture's edge: a digit may, but paper edges and fingers often do

DOUBTFUL = "this may not be a digit"
SEVERAL = "several separate glyphs"
SMALLER = "a smaller glyph is not read by itself"
BROKEN = "two pieces are read as one digit"


def choose(written: Mask, strong: Mask) -> tuple[Numbers, str | None]:
    """Number the digits from the left, from 1 on: that of each pixel, (h, w), 0 where none is; and a warning or None.

    The piece with the most ink is a digit, what is as tall beside it are others. If they do not make a row, it is the
    only one, and warned of.
    """
    labels, count = ndimage.label(written, EIGHT)
    boxes = ndimage.find_objects(labels)
    mass = np.bincount(labels[strong], minlength=count + 1)[1:]
    height, width = written.shape
    inside = np.array([ys.start > 0 and xs.start > 0 and ys.stop < height and xs.stop < width for ys, xs in boxes])
    flat = np.array([length(xs) > FLAT * length(ys) for ys, xs in boxes])
    weight = mass * np.where(inside & ~flat, 1, LIGHT)
    main = int(np.argmax(weight))
    size = max(length(side) for side in boxes[main])
    kept = mass >= SPECK * mass[main]
    pieces = np.concatenate([[False], kept])[labels]
    joined, _ = ndimage.label(ndimage.maximum_filter(pieces, size=int(REACH * size) | 1))
    cluster = np.zeros(count + 1, int)
    cluster[labels[pieces]] = joined[pieces]
    cluster = cluster[1:]

    def is_tall(part: Sequence[int]) -> bool:
        tall = length(around(boxes, part)[0]) >= TALL * length(boxes[main][0])
        return bool(tall and weight[part].sum() >= HEAVY * weight[main])

    row: list[list[int]] = []
    for near in np.unique(cluster[kept]):
        members = np.flatnonzero(cluster == near).tolist()
        tall = [k for k in members if is_tall([k])]
        row += above_one_another(boxes, tall) if tall else [members] if is_tall(members) else []
    row.sort(key=lambda digit: around(boxes, digit)[1].start)
    row, warning = mended(boxes, row)
    digits = [around(boxes, digit) for digit in row]
    if not is_row(digits):
        row, digits, warning = [[main]], [boxes[main]], SEVERAL
    elif any(are_lines(boxes, [k for k in digit if is_tall([k])]) for digit in row):
        warning = SEVERAL
    scattered = warning is None and mass[np.concatenate(row)].sum() < SHARE * mass.sum()
    low = [k for k in np.flatnonzero((weight >= SPECK * weight[main]) & ~flat) if not is_tall([int(k)])]
    if warning is None and any(is_smaller(boxes[k], boxes[main], digits) for k in low):
        warning = SMALLER
    number = np.zeros(count + 1, np.uint8)
    for k in np.flatnonzero(np.isin(cluster, cluster[np.concatenate(row)])):
        above = [shared(boxes[k], digit, 1) for digit in digits]
        if is_tall([int(k)]) or sum(share >= ALIKE for share in above) < 2:  # or else it is a line under them
            number[k + 1] = 1 + np.argmax(above)
    numbers = number[labels]
    least = SMALLEST if inside[main] else SMALLEST_AT_EDGE
    if size < least * max(written.shape) or scattered or ndimage.label(numbers == 0)[1] > HOLES * len(row):
        warning = DOUBTFUL
    return numbers, warning


def above_one_another(boxes: Sequence[Box], pieces: Sequence[int]) -> list[list[int]]:
    """Group pieces so that those above one another are together, from the left."""
    groups: list[list[int]] = []
    for k in sorted(pieces, key=lambda k: boxes[k][1].start):
        if groups and shared(boxes[k], around(boxes, groups[-1]), 1) >= ALIKE:
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups


def mended(boxes: Sequence[Box], row: Sequence[list[int]]) -> tuple[list[list[int]], str | None]:
    """Join neighbours that may be one digit, broken, and warn of them: the 4 of many hands has a bar that ends early.

    They are as near as the strokes of a digit, of two heights, in one line, and together no wider than a digit.
    """
    whole: list[list[int]] = []
    for digit in row:
        if whole and is_broken(*(around(boxes, part) for part in (whole[-1], digit))):
            whole[-1] = whole[-1] + digit
        else:
            whole.append(digit)
    return whole, BROKEN if len(whole) < len(row) else None


def is_broken(left: Box, right: Box) -> bool:
    """Whether two neighbours may be one digit: see `mended`."""
    tall, wide = (length(side) for side in around([left, right], [0, 1]))
    lower, higher = sorted(length(ys) for ys, _ in (left, right))
    return (
        right[1].start - left[1].stop <= CLOSE * tall
        and wide <= NARROW * tall
        and lower < UNEVEN * higher
        and shared(left, right, 0) >= ALIKE
    )


def is_smaller(piece: Box, main: Box, digits: Sequence[Box]) -> bool:
    """Whether a piece that is too low for a digit of the row may be one: it is beside them all, and no point."""
    return length(piece[0]) >= SMALL * length(main[0]) and all(shared(piece, digit, 1) < ALIKE for digit in digits)


def is_row(digits: Sequence[Box]) -> bool:
    """Whether digits, sorted from the left, are not too many, of one size, and stand side by side in one line."""
    heights = [length(ys) for ys, _ in digits]
    tall, wide = (length(side) for side in around(digits, range(len(digits))))
    gaps = [right.start - left.stop for (_, left), (_, right) in pairwise(digits)]
    return (
        len(digits) <= MOST
        and min(heights) >= TALL * max(heights)
        and all(shared(one, other, 1) < ALIKE for one, other in combinations(digits, 2))
        and all(shared(one, other, 0) >= ALIKE for one, other in pairwise(digits))  # lines may slope
        and (wide > tall or min(gaps, default=tall) > CLOSE * tall)  # or one broken digit
    )


def are_lines(boxes: Sequence[Box], pieces: Sequence[int]) -> bool:
    """Whether between pieces above one another there is so much paper that they may be digits of two lines."""
    lines = sorted((boxes[k][0] for k in pieces), key=lambda ys: ys.start)
    return any(
        lower.start - upper.stop > LEADING * min(length(upper), length(lower)) for upper, lower in pairwise(lines)
    )


def around(boxes: Sequence[Box], which: Sequence[int]) -> Box:
    """The box around several."""
    ys, xs = (
        slice(min(boxes[k][axis].start for k in which), max(boxes[k][axis].stop for k in which)) for axis in (0, 1)
    )
    return ys, xs


def shared(one: Box, other: Box, axis: int) -> float:
    """What two boxes share along an axis, as a part of the shorter of them; at most 0: nothing."""
    start, stop = max(one[axis].start, other[axis].start), min(one[axis].stop, other[axis].stop)
    return (stop - start) / min(length(one[axis]), length(other[axis]))


def length(side: slice) -> int:
    """Of one side of a box."""
    return side.stop - side.start
