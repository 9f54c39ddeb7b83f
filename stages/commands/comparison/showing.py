"""A comparison for people and programs: as text, JSON, Markdown, and pictures."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stages.arrays.npy import IMAGES
from stages.arrays.prepared import open_prepared_images
from stages.commands.comparison.pairs import Comparison, p_value
from stages.commands.comparison.results import md5_as_dvc, recorded_outputs
from stages.plotting import shorten
from stages.report.gallery import draw_gallery, most_confident
from stages.running.outputs import replacing_all
from stages.running.process import InputError
from stages.tables import Row

MOST_LISTED = 10  # images of a kind as text; JSON has all
LONGEST_NAME = 40  # characters of a revision in a picture
PREPARED_TEST_SET = "data/prepared/test"


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything, for programs."""
    sides = {"a": comparison.a, "b": comparison.b}
    pairs = comparison.pairs
    return {
        **{name: {"revision": str(side.revision), "accuracy": side.accuracy} for name, side in sides.items()},
        **vars(pairs),
        **{name: getattr(pairs, name) for name in ("n", "difference", "interval", "exact_p", "verdict")},
        **{"mended": list(comparison.mended.values()), "broken": list(comparison.broken.values())},
    }


def as_text(comparison: Comparison) -> str:
    """What a person reads in a terminal."""
    pairs = comparison.pairs
    low, high = pairs.interval
    head = f"{pairs.n:,} test images"
    lines = [
        f"A  {comparison.a.accuracy:.4f}  {comparison.a.revision}",
        f"B  {comparison.b.accuracy:.4f}  {comparison.b.revision}",
        "",
        f"{head}  {'B right':>9}  {'B wrong':>9}",
        f"{'A right':<{len(head)}}  {pairs.both:>9,}  {pairs.only_a:>9,}",
        f"{'A wrong':<{len(head)}}  {pairs.only_b:>9,}  {pairs.neither:>9,}",
        "",
        f"B - A: {pairs.difference:+.4f} (95 % interval {low:+.4f} to {high:+.4f})",
        f"McNemar's test: exact p {p_value(pairs.exact_p)}: {'B is ' if pairs.is_significant else ''}{pairs.verdict}",
    ]
    for kind, who, errors in (("mended", "A said", comparison.mended), ("broken", "B says", comparison.broken)):
        lines += ["", f"{kind}: {len(errors)}"]
        for row in list(errors.values())[:MOST_LISTED]:
            answer = f"{row['predicted']} ({100 * row['probability']:.1f} %)"
            lines.append(f"  test image {row['index']}: is {row['actual']}, {who} {answer}")
        if len(errors) > MOST_LISTED:
            lines.append(f"  and {len(errors) - MOST_LISTED} more (--json lists all)")
    return "\n".join(lines)


def fill_in(template: str, **values: Any) -> str:
    """Fill in a template; any value but `Markup` becomes plain text: no mark-up, no line break, no HTML."""
    environment = Environment(
        loader=PackageLoader("stages.commands.comparison"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,  # for macros, whose result is mark-up; `finalize` escapes values and makes them mark-up
        finalize=_as_text_in_markdown,
    )
    environment.filters |= {
        "p_value": p_value,
        "share": "{:.4f}".format,
        "signed": "{:+.4f}".format,
        "count": "{:,}".format,
        "percent": lambda share: f"{100 * share:.1f} %",
    }
    return environment.get_template(template).render(**values)


def _as_text_in_markdown(value: Any) -> Markup:
    """Escape what CommonMark and GitHub read as mark-up, except at the start of a line.

    A backslash before < is enough even where HTML is allowed: in a paragraph or a table, the backslash is read first.
    """
    if isinstance(value, Markup):
        return value
    text = " ".join(str(value).split()).replace("&", "&amp;")
    return Markup(re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text))


def draw_galleries(folder: Path, comparison: Comparison) -> None:
    """Write mended.png and broken.png into a folder.

    Raises:
        InputError: the images of the comparison are not in the working tree.
    """
    recorded = recorded_outputs(comparison.b.revision)
    if md5_as_dvc(Path(PREPARED_TEST_SET)) != recorded.get(PREPARED_TEST_SET):
        raise InputError(
            f"{PREPARED_TEST_SET}: not that of {comparison.b.revision}; `dvc checkout` or `dvc repro` brings it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    a, b = (shorten(results.revision, LONGEST_NAME) for results in (comparison.a, comparison.b))
    with replacing_all(folder / "mended.png", folder / "broken.png") as (mended, broken):
        _draw(mended, f"{len(comparison.mended):,} mended: what A, {a}, said", comparison.mended)
        _draw(broken, f"{len(comparison.broken):,} broken: what B, {b}, says", comparison.broken)


def _draw(path: Path, title: str, errors: Mapping[int, Row]) -> None:
    shown = most_confident(list(errors.values()))
    some = f" (the {len(shown)} most confident)" if len(shown) < len(errors) else ""
    draw_gallery(path, title + some, shown, open_prepared_images(Path(PREPARED_TEST_SET, IMAGES)))
