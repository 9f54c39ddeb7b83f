"""The report of the working tree, beside another revision: all that a reviewer decides from."""

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.comparison.changes import (
    MISSING,
    PACKAGES,
    changed_stages,
    differing,
    read_packages,
    read_params,
    stale_stages,
)
from stages.comparison.comparing import Comparison, compare
from stages.comparison.galleries import draw_galleries
from stages.comparison.results import LOCK, read_results
from stages.comparison.revisions import WORKSPACE, Revision, changed_files, head, uncommitted
from stages.evaluation.tables import wilson_interval
from stages.figures.tables import CLASSES as CLASS_COLUMNS
from stages.figures.tables import parse_table
from stages.running.process import InputError

DATA, CLASSES = "metrics/data.json", "metrics/classes.csv"
VALIDATION_ROWS = {  # inputs of train that tell which rows validate
    *("data/prepared/x_train.npy", "data/prepared/y_train.npy"),
    *("train.validation_split", "train.validation_rows"),
}
ENDS = ("_low", "_high")  # of an interval
MOST_ROWS = 60  # of a table
PICTURES = {  # in the order of the page
    "metrics/curves.png": "Training",
    "metrics/confusion.png": "What is taken for what",
    "metrics/recall.png": "Recall by class",
    "metrics/reliability.png": "Reliability",
    "metrics/errors.png": "The most confident mistakes",
    "metrics/data.png": "The data",
    "metrics/prediction.png": "One prediction",
}


@dataclass(frozen=True)
class Picture:
    """A picture with its title, inlined."""

    title: str
    source: str


@dataclass(frozen=True)
class Row:
    """A number of both revisions in words, with what it has become more or less."""

    name: str
    before: str
    after: str
    difference: str


def collect(base: Revision | None, missing: str) -> dict[str, Any]:
    """Collect what the report's templates show.

    Args:
        base: the revision to compare with, or None.
        missing: why there is none.
    """
    now = Revision(WORKSPACE)
    context: dict[str, Any] = {
        "base": base,
        "head": head(),
        "uncommitted": uncommitted("."),
        "missing": missing,
        "stale": stale_stages(),
        "packages": read_packages(now),
        "packages_md5": hashlib.md5(now.read(PACKAGES) or b"").hexdigest(),
        "pictures": [Picture(title, _inline(Path(path))) for path, title in PICTURES.items() if Path(path).is_file()],
        "galleries": [],
        **dict.fromkeys(("comparison", "no_comparison", "no_galleries")),
        **{name: [] for name in ("changed_params", "changed_packages", "changed_stages", "changed_files")},
    }
    if base is not None:
        context["changed_params"] = differing(read_params(base), read_params(now))
        context["changed_packages"] = differing(read_packages(base), read_packages(now))
        context["changed_stages"] = changed_stages(base, now)
        context["changed_files"] = [
            path for path in changed_files(base) if path != LOCK and not path.startswith("metrics/")
        ]
        try:
            context["comparison"] = compare(read_results(base), read_results(now))
        except InputError as error:
            context["no_comparison"] = str(error)
        else:
            context["galleries"], context["no_galleries"] = _galleries(context["comparison"])
    changes = ("changed_params", "changed_packages", "changed_stages", "changed_files", "stale", "no_comparison")
    test, train, data = (_numbers(base, now, path) for path in ("metrics/test.json", "metrics/train.json", DATA))
    same_test_set = context["comparison"] is not None
    same_rows = not any(
        stage.name == "train" and VALIDATION_ROWS & {*stage.inputs} for stage in context["changed_stages"]
    )
    counts = [row for row in _rows(data) if " classes " not in row.name or (base and row.before != row.after)]
    recalls = _recalls(base, now) if same_test_set and base else []
    return context | {
        "changed": any(context[name] for name in changes),
        "metrics": {"Test set": _rows(test, same_test_set), "Validation rows": _rows(train, same_rows)},
        "recalls": recalls,
        "data": counts[:MOST_ROWS],
    }


Numbers = dict[str, float]


def _numbers(base: Revision | None, now: Revision, path: str) -> tuple[Numbers, Numbers]:
    """The numbers of a JSON file in both revisions."""
    before, after = (dict(_flat(each.read(path))) if each else {} for each in (base, now))
    return before, after


def _flat(content: bytes | None) -> Iterator[tuple[str, float]]:
    """The numbers of a JSON file, named by the way to them; none if there is no such file."""
    try:
        waiting = [("", json.loads(content or b"{}"))]
    except (ValueError, RecursionError):  # of a revision that nobody made with these stages
        return
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{name} {key}".strip(), part) for key, part in reversed(list(value.items()))]
        elif isinstance(value, int | float):
            yield name, value


def _recalls(base: Revision, now: Revision) -> list[Row]:
    """The recall of each class in both revisions, those that changed most first."""
    before, after = (
        {row["class"]: row["recall"] for row in parse_table(each.read(CLASSES) or b"", CLASSES, CLASS_COLUMNS)}
        for each in (base, now)
    )
    known = [name for name in after if after[name] is not None and before.get(name) is not None]
    known.sort(key=lambda name: -abs(after[name] - before[name]))
    return _rows(({name: before[name] for name in known}, {name: after[name] for name in known}))[:MOST_ROWS]


def _rows(numbers: tuple[Numbers, Numbers], comparable: bool = True) -> list[Row]:
    """The numbers of both revisions in words, in the order of the later one, and what became more or less."""
    rows = []
    for name in numbers[1] | numbers[0]:
        before, after = (_shown(each[name]) if name in each else MISSING for each in numbers)
        known = comparable and name in numbers[0] and name in numbers[1] and numbers[0][name] != numbers[1][name]
        if not name.endswith(ENDS):
            rows.append(Row(name, before, after, _signed(numbers[1][name] - numbers[0][name]) if known else ""))
        if "accuracy" in name:
            intervals = [_interval(each, name) for each in numbers]
            if intervals != [MISSING, MISSING]:
                rows.append(Row(f"{name}, 95 % interval", intervals[0], intervals[1], ""))
    return rows


def _shown(number: float) -> str:
    return f"{number:.4f}" if type(number) is float else f"{number:,}"


def _signed(number: float) -> str:
    return f"{'+' if number > 0 else ''}{_shown(number)}"


def _interval(numbers: Numbers, name: str) -> str:
    """That of an accuracy: as it is told, or from the number of images."""
    ends = [numbers[name + end] for end in ENDS if name + end in numbers]
    n = numbers.get(name.replace("accuracy", "n"), 0)
    if not ends and name in numbers and n > 0:
        ends = list(wilson_interval(numbers[name], int(n)))
    return " to ".join(map(_shown, ends)) if len(ends) == 2 else MISSING


def _galleries(comparison: Comparison) -> tuple[list[Picture], str | None]:
    """The pictures of what was mended and what broke, or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            drawn = draw_galleries(Path(folder), comparison)
        except InputError as error:
            return [], str(error)
        return [Picture(path.stem.capitalize(), _inline(path)) for path in drawn], None


def _inline(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
