"""What git keeps of a graded model: its wrong predictions, the number of test images, and their digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from stages.commands.comparison.revisions import Revision
from stages.running.outputs import md5
from stages.running.params import parse
from stages.running.process import InputError, reason
from stages.tables import ERRORS, Row

METRICS, DVC_LOCK = "metrics/test.json", "dvc.lock"
ERRORS_FILE = f"metrics/{ERRORS.file}"
RAW_TEST_SET = "data/raw/test"


@dataclass(frozen=True)
class Results:
    """A graded model.

    revision: where it is.
    n: the number of test images.
    errors: test image number to row of ERRORS, for wrong predictions.
    test_set: the digest of the test images and labels.
    """

    revision: Revision
    n: int
    errors: Mapping[int, Row]
    test_set: str

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return (self.n - len(self.errors)) / self.n


def read_results(revision: Revision) -> Results:
    """Read the results of a revision.

    Raises:
        InputError: it has none, or its dvc.lock records others.
    """
    recorded = recorded_outputs(revision)
    contents = {}
    for path in (METRICS, ERRORS_FILE):
        content = revision.read(path)
        if content is None or path not in recorded:
            raise InputError(f"{revision}: has no {path}; `dvc repro` makes it")
        if hashlib.md5(content).hexdigest() != recorded[path]:
            raise InputError(f"{revision}: {path} is not what {DVC_LOCK} records; `dvc repro` makes both anew")
        contents[path] = content
    rows = ERRORS.parse(contents[ERRORS_FILE], f"{revision}: {ERRORS_FILE}")
    if RAW_TEST_SET not in recorded:
        raise InputError(f"{revision}: {DVC_LOCK} records no {RAW_TEST_SET}; another pipeline wrote it")
    try:
        n = int(json.loads(contents[METRICS])["n"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{revision}: {METRICS} must be what evaluate wrote: {reason(error)}") from error
    return Results(revision, n, {row["index"]: row for row in rows}, recorded[RAW_TEST_SET])


def read_lock(revision: Revision) -> dict[str, Any]:
    """The stages that a revision's dvc.lock records, by name; empty if it has none.

    Raises:
        InputError: it cannot be read: git may have left a conflict in it.
    """
    content = revision.read(DVC_LOCK) or b"stages: {}"
    return parse(content.decode(errors="replace"), f"{revision}: {DVC_LOCK}").get("stages", {})


def md5_as_dvc(path: Path) -> str:
    """DVC's MD5 of a file, or of a folder: the MD5 of the list of its files and MD5s."""
    if path.is_file():
        return md5(path)
    files = [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    listed = [{"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    listed.sort(key=itemgetter("relpath"))  # as text: "a, b/1.png" comes before "a/1.png"
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"


def recorded_outputs(revision: Revision) -> dict[str, str]:
    """The MD5 of every output in a revision's dvc.lock, by path.

    Raises:
        InputError: it cannot be read.
    """
    return {out["path"]: out.get("md5") for stage in read_lock(revision).values() for out in stage.get("outs", [])}
