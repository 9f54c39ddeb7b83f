"""Helpers for all pictures that stages draw: the canvas, its PNG file (same bytes everywhere), images as tiles."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from stages.running.outputs import naming

DPI = 100
CHART_COLORS = 64  # in the file of a chart
WIDTH = 800  # pixels: a page's or a pull request's column

# Okabe and Ito (2008): colour-blind people can tell them apart.
BLUE, ORANGE, RED = "#0072B2", "#E69F00", "#D55E00"
GRAY = "#767676"  # still readable as text on white


def new_figure(width: int, height: int, **options: Any) -> Figure:
    """An empty figure, sizes in pixels; options are matplotlib's."""
    matplotlib.rcdefaults()  # a matplotlibrc in the working folder would override the pinned one
    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI, **options)


def save_figure(figure: Figure, path: Path, colors: int | None = None) -> None:
    """Write a figure as PNG. `colors` limits the number of colors: a chart then takes a third of the bytes."""
    with naming(path), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a character that the font lacks is shown as a box
        figure.savefig(path, metadata={"Software": None})
        if colors is not None:
            picture = Image.open(path).convert("RGB")
            picture.quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)


def shorten(name: object, length: int) -> str:
    """The name of a class in at most `length` characters."""
    text = str(name)
    return text if len(text) <= length else f"{text[: length - 4]}…{text[-3:]}"  # names often differ at their ends


def tile(image: NDArray[Any], white: float, size: int) -> NDArray[np.uint8]:
    """An image, (rows, cols) or (rows, cols, channels), as 8-bit colour, (h, w, 3), with h and w at most `size`.

    A small image is enlarged by an integer factor, so that each pixel shows; a large one is averaged down. With 2
    channels the first is shown, with 4 the first 3.

    Args:
        white: the value that is white; 0 is black.
    """
    pixels = (np.clip(image.astype(np.float64) / white, 0, 1) * 255 + 0.5).astype(np.uint8)
    rows, cols = pixels.shape[:2]
    channels = pixels.reshape(rows, cols, -1)
    pixels = np.broadcast_to(channels[..., : 3 if channels.shape[2] >= 3 else 1], (rows, cols, 3))
    longer = max(rows, cols)
    if longer <= size:
        times = size // longer
        return pixels.repeat(times, axis=0).repeat(times, axis=1)
    shape = max(1, cols * size // longer), max(1, rows * size // longer)
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(shape, Image.Resampling.BOX))
