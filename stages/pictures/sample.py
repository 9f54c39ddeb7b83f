"""A sample: what the network sees of a prepared test image or a picture file, and how it came about."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.arrays.prepared import channels_last, open_prepared, open_prepared_images
from stages.images.decoding import strict_warnings
from stages.images.pixels import read_pixels
from stages.pictures.digit import find_digit, fit_field
from stages.pictures.reading import luma, read_picture, to_bytes
from stages.running.process import InputError


@dataclasses.dataclass(frozen=True)
class Sample:
    """A single image on its way to the network.

    field: what the network sees, float32 (rows, cols), or (rows, cols, channels) of a colour picture, in [0, 1].
    steps: title to picture, uint8 (h, w, 3), of the steps before it.
    index, label: of a prepared test image, its row and the number of its class.
    warning: why the prediction may be worthless, in a few words. note: what else a person should know.
    """

    field: NDArray[np.float32]
    steps: dict[str, NDArray[np.uint8]] = dataclasses.field(default_factory=dict)
    index: int | None = None
    label: int | None = None
    warning: str | None = None
    note: str | None = None


def read_sample(
    source: Path,
    labels: Path,
    index: int,
    shape: tuple[int, int, int],
    image_data_format: str,
    preprocessing: str,
) -> Sample:
    """Read prepared image number `index` of an .npy file, or a picture file.

    Args:
        labels: one-hot, of the prepared images beside them (x_test.npy for y_test.npy); other images have no label.
        shape: rows, columns and channels of what the network takes.
        image_data_format: of the prepared images.

    Raises:
        InputError: a file cannot be read, or there is no such image, or it is of another shape.
    """
    if source.suffix != ".npy":
        return picture_sample(source, shape, preprocessing)
    test_images = labels.with_name(labels.name.replace("y", "x", 1))
    if source.absolute() == test_images.absolute():
        images, one_hot = open_prepared(source, labels)
    else:
        images, one_hot = open_prepared_images(source), None
    if index >= len(images):
        raise InputError(f"params.yaml: predict.index = {index}: must be from 0 to {len(images) - 1} ({source})")
    image = channels_last(images[index : index + 1], image_data_format)[0]
    if image.shape != shape:
        raise InputError(f"{source}: images of {image.shape}, but the network takes {shape}: rows, columns, channels")
    label = None if one_hot is None else int(one_hot[index].argmax())
    return Sample(_without_single_channel(image), index=index, label=label)


def picture_sample(path: Path, shape: tuple[int, int, int], preprocessing: str) -> Sample:
    """Turn a picture file into the network's field.

    Args:
        shape: rows, columns and channels of what the network takes: 1 (gray) or 3 (RGB).
        preprocessing: "digit" finds the digit, marks its ink in red, and fits it in as MNIST's authors did: see
            `stages.pictures.digit`; "plain" makes of it what ingest makes of a picture in a
            class folder, resized.

    Raises:
        InputError: the picture cannot be read, or does not go with such a network.
    """
    rows, cols, channels = shape
    if channels not in (1, 3):
        raise InputError(f"{path}: is a picture, but the network takes {channels} channels; must take 1 or 3")
    rgb, note = read_picture(path)
    original = to_bytes(rgb)
    if preprocessing == "plain":
        with strict_warnings():
            content = read_pixels(path, channels, (rows, cols)).content
        pixels = np.frombuffer(content, np.uint8).reshape(rows, cols, channels).astype(np.float32)
        return Sample(_without_single_channel(pixels / np.float32(255)), {"original": original}, note=note)
    if channels != 1:
        raise InputError("params.yaml: predict.preprocessing = digit: finds gray digits; must be plain for colour")
    digit = find_digit(luma(rgb))
    found = original.copy()
    found[digit.mask] = (255, 0, 0)
    steps = {"original": original, "found": found}
    return Sample(fit_field(digit, rows, cols), steps, warning=digit.warning, note=note)


def _without_single_channel(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return image[..., 0] if image.shape[2] == 1 else image
