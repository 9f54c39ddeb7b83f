"""Data sources that hold the four arrays as .npy: an .npz archive, or a folder. They are copied as they are."""

import errno
import shutil
import zipfile
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.ingest.parameters import Data
from stages.ingest.raw import FILES, check_arrays, replacing_raw, some, summary
from stages.running.outputs import naming
from stages.running.process import InputError, reason

HOLDS = f"must hold {', '.join(FILES)} as .npy"


def matches(source: Path) -> bool:
    """Whether it is an archive, or a folder with one of FILES."""
    if source.is_dir():
        names = [entry.name for entry in source.iterdir()]
        return any(find(name, names) for name in FILES)
    with source.open("rb") as file:
        return file.read(2) == b"PK"


def find(name: str, paths: Iterable[str]) -> list[str]:
    """The paths that may be one of FILES: in whatever folder of an archive, and in capitals, as X_train.npy."""
    return [path for path in paths if Path(path).name.lower() == f"{name}.npy"]


def copy(source: Path, raw: Path, data: Data) -> list[str]:
    """Copy the arrays of `source`, an archive or a folder, to `raw`: all four or none.

    Returns:
        The detected kind, in a line.

    Raises:
        InputError: an array is missing or unreadable, the archive is damaged, or as `check_arrays`.
    """
    try:
        opened = nullcontext() if source.is_dir() else zipfile.ZipFile(source)
        with opened as archive, replacing_raw(raw) as partials:
            paths = archive.namelist() if archive else [entry.name for entry in source.iterdir()]
            arrays = {}
            for name in FILES:
                such = find(name, paths)
                if len(such) > 1:
                    raise InputError(f"{source}: holds {' and '.join(sorted(such))}; must hold one {name}.npy")
                if not such or not (archive or (source / such[0]).is_file()):
                    hint = f"; it holds {some(sorted(paths))}; unzip class folders first" if archive else ""
                    raise InputError(f"{source / name}.npy: no such file; a data source {HOLDS}{hint}")
                entry = such[0]
                content = archive.open(entry) if archive else (source / entry).open("rb")
                with content, naming(partials[name]), partials[name].open("wb") as output:
                    shutil.copyfileobj(content, output)
                arrays[str(source / entry)] = _open(partials[name], str(source / entry))
            check_arrays(arrays)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged archive can raise any exception
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # about our files, not its content
            raise
        raise InputError(f"{source}: damaged archive ({reason(error)}); {HOLDS}") from error
    what = "a folder of .npy arrays" if source.is_dir() else "an archive of .npy arrays"
    train, _, test, _ = arrays.values()
    return [summary(what, train.shape, test.shape)]


def _open(path: Path, name: str) -> NDArray[Any]:
    """Map an .npy file into memory; errors call it `name`.

    Raises:
        InputError: it is none, or holds pickled objects.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # a damaged header can raise any exception
        hint = "; text must be saved as array.astype(str)" if "object" in str(error) else ""
        raise InputError(f"{name}: not a readable .npy array of numbers or text: {reason(error)}{hint}") from error
