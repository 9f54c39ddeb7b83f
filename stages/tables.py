"""The tables that evaluate and train write, and git keeps: what reads one finds its file and its columns here.

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


def share(text: str) -> float | None:
    """A number in a table, or None where there is none."""
    return float(text) if text else None


class Table(NamedTuple):
    """A CSV file with a header line.

    file: its name. columns: by name, how a value is read.
    """

    file: str
    columns: Mapping[str, Callable[[str], Any]]

    def write(self, path: Path, rows: Iterable[Row]) -> None:
        """Write `rows`, which hold a value for each column."""
        write_csv(path, list(self.columns), rows)

    def read(self, folder: Path) -> list[Row]:
        """Read the file in a folder; raises as `parse`."""
        path = folder / self.file
        return self.parse(path.read_bytes(), str(path))

    def parse(self, content: bytes, name: str) -> list[Row]:
        """Read the file's content; of other columns it may have, nothing.

        Args:
            name: what an error calls it.

        Raises:
            InputError: it has no such columns and values.
        """
        try:
            rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
            return [{column: convert(row[column]) for column, convert in self.columns.items()} for row in rows]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise InputError(f"{name}: must be a table with {', '.join(self.columns)}: {reason(error)}") from error


# A line an epoch; train writes it, with one column more by early stopping.
HISTORY = Table(
    "history.csv", {"epoch": int, "accuracy": float, "loss": float, "val_accuracy": float, "val_loss": float}
)
# A line for each wrong answer; the probability is that of this answer.
ERRORS = Table("errors.csv", {"index": int, "actual": str, "predicted": str, "probability": float})
# A line a class; what would be a share of no images is empty.
CLASSES = Table(
    "classes.csv",
    {
        "class": str,
        "precision": share,
        "recall": share,
        "recall_low": share,
        "recall_high": share,
        "f1": share,
        "support": int,
    },
)
# A line for each range of confidence that has answers.
CALIBRATION = Table(
    "calibration.csv",
    {"confidence": float, "accuracy": float, "accuracy_low": float, "accuracy_high": float, "n": int},
)
