"""Output files that appear whole or not at all."""

import csv
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from stages.running.process import InputError

PARTIAL = ".partial-"  # prefix of the names of incomplete files
DECIMALS = 6  # of figures in JSON and CSV: float32 has no more


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with the same suffix; it becomes `path` when the block succeeds.

    Errors of the operating system name `path` instead of the temporary path.

    Raises:
        IsADirectoryError: `path` is a folder; raised before the block works.
        InputError: it is a device or a pipe, or another process is writing it.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: a device or pipe, must be a file to write")
    partial = path.with_name(f"{PARTIAL}{path.name}")
    is_new = not path.parent.exists()
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until it is closed, or the process ends
            except BlockingIOError as error:
                raise InputError(f"{path}: another process is writing it; must end first") from error
            except OSError:
                pass  # some network file systems have no locks: no check then
            try:
                yield partial
                partial.replace(path)
            except BaseException:
                partial.unlink(missing_ok=True)
                if is_new:
                    with suppress(OSError):  # it has other files
                        path.parent.rmdir()
                raise
    except OSError as error:
        if error.filename in (None, str(partial), partial):
            error.filename = str(path)
        raise


@contextmanager
def replacing_all(*paths: Path) -> Iterator[list[Path]]:
    """Yield a temporary path for each of `paths`; each replaces its path, in order, when the block succeeds."""
    with ExitStack() as stack:
        partials = [stack.enter_context(replacing(path)) for path in reversed(paths)]  # the last entered is left first
        yield partials[::-1]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add `path` to the block's operating system errors that name no file, such as a full disk's."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def check_writable(*paths: Path) -> None:
    """Check that output files can be written, before work goes into them.

    Raises:
        InputError: one of `paths` is a folder, or its nearest existing parent folder cannot be written, or two of
            `paths` are the same.
    """
    for path in paths:
        if paths.count(path) > 1:
            raise InputError(f"{path}: given for two outputs; must differ")
        if path.is_dir():
            raise InputError(f"{path}: is a folder; must be a file to write")
        folder = next(folder for folder in path.parents if folder.exists())
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"{folder.absolute()}: is not writable; must be for {path}")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as JSON with its keys in the order given."""
    with naming(path):
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `rows`, which hold a value for each of `columns`, as CSV under a header line, one after the other."""
    with naming(path), path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {name: f"{value:.{DECIMALS}f}" if type(value) is float else value for name, value in row.items()}
            )


def md5(path: Path) -> str:
    """A file's MD5, as in DVC."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
