"""A folder from a stranger: what is visible in it, with no way out of it."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from stages.running.process import InputError

SHOWN = 3  # names in a note: enough to recognise them by


class Tree:
    """The folder `root` and what is below it; names are sorted, since file systems have an order of their own.

    Attributes:
        hidden: files and folders that were passed over, since their names begin with a dot.
        outside: links that were not followed, since they lead out of `root`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hidden: set[str] = set()
        self.outside: set[str] = set()
        self._read: dict[Path, Path] = {}

    def entries(self, folder: Path) -> tuple[list[Path], list[str]]:
        """The visible folders and files right in `folder`; a file is anything that is not a folder.

        Raises:
            InputError: it cannot be read, or is a folder that was read already under another name: links can lead
                round in circles, or double a folder again and again.
        """
        folders, files = [], []
        first = self._read.setdefault(folder.resolve(), folder)
        if first != folder:
            raise InputError(f"{folder}: is the same folder as {first}; remove the link")
        try:
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    self.hidden.add(entry.path)
                elif entry.is_symlink() and not is_inside(Path(entry.path), self.root):
                    self.outside.add(entry.path)
                elif entry.is_dir():
                    folders.append(Path(entry.path))
                else:
                    files.append(entry.path)
        except OSError as error:  # also of a link to itself
            raise InputError(f"{error.filename or folder}: {str(error.strerror).lower()}") from error
        return folders, files

    def files(self, folder: Path) -> Iterator[str]:
        """The visible files in `folder`, at any depth. Raises as `entries`."""
        waiting = [folder]
        while waiting:
            folders, files = self.entries(waiting.pop())
            waiting += reversed(folders)
            yield from files

    def refuse_links(self) -> None:
        """Raise an InputError that names the links that lead out of the folder, if any did."""
        if self.outside:
            raise InputError(*(_leads_out(path, self.root) for path in sorted(self.outside)))


def is_inside(path: Path, root: Path) -> bool:
    """Whether `path`, all links followed, is below the folder `root`."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def open_inside(path: Path, root: Path) -> IO[bytes]:
    """Open a file of the folder `root` for reading.

    Raises:
        InputError: it is a link that leads out of the folder, or something else than a file: a pipe would never end.
        OSError: it is missing, is a folder, or cannot be read.
    """
    if not is_inside(path, root):
        raise InputError(_leads_out(str(path), root))
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: is not a file")
    return path.open("rb")


def _leads_out(path: str, root: Path) -> str:
    return f"{path}: a link out of {root}, to {os.path.realpath(path)}; must be a copy"


def some(paths: Iterable[str | Path]) -> str:
    """The first few of `paths`, and how many more there are."""
    names = [str(path) for path in paths]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
