"""The project's own files, found from any current folder."""

import os
from pathlib import Path


def in_project(path: str | Path) -> Path:
    """Convert a path from the project's root to one from the current folder; at the root they are the same."""
    return Path(os.path.relpath(Path(__file__).parents[2] / path))
