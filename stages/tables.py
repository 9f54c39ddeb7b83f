"""The tables that train and evaluate write and git keeps: the name and the columns of each file.

They are small, and hold all that the figures and a comparison with another model need.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stages.running.outputs import write_csv
from stages.running.process import InputError, reason

Row = dict[str, Any]


def optional_float(text: str) -> float | None:
    """Parse a number in a table; None if it is empty."""
    return float(text) if text else None


class Table(NamedTuple):
    """A CSV file with a header line.

    file: its name. columns: name to the parser of values.
    """

    file: str
    columns: Mapping[str, Callable[[str], Any]]

    def write(self, path: Path, rows: Iterable[Row]) -> None:
        """Write `rows`, which hold a value for each column."""
        write_csv(path, list(self.columns), rows)

    def read(self, folder: Path) -> list[Row]:
        """Read and `parse` the file in a folder."""
        path = folder / self.file
        return self.parse(path.read_bytes(), str(path))

    def parse(self, content: bytes, name: str) -> list[Row]:
        """Parse the file's content; other columns are ignored.

        Args:
            name: the file's name in errors.

        Raises:
            InputError: a column is missing or a value is invalid.
        """
        try:
            rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
            return [{column: convert(row[column]) for column, convert in self.columns.items()} for row in rows]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise InputError(f"{name}: must be a table with {', '.join(self.columns)}: {reason(error)}") from error


# A line per epoch, from train; with early stopping, it has one more column.
HISTORY = Table(
    "history.csv", {"epoch": int, "accuracy": float, "loss": float, "val_accuracy": float, "val_loss": float}
)
# A line per wrong prediction, with the probability of the predicted class.
ERRORS = Table("errors.csv", {"index": int, "actual": str, "predicted": str, "probability": float})
# A line per class; a ratio with the denominator 0 is empty.
CLASSES = Table(
    "classes.csv",
    {
        "class": str,
        "precision": optional_float,
        "recall": optional_float,
        "recall_low": optional_float,
        "recall_high": optional_float,
        "f1": optional_float,
        "support": int,
    },
)
# A line per bin of confidence that has predictions.
CALIBRATION = Table(
    "calibration.csv",
    {"confidence": float, "accuracy": float, "accuracy_low": float, "accuracy_high": float, "n": int},
)
