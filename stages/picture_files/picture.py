"""Read picture files of any kind into small RGB pictures in memory."""

import os
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.picture_files.decoding import open_picture, picture_suffixes, strict_warnings, turn_upright
from stages.running.process import InputError

WORKING_SIDE = 800  # longest side when digits are searched: a pen of 1/400 of the picture is still 2 pixels wide
SMALLEST_SIDE = 8  # pixels of the longer side below which nobody could tell one digit from another
STRIP_ROWS = 16  # of the reduced picture, converted at a time: converting a large one whole would double its memory
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's own conversion to gray


def find_pictures(path: Path) -> list[Path]:
    """The file `path`, or, if it is a folder, the files below it with a picture's suffix, sorted by name.

    Raises:
        InputError: the folder holds none, or a folder that may not be read.
    """
    known = picture_suffixes()
    try:
        if not path.is_dir():
            return [path]
        files = sorted(Path(folder, name) for folder, _, names in os.walk(path, onerror=_fail) for name in names)
        pictures = [file for file in files if file.suffix.lower() in known and file.is_file()]
    except OSError as error:
        raise InputError(f"{error.filename}: {str(error.strerror).lower()}") from error
    if not pictures:
        raise InputError(f"{path}: no picture in this folder")
    return pictures


def _fail(error: OSError) -> NoReturn:
    raise error


def read_picture(path: Path) -> tuple[NDArray[np.float32], tuple[int, int], str | None]:
    """Read a picture file.

    Returns:
        (h, w, 3) in [0, 1], upright, opaque, longest side at most 800; the file's own height and width; and a note, or
        None, on what was not read.

    Raises:
        InputError: it cannot be read.
    """
    with strict_warnings():
        image, size, note = decode(path)
    return on_background(image), size, note


def decode(path: Path) -> tuple[Image.Image, tuple[int, int], str | None]:
    """The first frame as 8-bit RGBA, upright, longest side at most 800; its height and width before; and a note.

    Raises:
        InputError: it cannot be read, or is too small.
    """
    with open_picture(path) as image:
        if max(image.size) < SMALLEST_SIDE:
            raise InputError(f"{path}: {image.width}x{image.height} pixels are too few to hold a digit")
        frames = getattr(image, "n_frames", 1)
        notes = [f"first of {frames} frames"] if frames > 1 else []
        shorter, longer = sorted(image.size)
        image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG decodes straight to 1/2, 1/4 or 1/8 of its size
        image.load()
        factor = max(1, max(image.size) // WORKING_SIDE)
        small = Image.new("RGBA", (-(-image.width // factor), -(-image.height // factor)))
        white = brightest(image)
        for top in range(0, image.height, STRIP_ROWS * factor):
            strip = image.crop((0, top, image.width, min(top + STRIP_ROWS * factor, image.height)))
            if white is not None:
                strip = Image.fromarray(np.clip(np.asarray(strip, np.float32) * (255 / white), 0, 255).astype(np.uint8))
            small.paste(strip.convert("RGBA").reduce(factor), (0, top // factor))
        small.thumbnail((WORKING_SIDE, WORKING_SIDE))
        if note := turn_upright(small, image):
            notes.append(note)
    size = (shorter, longer) if small.width > small.height else (longer, shorter)
    return small, size, "; ".join(notes) or None


def brightest(image: Image.Image) -> float | None:
    """The value of white, guessed in a mode of more than 8 bits: the files do not say which range they use."""
    if image.mode[0] not in "IF":
        return None
    top = float(np.nan_to_num(np.asarray(image.getextrema(), np.float64), posinf=0)[1])
    return next((white for white in (1.0, 255.0, 4095.0, 65535.0) if top <= white), top)


def on_background(image: Image.Image) -> NDArray[np.float32]:
    """Opaque (h, w, 3) in [0, 1]: over white, or over black when light ink stands on a transparent background."""
    colours = np.asarray(image, np.float32) / np.float32(255)
    rgb, alpha = colours[..., :3], colours[..., 3:]
    edge = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    brightness = float((luma(rgb) * alpha[..., 0]).sum(dtype=np.float64) / max(float(alpha.sum(dtype=np.float64)), 1.0))
    behind = 0.0 if float(edge.mean()) < 0.5 and brightness > 0.5 else 1.0
    return rgb * alpha + np.float32(behind) * (1 - alpha)


def luma(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w, 3) to (h, w)."""
    return (rgb * LUMA).sum(axis=2, dtype=np.float32)


def to_bytes(rgb: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[0, 1] to 0..255."""
    return np.rint(rgb * 255).astype(np.uint8)
