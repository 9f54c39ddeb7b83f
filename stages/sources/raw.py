"""What ingest writes, four arrays and a table of files, and what is checked before a byte of them is copied."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np
from tqdm import tqdm

from stages.running.outputs import replacing_all, write_csv
from stages.running.process import InputError, reason

NAMES = ("x_train", "y_train", "x_test", "y_test")
FILE_COLUMNS = ("set", "row", "file")
BLOCK_BYTES = 1 << 20  # copied at a time
SHOWN = 3  # names in a line: enough to recognise them by

Readable = IO[bytes] | BufferedIOBase  # a file, or what inflates one


@dataclass(frozen=True)
class Stream:
    """The data of one array, of which nothing is read yet but the header.

    Attributes:
        name: what to call it in a message.
        content: reads fewer bytes than asked for only at the end.
        size: how many bytes are still to be read from `content`: no more, no less.
    """

    name: str
    content: Readable
    size: int
    shape: tuple[int, ...]

    def copy(
        self, output: IO[bytes], block_bytes: int = BLOCK_BYTES, convert: Callable[[bytes], bytes] = bytes
    ) -> None:
        """Write the data to `output`, each block of `block_bytes` (the last may be shorter) as `convert` makes it.

        Raises:
            InputError: they cannot be decompressed, or are not `size` bytes.
        """
        with tqdm(total=self.size, desc="copying", unit="B", unit_scale=True, leave=False, disable=None) as bar:
            for start in range(0, self.size, block_bytes):
                wanted = min(block_bytes, self.size - start)
                block = self._read(wanted)
                if len(block) < wanted:
                    raise InputError(f"{self.name}: ends after {start + len(block):,} of {self.size:,} bytes")
                output.write(convert(block))
                bar.update(wanted)
        if self._read(1):
            raise InputError(f"{self.name}: goes on after the {self.size:,} bytes that its header declares")

    def _read(self, size: int) -> bytes:
        try:
            return self.content.read(size)
        except Exception as error:  # the decompressors have no error in common
            raise InputError(f"{self.name}: damaged archive: {reason(error)}") from error


def open_file(path: Path) -> Readable:
    """Open a file of a source for reading.

    Raises:
        InputError: it is missing, or something else than a file: a pipe would be waited for.
    """
    if not path.is_file():
        raise InputError(f"{path}: {'is not a file' if path.exists() else 'no such file'}")
    return path.open("rb")


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
    check_space(raw, sum(stream.size for stream in streams.values()))


def check_space(raw: Path, needed: int) -> None:
    """Make the folder `raw` and check that its disk has room for `needed` bytes.

    Raises:
        InputError: it has not.
    """
    raw.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(raw).free
    if needed > free:
        raise InputError(f"{raw}: {needed:,} bytes to copy, but the disk has {free:,} free")


@contextmanager
def replacing_raw(raw: Path) -> Iterator[dict[str, Path]]:
    """Yield a temporary path for each of the four by name; they become x_train.npy ... when the block succeeds.

    Beside them stands "files", a table of FILE_COLUMNS that says which file a row comes from. It has a header only:
    sources of a file a row write theirs over it.
    """
    with replacing_all(*(raw / f"{name}.npy" for name in NAMES), raw / "files.csv") as partials:
        write_csv(partials[-1], FILE_COLUMNS, [])
        yield dict(zip((*NAMES, "files"), partials, strict=True))


def write_header(output: IO[bytes], shape: Sequence[int]) -> None:
    """Write the header of an .npy file of uint8 in C order, as `np.save` does."""
    header = {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(output, header)


def summary(what: str, train: Sequence[int], test: Sequence[int]) -> str:
    """What a source was taken for, and the shapes of its images: `IDX files: 60,000 training and ... of 28x28`."""
    counts = [shape[0] if shape else 0 for shape in (train, test)]
    size = "x".join(map(str, train[1:])) or "no size"
    return f"{what}: {counts[0]:,} training and {counts[1]:,} test images of {size}"


def some(paths: Iterable[str | Path]) -> str:
    """The first few of `paths`, and how many more there are."""
    names = [str(path) for path in paths]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
