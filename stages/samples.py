"""Single samples for the network: a prepared test image, or a picture file, with the steps on the way to its field."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.picture import digit_picture, plain_picture
from stages.prepared import open_prepared, open_prepared_images
from stages.process import InputError

UNREADABLE = {".svg", ".heic", ".heif"}  # pictures that Pillow does not read: in a folder, too, they are told of


@dataclasses.dataclass(frozen=True)
class Sample:
    """What the network sees, float32 (rows, cols) in [0, 1], and how it came about."""

    field: NDArray[np.float32]
    steps: dict[str, NDArray[np.uint8]] = dataclasses.field(default_factory=dict)  # title to picture, for the figure
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
        preprocessing: "digit" finds the digit and fits it in as MNIST's authors did; "plain" resizes the whole.

    Raises:
        InputError: the picture cannot be read.
    """
    picture = (digit_picture if preprocessing == "digit" else plain_picture)(path, *size)
    steps = {"original": picture.original}
    if preprocessing == "digit":
        steps["found"] = picture.found
    return Sample(picture.field, steps, warning=picture.warning, note=picture.note)


def find_pictures(path: Path) -> list[Path]:
    """The file that `path` names, or, of a folder, the files below it with the suffix of a picture, sorted by name.

    Raises:
        InputError: the folder holds none.
    """
    try:
        if not path.is_dir():
            return [path]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    formats = Image.registered_extensions().items()
    known = {suffix for suffix, kind in formats if Image.MIME.get(kind, "").startswith("image/")} | UNREADABLE
    found = sorted(entry for entry in path.rglob("*") if entry.suffix.lower() in known and entry.is_file())
    if not found:
        raise InputError(f"{path}: no picture in this folder")
    return found
