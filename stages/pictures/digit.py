"""Find the hand-written digit in a gray picture and fit it into the field a network was trained on.

The field follows MNIST's authors (LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document
recognition, 1998): the bilevel digit, keeping its aspect, in a 20x20 box, anti-aliased, its centre of mass at the
centre of 28x28. What a camera or a paint program adds before that is taken away by `ink`.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from stages.pictures.ink import (
    DARKEST,
    EIGHT,
    FINE,
    OFFSET,
    Gray,
    Mask,
    dividing_level,
    find_ink,
    has_dark_ink,
    on_edge,
    resize,
    smooth,
    span,
    without_lines,
    without_table,
)

BOX = 20 / 28  # of the field's shorter side, as in MNIST
THINNEST = 1.6 / 20  # stroke width over box: 95 % of MNIST's strokes are wider; thinner pens are thickened to it
OVERSAMPLING = 8  # the digit is cut out and thickened at so many pixels per field pixel

FAINT = 0.6  # of the threshold: pixels so faint still belong to a stroke that has pixels above it
LEAST_CONTRAST, LOW_CONTRAST = 0.04, 0.08  # threshold below which nothing was written, or hardly (a pencil has 0.15)
AROUND, ONE_SIDE = 0.008, 0.3  # of the longer side, from ink to the paper beside it; of which so much may be as dark
NOISE = 3.2  # threshold over the mean of the rest below which it is paper grain
REACH = 0.3  # of the digit's size: pieces no farther than half of this from each other are one digit
SPECK = 0.02  # of the digit's ink: smaller pieces are dirt
SMALLEST, SMALLEST_AT_EDGE = 0.04, 0.15  # of the picture's longer side: what is smaller is dirt, or the end of a line
HOLES = 20  # more of them than a digit's strokes enclose, some pinholes allowed: paper grain, a grid
SHARE = 0.3  # of all ink: a digit has more, or the paper's grain is what was found
LONG = 4  # times as long as wide: the inside of an outlined stroke is longer, the hole of a 0, 4, 6, 8 or 9 shorter
AT_EDGE = 0.1  # weight of what touches the picture's edge: a digit may, but paper edges and fingers do so more often

DOUBTFUL = "this may not be a digit"


@dataclass(frozen=True)
class Digit:
    """What was found: ink (h, w) float32, 0.5 at its outline; mask (h, w) bool, the digit's pixels; warning or None."""

    ink: Gray
    mask: Mask
    warning: str | None


def find_digit(gray: Gray) -> Digit:
    """The ink of the one digit in a picture (h, w) in [0, 1] of either polarity."""
    gray = without_table(gray)
    likely, other = (gray, 1 - gray) if has_dark_ink(gray) else (1 - gray, gray)
    digit = find_dark_digit(likely)
    if digit.warning == DOUBTFUL and (second := find_dark_digit(other)).warning is None:
        return second
    return digit


def find_dark_digit(gray: Gray) -> Digit:
    """The same, of dark ink."""
    ink = find_ink(gray)
    level = dividing_level(ink, 0.5 * float(np.percentile(ink, DARKEST)))
    written = without_lines(ink, ink >= FAINT * level)
    strong = written & (ink >= level)
    if not strong.any() or level < LEAST_CONTRAST:
        return Digit(ink, np.zeros(ink.shape, bool), "no digit found")
    mask, warning = choose(written, strong)
    if level < NOISE * float(ink[~mask].mean(dtype=np.float64)) or (
        warning is None and (level < LOW_CONTRAST or is_shadow_edge(gray, mask, level))
    ):
        warning = DOUBTFUL
    inside = inside_outline(mask)
    ink = np.where(ndimage.binary_dilation(inside, EIGHT), 1, np.clip(ink / (2 * level), 0, 1)).astype(np.float32)
    return Digit(ink, mask | inside, warning)


def inside_outline(mask: Mask) -> Mask:
    """The inside of strokes of which only the outline was drawn: enclosed like a 0's hole, but long like a stroke."""
    labels, count = ndimage.label(~np.pad(mask, 1))
    depth = ndimage.distance_transform_edt(labels)
    width = 2 * np.asarray(ndimage.maximum(depth, labels, range(count + 1)))
    long = np.bincount(labels.ravel()) > LONG * width * width
    long[:2] = False  # the digit and, from the padded corner on, what is around it
    return long[labels][1:-1, 1:-1]


