"""A glyph's place in the field that a network takes, as MNIST's authors chose it.

LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998: keeping its aspect, in a
box of 20x20, its centre of mass at the centre of 28x28.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Gray = NDArray[np.float32]

BOX = 20 / 28  # of the field's shorter side


def box_side(rows: int, cols: int) -> int:
    """How many pixels of a field (rows, cols) the longer side of a glyph takes."""
    return max(1, round(BOX * min(rows, cols)))


def fit_into_field(glyph: Gray, rows: int, cols: int) -> Gray:
    """Scale a glyph, (h, w) in [0, 1] without a margin, not black, and put it into its place in (rows, cols)."""
    scale = box_side(rows, cols) / max(glyph.shape)
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    glyph = np.clip(resize(glyph, (round(glyph.shape[0] * scale), round(glyph.shape[1] * scale)), method), 0, 1)
    y, x = ndimage.center_of_mass(glyph)
    # MNIST's mean centre of mass is pixel 14.0, not 13.5
    top = min(max(round(rows / 2 - y), 0), rows - glyph.shape[0])
    left = min(max(round(cols / 2 - x), 0), cols - glyph.shape[1])
    field = np.zeros((rows, cols), np.float32)
    field[top : top + glyph.shape[0], left : left + glyph.shape[1]] = glyph
    return field


def resize(gray: Gray, shape: tuple[int, ...], method: Image.Resampling) -> Gray:
    """Resampled by Pillow, which averages over the source when it reduces."""
    return np.asarray(Image.fromarray(gray).resize((max(1, shape[1]), max(1, shape[0])), method))


def span(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The bounding box of what is set, which must be something."""
    ys, xs = ndimage.find_objects(mask.astype(np.int8))[0]
    return ys, xs
