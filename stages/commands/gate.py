"""The gate of continuous integration: the results are those committed, and no worse than the base's; not a stage.

    python -m stages.commands.gate [BASE]

It ends with 1 and a line for each reason when it stays shut: `gate` in params.yaml says when.
"""

import argparse

from stages.running import process
from stages.running.process import InputError


def main() -> None:
    """Check, as the command line and params.yaml say."""
    parser = argparse.ArgumentParser(
        description="Fail if results are stale, below the floor, or worse than the base's."
    )
    parser.add_argument("base", metavar="BASE", nargs="?", help="the commit to compare with; as `make report` if none")
    parser.add_argument("--trust-cache", action="store_true", help="say that not all stages were computed for this")
    args = parser.parse_args()

    from msgspec import convert

    from stages.commands.comparison.gating import gate
    from stages.commands.comparison.parameters import Gate
    from stages.commands.comparison.revisions import find_base
    from stages.running.params import read_params

    params = convert(read_params()["gate"], Gate)
    passed, failed = gate(*find_base(args.base), params.accuracy, params.level)
    if args.trust_cache:
        passed.insert(0, "not all stages were computed: DVC's cache was trusted (TRUST_CACHE)")
    print("\n".join(f"gate: {line}" for line in passed))
    if failed:
        raise InputError(*failed)


if __name__ == "__main__":
    process.run(main)
