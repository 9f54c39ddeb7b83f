"""Data sources that hold the four arrays as .npy: an .npz archive, or a folder. They are copied as they are."""

import math
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from stages.running.outputs import replacing
from stages.running.process import InputError, reason

NAMES = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class Stream:
    """An .npy file, or member of an archive, of which nothing is read yet but its header.

    Attributes:
        name: what to call it in a message.
        size: of the whole in bytes.
    """

    name: str
    content: IO[bytes]
    size: int
    shape: tuple[int, ...]


def copy_arrays(source: Path, raw: Path) -> None:
    """Copy the arrays of `source` to `raw` as {x_train,y_train,x_test,y_test}.npy: all four or none.

    Raises:
        InputError: as `open_source` and `check_streams`, or a stream is damaged.
    """
    with ExitStack() as outputs, open_source(source) as streams:
        check_streams(streams, raw)
        partials = {name: outputs.enter_context(replacing(raw / f"{name}.npy")) for name in NAMES}
        for name, stream in streams.items():
            with partials[name].open("wb") as output:
                _copy(stream, output)


@contextmanager
def open_source(source: Path) -> Iterator[dict[str, Stream]]:
    """Open the four .npy streams of a data source, whatever its kind.

    Raises:
        InputError: the source, or one of the four in it, is missing or cannot be opened, or it is of no known kind.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder (data.source in params.yaml)")
    with ExitStack() as stack:
        if source.is_dir():
            yield {name: stack.enter_context(_open_file(source / f"{name}.npy")) for name in NAMES}
        elif source.is_file() and _starts_as_archive(source):
            yield {name: stack.enter_context(_open_member(source, f"{name}.npy")) for name in NAMES}
        else:
            raise InputError(f"{source}: must be an .npz archive or a folder of .npy files")


def _starts_as_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


@contextmanager
def _open_file(path: Path) -> Iterator[Stream]:
    try:
        file = path.open("rb")
    except OSError as error:
        message = f"{path}: {str(error.strerror).lower()}; a data folder holds {', '.join(NAMES)} as .npy"
        raise InputError(message) from error
    with file:
        yield _stream(str(path), file, path.stat().st_size)


@contextmanager
def _open_member(archive: Path, name: str) -> Iterator[Stream]:
    try:
        opened = zipfile.ZipFile(archive)
        member = opened.open(name)
    except Exception as error:  # a damaged archive raises whatever the directory's parser stumbles over
        message = f"{archive}: {reason(error)}; a data archive holds {', '.join(NAMES)} as .npy"
        raise InputError(message) from error
    with opened, member:
        yield _stream(f"{archive}: {name}", member, opened.getinfo(name).file_size)


def _stream(name: str, content: IO[bytes], size: int) -> Stream:
    """Read the header, without a byte of the data.

    Raises:
        InputError: it is not an .npy header, or is one of pickled objects, or does not match the size.
    """
    try:
        version = np.lib.format.read_magic(content)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(content)  # version 3 is version 2 with other field names, which no image has
    except Exception as error:  # a damaged header raises whatever its parser stumbles over
        raise InputError(f"{name}: not a readable .npy array: {reason(error)}") from error
    if dtype.hasobject:
        raise InputError(f"{name}: holds pickled objects, which are not loaded: they could run any program")
    claimed = content.tell() + math.prod(shape) * dtype.itemsize
    content.seek(0)
    if claimed != size:
        raise InputError(f"{name}: has {size:,} bytes, but {claimed:,} by its header: {dtype} of shape {shape}")
    return Stream(name, content, size, shape)


def check_streams(streams: Mapping[str, Stream], raw: Path) -> None:
    """Check what can be told from the headers alone, before gigabytes are copied.

    Raises:
        InputError: images and labels are not as many, or images of the two sets not of one size, or the disk is full.
    """
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        counts = [stream.shape[0] if stream.shape else 0 for stream in (streams[x], streams[y])]
        if counts[0] != counts[1]:
            raise InputError(f"{streams[x].name}: {counts[0]} images, but {streams[y].name} has {counts[1]} labels")
    train, test = streams["x_train"].shape[1:3], streams["x_test"].shape[1:3]
    if train != test:
        raise InputError(
            f"{streams['x_test'].name}: images of {test}, but {streams['x_train'].name} has {train}; must be equal"
        )
    raw.mkdir(parents=True, exist_ok=True)
    needed, free = sum(stream.size for stream in streams.values()), shutil.disk_usage(raw).free
    if needed > free:
        raise InputError(f"{raw}: {needed:,} bytes to copy, but the disk has {free:,} free")


def _copy(stream: Stream, output: IO[bytes]) -> None:
    """Copy; errors of reading are the source's, errors of writing are the disk's."""
    while True:
        try:
            block = stream.content.read(1 << 20)
        except Exception as error:  # the decompressors have no error in common
            raise InputError(f"{stream.name}: damaged archive: {reason(error)}") from error
        if not block:
            return
        output.write(block)
