"""Turn any picture file of a hand-written digit into the field a network understands.

Reading (this module) ends in a small RGB picture in memory, whatever the file held; finding the digit and
fitting it into the field follows MNIST's own protocol and is in `stages.digit`.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from stages.digit import find_digit, fit_field
from stages.process import InputError, reason

WORKING_SIDE = 800  # longest side the digit is looked for at: a pen of 1/400 of the picture is still 2 pixels wide
MOST_PIXELS = 64_000_000  # a progressive JPEG of so many takes 380 MB to decode, an RGB picture 260 MB
SMALLEST_SIDE = 8  # pixels of the longer side below which nobody could tell digits apart
STRIP_ROWS = 16  # of the reduced picture, converted at a time: converting a large one whole would double its memory
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's own conversion to gray
TRANSPOSE = {  # EXIF orientation (tag 274) to what undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """A picture on its way to the network: what came, what was found, what the network sees.

    original, found: uint8 (h, w, 3), longest side at most 800; `found` marks the ink taken for the digit in red.
    field: float32 (rows, cols), white on black in [0, 1].
    warning: why the prediction may be worthless, in a few words. note: what else a person should know.
    """

    original: NDArray[np.uint8]
    found: NDArray[np.uint8]
    field: NDArray[np.float32]
    warning: str | None = None
    note: str | None = None


def digit_picture(path: Path, rows: int = 28, cols: int = 28) -> Picture:
    """The digit in the picture as MNIST's authors would have stored it: see `stages.digit`. Raises InputError."""
    rgb, note = read_picture(path)
    digit = find_digit(luma(rgb))
    shown = to_bytes(rgb)
    marked = shown.copy()
    marked[digit.mask] = (255, 0, 0)
    return Picture(shown, marked, fit_field(digit, rows, cols), digit.warning, note)


def plain_picture(path: Path, rows: int, cols: int) -> Picture:
    """The whole picture resized (anti-aliased) to rows x cols, for networks not trained on centred glyphs.

    Raises InputError.
    """
    rgb, note = read_picture(path)
    resized = Image.fromarray(luma(rgb)).resize((cols, rows), Image.Resampling.BICUBIC)
    return Picture(to_bytes(rgb), to_bytes(rgb), np.clip(np.asarray(resized), 0, 1), None, note)


def read_picture(path: Path) -> tuple[NDArray[np.float32], str | None]:
    """(h, w, 3) in [0, 1], upright, opaque, longest side at most 800; and a note if only a part was read.

    Raises InputError, one line that names the file, for whatever cannot be read.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a picture")
    if not path.is_file():
        raise InputError(f"{path}: {'is no file' if path.exists() else 'no such file'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged tags
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image, note = decode(path)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture of a kind Pillow reads (save it as PNG or JPEG)") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise InputError(f"{path}: has more than {MOST_PIXELS:,} pixels; make it smaller first") from None
    except Exception as error:  # damaged files raise a dozen types in Pillow's decoders
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"{path}: {error.strerror.lower()}") from None
        raise InputError(f"{path}: damaged picture ({reason(error)})") from None
    return on_background(image), note


def decode(path: Path) -> tuple[Image.Image, str | None]:
    """The first frame as 8-bit RGBA, upright, longest side at most 800. Raises whatever Pillow raises."""
    with Image.open(path) as image:
        if image.width * image.height > MOST_PIXELS:
            raise InputError(f"{path}: has more than {MOST_PIXELS:,} pixels; make it smaller first")
        if max(image.size) < SMALLEST_SIDE:
            raise InputError(f"{path}: {image.width}x{image.height} pixels are too few to hold a digit")
        frames = getattr(image, "n_frames", 1)
        turn = TRANSPOSE.get(image.getexif().get(274, 1))
        image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG decodes straight to 1/2, 1/4 or 1/8 of its size
        image.load()
        factor = max(1, max(image.size) // WORKING_SIDE)
        small = Image.new("RGBA", (-(-image.width // factor), -(-image.height // factor)))
        white = white_level(image)
        for top in range(0, image.height, STRIP_ROWS * factor):
            strip = image.crop((0, top, image.width, min(top + STRIP_ROWS * factor, image.height)))
            if white is not None:
                strip = Image.fromarray(np.clip(np.asarray(strip, np.float32) * (255 / white), 0, 255).astype(np.uint8))
            small.paste(strip.convert("RGBA").reduce(factor), (0, top // factor))
    small.thumbnail((WORKING_SIDE, WORKING_SIDE))
    return (small if turn is None else small.transpose(turn)), (f"first of {frames} frames" if frames > 1 else None)


def white_level(image: Image.Image) -> float | None:
    """What counts as white in a mode of more than 8 bits: the files themselves do not say which range they use."""
    if image.mode[0] not in "IF":
        return None
    top = float(np.nan_to_num(np.asarray(image.getextrema(), np.float64), posinf=0)[1])
    return next((level for level in (1.0, 255.0, 4095.0, 65535.0) if top <= level), top)


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
