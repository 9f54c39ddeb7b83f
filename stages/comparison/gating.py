"""What must hold of results before they are merged."""

from stages.comparison.changes import stale_stages
from stages.comparison.comparing import compare
from stages.comparison.results import LOCK, METRICS, read_results
from stages.comparison.revisions import WORKSPACE, Revision, uncommitted
from stages.comparison.wording import p_value
from stages.running.process import InputError


def gate(base: Revision | None, missing: str, floor: float | None, level: float) -> tuple[list[str], list[str]]:
    """Check the results of the working tree.

    Args:
        base: to compare with; if there is none, or its results cannot be compared, that is said, and passes.
        missing: why there is none.
        floor: the least accuracy, or None.
        level: the p-value from which on a loss of accuracy counts as chance (McNemar's test, exact and one-sided).

    Returns:
        What holds and what does not, a line each.

    Raises:
        InputError: the working tree has no results, or not those that its dvc.lock records.
    """
    now = read_results(Revision(WORKSPACE))
    passed: list[str] = []
    failed: list[str] = []

    def check(holds: bool, line: str) -> None:
        (passed if holds else failed).append(line)

    stale, changed = stale_stages(), uncommitted(LOCK, "metrics")
    check(not stale, f"{', '.join(stale)}: must run again, `dvc repro`" if stale else "results are of these files")
    check(
        not changed,
        f"{', '.join(changed)}: not as committed; commit what `dvc repro` makes"
        if changed
        else "results are as committed",
    )
    if floor is not None:
        check(
            now.accuracy >= floor, f"{METRICS}: accuracy {now.accuracy:.4f}, must be at least gate.accuracy = {floor}"
        )
    if base is None:
        check(True, f"not compared: {missing}")
        return passed, failed
    try:
        pairs = compare(read_results(base), now).pairs
    except InputError as error:
        check(True, f"not compared: {error}")
        return passed, failed
    check(
        pairs.worse_p > level,
        f"{METRICS}: accuracy {now.accuracy:.4f}, {pairs.difference:+.4f} from {base}: one-sided exact McNemar "
        f"p {p_value(pairs.worse_p)}, must be above gate.level = {level}",
    )
    return passed, failed
