"""Pictures beside the data source, such as one's own hand, in class folders: they join the training rows."""

import unicodedata
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.glyphs import centred_glyphs
from stages.picture_files.decoding import picture_suffixes, strict_warnings
from stages.picture_files.pixels import MODES, read_pixels
from stages.prepare.files import Part
from stages.running.process import InputError

HELD_BACK = 0.2  # share of each class that the network is not trained on, rounded


def class_pictures(folder: Path) -> dict[str, list[Path]]:
    """The pictures below each class folder of `folder`, by the class's name; hidden folders are none."""
    suffixes = picture_suffixes()
    places = sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    pictures = {
        unicodedata.normalize("NFC", place.name): [
            file for file in sorted(place.rglob("*")) if file.suffix.lower() in suffixes
        ]
        for place in places
    }
    return {name: files for name, files in pictures.items() if files}


def read_extra(folder: Path, classes: Sequence[int | str], shape: Sequence[int], are_glyphs: bool) -> list[Part]:
    """Read the pictures of a folder of class folders.

    Args:
        classes: the names of the classes. shape: rows, columns and channels of an image.
        are_glyphs: whether images are light glyphs in the centre of a dark field; then the digit in each picture is
            found, as for predicting, unless it is such a glyph already; else the picture is converted and resized.

    Returns:
        Those to train on, and those held back: of each class HELD_BACK, which their pixels decide. Equal ones, which
        are taken once, and other files' names make no difference.

    Raises:
        InputError: a folder is not called like a class, or a picture cannot be read, or holds not one digit.
    """
    numbers = {str(name): number for number, name in enumerate(classes)}
    images: list[NDArray[np.float32]] = []
    labels: list[int] = []
    held: list[bool] = []
    for name, files in class_pictures(folder).items():
        if name not in numbers:
            raise InputError(f"{folder / name}: is called like no class; must be one of {', '.join(numbers)}")
        of_class = {blake2b(image.tobytes()).digest(): image for image in _read(files, shape, are_glyphs)}
        ordered = [of_class[digest] for digest in sorted(of_class)]
        images += ordered
        labels += [numbers[name]] * len(ordered)
        held += [place < round(HELD_BACK * len(ordered)) for place in range(len(ordered))]
    stacked, is_held = np.array(images, np.float32).reshape(-1, *shape), np.array(held, bool)
    return [Part(stacked[side], np.array(labels, np.int64)[side], 1.0) for side in (~is_held, is_held)]


def _read(files: Sequence[Path], shape: Sequence[int], are_glyphs: bool) -> Iterator[NDArray[np.float32]]:
    """The pictures as images of a shape, float32 in [0, 1]."""
    # Not before there is a picture: this takes half a second, and most projects have none.
    from stages.digits.reading import read_single_digit
    from stages.picture_files.picture import luma, read_picture

    rows, cols, channels = shape
    with strict_warnings():
        for file in files:
            if are_glyphs:
                gray = luma(read_picture(file)[0])
                is_field = gray.shape == (rows, cols) and centred_glyphs(gray[np.newaxis])
                field, digits = (gray, 1) if is_field else read_single_digit(gray, rows, cols)
                if field is None:
                    raise InputError(f"{file}: holds {digits or 'no'} digits; must hold one")
                yield field.reshape(rows, cols, 1)
            elif channels in MODES:
                content = read_pixels(file, channels, (rows, cols)).content
                yield np.divide(np.frombuffer(content, np.uint8).reshape(rows, cols, channels), 255, dtype=np.float32)
            else:
                raise InputError(f"{file}: is a picture, but images have {channels} channels; must have 1 or 3")
