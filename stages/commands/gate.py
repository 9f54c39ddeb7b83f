"""The gate of continuous integration: the results are those committed, and no worse than the base's; not a stage.

It ends with 1 and a line for each reason when it stays shut: `gate` in params.yaml says when.
"""

import argparse
from typing import TYPE_CHECKING

from stages.running import process
from stages.running.process import InputError

if TYPE_CHECKING:
    from stages.commands.comparison.revisions import Revision


def main() -> None:
    """Check, as the command line and params.yaml say."""
    parser = argparse.ArgumentParser(
        description="Fail if results are stale, below the floor, or worse than the base's."
    )
    parser.add_argument("base", metavar="BASE", nargs="?", help="the commit to compare with; as `make report` if none")
    parser.add_argument("--trust-cache", action="store_true", help="say that not all stages were computed for this")
    args = parser.parse_args()

    from msgspec import convert

    from stages.commands.checks.params import Gate
    from stages.commands.comparison.revisions import find_base
    from stages.running.params import read_params

    params = convert(read_params()["gate"], Gate)
    passed, failed = gate(*find_base(args.base), params.accuracy, params.level)
    if args.trust_cache:
        passed.insert(0, "not all stages were computed: DVC's cache was trusted (TRUST_CACHE)")
    print("\n".join(f"gate: {line}" for line in passed))
    if failed:
        raise InputError(*failed)


def gate(base: "Revision | None", missing: str, floor: float | None, level: float) -> tuple[list[str], list[str]]:
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
    from stages.commands.comparison.changes import stale_stages
    from stages.commands.comparison.pairs import compare, p_value
    from stages.commands.comparison.results import LOCK, METRICS, read_results
    from stages.commands.comparison.revisions import WORKSPACE, Revision, uncommitted

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


if __name__ == "__main__":
    process.run(main)
