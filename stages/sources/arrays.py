"""Data sources that hold the four arrays as .npy: an .npz archive, or a folder. They are copied as they are."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from stages.running.process import InputError, reason
from stages.running.progress import progress
from stages.sources.raw import NAMES, Stream, check_streams, replacing_all, summary
from stages.sources.tree import open_inside


def copy_arrays(source: Path, raw: Path) -> str:
    """Copy the arrays of `source`, an archive or a folder, to `raw`: all four or none.

    Returns:
        What it was taken for, in a line.

    Raises:
        InputError: one of the four is missing or cannot be opened, or as `check_streams`, or a stream is damaged.
    """
    with ExitStack() as stack:
        open_stream = _open_file if source.is_dir() else _open_member
        streams = {name: stack.enter_context(open_stream(source, f"{name}.npy")) for name in NAMES}
        check_streams(streams, raw)
        partials = stack.enter_context(replacing_all(raw))
        for name, stream in streams.items():
            with partials[name].open("wb") as output:
                for block in progress(stream.blocks(), stream.size, f"bytes of {name}", len):
                    output.write(block)
    what = "a folder of .npy arrays" if source.is_dir() else "an archive of .npy arrays"
    return summary(what, streams["x_train"].shape, streams["x_test"].shape)


@contextmanager
def _open_file(folder: Path, name: str) -> Iterator[Stream]:
    path = folder / name
    try:
        file = open_inside(path, folder)
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
