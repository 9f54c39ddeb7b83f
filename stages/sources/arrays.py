"""Data sources that hold the four arrays as .npy: an .npz archive, or a folder. They are copied as they are."""

import math
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from stages.running.outputs import replacing
from stages.running.process import InputError, reason
from stages.sources.raw import NAMES, Readable, Stream, check_streams, open_file, replacing_raw, summary

PREFIX_BYTES, MOST_HEADER_BYTES = 12, 10_000  # of an .npy file: what tells its header's length; numpy's own limit


def copy_arrays(source: Path, raw: Path) -> str:
    """Copy the arrays of `source`, an archive or a folder, to `raw`: all four or none.

    Returns:
        What it was taken for, in a line.

    Raises:
        InputError: one of the four is missing or cannot be opened, or as `check_streams`, or a stream is damaged.
    """
    with ExitStack() as stack:
        open_stream = _open_array if source.is_dir() else _open_member
        streams = {name: stack.enter_context(open_stream(source, f"{name}.npy")) for name in NAMES}
        check_streams(streams, raw)
        partials = stack.enter_context(replacing_raw(raw))
        for name, stream in streams.items():
            with replacing(partials[name]) as partial, partial.open("wb") as output:
                stream.copy(output)
    what = "a folder of .npy arrays" if source.is_dir() else "an archive of .npy arrays"
    return summary(what, streams["x_train"].shape, streams["x_test"].shape)


@contextmanager
def _open_array(folder: Path, name: str) -> Iterator[Stream]:
    path = folder / name
    if not path.exists():
        raise InputError(f"{path}: no such file; a data folder holds {', '.join(NAMES)} as .npy")
    with open_file(path) as file:
        yield _stream(str(path), file, path.stat().st_size)


@contextmanager
def _open_member(archive: Path, name: str) -> Iterator[Stream]:
    try:
        opened = zipfile.ZipFile(archive)
        info = opened.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others inflate without a limit
            raise InputError(f"{archive}: {name}: must be compressed as numpy does, or not at all")
        member = opened.open(info)
    except InputError:
        raise
    except Exception as error:  # a damaged archive raises whatever the directory's parser stumbles over
        message = f"{archive}: {reason(error)}; a data archive holds {', '.join(NAMES)} as .npy"
        raise InputError(message) from error
    with opened, member:
        yield _stream(f"{archive}: {name}", member, info.file_size)


def _stream(name: str, content: Readable, size: int) -> Stream:
    """Read the header, without a byte of the data.

    Raises:
        InputError: it is not an .npy header, or is one of pickled objects, or does not match the size.
    """
    try:
        start = content.read(PREFIX_BYTES)
        header_bytes = int.from_bytes(start[8:10] if start[6:7] == b"\1" else start[8:12], "little")
        if header_bytes > MOST_HEADER_BYTES:  # numpy would read it whole, all gigabytes of it
            raise InputError(f"{name}: a header of {header_bytes:,} bytes; must be at most {MOST_HEADER_BYTES:,}")
        content.seek(0)
        version = np.lib.format.read_magic(content)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(content)  # version 3 is version 2 with other field names, which no image has
    except InputError:
        raise
    except Exception as error:  # a damaged header raises whatever its parser stumbles over
        raise InputError(f"{name}: not a readable .npy array: {reason(error)}") from error
    if dtype.hasobject:
        raise InputError(
            f"{name}: holds pickled objects, which are not loaded: they could run any program (labels that are "
            "text must be saved as array.astype(str))"
        )
    if dtype.itemsize == 0 or dtype.kind not in "biufcSU":
        raise InputError(f"{name}: dtype {dtype}, must be numbers or text")
    claimed = content.tell() + math.prod(shape) * dtype.itemsize
    content.seek(0)
    if claimed > sys.maxsize:
        raise InputError(f"{name}: its header declares more bytes than a disk holds")
    if claimed != size:
        raise InputError(f"{name}: has {size:,} bytes, but {claimed:,} by its header: {dtype} of shape {shape}")
    return Stream(name, content, size, shape)
