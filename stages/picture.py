"""Turning a picture file into what the network was trained on."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from stages.process import InputError


def read_field(path: Path, rows: int, cols: int) -> NDArray[np.float32]:
    """Read a picture file as gray pixels, resized to the network's field.

    Returns:
        float32 of shape (rows, cols) in [0, 1].

    Raises:
        InputError: the file is missing or is no picture that Pillow can read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with Image.open(path) as picture:
            gray = ImageOps.exif_transpose(picture).convert("L").resize((cols, rows), Image.Resampling.LANCZOS)
    except Exception as error:  # Pillow raises whatever a format's decoder stumbles over
        raise InputError(f"{path}: not a readable picture: {error}") from error
    return np.asarray(gray, np.float32) / np.float32(255)
