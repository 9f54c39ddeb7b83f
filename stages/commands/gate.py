"""The gate of continuous integration: results are as committed, and no worse than the base's; not a stage.

If the gate fails, it prints a line per reason and exits with 1; `gate` in params.yaml sets the limits.
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
        base: to compare with; if it is None or not comparable, a line says so, and the gate passes.
        missing: why there is no base.
        floor: the minimum accuracy, or None.
        level: a loss of accuracy counts as chance if its p-value (McNemar's test, exact, one-sided) is larger.

    Returns:
        The passed and the failed checks, a line each.

    Raises:
        InputError: the working tree has no results, or not those that its dvc.lock records.
    """
    from stages.commands.comparison.changes import stale_stages
    from stages.commands.comparison.pairs import compare, p_value
    from stages.commands.comparison.results import DVC_LOCK, METRICS, read_results
    from stages.commands.comparison.revisions import WORKSPACE, Revision, uncommitted

    now = read_results(Revision(WORKSPACE))
    passed: list[str] = []
    failed: list[str] = []
    if stale := stale_stages():
        failed.append(f"{', '.join(stale)}: must run again, `dvc repro`")
    else:
        passed.append("results match these files")
    if changed := uncommitted(DVC_LOCK, "metrics"):
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
    process.leave(process.run(main))
