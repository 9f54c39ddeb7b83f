"""IDX files, the format that MNIST came in: a folder with images and labels of both sets, gzipped or not.

http://yann.lecun.com/exdb/mnist: two zero bytes, the type of the elements, the number of dimensions, the sizes as
big-endian 32-bit numbers, then the elements in C order.
"""

import gzip
import math
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.arrays.npy import write_array
from stages.ingest.parameters import Data
from stages.ingest.raw import check_arrays, replacing_raw, some, summary
from stages.running.process import InputError, reason

NAME = re.compile(r"(?P<prefix>.*?)(?P<set>train|test|t10k)-(?P<kind>images|labels)[-.]idx[0-9]-ubyte(\.gz)?")
USUAL = {  # shown if a file is missing
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
UNSIGNED_BYTE = 8  # the element type; published images have no other
DIMENSIONS = {"x": 3, "y": 1}
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_RATIO = 1032  # the most that a byte of a gzip stream can inflate to


def matches(source: Path) -> bool:
    """Whether it is a folder with an IDX file name."""
    return source.is_dir() and any(map(NAME.fullmatch, _names(source)))


def _names(source: Path) -> list[str]:
    return sorted(entry.name for entry in source.iterdir() if not entry.name.startswith("."))


def copy(source: Path, raw: Path, data: Data) -> list[str]:
    """Write the IDX files of the folder `source` to `raw`, as uint8 (n, rows, cols) and (n,): all four or none.

    Returns:
        The detected kind, in a line.

    Raises:
        InputError: as `find_files`, `read_idx` and `check_arrays`.
    """
    files = find_files(source, _names(source))
    arrays = {name: read_idx(source / file, DIMENSIONS[name[0]]) for name, file in files.items()}
    if data.transposed:
        arrays |= {name: array.swapaxes(1, 2) for name, array in arrays.items() if name[0] == "x"}
    check_arrays({str(source / files[name]): array for name, array in arrays.items()})
    with replacing_raw(raw) as partials:
        for name, array in arrays.items():
            write_array(partials[name], "|u1", array.shape, [np.ascontiguousarray(array).data])
    return [summary("IDX files", arrays["x_train"].shape, arrays["x_test"].shape)]


def find_files(source: Path, names: Iterable[str]) -> dict[str, str]:
    """Find the file of each of the four arrays in `names`; of a plain and a .gz file (torchvision), the plain one.

    Raises:
        InputError: an array has no file, or more than one.
    """
    matches = [match for match in map(NAME.fullmatch, sorted(names)) if match]
    of_sets = {match["prefix"]: match[0] for match in matches}
    if len(of_sets) > 1:
        names = some(of_sets.values())
        raise InputError(f"{source}: IDX files of several data sets: {names}; must be of one, in its own folder")
    files = {}
    for array, usual in USUAL.items():
        such = [match[0] for match in matches if _array(match) == array]
        if not such:
            raise InputError(f"{source}: has IDX files, but no {usual} among them (or .gz)")
        if len(such) > 1 and such != [such[0], f"{such[0]}.gz"]:
            raise InputError(f"{source}: {some(such)}: several files for {array}; must be one")
        files[array] = such[0]
    return files


def _array(match: re.Match[str]) -> str:
    return ("x" if match["kind"] == "images" else "y") + ("_train" if match["set"] == "train" else "_test")


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with this many dimensions.

    Raises:
        InputError: it is another file, is damaged, or its size is not as declared.
    """
    if not path.is_file():
        raise InputError(f"{path}: is not a file")
    with path.open("rb") as file:
        zipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC  # not by name: browsers unpack, but keep the .gz
        file.seek(0)
        content = gzip.GzipFile(fileobj=file) if zipped else file
        try:
            header = content.read(4 + 4 * dimensions)
            magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
            if header[:4] != magic or len(header) < 4 + 4 * dimensions:
                raise InputError(
                    f"{path}: starts with {header[:4].hex(' ') or 'nothing'}; must be an IDX file of unsigned bytes in "
                    f"{dimensions} dimension{'s' if dimensions > 1 else ''}, {magic.hex(' ')}"
                )
            shape = np.frombuffer(header, ">u4")[1:].tolist()
            declared = math.prod(shape)
            if declared > path.stat().st_size * (DEFLATE_RATIO if zipped else 1):  # before memory is allocated
                raise InputError(f"{path}: its header declares {declared:,} bytes, more than the file can hold")
            values = content.read(declared + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: damaged archive: {reason(error)}") from error
    if len(values) != declared:
        few = "fewer" if len(values) < declared else "more"
        raise InputError(f"{path}: holds {few} bytes than the {declared:,} that its header declares")
    return np.frombuffer(values, np.uint8).reshape(shape)
