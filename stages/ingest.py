"""Stage 1, ingest: copy the four arrays of the data source, byte for byte, into a folder.

    python -m stages.ingest --raw data/raw

The source, `data.source` in params.yaml, is an .npz archive with x_train, y_train, x_test and y_test, or a folder with
the four as .npy files.
"""

import argparse
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from stages import process
from stages.files import replacing
from stages.params import file_name, read_params
from stages.process import InputError

PARAMS = {"data.source": file_name()}

NAMES = ("x_train", "y_train", "x_test", "y_test")


@contextmanager
def open_source(source: Path) -> Iterator[dict[str, IO[bytes]]]:
    """Open the four .npy streams of a data source, whatever its kind.

    Raises:
        InputError: the source, or one of the four in it, is missing or damaged, or the source is of no known kind.
    """
    try:
        with ExitStack() as stack:
            if source.is_dir():
                yield {name: stack.enter_context((source / f"{name}.npy").open("rb")) for name in NAMES}
            elif zipfile.is_zipfile(source):
                archive = stack.enter_context(zipfile.ZipFile(source))
                yield {name: stack.enter_context(archive.open(f"{name}.npy")) for name in NAMES}
            elif source.exists():
                raise InputError(f"{source}: must be an .npz archive or a folder of .npy files")
            else:
                raise InputError(f"{source}: no such file or folder (data.source in params.yaml)")
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: no such file; a data folder holds {', '.join(NAMES)} as .npy") from error
    except KeyError as error:
        raise InputError(f"{source}: {error.args[0]}; a data archive holds {', '.join(NAMES)}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{source}: damaged or unsupported archive: {error}") from error


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
                shutil.copyfileobj(stream, output, 1 << 20)
            open_array(partial, f"{source}: {name}.npy")


def main() -> None:
    parser = argparse.ArgumentParser(description="Copy the four arrays of the data source into a folder.")
    parser.add_argument("--raw", type=Path, required=True, help="folder to write the four .npy files to")
    args = parser.parse_args()
    params = read_params()
    ingest(Path(params["data.source"]), args.raw)


if __name__ == "__main__":
    process.run(main)
