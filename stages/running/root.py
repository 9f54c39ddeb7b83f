"""The project's own files, found from whatever folder a person stands in."""

import os
from pathlib import Path


def in_project(path: str | Path) -> Path:
    """A path that is relative to the project's root, relative to the current folder: at the root just the same."""
    return Path(os.path.relpath(Path(__file__).parents[2] / path))
