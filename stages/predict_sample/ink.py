"""The ink in a gray picture: what a pen left on paper, without light and shadow, ruled and grid lines.

Lengths are fractions of the picture, since pictures come in any size. Only operations whose results are equal to the
bit on every CPU are used, here, in the modules beside and in `glyphs`: no BLAS, no exp, log or power (so box filters,
not Gaussian ones).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from stages.glyphs import Gray, resize

Mask = NDArray[np.bool_]

EIGHT = np.ones((3, 3), bool)  # neighbours by side and corner
THUMBNAIL = 160  # enough to tell dark ink from light
NEIGHBOURHOOD = 0.6  # of the picture, whose mean is compared with each pixel to tell dark ink from light
NARROWEST, WIDEST = 0.08, 0.35  # of the shorter, the longer side: background is what fills darker things narrower
CORE = 0.7  # of the darkest ink: what is surely pen rather than shadow, to measure its width by
STROKES = 1.5  # background window over the pen's width, so that the window fills strokes but keeps shadows
DARKEST = 99.9  # percentile of the ink, not the maximum: a few specks do not count
FINE, GRAIN = 0.0012, 0.007  # of the longer side: averaged over, half width; finer than any pen; as coarse as noise
OFFSET = 0.05  # added to both sides of the ratio ink/background, or black backgrounds would blow up noise
LIGHT = 0.4  # of the ink across the other strokes: ruled lines are thinner or paler than so


def find_ink(gray: Gray) -> Gray:
    """How much darker than its background each pixel is, in [0, 1], whatever the light; the ink is the dark.

    A wide window first, for strokes of any width; the strokes found tell how narrow it may be, for shadows' sake.
    """
    wide = WIDEST * max(gray.shape)
    gray = over_background(smooth(gray, FINE), wide, beyond=True)
    ink = np.clip(1 - gray, 0, 1)
    core = ink >= CORE * float(np.percentile(ink, DARKEST))
    window = max(NARROWEST * min(gray.shape), STROKES * 2 * float(ndimage.distance_transform_edt(core).max()))
    return np.clip(1 - over_background(gray, window), 0, 1) if window < wide else ink


def dividing_threshold(values: Gray, threshold: float) -> float:
    """Halfway between the means on its two sides (Ridler and Calvard 1978), by iteration from a first threshold."""
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
    """Strokes are narrow, so they depart far from their surroundings, and the background a little: skewness tells."""
    small = thumbnail(gray, THUMBNAIL)
    size = int(NEIGHBOURHOOD * max(small.shape)) | 1
    departure = small - ndimage.uniform_filter(small, size, mode="nearest")
    return bool((departure * departure * departure).mean(dtype=np.float64) <= 0)


def over_background(gray: Gray, window: float, beyond: bool = False) -> Gray:
    """gray/background; the background is a closing, which keeps the outlines of things wider than the window.

    With `beyond`, what lies along the picture's edge, such as a table or a finger, goes on outside and so is wide too.
    """
    size = max(3, int(window))
    margin = size if beyond else 0
    padded = np.pad(smooth(gray, GRAIN), margin, mode="edge")
    background = ndimage.grey_closing(padded, size=(size, size), mode="nearest")
    rows, cols = gray.shape
    return (gray + OFFSET) / (background[margin : margin + rows, margin : margin + cols] + OFFSET)


def without_lines(ink: Gray, written: Mask) -> Mask:
    """Without ruled or grid lines, but with a vertical line that is all there is: that is a 1.

    A digit's own stroke, too, may run from edge to edge of a small drawing: joined to others, and as heavy as they are.
    """
    along_horizontal, horizontal = horizontal_lines(written)
    along_vertical, vertical = (lines.T for lines in horizontal_lines(written.T))
    rest = written & ~(horizontal | vertical)
    pieces = ndimage.find_objects(ndimage.label(rest, EIGHT)[0])
    largest = max((max(ys.stop - ys.start, xs.stop - xs.start) for ys, xs in pieces), default=0)
    if largest < 0.1 * max(written.shape):
        return rest if horizontal.any() else written
    if far_apart(horizontal, 0) and far_apart(vertical, 1):  # a frame or a grid, of whatever pen
        return rest
    labels, _ = ndimage.label(written, EIGHT)
    joined = labels == np.argmax(np.bincount(labels[rest]))
    light = LIGHT * ink_across(ink, joined & ~(along_horizontal | along_vertical))
    for along, lines in ((along_horizontal, horizontal), (along_vertical, vertical)):
        if ink_across(ink, joined & along) < light:
            written = written & ~lines
    return written


def far_apart(lines: Mask, axis: int) -> bool:
    """Whether there are parallel lines, one beyond the other along an axis, over half of the picture."""
    return bool(lines.any() and np.ptp(np.nonzero(lines)[axis]) > 0.5 * lines.shape[axis])


def ink_across(ink: Gray, strokes: Mask) -> float:
    """How much ink lies across strokes, on average: their width times their darkness, whatever the blur."""
    padded = np.pad(strokes, 1)
    outline = (padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum()  # twice the strokes' length
    return 2 * float(ink[strokes].sum(dtype=np.float64)) / max(1, int(outline))


def horizontal_lines(written: Mask) -> tuple[Mask, Mask]:
    """Nearly horizontal, thin lines from edge to edge: all pixels along them; and those that no stroke crosses."""
    small = ndimage.maximum_filter(thumbnail(written.astype(np.float32), 400) > 0.3, size=3)
    rows, columns = np.indices(small.shape)
    margin = max(1, small.shape[1] // 10)
    on_line, thickest = np.zeros_like(small), 0
    for slope in range(-12, 13):  # in steps of 0.005, so up to 3.4 degrees
        drop = np.rint(slope * 0.005 * columns).astype(int)
        shifted = small[np.clip(rows + drop, 0, len(small) - 1), columns]
        line = (shifted.mean(1) > 0.7) & (shifted[:, :margin].mean(1) > 0.5) & (shifted[:, -margin:].mean(1) > 0.5)
        counts = np.bincount(ndimage.label(line)[0])[1:]
        runs = np.where(counts <= 0.03 * max(small.shape) + 2, counts, 0)
        line = np.concatenate([[False], runs > 0])[ndimage.label(line)[0]]
        thickest = max(thickest, int(runs.max(initial=0)))
        on_line |= line[np.clip(rows - drop, 0, len(small) - 1)]
    along = written & (resize(on_line.astype(np.float32), written.shape, Image.Resampling.NEAREST) > 0.5)
    tall = max(3, int((thickest + 1) * written.shape[0] / len(small)))
    padded = np.pad(written, ((tall, tall), (0, 0)), mode="edge")
    crossing = ndimage.binary_opening(padded, np.ones((tall, 1)))[tall:-tall]
    return along, along & ~crossing


def thumbnail(gray: Gray, side: int) -> Gray:
    """Reduced so that the longer side is at most so many pixels."""
    scale = min(1.0, side / max(gray.shape))
    return resize(gray, (round(gray.shape[0] * scale), round(gray.shape[1] * scale)), Image.Resampling.BOX)


def smooth(gray: Gray, radius: float) -> Gray:
    """Averaged over a square; radius is a part of the picture's longer side."""
    return ndimage.uniform_filter(gray, 2 * round(radius * max(gray.shape)) + 1, mode="nearest")
