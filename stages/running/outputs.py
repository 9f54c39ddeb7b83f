"""Output files that appear whole or not at all."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DECIMALS = 6  # of figures in JSON and CSV: float32 has no more


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with the same suffix; it becomes `path` when the block succeeds.

    Raises:
        IsADirectoryError: `path` is a folder, which is said before the block works.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.filename is None or Path(error.filename) == partial:  # as numpy and h5py do
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as JSON with its keys in the order given."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write `rows`, dictionaries of numbers with the same keys, as CSV under a header line."""
    lines = [",".join(rows[0])]
    for row in rows:
        lines.append(
            ",".join(f"{value:.{DECIMALS}f}" if type(value) is float else str(value) for value in row.values())
        )
    with replacing(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
