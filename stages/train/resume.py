"""The state of a training after its last finished epoch, kept outside the pipeline's outputs until it is done."""

import contextlib
import hashlib
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.running.outputs import replacing
from stages.running.process import reason
from stages.running.root import in_project


class Backup:
    """One file per training in `folder`, named by a key of everything that the result depends on."""

    def __init__(self, folder: Path, key: str) -> None:
        """Name the file."""
        self.folder, self.path = folder, folder / f"{key}.npz"

    def load(self) -> bytes:
        """What `save` wrote last, for `unpack`; empty if there is no (readable) backup."""
        if not self.path.exists():
            return b""
        try:
            content = self.path.read_bytes()
            unpack(content)
            return content
        except Exception as error:  # np.load may raise anything
            print(f"warning: {self.path}: unreadable, starting afresh: {reason(error)}", file=sys.stderr)
            return b""

    def save(self, history: list[dict[str, float]], values: list[NDArray[Any]]) -> None:
        """Replace the backup in one step: a kill leaves the old one or the new one."""
        arrays = {f"variable_{number}": value for number, value in enumerate(values)}
        with replacing(self.path) as partial:
            np.savez(partial, history=json.dumps(history), allow_pickle=False, **arrays)

    def remove(self) -> None:
        """Delete this backup; others in the folder belong to trainings that may go on."""
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it is not there, or holds something else
            self.folder.rmdir()


def unpack(content: bytes) -> tuple[list[dict[str, float]], list[NDArray[Any]]]:
    """The history and the variables' values from `Backup.save`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as saved:
        history = json.loads(saved["history"].item())
        return history, [saved[f"variable_{number}"] for number in range(len(saved.files) - 1)]


def fingerprint(content: bytes, files: Iterable[Path]) -> str:
    """SHA-256 over bytes and the content of files."""
    digest = hashlib.sha256(content)
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def digests(params: bytes, data: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of everything that a training's result depends on, by its kind."""
    packages = {name: sys.modules[name].__version__ for name in ("keras", "numpy", "tensorflow")}
    return {
        "parameters": fingerprint(params, []),
        "data": fingerprint(b"", data),
        "code": fingerprint(b"", loaded_sources()),
        "packages": fingerprint(repr(packages).encode(), [in_project("requirements.lock")]),
    }


def loaded_sources() -> list[Path]:
    """The files of this project's code that the process has imported so far, in the order of their names."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in ("__main__", "stages")]
    return sorted({Path(module.__file__) for module in modules if module.__file__ is not None})
