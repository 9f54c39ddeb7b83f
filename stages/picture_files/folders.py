"""The pictures in a folder and all below it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stages.picture_files.decoding import picture_suffixes


class Folder(NamedTuple):
    """The files directly in a folder, sorted by name: pictures (by suffix), and others."""

    path: Path
    pictures: list[str]
    others: list[str]


def walk(source: Path) -> Iterator[Folder]:
    """The folder `source` and all below it, sorted, without hidden ones; file systems do not sort them.

    Links to files are followed, even out of the source; links to folders are not: the preflight refuses them.

    Raises:
        OSError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    suffixes = picture_suffixes()
    for folder, folders, files in os.walk(source, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [Path(folder, name) for name in sorted(files) if not name.startswith(".")]
        pictures = [str(path) for path in paths if path.suffix.lower() in suffixes]
        yield Folder(Path(folder), pictures, [str(path) for path in paths if path.suffix.lower() not in suffixes])
