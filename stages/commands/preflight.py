"""Checks before any stage works: the whole params.yaml, the files it names, and whether packages are the locked ones.

It can only stop a run, so no result depends on it and no stage declares it.
"""

import argparse
from pathlib import Path

from stages.running import process
from stages.running.process import InputError
from stages.running.root import in_project

PIPELINE_FILE, SCHEMA_FILE = Path("dvc.yaml"), Path("stages/params.schema.json")


def main() -> None:
    """Run the check."""
    parser = argparse.ArgumentParser(description="Check params.yaml, the files it names and the packages.")
    parser.add_argument("--no-files", action="store_true", help="leave out the files, which only ingest needs")
    parser.add_argument(
        "--schema", action="store_true", help=f"write {SCHEMA_FILE}, by which editors check params.yaml"
    )
    args = parser.parse_args()

    from stages.commands.checks.files import PACKAGES_LOCK, package_problems, sample_problems, source_problems
    from stages.commands.checks.params import params_problems, schema
    from stages.running.params import PARAMS_FILE, load

    if args.schema:
        in_project(SCHEMA_FILE).write_text(schema(), encoding="utf-8")
        return
    lock = in_project(PACKAGES_LOCK)
    if not lock.is_file():
        raise InputError(f"{lock}: no such file; `git restore {lock}` brings it back")
    problems = package_problems(lock.read_text(encoding="utf-8"))
    if not problems:
        params = load(in_project(PARAMS_FILE))
        problems = params_problems(params)
    if not problems and not args.no_files:
        stages = load(in_project(PIPELINE_FILE))["stages"]
        source, extra = params["data"]["source"], params["prepare"]["extra"]
        problems = source_problems("data.source", source, stages, {"prepare.extra": extra})
        problems += source_problems("prepare.extra", extra, stages, {})
        if not problems and not in_project(extra).is_dir():
            problems.append(f"{PARAMS_FILE}: prepare.extra = {extra!r}: is a file; must be a folder of class folders")
        problems += sample_problems(params["predict"]["input"], stages)
    if problems:
        raise InputError(*problems)


if __name__ == "__main__":
    process.leave(process.run(main))
