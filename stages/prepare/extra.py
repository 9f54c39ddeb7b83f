"""Pictures beside the data source, such as one's own hand, in class folders: they join the training rows."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.glyphs import centred_glyphs
from stages.picture_files.decoding import strict_warnings
from stages.picture_files.folders import walk
from stages.picture_files.pixels import MODES, read_pixels
from stages.prepare.files import Part
from stages.running.process import InputError

HELD_BACK = 0.2  # share that no network is trained on; by each one's own pixels, so that more pictures move none across


def class_pictures(folder: Path) -> dict[str, list[Path]]:
    """The pictures of a folder of class folders, at any depth, by the name of their class folder.

    Raises:
        InputError: a picture is in no class folder.
    """
    found = defaultdict(list)
    for picture in (Path(picture) for place in walk(folder) for picture in place.pictures):
        inside = picture.relative_to(folder).parts
        if len(inside) == 1:
            raise InputError(f"{picture}: is in no class folder; must be in one, such as {folder / '7'}")
        found[unicodedata.normalize("NFC", inside[0])].append(picture)  # macOS decomposes letters such as ü
    return found


def read_extra(folder: Path, classes: Sequence[int | str], shape: Sequence[int], are_glyphs: bool) -> list[Part]:
    """Read the pictures of a folder of class folders.

    Args:
        classes: the names of the classes. shape: rows, columns and channels of an image.
        are_glyphs: whether images are light glyphs in the centre of a dark field; then the digit in each picture is
            found, as for predicting, unless it is such a glyph already; else the picture is converted and resized.

    Returns:
        Those to train on, and those held back, about HELD_BACK of them: images float32 (n, rows, cols, channels) in
        [0, 1], in the order of their classes and of their pixels' hashes. Equal ones are taken once; files' names make
        no difference.

    Raises:
        InputError: a folder is not called like a class; a picture is in none, or in two, or cannot be read, or holds
            not one digit.
    """
    numbers = {str(name): number for number, name in enumerate(classes)}
    images: dict[bytes, NDArray[np.float32]] = {}
    labels: dict[bytes, int] = {}
    for name, files in class_pictures(folder).items():
        if name not in numbers:
            raise InputError(f"{folder / name}: is called like no class; must be one of {', '.join(numbers)}")
        for file in files:
            with strict_warnings():
                image = _read(file, shape, are_glyphs)
            digest = blake2b(image.tobytes()).digest()
            if labels.setdefault(digest, numbers[name]) != numbers[name]:
                other = folder / str(classes[labels[digest]])
                raise InputError(f"{file}: the same picture is in {other}, too; must be in one class")
            images[digest] = image
    order = sorted(images, key=lambda digest: (labels[digest], digest))
    stacked = np.array([images[digest] for digest in order], np.float32).reshape(-1, *shape)
    answers = np.array([labels[digest] for digest in order], np.int64)
    is_held = np.array([digest[0] < HELD_BACK * 256 for digest in order], bool)
    return [Part(stacked[side], answers[side], white=1.0) for side in (~is_held, is_held)]


def _read(file: Path, shape: Sequence[int], are_glyphs: bool) -> NDArray[np.float32]:
    """A picture as an image of a shape, float32 in [0, 1]."""
    # Not before there is a picture: this takes half a second, and most projects have none.
    from stages.digits.reading import read_single_digit
    from stages.picture_files.picture import luma, read_picture

    rows, cols, channels = shape
    if channels not in MODES:
        raise InputError(f"{file}: is a picture, but images have {channels} channels; must have 1 or 3")
    if not are_glyphs:
        content = read_pixels(file, channels, (rows, cols)).content
        return np.divide(np.frombuffer(content, np.uint8).reshape(rows, cols, channels), 255, dtype=np.float32)
    gray = luma(read_picture(file)[0])
    if gray.shape != (rows, cols) or not centred_glyphs(gray[np.newaxis]):
        try:
            gray = read_single_digit(gray, rows, cols)
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
    return gray.reshape(rows, cols, 1)
