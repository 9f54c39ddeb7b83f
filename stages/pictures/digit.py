"""Find the hand-written digits in a gray picture and fit each into the field a network was trained on.

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
from stages.pictures.pieces import DOUBTFUL, Numbers, choose

BOX = 20 / 28  # of the field's shorter side, as in MNIST
THINNEST = 1.6 / 20  # stroke width over box: 95 % of MNIST's strokes are wider; thinner pens are thickened to it
OVERSAMPLING = 8  # the digit is cut out and thickened at so many pixels per field pixel

FAINT = 0.6  # of the threshold: pixels so faint still belong to a stroke that has pixels above it
LEAST_CONTRAST, LOW_CONTRAST = 0.04, 0.08  # threshold below which nothing was written, or hardly (a pencil has 0.15)
AROUND, ONE_SIDE = 0.008, 0.3  # of the longer side, from ink to the paper beside it; of which so much may be as dark
NOISE = 3.2  # threshold over the mean of the rest below which it is paper grain
BLOCK, BROAD = 0.7, 0.5  # share of its box, width by height, above which it is no stroke; 3 in 10,000 of MNIST's are
INNER = 0.3  # of its height: what a ring is around; a speck in a 0 is smaller
LONG = 4  # times as long as wide: the inside of an outlined stroke is longer, the hole of a 0, 4, 6, 8 or 9 shorter


@dataclass(frozen=True)
class Digits:
    """What was found.

    ink: (h, w) float32, 0.5 at its outline.
    numbers: (h, w) uint8, the digit that a pixel belongs to, from the left, from 1 on; 0 where none is.
    """

    ink: Gray
    numbers: Numbers
    warning: str | None


def find_digits(gray: Gray) -> Digits:
    """The digits in a picture (h, w) in [0, 1] of either polarity."""
    gray = without_table(gray)
    likely, other = (gray, 1 - gray) if has_dark_ink(gray) else (1 - gray, gray)
    digits = find_dark_digits(likely)
    if digits.warning == DOUBTFUL:
        second = find_dark_digits(other)
        if second.warning is None and is_darker(other, second.numbers > 0):
            return second
    return digits


def find_dark_digits(gray: Gray) -> Digits:
    """The same, of dark ink."""
    ink = find_ink(gray)
    level = dividing_level(ink, 0.5 * float(np.percentile(ink, DARKEST)))
    written = without_lines(ink, ink >= FAINT * level)
    strong = written & (ink >= level)
    if not strong.any() or level < LEAST_CONTRAST:
        return Digits(ink, np.zeros(ink.shape, np.uint8), "no digit found")
    numbers, warning = choose(written, strong)
    mask = numbers > 0
    if level < NOISE * float(ink[~mask].mean(dtype=np.float64)) or (
        warning is None and (level < LOW_CONTRAST or is_shadow_edge(gray, mask, level))
    ):
        warning = DOUBTFUL
    ink = np.clip(ink / (2 * level), 0, 1)
    inside = np.zeros_like(mask)
    for number, box in enumerate(ndimage.find_objects(numbers), 1):
        inside[box] |= (own := inside_outline(numbers[box] == number))
        numbers[box][own] = number
        if is_block(numbers[box] == number) or is_ringed(numbers[box] == number):
            warning = warning or DOUBTFUL
    ink = np.where(ndimage.binary_dilation(inside, EIGHT), 1, ink).astype(np.float32)
    return Digits(ink, numbers, warning)


def is_darker(gray: Gray, mask: Mask) -> bool:
    """Whether a region is darker than the rest, not in proportion: near black, paper would differ from itself a lot."""
    return bool(np.median(gray[mask]) + LEAST_CONTRAST < np.median(gray[~mask]))


def is_block(mask: Mask) -> bool:
    """Whether a digit's box is so full, and no 1, that there are no strokes in it."""
    return bool(mask.mean() > BLOCK and mask.shape[1] > BROAD * mask.shape[0])


def is_ringed(mask: Mask) -> bool:
    """Whether within the largest piece of a digit there is another of some size: a frame or a ring was drawn around."""
    boxes = ndimage.find_objects(ndimage.label(mask, EIGHT)[0])
    around = max(boxes, key=lambda box: box[0].stop - box[0].start)
    return any(
        all(outer.start < inner.start and inner.stop < outer.stop for outer, inner in zip(around, box, strict=True))
        and box[0].stop - box[0].start > INNER * (around[0].stop - around[0].start)
        for box in boxes
    )


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


def fit_field(digits: Digits, number: int, rows: int, cols: int) -> Gray:
    """A digit, white on black, float32 (rows, cols) in [0, 1]; all black if there is none."""
    field = np.zeros((rows, cols), np.float32)
    mask = digits.numbers == number
    if not mask.any():
        return field
    box = max(1, round(BOX * min(rows, cols)))
    side = box * OVERSAMPLING
    near = ndimage.binary_dilation(mask, EIGHT)  # the outline lies between the last pixel in and the next one out
    ys, xs = span(np.pad(near, 1))
    ink = np.pad(digits.ink * near, 1)[ys, xs]
    scale = side / max(extent(mask))
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


def extent(mask: Mask) -> tuple[int, int]:
    """Height and width of the bounding box."""
    ys, xs = span(mask)
    return ys.stop - ys.start, xs.stop - xs.start
