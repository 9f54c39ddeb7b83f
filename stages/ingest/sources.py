"""The kinds of source that `data.source` may name: how each is recognised, and what copies it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from stages.ingest import class_folders, csv_table, idx, npy
from stages.ingest.parameters import Data
from stages.ingest.raw import FILES, some
from stages.running.process import InputError


class Kind(NamedTuple):
    """A kind of source.

    matches: whether a file or folder may be of this kind; it can still be damaged.
    copy: writes its arrays to the folder `raw`, all four or none; returns lines for the log: the kind of the source,
        and notes.
    """

    matches: Callable[[Path], bool]
    copy: Callable[[Path, Path, Data], list[str]]


SOURCES = {
    f"the .npy files {', '.join(FILES)}": Kind(npy.matches, npy.copy),
    "a table such as train.csv, with a header line label,pixel0,...": Kind(csv_table.matches, csv_table.copy),
    "IDX files such as train-images-idx3-ubyte": Kind(idx.matches, idx.copy),
    "pictures in class folders such as cat/1.png or train/cat/1.png": Kind(class_folders.matches, class_folders.copy),
}


def copy_source(source: Path, raw: Path, data: Data) -> list[str]:
    """Write the four arrays of a source of any kind to the folder `raw`: all four or none.

    Links to files are followed, even out of the source. Options that do not apply to a kind have no effect.

    Returns:
        Lines for the log: the kind of the source, and notes.

    Raises:
        InputError: it is missing, of no kind or of several, incomplete or unsafe.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder (data.source in params.yaml)")
    kinds = [name for name, kind in SOURCES.items() if kind.matches(source)]
    if len(kinds) > 1:
        raise InputError(f"{source}: holds {' and '.join(kinds)}; must be of one kind")
    if not kinds:
        must = f"must be an .npz archive, or hold {', or '.join(SOURCES)}"
        there = f"; there is {_content(source)}" if source.is_dir() else ""
        raise InputError(f"{source}: no data found: {must}{there}")
    return [f"{source}: {line}" for line in SOURCES[kinds[0]].copy(source, raw, data)]


def _content(folder: Path) -> str:
    return some(sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))) or "nothing"
