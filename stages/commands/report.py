"""A report: the results of the working tree beside those of a commit. `make report` runs it; it is no stage."""

import argparse
from pathlib import Path

from stages.running import process


def main() -> None:
    """Write the report as the command line says."""
    parser = argparse.ArgumentParser(description="Report the results of the working tree beside those of a commit.")
    parser.add_argument(
        "base",
        metavar="BASE",
        nargs="?",
        help="a branch, tag or SHA; without one, the last commit, or the one before if nothing changed since",
    )
    parser.add_argument("--trust-cache", action="store_true", help="say that not all stages were computed for this")
    parser.add_argument("--html", type=Path, default=Path("report.html"), help="page to write, pictures and all")
    parser.add_argument("--markdown", type=Path, default=Path("report.md"), help="the same without pictures")
    args = parser.parse_args()

    from stages.commands.comparison.report import report
    from stages.commands.comparison.revisions import find_base
    from stages.running.outputs import replacing_all

    base, missing = find_base(args.base)
    page, text = report(base, missing, args.trust_cache)
    with replacing_all(args.html, args.markdown) as (html, markdown):
        html.write_text(page, encoding="utf-8")
        markdown.write_text(text, encoding="utf-8")
    print(f"{args.html} and {args.markdown}: beside {base or f'no base: {missing}'}")


if __name__ == "__main__":
    process.leave(process.run(main))