def is_shadow_edge(gray: Gray, mask: Mask, level: float) -> bool:
    """Whether what was found runs to the picture's edge and is darker than its surroundings on one side only."""
    if on_edge(mask) == 0:
        return False
    away, gray = max(1, round(AROUND * max(gray.shape))), smooth(gray, FINE)
    distance, (ys, xs) = ndimage.distance_transform_edt(~mask, return_indices=True)
    ring = (distance > away) & (distance <= 2 * away + 1)
    darkest = ndimage.minimum_filter(gray, 2 * away + 1)  # of a stroke, whose outline is half paper
    darker = 1 - (darkest[ys, xs] + OFFSET) / (gray + OFFSET)
    return bool(ring.any() and (darker[ring] < level).mean() > ONE_SIDE)


def fit_field(digit: Digit, rows: int, cols: int) -> Gray:
    """The digit, white on black, float32 (rows, cols) in [0, 1]; all black if there is none."""
    field = np.zeros((rows, cols), np.float32)
    if not digit.mask.any():
        return field
    box = max(1, round(BOX * min(rows, cols)))
    side = box * OVERSAMPLING
    near = ndimage.binary_dilation(digit.mask, EIGHT)  # the outline lies between the last pixel in and the next one out
    ys, xs = span(np.pad(near, 1))
    ink = np.pad(digit.ink * near, 1)[ys, xs]
    scale = side / max(extent(digit.mask))
    ink = resize(ink, (round(ink.shape[0] * scale), round(ink.shape[1] * scale)), Image.Resampling.BICUBIC)
    stroke = np.pad(ink >= 0.5, side // 4)
    if not stroke.any():
        return field
    depth = float(ndimage.distance_transform_edt(stroke)[stroke].mean(dtype=np.float64))
    width = 4 * depth - 2  # the mean depth of a bar of width w is w/4 + 1/2
    grow = (THINNEST * side - width) / (2 - 2 * THINNEST)  # the digit grows too and is shrunk into the box again
    if grow > 0:
        stroke = ndimage.distance_transform_edt(~stroke) <= grow
    cut = stroke[span(stroke)].astype(np.float32)
    scale = box / max(cut.shape)
    cut = resize(cut, (round(cut.shape[0] * scale), round(cut.shape[1] * scale)), Image.Resampling.BOX)
    y, x = ndimage.center_of_mass(cut)
    # MNIST's mean centre of mass is pixel 14.0, not 13.5
    top = min(max(round(rows / 2 - y), 0), rows - cut.shape[0])
    left = min(max(round(cols / 2 - x), 0), cols - cut.shape[1])
    field[top : top + cut.shape[0], left : left + cut.shape[1]] = np.clip(cut, 0, 1)
    return field


def choose(written: Mask, strong: Mask) -> tuple[Mask, str | None]:
    """The piece with the most ink and those near it; and a warning when something as tall stands beside it."""
    labels, count = ndimage.label(written, EIGHT)
    boxes = ndimage.find_objects(labels)
    mass = np.bincount(labels[strong], minlength=count + 1)[1:]
    height, width = written.shape
    inside = np.array([ys.start > 0 and xs.start > 0 and ys.stop < height and xs.stop < width for ys, xs in boxes])
    weight = mass * np.where(inside, 1, AT_EDGE)
    main = int(np.argmax(weight))
    size = max(boxes[main][0].stop - boxes[main][0].start, boxes[main][1].stop - boxes[main][1].start)
    pieces = np.concatenate([[False], mass >= SPECK * mass[main]])[labels]
    joined, _ = ndimage.label(ndimage.maximum_filter(pieces, size=int(REACH * size) | 1))
    mask = pieces & (joined == joined[labels == main + 1][0])
    own = np.unique(labels[mask]) - 1
    tall = [
        k
        for k in range(count)
        if weight[k] >= 0.25 * weight[main] and boxes[k][0].stop - boxes[k][0].start >= 0.5 * size
    ]
    beside = [k for k in tall if k != main and (k not in own or apart(boxes[k][1], boxes[main][1]))]
    scattered = mass[main] < SHARE * mass.sum() and not beside
    least = SMALLEST if inside[main] else SMALLEST_AT_EDGE
    if size < least * max(written.shape) or scattered or ndimage.label(~mask)[1] > HOLES:
        return mask, DOUBTFUL
    return mask, "several separate glyphs" if beside else None


def apart(one: slice, other: slice) -> bool:
    """Whether two ranges share nothing."""
    return bool(one.stop <= other.start or other.stop <= one.start)


def extent(mask: Mask) -> tuple[int, int]:
    """Height and width of the bounding box."""
    ys, xs = span(mask)
    return ys.stop - ys.start, xs.stop - xs.start
