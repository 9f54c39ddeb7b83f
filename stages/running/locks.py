"""Files that one process holds, so that another can see that it is at work."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import IO

TRIES = 100  # of a file that another process removes just then
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP)  # some network file systems have none: then nobody is seen


def hold(path: Path) -> IO[bytes] | None:
    """Lock a file, made if it is missing, until it is closed or the process ends; None if another has locked it.

    Raises:
        OSError: it cannot be made.
    """
    for tries_left in reversed(range(TRIES)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("ab")
        except FileNotFoundError:  # its folder was removed just now
            if not tries_left:
                raise
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in NO_LOCKS:
                return file
            file.close()
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # it was renamed or removed between the two
    return None
