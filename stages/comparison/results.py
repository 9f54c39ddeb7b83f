"""What git keeps of a graded model: which test images it got wrong, of how many, and which images these are."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stages.comparison.revisions import Revision
from stages.running.params import parse
from stages.running.process import InputError, reason

METRICS, ERRORS, LOCK = "metrics/test.json", "metrics/errors.csv", "dvc.lock"
TEST_SET = ("data/raw/x_test.npy", "data/raw/y_test.npy")


@dataclass(frozen=True)
class Error:
    """A wrong answer: the names of the image's class and of the predicted one, and the probability it was given."""

    actual: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Results:
    """A graded model.

    revision: where it is.
    n: how many test images there are.
    errors: the wrong answers, by the number of the test image.
    test_set: what tells these images and their labels from others.
    """

    revision: Revision
    n: int
    errors: Mapping[int, Error]
    test_set: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return 1 - len(self.errors) / self.n


def read_results(revision: Revision) -> Results:
    """Read the results of a revision.

    Raises:
        InputError: it has none, or they are not those that its dvc.lock records.
    """
    lock = read_lock(revision)
    recorded = {out["path"]: out["md5"] for stage in lock.values() for out in stage.get("outs", [])}
    contents = {}
    for path in (METRICS, ERRORS):
        content = revision.read(path)
        if content is None or path not in recorded:
            raise InputError(f"{revision}: has no {path}; `dvc repro` makes it")
        if hashlib.md5(content).hexdigest() != recorded[path]:
            raise InputError(f"{revision}: {path} is not what {LOCK} records; `dvc repro` makes both anew")
        contents[path] = content.decode()
    try:
        n = int(json.loads(contents[METRICS])["n"])
        rows = list(csv.DictReader(io.StringIO(contents[ERRORS], newline="")))
        errors = {int(row["index"]): Error(row["actual"], row["predicted"], float(row["probability"])) for row in rows}
        test_set = tuple(recorded[path] for path in TEST_SET)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{revision}: {METRICS} and {ERRORS} must be what evaluate wrote: {reason(error)}") from error
    return Results(revision, n, errors, test_set)


def read_lock(revision: Revision) -> dict[str, Any]:
    """The stages that a revision's dvc.lock records, by name; empty if it has none.

    Raises:
        InputError: it cannot be read.
    """
    content = revision.read(LOCK)
    if content is None:
        return {}
    stages: dict[str, Any] = parse(content.decode(errors="replace"), f"{revision}: {LOCK}").get("stages") or {}
    return stages
