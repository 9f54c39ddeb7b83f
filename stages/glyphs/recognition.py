"""Whether images are glyphs as MNIST's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import evenly_spaced

SAMPLE = 1_000  # images looked at for glyphs
LIGHT = 0.5  # of the sample's largest value: a pixel of the glyph
MOST_LIGHT = 1 / 3  # of the pixels: strokes leave more of the field black; MNIST's boldest digits reach 0.30
# Mean of the outermost pixels, of the largest value: 99 % of MNIST's have less, half of Fashion-MNIST's 0.07.
BORDER = 0.02
# Of the side, from the centre to the centre of mass: MNIST's are within 0.04, other alphabets' within this.
OFF_CENTRE = 0.1
NEARLY_ALL = 0.9  # of the images: 99.7 % of MNIST's are such glyphs, 12 % of Fashion-MNIST's


def centred_glyphs(images: NDArray[Any]) -> bool:
    """Whether nearly all of `images`, (n, rows, cols) or (n, rows, cols, 1), are single light strokes centred on black.

    As MNIST's are, and as `field` makes them. Looks at SAMPLE of them, evenly spaced, one after the
    other. Colour images never are.
    """
    if images.shape[3:] not in ((), (1,)):
        return False
    rows = evenly_spaced(len(images), SAMPLE)
    white = max(float(images[row].max()) for row in rows)
    glyphs = sum(_is_glyph(images[row].reshape(images.shape[1:3]), white) for row in rows)
    return white > 0 and glyphs >= NEARLY_ALL * len(rows)


def _is_glyph(image: NDArray[Any], white: float) -> bool:
    """Whether one image (rows, cols) is."""
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
