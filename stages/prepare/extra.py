"""Pictures beside the data source, such as one's own hand, in class folders: they join the training rows."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import chunks
from stages.glyphs import BORDER
from stages.picture_files.decoding import strict_warnings
from stages.picture_files.folders import walk
from stages.picture_files.pixels import MODES, read_pixels
from stages.prepare.files import Part
from stages.prepare.findings import row_hashes
from stages.running.process import InputError

HELD_BACK = 0.2  # share that no network is trained on; by each one's own pixels, so that more pictures move none across


class Extra(NamedTuple):
    """Images float32 (n, rows, cols, channels) in [0, 1] and their class numbers: to train on, and held back."""

    train: Part
    held_back: Part


def class_pictures(folder: Path) -> dict[str, list[Path]]:
    """The pictures of a folder of class folders, at any depth, by the name of their class folder.

    Raises:
        InputError: a picture is in no class folder, or a folder is a link, whose content DVC does not watch.
    """
    found = defaultdict(list)
    places = list(walk(folder))
    if links := [entry for place in places for entry in place.path.iterdir() if entry.is_symlink() and entry.is_dir()]:
        raise InputError(f"{links[0]}: is a link to a folder, which DVC does not watch; must be the folder itself")
    for picture in (Path(picture) for place in places for picture in place.pictures):
        inside = picture.relative_to(folder).parts
        if len(inside) == 1:
            raise InputError(f"{picture}: is in no class folder; must be in one, such as {folder / '7'}")
        found[unicodedata.normalize("NFC", inside[0])].append(picture)  # macOS decomposes letters such as ü
    return found


def read_extra(folder: Path, classes: Sequence[int | str], shape: Sequence[int], are_glyphs: bool) -> Extra:
    """Read the pictures of a folder of class folders.

    Args:
        classes: the names of the classes. shape: rows, columns and channels of an image.
        are_glyphs: whether images are light glyphs in the centre of a dark field; then the digit in each picture is
            found, as for predicting, unless it is light on a dark border and has this size already; else the picture is
            converted and resized.

    Returns:
        Both sides, about HELD_BACK of them held back, in the order of their classes and of their pixels' hashes. Equal
        ones are taken once; files' names make no difference.

    Raises:
        InputError: a folder is not called like a class; a picture is in none, or in two, or cannot be read, or holds
            not one digit.
    """
    numbers = {str(name): number for number, name in enumerate(classes)}
    problems: list[str] = []
    images: dict[bytes, NDArray[np.float32]] = {}
    labels: dict[bytes, int] = {}
    for name, files in class_pictures(folder).items():
        if name not in numbers:
            raise InputError(f"{folder / name}: is called like no class; must be one of {', '.join(numbers)}")
        for file in files:
            try:
                with strict_warnings():
                    image = _read(file, shape, are_glyphs)
            except InputError as error:
                problems.append(str(error))
                continue
            digest = blake2b(image.tobytes()).digest()
            if labels.setdefault(digest, numbers[name]) != numbers[name]:
                other = folder / str(classes[labels[digest]])
                problems.append(f"{file}: the same picture is in {other}, too; must be in one class")
            images[digest] = image
    if problems:
        raise InputError(*problems)
    order = sorted(images, key=lambda digest: (labels[digest], digest))
    stacked = np.array([images[digest] for digest in order], np.float32).reshape(-1, *shape)
    answers = np.array([labels[digest] for digest in order], np.int64)
    is_held = np.array([digest[0] < HELD_BACK * 256 for digest in order], bool)
    return Extra(*(Part(stacked[side], answers[side], white=1.0) for side in (~is_held, is_held)))


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
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    if gray.shape != (rows, cols) or border.mean() > BORDER or not gray.any():
        try:
            gray = read_single_digit(gray, rows, cols)
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
    return gray.reshape(rows, cols, 1)


def count_extra(extra: Extra, classes: Sequence[int | str]) -> dict[str, Any]:
    """For the look at the data: how many to train on, held back, and of each class; empty if there are none."""
    of_class = np.bincount(np.concatenate([part.labels for part in extra]), minlength=len(classes)).tolist()
    counts = {str(name): n for name, n in zip(classes, of_class, strict=True) if n}
    train, held_back = (len(part.labels) for part in extra)
    return {"train": train, "held_back": held_back, "classes": counts} if counts else {}


def extra_warnings(extra: Extra, test: NDArray[Any], white: float) -> list[str]:
    """A line if some are test images, too, by their hashes.

    Args:
        test: raw images, (n, rows, cols) or (n, rows, cols, channels). white: the value of a white pixel of theirs.
    """
    images = np.concatenate([part.images for part in extra])
    if len(images) == 0:
        return []
    seen = np.concatenate([row_hashes(test[chunk]) for chunk in chunks(test)])
    n = int(np.isin(row_hashes(np.rint(images * white)), seen).sum())
    return [f"{n} extra pictures are test images, too: the test accuracy says more than it should"] if n else []
