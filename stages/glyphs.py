"""Single light glyphs, centred on a dark field like MNIST's: placing and detecting them.

LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998: the glyph keeps its
aspect ratio, in a 20x20 box, with the centre of mass at the centre of 28x28.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from stages.arrays.npy import evenly_spaced

Gray = NDArray[np.float32]

BOX = 20 / 28  # of the field's shorter side

SAMPLE = 1_000  # images looked at for glyphs
LIGHT = 0.5  # of the sample's largest value: a pixel of the glyph
MOST_LIGHT = 1 / 3  # of the pixels: strokes leave more of the field black; MNIST's boldest digits reach 0.30
# Mean of the outermost pixels / largest value: 99 % of MNIST's have less; the median of Fashion-MNIST's is 0.07.
BORDER = 0.02
# Distance of the centre of mass from the centre / side: within 0.04 for MNIST, within this for other alphabets.
OFF_CENTRE = 0.1
NEARLY_ALL = 0.9  # of the images: 99.7 % of MNIST's are single glyphs, 12 % of Fashion-MNIST's


def box_side(rows: int, cols: int) -> int:
    """The longer side of a glyph in a field (rows, cols), in pixels."""
    return max(1, round(BOX * min(rows, cols)))


def fit_into_field(glyph: Gray, rows: int, cols: int) -> Gray:
    """Scale a glyph, (h, w) in [0, 1], cropped and not all black, and centre it in a field (rows, cols)."""
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
    """The bounding box of the True pixels; there must be one."""
    ys, xs = ndimage.find_objects(mask.astype(np.int8))[0]
    return ys, xs


def centred_glyphs(images: NDArray[Any]) -> bool:
    """Whether nearly all of `images`, (n, rows, cols) or (n, rows, cols, 1), are single light strokes centred on black.

    MNIST's are, and so is the output of `fit_into_field`; colour images never are. SAMPLE evenly spaced images are
    checked, one at a time.
    """
    if images.shape[3:] not in ((), (1,)):
        return False
    rows = evenly_spaced(len(images), SAMPLE)
    white = max(float(images[row].max()) for row in rows)
    glyphs = sum(_is_glyph(images[row].reshape(images.shape[1:3]), white) for row in rows)
    return white > 0 and glyphs >= NEARLY_ALL * len(rows)


def _is_glyph(image: NDArray[Any], white: float) -> bool:
    """Check a single image (rows, cols)."""
    pixels = image.astype(np.float64)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if border.mean() > BORDER * white or (pixels >= LIGHT * white).mean() > MOST_LIGHT:
        return False
    mass = float(pixels.sum())
    for axis, side in enumerate(pixels.shape):
        moment = float((pixels.sum(axis=1 - axis) * (np.arange(side) - (side - 1) / 2)).sum())
        if abs(moment) > OFF_CENTRE * side * mass:
            return False
    return mass > 0
