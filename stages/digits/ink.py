"""The ink in a gray picture: what a pen left on paper, without light and shadow, ruled and grid lines.

Lengths are fractions of the picture, since pictures come in any size. This module, the modules beside it and `glyphs`
use only operations with bit-identical results on every CPU: no BLAS, no exp, log or power (so box filters, not Gaussian
ones).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from stages.glyphs import Gray, resize

Mask = NDArray[np.bool_]

EIGHT = np.ones((3, 3), bool)  # neighbours by side and corner
THUMBNAIL = 160  # enough to tell dark ink from light
NEIGHBOURHOOD = 0.6  # of the picture: each pixel is compared with this area's mean, to detect dark ink
NARROWEST, WIDEST = 0.08, 0.35  # background window, of the shorter, the longer side: it fills narrower dark things
CORE = 0.7  # of the darkest ink: surely pen, not shadow; the pen's width is measured there
STROKES = 1.5  # background window / pen width: the window fills strokes but keeps shadows
DARKEST = 99.9  # percentile of the ink, not the maximum: a few specks do not count
FINE, GRAIN = 0.0012, 0.007  # of the longer side, half widths of means: finer than any pen; as coarse as noise
OFFSET = 0.05  # added to both sides of the ratio ink/background, or black backgrounds would blow up noise
# A ruled line, looked for in a thumbnail of this longer side, where a pixel has so much ink.
LINE_SIDE, LINE_INK = 400, 0.3
SLOPES, SLOPE = range(-12, 13), 0.005  # so many steps of rows per column: up to 3.4 degrees
LINE_FILLED, ENDS_FILLED = 0.7, 0.5  # shares of it that have ink: of all, and of the outer tenths
TINY, FAR = 0.1, 0.5  # of the longer side: what is left of no digit; of a side: how far a frame's lines are apart
LINE_THICKEST = 0.03  # of the thumbnail's longer side
LIGHT = 0.4  # of the ink across other strokes: ruled lines have less (thinner or paler)


def find_ink(gray: Gray) -> Gray:
    """How much darker than its background each pixel is, in [0, 1], in any light; for dark ink.

    The first window is wide, for strokes of any width; the strokes found allow a narrower one, against shadows.
    """
    wide = WIDEST * max(gray.shape)
    gray = over_background(smooth(gray, FINE), wide, beyond=True)
    ink = np.clip(1 - gray, 0, 1)
    core = ink >= CORE * float(np.percentile(ink, DARKEST))
    window = max(NARROWEST * min(gray.shape), STROKES * 2 * float(ndimage.distance_transform_edt(core).max()))
    return np.clip(1 - over_background(gray, window), 0, 1) if window < wide else ink


def dividing_threshold(values: Gray, threshold: float) -> float:
    """The threshold halfway between the means on its two sides, by iteration (Ridler and Calvard 1978)."""
    for _ in range(30):
        high = values > threshold
        if not high.any() or high.all():
            break
        above, below = (values[side].mean(dtype=np.float64) for side in (high, ~high))
        threshold, last = 0.5 * float(above + below), threshold
        if abs(threshold - last) < 1e-4:
            break
    return threshold


def has_dark_ink(gray: Gray) -> bool:
    """Whether ink is dark, by skewness: narrow strokes differ much from their surroundings, paper a little."""
    small = thumbnail(gray, THUMBNAIL)
    size = int(NEIGHBOURHOOD * max(small.shape)) | 1
    departure = small - ndimage.uniform_filter(small, size, mode="nearest")
    return bool((departure * departure * departure).mean(dtype=np.float64) <= 0)


def over_background(gray: Gray, window: float, beyond: bool = False) -> Gray:
    """gray/background; the background is a closing, which keeps the outlines of things wider than the window.

    With `beyond`, things at the picture's edge, such as a table or a finger, continue outside, and so are wide, too.
    """
    size = max(3, int(window))
    margin = size if beyond else 0
    padded = np.pad(smooth(gray, GRAIN), margin, mode="edge")
    background = ndimage.grey_closing(padded, size=(size, size), mode="nearest")
    rows, cols = gray.shape
    return (gray + OFFSET) / (background[margin : margin + rows, margin : margin + cols] + OFFSET)


def without_lines(ink: Gray, written: Mask) -> Mask:
    """Remove ruled or grid lines, but keep a vertical line without anything else: it is a 1.

    A digit's stroke may also run from edge to edge of a small drawing: it joins others and is as heavy as they are.
    """
    along_horizontal, horizontal = horizontal_lines(written)
    along_vertical, vertical = (lines.T for lines in horizontal_lines(written.T))
    rest = written & ~(horizontal | vertical)
    pieces = ndimage.find_objects(ndimage.label(rest, EIGHT)[0])
    largest = max((max(ys.stop - ys.start, xs.stop - xs.start) for ys, xs in pieces), default=0)
    if largest < TINY * max(written.shape):  # nothing but lines: empty ruled paper, or a 1
        return rest if horizontal.any() else written
    if far_apart(horizontal, 0) and far_apart(vertical, 1):  # a frame or a grid, with any pen
        return rest
    # Lines that join the largest piece may be its strokes: they are ruled if they are lighter than its others.
    labels, _ = ndimage.label(written, EIGHT)
    joined = labels == np.argmax(np.bincount(labels[rest]))
    light = LIGHT * ink_across(ink, joined & ~(along_horizontal | along_vertical))
    for along, lines in ((along_horizontal, horizontal), (along_vertical, vertical)):
        if ink_across(ink, joined & along) < light:
            written = written & ~lines
    return written


def far_apart(lines: Mask, axis: int) -> bool:
    """Whether parallel lines are spread along an axis, over more than half of the picture."""
    return bool(lines.any() and np.ptp(np.nonzero(lines)[axis]) > FAR * lines.shape[axis])


def ink_across(ink: Gray, strokes: Mask) -> float:
    """The mean ink across strokes: their width times their darkness, independent of blur."""
    padded = np.pad(strokes, 1)
    outline = (padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum()  # twice the strokes' length
    return 2 * float(ink[strokes].sum(dtype=np.float64)) / max(1, int(outline))


def horizontal_lines(written: Mask) -> tuple[Mask, Mask]:
    """Nearly horizontal, thin lines from edge to edge: all their pixels, and those that no stroke crosses."""
    small = ndimage.maximum_filter(thumbnail(written.astype(np.float32), LINE_SIDE) > LINE_INK, size=3)
    on_line, thickest = thin_lines(small)
    if not thickest:
        return np.zeros_like(written), np.zeros_like(written)
    along = written & (resize(on_line.astype(np.float32), written.shape, Image.Resampling.NEAREST) > 0.5)
    tall = max(3, int((thickest + 1) * written.shape[0] / len(small)))
    padded = np.pad(written, ((tall, tall), (0, 0)), mode="edge")
    crossing = ndimage.binary_opening(padded, np.ones((tall, 1)))[tall:-tall]
    return along, along & ~crossing


def thin_lines(small: Mask) -> tuple[Mask, int]:
    """The pixels on such lines in a thumbnail, and the thickness of the thickest, in pixels; 0 if there is none."""
    on_line, thickest = np.zeros_like(small), 0
    reach = 1 + round(SLOPES[-1] * SLOPE * small.shape[1])
    if not (ndimage.maximum_filter1d(small, 2 * reach + 1, axis=0, mode="nearest").mean(1) > LINE_FILLED).any():
        return on_line, thickest  # no slope has one: to try them all takes most of the time
    rows, columns = np.indices(small.shape)
    margin = max(1, small.shape[1] // 10)
    for step in SLOPES:
        drop = np.rint(step * SLOPE * columns).astype(int)
        shifted = small[np.clip(rows + drop, 0, len(small) - 1), columns]
        ends = np.minimum(shifted[:, :margin].mean(1), shifted[:, -margin:].mean(1))
        runs, _ = ndimage.label((shifted.mean(1) > LINE_FILLED) & (ends > ENDS_FILLED))
        heights = np.bincount(runs)
        heights[0] = 0
        heights[heights > LINE_THICKEST * max(small.shape) + 2] = 0
        thickest = max(thickest, int(heights.max()))
        on_line |= (heights > 0)[runs][np.clip(rows - drop, 0, len(small) - 1)]
    return on_line, thickest


def thumbnail(gray: Gray, side: int) -> Gray:
    """Reduced to at most `side` pixels on the longer side."""
    scale = min(1.0, side / max(gray.shape))
    return resize(gray, (round(gray.shape[0] * scale), round(gray.shape[1] * scale)), Image.Resampling.BOX)


def smooth(gray: Gray, radius: float) -> Gray:
    """The mean over squares; radius: a fraction of the picture's longer side."""
    return ndimage.uniform_filter(gray, 2 * round(radius * max(gray.shape)) + 1, mode="nearest")
