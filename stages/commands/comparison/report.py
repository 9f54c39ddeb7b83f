"""A review of the working tree beside another revision, with all that a reviewer needs."""

import base64
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markupsafe import Markup

from stages.commands.comparison.changes import MISSING, Changes, find_changes, read_packages, stale_stages
from stages.commands.comparison.extra import Metrics, fold, grade_base, same_validation_rows, take_apart
from stages.commands.comparison.pairs import Comparison, compare
from stages.commands.comparison.results import METRICS, read_results
from stages.commands.comparison.revisions import WORKSPACE, Revision, head, uncommitted
from stages.commands.comparison.showing import draw_galleries, fill_in
from stages.report.figures import FIGURES
from stages.running.params import flatten
from stages.running.process import InputError
from stages.tables import CLASSES

TRAINING, DATA, CLASSES_FILE = "metrics/train.json", "metrics/data.json", f"metrics/{CLASSES.file}"
CLASS_COUNTS = ("train.classes.", "test.classes.")  # prefixes of counts; there may be thousands of these
OF_EXTRA = "Extra pictures, held back"
MOST_ROWS = 60  # of a table
PICTURES = {  # in the order of the page
    **{name.replace("_", " ").capitalize(): f"metrics/figures/{name}.png" for name in FIGURES},
    "The data": "metrics/data.png",
    "One prediction": "metrics/prediction.png",
}


class Metric(NamedTuple):
    """A number in both revisions as text, and the difference."""

    name: str
    before: str
    after: str
    difference: str


def report(base: Revision | None, missing: str, trusted_cache: bool = False) -> tuple[str, str]:
    """Review the results of the working tree.

    Args:
        base: the revision to compare with, or None.
        missing: why there is none.
        trusted_cache: whether stages were taken from the cache.

    Returns:
        An HTML page with pictures, and the same without pictures as Markdown.

    Raises:
        InputError: git or DVC cannot tell what changed.
    """
    values = _collect(base, missing) | {"trusted_cache": trusted_cache}
    without_pictures = values | {"pictures": {}, "galleries": {}, "no_galleries": ""}
    return as_page(fill_in("report.md.j2", **values)), fill_in("report.md.j2", **without_pictures)


def as_page(markdown: str) -> str:
    """Convert Markdown that `fill_in` wrote to a self-contained HTML page; HTML in the Markdown is kept."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    return fill_in("page.html.j2", body=Markup(body))


def _collect(base: Revision | None, missing: str) -> dict[str, Any]:
    """The template's values."""
    now, stale = Revision(WORKSPACE), stale_stages()
    changes = find_changes(base) if base else Changes()
    comparison, no_comparison = _compare(base, now)
    changed = bool(stale or no_comparison or any(vars(changes).values()))
    galleries, no_galleries = _galleries(comparison) if comparison and changed else ({}, "")
    (before, _), (after, extra) = (take_apart(_numbers(revision, METRICS)) for revision in (base, now))
    extra_before, no_extra = grade_base(base) if base and extra and not stale else ({}, "")
    counts = [
        row
        for row in _rows(_numbers(base, DATA), _numbers(now, DATA))
        if not row.name.startswith(CLASS_COUNTS) or (base and row.before != row.after)
    ]
    return {
        "head": head(),
        "uncommitted": uncommitted("."),
        "base": base,
        "missing": missing,
        "stale": stale,
        "changed": changed,
        "changes": changes,
        "files": fold(changes.files),
        "comparison": comparison,
        "no_comparison": no_comparison,
        "galleries": galleries,
        "no_galleries": no_galleries,
        "metrics": {
            "Test set": _rows(before, after, comparison is not None),
            **({OF_EXTRA: _rows(extra_before, extra)} if extra else {}),
            "Validation rows": _rows(_numbers(base, TRAINING), _numbers(now, TRAINING), same_validation_rows(changes)),
        },
        "of_extra": OF_EXTRA,
        "no_extra": no_extra,
        "baseline": _baseline(now),
        "recalls": _recalls(base, now)[:MOST_ROWS] if base and comparison else [],
        "pictures": {title: _inline(Path(path)) for title, path in PICTURES.items() if Path(path).is_file()},
        "counts": counts[:MOST_ROWS],
        "packages": read_packages(now),
    }


def _compare(base: Revision | None, now: Revision) -> tuple[Comparison | None, str]:
    """The comparison of both, or why there is none."""
    if base is None:
        return None, ""
    try:
        return compare(read_results(base), read_results(now)), ""
    except InputError as error:
        return None, str(error)


def _galleries(comparison: Comparison) -> tuple[dict[str, Markup], str]:
    """The pictures of mended and broken images, by their titles, or why there are none."""
    shown = {"mended": comparison.mended, "broken": comparison.broken}
    with tempfile.TemporaryDirectory() as folder:
        try:
            draw_galleries(Path(folder), comparison)
        except InputError as error:
            return {}, str(error)
        return {kind.capitalize(): _inline(Path(folder, f"{kind}.png")) for kind in shown if shown[kind]}, ""


def _inline(path: Path) -> Markup:
    return Markup("data:image/png;base64," + base64.b64encode(path.read_bytes()).decode())


def _numbers(revision: Revision | None, path: str) -> Metrics:
    """The numbers of a JSON file by dotted key; none if there is no such file, or git left a conflict in it."""
    content = revision.read(path) if revision else None
    try:
        values = flatten(json.loads(content or b"{}"))
    except (ValueError, AttributeError):
        values = {}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def _baseline(revision: Revision) -> float | None:
    """The accuracy of always answering the largest class; None without results."""
    if (content := revision.read(CLASSES_FILE)) is None:
        return None
    support = [row["support"] for row in CLASSES.parse(content, CLASSES_FILE)]
    return max(support) / sum(support) if sum(support) else None


def _recalls(base: Revision, now: Revision) -> list[Metric]:
    """The recall of each class in both revisions, the largest changes first."""
    before, after = (
        {row["class"]: row["recall"] for row in CLASSES.parse(revision.read(CLASSES_FILE) or b"", CLASSES_FILE)}
        for revision in (base, now)
    )
    known = [name for name in after if after[name] is not None and before.get(name) is not None]
    known.sort(key=lambda name: -abs(after[name] - before[name]))
    return _rows({name: before[name] for name in known}, {name: after[name] for name in known})


def _rows(before: Metrics, after: Metrics, comparable: bool = True) -> list[Metric]:
    """The numbers of both revisions as text, in the order of the later one, and their differences."""
    rows = []
    for name in after | before:
        known = comparable and name in before and name in after
        rise = after[name] - before[name] if known else 0
        difference = _in_words(rise, "+") if rise else ""
        rows.append(Metric(name, _in_words(before.get(name)), _in_words(after.get(name)), difference))
    return rows


def _in_words(number: float | None, sign: str = "") -> str:
    if number is None:
        return MISSING
    return f"{number:{sign}.4f}" if isinstance(number, float) else f"{number:{sign},}"
