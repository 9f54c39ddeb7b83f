"""A sample: what the network sees of a prepared test image or a picture file, and how it came about."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.arrays.prepared import open_prepared, open_prepared_images
from stages.pictures.digit import find_digit, fit_field
from stages.pictures.reading import luma, read_picture, to_bytes
from stages.running.process import InputError


@dataclasses.dataclass(frozen=True)
class Sample:
    """A single image on its way to the network.

    field: what the network sees, float32 (rows, cols) in [0, 1].
    steps: title to picture, uint8 (h, w, 3), of the steps before it.
    warning: why the prediction may be worthless, in a few words. note: what else a person should know.
    """

    field: NDArray[np.float32]
    steps: dict[str, NDArray[np.uint8]] = dataclasses.field(default_factory=dict)
    index: int | None = None
    label: int | None = None
    warning: str | None = None
    note: str | None = None


def read_sample(source: Path, labels: Path, index: int, size: tuple[int, int], preprocessing: str) -> Sample:
    """Read prepared image number `index` of an .npy file, or a picture file.

    Args:
        labels: one-hot, of the prepared images beside them (x_test.npy for y_test.npy); other images have no label.

    Raises:
        InputError: a file cannot be read, or there is no such image, or it is of another size than the network's field.
    """
    if source.suffix != ".npy":
        return picture_sample(source, size, preprocessing)
    test_images = labels.with_name(labels.name.replace("y", "x", 1))
    if source.absolute() == test_images.absolute():
        images, one_hot = open_prepared(source, labels)
    else:
        images, one_hot = open_prepared_images(source), None
    if index >= len(images):
        raise InputError(f"params.yaml: predict.index = {index}: must be from 0 to {len(images) - 1} ({source})")
    image = images[index : index + 1]
    if image.size != size[0] * size[1]:
        raise InputError(f"{source}: images of {images.shape[1:]}, but the network takes {size[0]}x{size[1]} pixels")
    return Sample(image.reshape(size), index=index, label=None if one_hot is None else int(one_hot[index].argmax()))


def picture_sample(path: Path, size: tuple[int, int], preprocessing: str) -> Sample:
    """Turn a picture file into the network's field of `size` (rows, cols).

    Args:
        preprocessing: "digit" finds the digit, marks its ink in red, and fits it in as MNIST's authors did: see
            `stages.pictures.digit`; "plain" resizes the whole (anti-aliased), for other networks.

    Raises:
        InputError: the picture cannot be read.
    """
    rgb, note = read_picture(path)
    original = to_bytes(rgb)
    if preprocessing == "plain":
        resized = Image.fromarray(luma(rgb)).resize(size[::-1], Image.Resampling.BICUBIC)
        return Sample(np.clip(np.asarray(resized), 0, 1), {"original": original}, note=note)
    digit = find_digit(luma(rgb))
    found = original.copy()
    found[digit.mask] = (255, 0, 0)
    return Sample(fit_field(digit, *size), {"original": original, "found": found}, warning=digit.warning, note=note)
