"""What must hold of results before they are merged."""

from stages.commands.comparison.changes import stale_stages
from stages.commands.comparison.pairs import compare, p_value
from stages.commands.comparison.results import LOCK, METRICS, read_results
from stages.commands.comparison.revisions import WORKSPACE, Revision, uncommitted
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
    if stale := stale_stages():
        failed.append(f"{', '.join(stale)}: must run again, `dvc repro`")
    else:
        passed.append("results are of these files")
    if changed := uncommitted(LOCK, "metrics"):
        failed.append(f"{', '.join(changed)}: not as committed; commit what `dvc repro` makes")
    else:
        passed.append("results are as committed")
    accuracy = f"{METRICS}: accuracy {now.accuracy:.4f}"
    if floor is not None:
        line = f"{accuracy}, must be at least gate.accuracy = {floor}"
        (passed if now.accuracy >= floor else failed).append(line)
    try:
        if base is None:
            raise InputError(missing)
        pairs = compare(read_results(base), now).pairs
    except InputError as error:
        passed.append(f"not compared: {error}")
    else:
        test = f"one-sided exact McNemar p {p_value(pairs.worse_p)}, must be above gate.level = {level}"
        line = f"{accuracy}, {pairs.difference:+.4f} from {base}: {test}"
        (passed if pairs.worse_p > level else failed).append(line)
    return passed, failed
