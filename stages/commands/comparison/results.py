"""What git keeps of a graded model: which test images it got wrong, of how many, and which images these are."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stages.commands.comparison.revisions import Revision
from stages.report.tables import ERRORS as ERROR_COLUMNS
from stages.report.tables import Row, parse_table
from stages.running.params import parse
from stages.running.process import InputError, reason

METRICS, ERRORS, LOCK = "metrics/test.json", "metrics/errors.csv", "dvc.lock"
TEST_SET = ("data/raw/x_test.npy", "data/raw/y_test.npy")


@dataclass(frozen=True)
class Results:
    """A graded model.

    revision: where it is.
    n: how many test images there are.
    errors: the wrong answers, rows of `report.tables.ERRORS`, by the number of the test image.
    test_set: what tells these images and their labels from others.
    """

    revision: Revision
    n: int
    errors: Mapping[int, Row]
    test_set: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return (self.n - len(self.errors)) / self.n


def read_results(revision: Revision) -> Results:
    """Read the results of a revision.

    Raises:
        InputError: it has none, or they are not those that its dvc.lock records.
    """
    recorded = recorded_outputs(revision)
    contents = {}
    for path in (METRICS, ERRORS):
        content = revision.read(path)
        if content is None or path not in recorded:
            raise InputError(f"{revision}: has no {path}; `dvc repro` makes it")
        if hashlib.md5(content).hexdigest() != recorded[path]:
            raise InputError(f"{revision}: {path} is not what {LOCK} records; `dvc repro` makes both anew")
        contents[path] = content
    rows = parse_table(contents[ERRORS], f"{revision}: {ERRORS}", ERROR_COLUMNS)
    try:
        n = int(json.loads(contents[METRICS])["n"])
        test_set = tuple(recorded[path] for path in TEST_SET)
    except (KeyError, TypeError, ValueError) as error:  # of another pipeline, from which this one was made
        raise InputError(f"{revision}: {METRICS} must be what evaluate wrote: {reason(error)}") from error
    return Results(revision, n, {row["index"]: row for row in rows}, test_set)


def read_lock(revision: Revision) -> dict[str, Any]:
    """The stages that a revision's dvc.lock records, by name; empty if it has none.

    Raises:
        InputError: it cannot be read: git may have left a conflict in it.
    """
    content = revision.read(LOCK) or b"stages: {}"
    return parse(content.decode(errors="replace"), f"{revision}: {LOCK}").get("stages", {})


def recorded_outputs(revision: Revision) -> dict[str, str]:
    """The MD5 of every output, by its path, that a revision's dvc.lock records.

    Raises:
        InputError: it cannot be read.
    """
    return {out["path"]: out.get("md5") for stage in read_lock(revision).values() for out in stage.get("outs", [])}
