"""How a stage's process starts and ends: with its parent, at once, and with one line instead of a traceback."""

import atexit
import ctypes
import errno
import gc
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # linux/prctl.h

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
IN_THE_WAY = (  # of a file that the error names
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.EIO),
)


def printable(name: str | Path) -> str:
    """A name for one line of a message: unprintable characters, such as line breaks, are escaped."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(name))


class InputError(Exception):
    """Wrong input that a user can fix: each line names the file or key, the value, and what is allowed."""

    def __init__(self, *lines: str) -> None:
        """Take the lines, which may hold any name: they are made printable."""
        super().__init__(*map(printable, lines))

    def __str__(self) -> str:
        """The lines, one under the other."""
        return "\n".join(self.args)


def reason(error: BaseException) -> str:
    """The text of an exception, for use inside one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def run(main: Callable[[], int | None]) -> int:
    """Run a stage's `main`, which may return an exit status; turn errors that a user can fix into one line on stderr.

    Bugs keep their traceback.

    Returns:
        The exit status: 1 after such a line.
    """
    gc.set_threshold(10_000)  # importing TensorFlow makes a million objects and no garbage: a seventh of its time
    program = Path(sys.argv[0])
    name = program.parent.name if program.stem == "__main__" else program.stem  # of the stage
    sys.argv[0] = name  # for argparse
    # Either may have been closed before the start.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    _end_with_dvc()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack the box of Keras' summary
    try:
        with _interruptible(name):
            status = main() or 0
        sys.stdout.flush()
        return status
    except InputError as error:
        return _say(*(f"{name}: {line}" for line in error.args))
    except BrokenPipeError:
        os._exit(1)  # the reader of our output has ended: `... | head`
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "stages":
            raise
        return _say(
            f"{name}: {sys.executable} has no package {error.name}; run `make install`, and use its environment: "
            "`. .venv/bin/activate`"
        )
    except MemoryError as error:
        return _say(f"{name}: out of memory: {reason(error)}")
    except OSError as error:
        if error.errno in FULL:
            trouble = "the disk is full"
        elif error.errno in IN_THE_WAY and error.filename is not None and error.strerror:
            trouble = error.strerror.lower()
        else:
            raise
        way_back = "; `make restore` brings back the committed results" if "DVC_STAGE" in os.environ else ""
        return _say(f"{name}: {printable(error.filename or 'output')}: {trouble}{way_back}")


def leave(status: int) -> NoReturn:
    """End the process at once, after what is registered for its exit: TensorFlow's destructors take a second."""
    atexit._run_exitfuncs()  # which os._exit would skip; Python has no public call
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # `run` has told of a full disk
            stream.flush()
    os._exit(status)


def _say(*lines: str) -> int:
    """Print lines on stderr, the last ones of a run, and return its exit status."""
    print(*lines, sep="\n", file=sys.stderr)
    return 1


@contextmanager
def _interruptible(name: str) -> Iterator[None]:
    """End the process after Ctrl-C in the block, whichever error TensorFlow's C++ code has turned it into."""
    interrupts = []

    def interrupt(*_: object) -> None:
        interrupts.append("came")
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored, as under `nohup ... &`
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except BaseException:
        if not interrupts:
            raise
        way_on = "; `dvc repro` goes on (training from its last finished epoch)" if "DVC_STAGE" in os.environ else ""
        print(f"\n{name}: interrupted{way_on}", file=sys.stderr)
        sys.stdout.flush()
        os._exit(128 + signal.SIGINT)  # at once: TensorFlow's threads may be in the middle of a step


def _end_with_dvc() -> None:
    """Have the kernel end this process when its DVC is killed, so that a later run finds no second writer.

    A stage run by hand has no DVC_STAGE and goes on under `nohup`. Linux only; elsewhere there is no such signal.
    """
    if "DVC_STAGE" not in os.environ or not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # DVC may have died before the kernel was told; in a container, process 1 may be DVC itself.
    if os.getppid() != parent or (parent == 1 and b"dvc" not in Path("/proc/1/cmdline").read_bytes()):
        os.kill(os.getpid(), signal.SIGKILL)
