"""IDX files, the format that MNIST came in: a folder with images and labels of both sets, gzipped or not.

http://yann.lecun.com/exdb/mnist: two zero bytes, the type of the elements, the number of dimensions, the sizes as
big-endian 32-bit numbers, then the elements in C order.
"""

import gzip
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from stages.images.decoding import MOST_PIXELS
from stages.running.outputs import replacing
from stages.running.process import InputError, reason
from stages.sources.raw import (
    BLOCK_BYTES,
    Readable,
    Stream,
    check_streams,
    open_file,
    replacing_raw,
    some,
    summary,
    write_header,
)

NAME = re.compile(r"(?P<prefix>.*?)(?P<set>train|test|t10k)-(?P<kind>images|labels)[-.]idx[0-9]-ubyte(\.gz)?")
USUAL = {  # names to show to whoever lacks one
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
UNSIGNED_BYTE = 8  # the type of the elements, the only one that published images have
DIMENSIONS = {"x": 3, "y": 1}
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_RATIO = 1032  # the most that a byte of a gzip stream can inflate to


def copy_idx(source: Path, raw: Path, transposed: bool) -> list[str]:
    """Write the IDX files of the folder `source` to `raw`, as uint8 (n, rows, cols) and (n,): all four or none.

    Args:
        transposed: the files store an image column after column.

    Returns:
        What it was taken for, and notes, a line each.

    Raises:
        InputError: a file is missing, or there are several for one array, or one is not what its header says, or as
            `check_streams`.
    """
    files, notes = find_files(source, (entry.name for entry in source.iterdir() if not entry.name.startswith(".")))
    with ExitStack() as stack:
        streams = {name: stack.enter_context(_open(source, files[name], DIMENSIONS[name[0]])) for name in USUAL}
        check_streams(streams, raw)
        partials = stack.enter_context(replacing_raw(raw))
        for name, stream in streams.items():
            with replacing(partials[name]) as partial, partial.open("wb") as output:
                _write(stream, output, transposed and name[0] == "x")
    train, test = (streams[name].shape for name in ("x_train", "x_test"))
    if transposed:
        train, test = ((shape[0], *shape[:0:-1]) for shape in (train, test))
    return [summary("IDX files", train, test), *notes]


def find_files(source: Path, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Find the file of each of the four arrays among `names`, and note which were left aside.

    Raises:
        InputError: there is none for one of them, or more than one.
    """
    matches = [match for match in map(NAME.fullmatch, sorted(names)) if match]
    of_sets = {match["prefix"]: match[0] for match in matches}
    if len(of_sets) > 1:
        names = some(of_sets.values())
        raise InputError(f"{source}: IDX files of several data sets: {names}; must be of one, in its own folder")
    files, notes = {}, []
    for array, usual in USUAL.items():
        such = [match[0] for match in matches if _array(match) == array]
        if not such:
            raise InputError(f"{source}: has IDX files, but no {usual} among them (or .gz)")
        if len(such) == 2 and such[1] == f"{such[0]}.gz":  # as torchvision leaves them
            notes.append(f"{such[1]} left aside: {such[0]} was taken")
        elif len(such) > 1:
            raise InputError(f"{source}: {some(such)}: several files for {array}; must be one")
        files[array] = such[0]
    return files, notes


def _array(match: re.Match[str]) -> str:
    return ("x" if match["kind"] == "images" else "y") + ("_train" if match["set"] == "train" else "_test")


@contextmanager
def _open(folder: Path, name: str, dimensions: int) -> Iterator[Stream]:
    """Open an IDX file and read its header.

    Raises:
        InputError: it cannot be opened, or is no IDX file of unsigned bytes with so many dimensions, or its header
            declares what the file cannot hold.
    """
    path = folder / name
    with open_file(path) as file:
        zipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC  # whatever its name: browsers unpack, and keep the .gz
        file.seek(0)
        content: Readable = gzip.GzipFile(fileobj=file) if zipped else file
        try:
            header = content.read(4 + 4 * dimensions)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: damaged archive: {reason(error)}") from error
        magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
        if header[:4] != magic or len(header) < 4 + 4 * dimensions:
            raise InputError(
                f"{path}: starts with {header[:4].hex(' ') or 'nothing'}; must be an IDX file of unsigned bytes in "
                f"{dimensions} dimension{'s' if dimensions > 1 else ''}, {magic.hex(' ')}"
            )
        shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
        _check_size(path, shape, path.stat().st_size, len(header), zipped)
        yield Stream(str(path), content, math.prod(shape), shape)


def _check_size(path: Path, shape: tuple[int, ...], size: int, header: int, zipped: bool) -> None:
    declared = header + math.prod(shape)
    if zipped and declared > size * DEFLATE_RATIO:
        raise InputError(f"{path}: declares {declared:,} bytes, more than its {size:,} compressed bytes can hold")
    if not zipped and declared != size:
        raise InputError(f"{path}: has {size:,} bytes, but {declared:,} by its header: uint8 of shape {shape}")
    if math.prod(shape[1:]) > MOST_PIXELS:
        raise InputError(f"{path}: images of {shape[1]}x{shape[2]}; must be at most {MOST_PIXELS:,} pixels")


def _write(stream: Stream, output: IO[bytes], transposed: bool) -> None:
    if not transposed:
        write_header(output, stream.shape)
        stream.copy(output)
        return
    count, cols, rows = stream.shape
    write_header(output, (count, rows, cols))
    image = max(1, rows * cols)

    def turn(block: bytes) -> bytes:
        return np.frombuffer(block, np.uint8).reshape(-1, cols, rows).transpose(0, 2, 1).tobytes()

    stream.copy(output, max(1, BLOCK_BYTES // image) * image, turn)
