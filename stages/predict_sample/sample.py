"""A sample: the network's input from a prepared test image or a picture file, and the steps to it."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import IMAGES, LABELS, open_array
from stages.arrays.prepared import channels_last, open_prepared_images
from stages.digits.pieces import Piece
from stages.digits.reading import Judge, read_digits
from stages.picture_files.decoding import strict_warnings
from stages.picture_files.picture import luma, read_picture, to_bytes
from stages.picture_files.pixels import read_pixels
from stages.running.process import InputError

RED, BLUE, ORANGE = (255, 0, 0), (0, 0, 255), (255, 165, 0)


class Box(NamedTuple):
    """The left and upper edge of a digit and its size, in pixels of the whole picture turned upright."""

    x: int
    y: int
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Sample:
    """An image on its way to the network.

    fields: the network's input, float32 in [0, 1]: (n, rows, cols) for digits that were found, else (n, rows, cols,
        channels); n is 1, unless a picture shows several digits, from the left.
    size: height and width of a whole picture, turned upright, which boxes are in.
    boxes: around each digit of a picture; are_cut: whether it was cut out of connected ink.
    passed_over: boxes around ink that was not read.
    steps: title to picture, uint8 (h, w, 3), of the steps before it.
    index, label: row and class number of a prepared test image.
    warning: why the prediction may be worthless, in a few words. note: what else a person should know.
    """

    fields: NDArray[np.float32]
    size: tuple[int, int] = (0, 0)
    boxes: list[Box] = dataclasses.field(default_factory=list)
    are_cut: list[bool] = dataclasses.field(default_factory=list)
    passed_over: list[Box] = dataclasses.field(default_factory=list)
    steps: dict[str, NDArray[np.uint8]] = dataclasses.field(default_factory=dict)
    index: int | None = None
    label: int | None = None
    warning: str | None = None
    note: str | None = None


def read_sample(
    source: Path,
    data: Path,
    index: int,
    shape: tuple[int, int, int],
    preprocessing: str,
    judge: Judge,
) -> Sample:
    """Read prepared image number `index` of an .npy file, or a picture file.

    Args:
        data: folder of the prepared test set; other images have no label.
        shape, preprocessing, judge: see `picture_sample`.

    Raises:
        InputError: a file cannot be read, or there is no such image, or it is of another shape.
    """
    if source.suffix != ".npy":
        return picture_sample(source, shape, preprocessing, judge)
    images = open_prepared_images(source)
    if index >= len(images):
        raise InputError(f"params.yaml: predict.index = {index}: must be from 0 to {len(images) - 1} ({source})")
    image = channels_last(images[index : index + 1])[0]
    if image.shape != shape:
        raise InputError(f"{source}: images of {image.shape}, but the network takes {shape}: rows, columns, channels")
    is_of_test = source.absolute() == (data / IMAGES).absolute()
    label = int(open_array(data / LABELS)[index].argmax()) if is_of_test else None
    return Sample(image[np.newaxis], index=index, label=label)


def picture_sample(path: Path, shape: tuple[int, int, int], preprocessing: str, judge: Judge) -> Sample:
    """Turn a picture file into the network's field, or fields.

    Args:
        shape: rows, columns and channels of what the network takes: 1 (gray) or 3 (RGB).
        preprocessing: "digit" finds the digits, marks their ink in red and blue, and unread ink in orange, and fits
            each digit in like MNIST's authors: see `digit`; "plain" converts the picture like ingest, which reads class
            folders, and resizes it.
        judge: see `read_digits`.

    Raises:
        InputError: the picture cannot be read, or does not fit the network.
    """
    rows, cols, channels = shape
    if channels not in (1, 3):
        raise InputError(
            f"{path}: is a picture, but the network takes {channels} channels, in the order of "
            "prepare.image_data_format; must take 1 or 3"
        )
    rgb, size, note = read_picture(path)
    original = to_bytes(rgb)
    if preprocessing == "plain":
        with strict_warnings():
            content = read_pixels(path, channels, (rows, cols)).content
        pixels = np.frombuffer(content, np.uint8).reshape(rows, cols, channels).astype(np.float32)
        return Sample((pixels / np.float32(255))[np.newaxis], size, steps={"original": original}, note=note)
    if channels != 1:
        raise InputError("params.yaml: predict.preprocessing = digit: finds gray digits; must be plain for colour")
    digits = read_digits(luma(rgb), rows, cols, judge)
    marked = original.copy()
    for piece in digits.passed_over:
        marked[piece.box][piece.mask] = ORANGE
    for number, piece in enumerate(digits.pieces):
        marked[piece.box][piece.mask] = BLUE if number % 2 else RED  # neighbours in two colours
    boxes, passed_over = (
        [_box(piece, size, original.shape) for piece in pieces] for pieces in (digits.pieces, digits.passed_over)
    )
    are_cut = [piece.is_cut for piece in digits.pieces]
    steps = {"original": original, "found": marked}
    return Sample(digits.fields, size, boxes, are_cut, passed_over, steps, warning=digits.warning, note=note)


def _box(piece: Piece, size: tuple[int, int], reduced: tuple[int, ...]) -> Box:
    """The box in a picture of this height and width; the piece is from a reduced copy."""
    (top, bottom), (left, right) = (
        (side.start * whole // part, -(-side.stop * whole // part))
        for side, whole, part in zip(piece.box, size, reduced, strict=False)
    )
    return Box(left, top, right - left, bottom - top)
