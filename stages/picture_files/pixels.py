"""Convert pictures to pixels of 8 bits, with given channels, upright."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageMode

from stages.picture_files.decoding import open_picture, turn_upright
from stages.running.process import InputError

MODES = {1: "L", 3: "RGB"}
WHITE_OR_BLACK_IS_ZERO = 262  # TIFF 6.0's PhotometricInterpretation


class Header(NamedTuple):
    """From a picture's header: its sides as stored, the shorter first; whether it is gray; whether it has frames."""

    sides: tuple[int, int]
    is_gray: bool
    is_animated: bool


class Pixels(NamedTuple):
    """A picture: uint8 (rows, cols) or (rows, cols, channels); `size` (rows, cols); pixel hash; a note, or None."""

    content: bytes
    size: tuple[int, int]
    digest: bytes
    note: str | None


def read_header(path: Path) -> Header:
    """Read size and channels, without decoding.

    Raises:
        InputError: the picture cannot be opened.
    """
    with open_picture(path) as image:
        short, long = sorted(image.size)  # EXIF data, which turn it, may come after the pixels
        is_gray = ImageMode.getmode(image.mode).basemode == "L"
        return Header((short, long), is_gray, getattr(image, "is_animated", False))


def read_pixels(path: Path, channels: int, size: Sequence[int] | None) -> Pixels:
    """Decode a picture (its first frame), turn it upright, and bring it to `channels`, 1 or 3, and `size` if given.

    Gray is ITU-R BT.601; transparent pixels are laid over white; of 16 bits, the upper 8 are used; resizing is bilinear
    over all pixels and does not keep the aspect ratio.

    Raises:
        InputError: it cannot be decoded, or the file declares no range of its pixels.
    """
    with open_picture(path) as image:
        image.load()
        plain = _opaque(_eight_bits(image, path)).convert(MODES[channels])
        note = turn_upright(plain, image)
        if size is not None and plain.size != (size[1], size[0]):
            plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        content = plain.tobytes()
    digest = hashlib.blake2b(content, digest_size=16).digest()
    return Pixels(content, (plain.height, plain.width), digest, note)


def _eight_bits(image: Image.Image, path: Path) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        if getattr(image, "tag_v2", {}).get(WHITE_OR_BLACK_IS_ZERO) == 0:  # Pillow ignores it in 16 bits
            raise InputError(f"{path}: 16 bits with white as 0; must have black as 0")
        values = np.array(image)
        if (clear := image.info.get("transparency")) is not None:
            values[values == clear] = 0xFFFF
        return Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise InputError(f"{path}: pixels of 32 bits, whose white no file declares; must have 8 or 16 bits")
    return image


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
