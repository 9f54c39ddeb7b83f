"""Reading the tables that train and evaluate write: in the working tree, or as another commit has them."""

import csv
import io
import json
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
    """Read the named columns of a CSV file, each of whose values `columns` converts.

    Raises:
        InputError: the file is missing, or has no such columns and values.
    """
    try:
        return parse_table(path.read_bytes(), str(path), columns)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from error


def parse_table(content: bytes, name: str, columns: Columns) -> list[Row]:
    """The same of a file's content, which an error calls by `name`."""
    try:
        table = csv.DictReader(io.StringIO(content.decode(), newline=""))
        return [{column: convert(row[column]) for column, convert in columns.items()} for row in table]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{name}: must be a table with {', '.join(columns)}: {reason(error)}") from error


def read_figure(path: Path, name: str) -> float:
    """Read one number of a JSON file of metrics.

    Raises:
        InputError: the file is missing, or has no such number.
    """
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))[name])
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: must be metrics with {name}: {reason(error)}") from error
