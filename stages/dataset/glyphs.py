"""Whether images are like MNIST's: single light glyphs, centred on black, as `stages.pictures.digit` makes them."""

import numpy as np

from stages.arrays.npy import Array
from stages.dataset.images import evenly_spaced, read_rows

SAMPLE = 1_000  # images looked at
LIGHT = 0.5  # of the sample's largest value: a pixel of the glyph
MOST_LIGHT = 1 / 3  # of the pixels: strokes leave more of the field black; MNIST's boldest digits reach 0.30
BORDER = (
    0.02  # mean of the outermost pixels, of the largest value: 99 % of MNIST's have less, half of Fashion-MNIST 0.07
)
OFF_CENTRE = (
    0.1  # of the side, from the centre to the centre of mass: MNIST's are within 0.04, other alphabets within this
)
NEARLY_ALL = 0.9  # of the images: 99.7 % of MNIST's are such glyphs, 12 % of Fashion-MNIST's


def centred_glyphs(images: Array) -> bool:
    """Whether nearly all of `images`, (n, rows, cols) or (n, rows, cols, 1), are single light strokes centred on black.

    Looks at SAMPLE of them, evenly spaced. Images in colour are none.
    """
    if images.shape[3:] not in ((), (1,)):
        return False
    sample = read_rows(images, evenly_spaced(len(images), SAMPLE)).astype(np.float64)
    n, rows, cols = sample.shape[:3]
    sample = sample.reshape(n, rows, cols)
    white = sample.max()
    if white <= 0:
        return False
    border = np.concatenate([sample[:, 0], sample[:, -1], sample[:, :, 0], sample[:, :, -1]], axis=1)
    dark_border = border.mean(axis=1) <= BORDER * white
    few_light = (sample >= LIGHT * white).mean(axis=(1, 2)) <= MOST_LIGHT
    mass = sample.sum(axis=(1, 2))
    centred = mass > 0
    for across, side in (2, rows), (1, cols):
        moment = (sample.sum(axis=across) * (np.arange(side) - (side - 1) / 2)).sum(axis=1)
        centred &= np.abs(moment) <= OFF_CENTRE * side * mass
    return bool((dark_border & few_light & centred).mean() >= NEARLY_ALL)
