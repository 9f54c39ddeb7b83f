"""Stage 1, ingest: copy the four arrays of the data source, byte for byte, into a folder.

    python -m stages.ingest --raw data/raw

The source, `data.source` in params.yaml, is an .npz archive with x_train, y_train, x_test and y_test, or a folder with
the four as .npy files.
"""

import argparse
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from stages import process
from stages.files import replacing
from stages.params import file_name, read_params
from stages.process import InputError, reason

PARAMS = {"data.source": file_name()}

NAMES = ("x_train", "y_train", "x_test", "y_test")


@contextmanager
def open_source(source: Path) -> Iterator[dict[str, IO[bytes]]]:
    """Open the four .npy streams of a data source, whatever its kind.

    Raises:
        InputError: the source, or one of the four in it, is missing or cannot be opened, or it is of no known kind.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder (data.source in params.yaml)")
    with ExitStack() as stack:
        if source.is_dir():
            streams = {name: stack.enter_context(_open_file(source / f"{name}.npy")) for name in NAMES}
        elif source.is_file() and _starts_as_archive(source):
            streams = {name: stack.enter_context(_open_member(source, f"{name}.npy")) for name in NAMES}
        else:
            raise InputError(f"{source}: must be an .npz archive or a folder of .npy files")
        yield streams


def _starts_as_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _open_file(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        message = f"{path}: {str(error.strerror).lower()}; a data folder holds {', '.join(NAMES)} as .npy"
        raise InputError(message) from error


def _open_member(archive: Path, name: str) -> IO[bytes]:
    try:
        return zipfile.ZipFile(archive).open(name)
    except Exception as error:  # a damaged archive raises whatever the directory's parser stumbles over
        message = f"{archive}: {reason(error)}; a data archive holds {', '.join(NAMES)} as .npy"
        raise InputError(message) from error


def copy(stream: IO[bytes], output: IO[bytes], name: str) -> None:
    """Copy a stream; errors of reading are the source's, errors of writing are the disk's.

    Raises:
        InputError: the stream is damaged.
    """
    while True:
        try:
            block = stream.read(1 << 20)
        except Exception as error:  # the decompressors have no error in common
            raise InputError(f"{name}: damaged archive: {reason(error)}") from error
        if not block:
            return
        output.write(block)


def ingest(source: Path, raw: Path) -> None:
    """Copy the arrays of `source` to `raw` as {x_train,y_train,x_test,y_test}.npy: all four or none.

    Raises:
        InputError: as `open_source`, or a stream is no .npy array that is safe to load.
    """
    from stages.arrays import open_array

    with ExitStack() as outputs, open_source(source) as streams:
        for name, stream in streams.items():
            partial = outputs.enter_context(replacing(raw / f"{name}.npy"))
            with partial.open("wb") as output:
                copy(stream, output, f"{source}: {name}.npy")
            open_array(partial, f"{source}: {name}.npy")


def main() -> None:
    parser = argparse.ArgumentParser(description="Copy the four arrays of the data source into a folder.")
    parser.add_argument("--raw", type=Path, required=True, help="folder to write the four .npy files to")
    args = parser.parse_args()
    params = read_params()
    ingest(Path(params["data.source"]), args.raw)


if __name__ == "__main__":
    process.run(main)
