"""Glyphs of no class, made from a batch's own: a network that has seen them is not sure of everything.

Outlier exposure (Hendrycks, Mazeika, Dietterich: Deep anomaly detection with outlier exposure, ICLR 2019). Most
non-digits in reading by cuts (see `stages.predict_sample`) are parts of digits and several digits, as here.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from stages.arrays.prepared import channels_last
from stages.glyphs import Gray, fit_into_field, span

DRAWS = 32  # random numbers for each row
INK = 0.25  # of a glyph's pixel, at least
ALIKE = 0.75  # cosine similarity to a glyph of the shard, from which an outlier may be of its class
OVERSAMPLING = 4  # of drawn strokes
TINY = 1e-9


def add_outliers(
    images: NDArray[np.float32],
    labels: NDArray[np.float32],
    shards: Sequence[slice],
    draws: NDArray[np.float64],
    share: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Replace some rows by outliers, labelled with the same probability for every class.

    Args:
        images: float32 (n, rows, cols, 1) or (n, 1, rows, cols) in [0, 1], centred glyphs.
        labels: one-hot (n, classes).
        shards: of these rows; an outlier is made from rows of one shard, since others may be another process's.
        draws: all random numbers, in [0, 1), (n, DRAWS).
        share: of the rows that an outlier is made for; one that looks like a glyph of its shard is dropped.

    Returns:
        The changed images and labels.
    """
    glyphs = channels_last(images)[..., 0]
    mixed, of_none = images.copy(), labels.copy()
    for shard in shards:
        size = shard.stop - shard.start
        for row in shard.start + np.flatnonzero(draws[shard, 0] < share) if size > 1 else []:
            other = glyphs[shard.start + (row - shard.start + 1 + int(draws[row, 1] * (size - 1))) % size]
            outlier = KINDS[int(draws[row, 2] * len(KINDS))](glyphs[row], other, draws[row, 3:])
            if similarity(outlier, glyphs[shard]) < ALIKE:
                mixed[row], of_none[row] = outlier.reshape(images.shape[1:]), 1 / labels.shape[1]
    return mixed, of_none


def similarity(glyph: Gray, others: Gray) -> float:
    """The largest cosine similarity of a glyph to one of `others`, (n, rows, cols); 1 if the glyph is black."""
    products = (others * glyph).sum(axis=(1, 2), dtype=np.float64)
    norms = (others * others).sum(axis=(1, 2), dtype=np.float64) * (glyph * glyph).sum(dtype=np.float64)
    return float((products / np.sqrt(np.maximum(norms, TINY))).max()) if glyph.any() else 1.0


def centred(image: Gray, shape: tuple[int, int]) -> Gray:
    """Fit the ink of an image of any size into a field (rows, cols)."""
    ink = image >= INK
    return fit_into_field(image[span(ink)], *shape) if ink.any() else np.zeros(shape, np.float32)


def upper_on_lower(glyph: Gray, other: Gray, amounts: NDArray[np.float64]) -> Gray:
    """The upper half of one on the lower half of another."""
    half = len(glyph) // 2
    return centred(np.vstack([glyph[:half], other[half:]]), glyph.shape)


def left_by_right(glyph: Gray, other: Gray, amounts: NDArray[np.float64]) -> Gray:
    """The left half of one and the right half of another."""
    half = glyph.shape[1] // 2
    return centred(np.hstack([glyph[:, :half], other[:, half:]]), glyph.shape)


def turned(glyph: Gray, other: Gray, amounts: NDArray[np.float64]) -> Gray:
    """A quarter turn, to either side."""
    return centred(np.rot90(glyph, 1 if amounts[0] < 0.5 else -1), glyph.shape)


def mirrored(glyph: Gray, other: Gray, amounts: NDArray[np.float64]) -> Gray:
    """A flip, left to right or upside down."""
    return centred(np.flip(glyph, int(amounts[0] < 0.5)), glyph.shape)


def beside(glyph: Gray, other: Gray, least: float, most: float, amounts: NDArray[np.float64]) -> Gray:
    """Two, the second one a share of the field's width further right, and somewhat up or down."""
    rows, cols = glyph.shape
    right, down = round((least + (most - least) * amounts[0]) * cols), round((amounts[1] - 0.5) * 0.3 * rows)
    both = np.pad(glyph, ((rows, rows), (0, cols)))
    place = both[rows + down : 2 * rows + down, right : right + cols]
    np.maximum(place, other, out=place)
    return centred(both, glyph.shape)


def overlaid(glyph: Gray, other: Gray, amounts: NDArray[np.float64]) -> Gray:
    """Two written over each other."""
    return beside(glyph, other, 0, 0.3, amounts)


def neighbours(glyph: Gray, other: Gray, amounts: NDArray[np.float64]) -> Gray:
    """Two side by side, close or touching."""
    return beside(glyph, other, 0.3, 0.75, amounts)


def enlarged_part(glyph: Gray, other: Gray, amounts: NDArray[np.float64]) -> Gray:
    """A third to two thirds of a glyph, at any side."""
    part = glyph if amounts[0] < 0.5 else glyph.T
    ink = np.flatnonzero((part >= INK).any(axis=1))
    if len(ink) == 0:
        return glyph
    cut = ink[0] + round((1 / 3 + amounts[1] / 3) * len(ink))
    part = part[:cut] if amounts[2] < 0.5 else part[cut:]
    return centred(part if amounts[0] < 0.5 else part.T, glyph.shape)


def strokes(glyph: Gray, other: Gray, amounts: NDArray[np.float64]) -> Gray:
    """Two to four curves of one pen."""
    side = OVERSAMPLING * max(glyph.shape)
    sheet = Image.new("L", (side, side))
    pen, width = ImageDraw.Draw(sheet), round((0.07 + 0.07 * amounts[0]) * side)
    way = np.linspace(0, 1, 9)[:, np.newaxis]
    for start, bend, end in amounts[2:26].reshape(4, 3, 2)[: 2 + int(3 * amounts[1])] * side:
        curve = (1 - way) ** 2 * start + 2 * way * (1 - way) * bend + way**2 * end
        pen.line([(float(x), float(y)) for x, y in curve], 255, width, joint="curve")
    return centred(np.asarray(sheet, np.float32) / np.float32(255), glyph.shape)


KINDS = (upper_on_lower, left_by_right, turned, mirrored, overlaid, neighbours, enlarged_part, strokes)
