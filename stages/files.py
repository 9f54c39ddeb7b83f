"""Output files that appear whole or not at all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DECIMALS = 6  # of figures in JSON and CSV: beyond, float32 has nothing to say


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with the same suffix; it becomes `path` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        error.filename = str(path)  # numpy and h5py name none, or the temporary one
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
