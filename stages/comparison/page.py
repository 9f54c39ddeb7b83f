"""The report of the working tree, beside another revision: all that a reviewer decides from."""

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.comparison.changes import MISSING, PACKAGES, changed_stages, differing, read_packages, read_params
from stages.comparison.comparing import Comparison, compare
from stages.comparison.galleries import draw_galleries
from stages.comparison.results import read_results
from stages.comparison.revisions import WORKSPACE, Revision, head, uncommitted
from stages.running.process import InputError

METRICS = {"metrics/test.json": "Test set", "metrics/train.json": "Validation rows"}
DATA = "metrics/data.json"
MOST_ROWS = 60  # of the data's table, which has two for each class
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
        "metrics": {title: _rows(base, now, path) for path, title in METRICS.items()},
        "data": _rows(base, now, DATA),
        "packages": read_packages(now),
        "packages_md5": hashlib.md5(now.read(PACKAGES) or b"").hexdigest(),
        "pictures": [Picture(title, _inline(Path(path))) for path, title in PICTURES.items() if Path(path).is_file()],
        "galleries": [],
        **dict.fromkeys(("comparison", "no_comparison", "no_galleries")),
        **{name: [] for name in ("changed_params", "changed_packages", "changed_stages")},
    }
    if base is not None:
        context["changed_params"] = differing(read_params(base), read_params(now))
        context["changed_packages"] = differing(read_packages(base), read_packages(now))
        context["changed_stages"] = changed_stages(base, now)
        try:
            context["comparison"] = compare(read_results(base), read_results(now))
        except InputError as error:
            context["no_comparison"] = str(error)
        else:
            context["galleries"], context["no_galleries"] = _galleries(context["comparison"])
    changes = (context[name] for name in ("changed_params", "changed_packages", "changed_stages"))
    return context | {"changed": any(changes), "most_rows": MOST_ROWS}


def _rows(base: Revision | None, now: Revision, path: str) -> list[Row]:
    """The numbers of a JSON file in both revisions, in the order of the later one."""
    before, after = (dict(_numbers(each.read(path))) if each else {} for each in (base, now))
    names = [name for name in after | before if name not in ("accuracy_low", "accuracy_high")]
    return [Row(name, _shown(before, name), _shown(after, name), _difference(before, after, name)) for name in names]


def _shown(numbers: Mapping[str, float], name: str) -> str:
    """A number, with its interval if it has one."""
    if name not in numbers:
        return MISSING
    number = numbers[name]
    if type(number) is not float:
        return f"{number:,}"
    ends = [f"{numbers[end]:.4f}" for end in (f"{name}_low", f"{name}_high") if end in numbers]
    return f"{number:.4f}" + (f" ({' to '.join(ends)})" if ends else "")


def _difference(before: Mapping[str, float], after: Mapping[str, float], name: str) -> str:
    if name not in before or name not in after or before[name] == after[name]:
        return ""
    difference = after[name] - before[name]
    return f"{difference:+.4f}" if type(difference) is float else f"{difference:+,}"


def _numbers(content: bytes | None) -> Iterator[tuple[str, float]]:
    """The numbers of a JSON file, named by the way to them; none if there is no such file."""
    try:
        waiting = [("", json.loads(content or b"{}"))]
    except ValueError:  # of a revision that nobody made with these stages
        return
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{name} {key}".strip(), part) for key, part in reversed(list(value.items()))]
        elif isinstance(value, int | float):
            yield name, value


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
