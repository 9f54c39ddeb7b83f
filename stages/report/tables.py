"""Reading the tables that train and evaluate write: in the working tree, or as another commit has them."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stages.running.process import InputError, reason

Row = dict[str, Any]
Columns = Mapping[str, Callable[[str], Any]]  # by name, how a value is read


def share(text: str) -> float | None:
    """A number in a table, or None where there is none."""
    return float(text) if text else None


HISTORY: Columns = {"epoch": int, "accuracy": float, "loss": float, "val_accuracy": float, "val_loss": float}
ERRORS: Columns = {"index": int, "actual": str, "predicted": str, "probability": float}
CLASSES: Columns = {"class": str, "recall": share, "recall_low": share, "recall_high": share, "support": int}
BINS: Columns = {"n": int, "confidence": float, "accuracy": float, "accuracy_low": float, "accuracy_high": float}


def read_table(path: Path, columns: Columns) -> list[Row]:
    """As `parse_table`, of a file."""
    return parse_table(path.read_bytes(), str(path), columns)


def parse_table(content: bytes, name: str, columns: Columns) -> list[Row]:
    """Read the named columns of a CSV file, each of whose values `columns` converts.

    Args:
        content: the file's. name: what an error calls it.

    Raises:
        InputError: it has no such columns and values.
    """
    try:
        table = csv.DictReader(io.StringIO(content.decode(), newline=""))
        return [{column: convert(row[column]) for column, convert in columns.items()} for row in table]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{name}: must be a table with {', '.join(columns)}: {reason(error)}") from error
