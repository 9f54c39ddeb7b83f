"""Checked before anything works: params.yaml as a whole, the files it names, and that the packages are the locked ones.

    python -m stages.preflight

It can only stop a run, so no result depends on it and no stage declares it.
"""

import argparse
import os
import re
import reprlib
import subprocess
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Any

from stages import gate, ingest, predict_sample, prepare, train
from stages.network import runtime
from stages.running import process
from stages.running.params import PARAMS_FILE, Rule, flatten, load
from stages.running.process import InputError
from stages.running.root import in_project

LOCK_FILE = Path("requirements.lock")
PIPELINE_FILE = Path("dvc.yaml")

RULES: dict[str, Rule] = {
    **ingest.PARAMS,
    **prepare.PARAMS,
    **train.PARAMS,
    **runtime.PARAMS,
    **predict_sample.PARAMS,
    **gate.PARAMS,
}


def params_problems(values: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the flattened params, a line each: unknown, missing, wrong, contradictory."""
    problems = []
    for key in values.keys() - RULES.keys():
        close = get_close_matches(key, RULES, n=1)
        if any(known.startswith(f"{key}.") for known in RULES):
            problem = "must be a section with keys of its own"
        else:
            problem = "unknown key" + (f"; did you mean {close[0]}?" if close else "")
        name = key if key.isprintable() else repr(key)
        problems.append(f"{name} = {shown(values[key])}: {problem}")
    for key, rule in RULES.items():
        if key not in values:
            problems.append(f"{key}: missing; must be {rule.allowed}")
        elif not rule.accepts(values[key]):
            problems.append(f"{key} = {shown(values[key])}: must be {rule.allowed}")
    if not problems:
        problems += train.contradictions(values)
    return sorted(f"{PARAMS_FILE}: {problem}" for problem in problems)


def source_problems(source: str, stages: Mapping[str, Any]) -> list[str]:
    """Say why DVC cannot take `source` as data.source, for which it has words of its own: one line, or none.

    Args:
        stages: those of dvc.yaml.
    """
    entries = [*stages["ingest"]["deps"], *(out for stage in stages.values() for out in outputs(stage))]
    place = resolved(source)
    ours = {entry: resolved(entry) for entry in entries if entry != "${data.source}"}
    shared = [entry for entry, path in ours.items() if place.is_relative_to(path) or path.is_relative_to(place)]
    if shared and not is_address(source):
        problem = f"is, holds or is part of {shared[0]}, which is the pipeline's own; must be apart from it"
        return [f"{PARAMS_FILE}: data.source = {shown(source)}: {problem}"]
    return file_problems("data.source", source) or unhashed_problems(source)


def unhashed_problems(source: str) -> list[str]:
    """Say what of the folder `source` DVC does not hash, so that no change of it would be seen: one line, or none.

    In folders of the project it leaves out what .dvcignore names, and folders that have a .dvc of their own.
    """
    root, folder = (os.path.abspath(in_project(name)) for name in (".", source))  # noqa: PTH100 - no links followed
    if not os.path.isdir(folder) or not Path(folder).is_relative_to(root):  # noqa: PTH112 - as above
        return []
    seen = [folder]  # by ingest, which passes over hidden files and folders
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        seen += [str(Path(parent, name)) for name in (*folders, *files) if not name.startswith(".")]
    command = [sys.executable, "-m", "dvc", "check-ignore", "--stdin"]
    left_out = subprocess.run(command, cwd=root, input="\n".join(seen), text=True, capture_output=True).stdout
    if not left_out:
        return []
    problem = f"DVC does not watch {left_out.splitlines()[0]} (.dvcignore, or a .dvc folder in it); must be elsewhere"
    return [f"{PARAMS_FILE}: data.source = {shown(source)}: {problem}"]


def sample_problems(sample: str, stages: Mapping[str, Any]) -> list[str]:
    """Say why predict-sample cannot take `sample` as predict.input: one line, or none.

    It can take what the stages before it make, which need not be there yet.
    """
    place = resolved(sample)
    if place in [resolved(out) for out in outputs(stages["predict-sample"])]:
        problem = "is what predict-sample writes; must be another file"
    elif os.path.isdir(place):  # noqa: PTH112 - as below
        problem = "is a folder, must be one file"
    elif place in [resolved(out) for stage in stages.values() for out in outputs(stage)]:
        return []
    else:
        return file_problems("predict.input", sample)
    return [f"{PARAMS_FILE}: predict.input = {shown(sample)}: {problem}"]


def file_problems(key: str, name: str) -> list[str]:
    """Say that `name`, the value of `key`, is no file or folder here: one line, or none."""
    if is_address(name):
        problem = "is an address; must be a file or folder on this machine (`dvc get-url` fetches one)"
    elif not os.path.exists(in_project(name)):  # noqa: PTH110 - `Path.exists` raises on a name that is too long
        problem = "no such file or folder"
    else:
        return []
    return [f"{PARAMS_FILE}: {key} = {shown(name)}: {problem}"]


def resolved(name: str) -> Path:
    """A path from the project's root without links; `Path.resolve` raises where links lead to each other."""
    return Path(os.path.realpath(in_project(name)))


def is_address(name: str) -> bool:
    """Whether a name of data is a URL, which DVC takes as such."""
    return "://" in name


def outputs(stage: Mapping[str, Any]) -> list[str]:
    """The paths that a stage of dvc.yaml writes, metrics and plots included."""
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def shown(value: Any) -> str:
    """A value for one line of a message: aliases of aliases in YAML can make it larger than memory."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 200
    short.maxlist, short.maxdict, short.maxlevel = 20, 20, 2
    try:
        return short.repr(value)[:300]
    except ValueError:  # Python's, of a number of thousands of digits
        return "a number of thousands of digits"


def package_problems(lock: str) -> list[str]:
    """Say which packages named in the text of a lock file are not installed in just that version: one line, or none."""
    others = []
    for name, locked in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE):
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed != locked:
            others.append(f"{name} is {installed}, locked is {locked}")
    if not others:
        return []
    more = f" (and {len(others) - 3} more)" if len(others) > 3 else ""
    return [
        f"{LOCK_FILE}: the packages of {sys.executable} are not the locked ones: {'; '.join(others[:3])}{more}; "
        "run `make install`, and use its environment: `. .venv/bin/activate`"
    ]


def main() -> None:
    """Run the check."""
    parser = argparse.ArgumentParser(description="Check params.yaml, the files it names and the packages.")
    parser.add_argument("--no-files", action="store_true", help="leave out the files, which only ingest needs")
    args = parser.parse_args()
    lock = in_project(LOCK_FILE)
    if not lock.is_file():
        raise InputError(f"{lock}: no such file; `git restore {lock}` brings it back")
    problems = package_problems(lock.read_text(encoding="utf-8"))
    if not problems:  # or the parser of params.yaml may be among what is missing
        params = flatten(load(in_project(PARAMS_FILE)))
        problems = params_problems(params)
    if not problems and not args.no_files:
        stages = load(in_project(PIPELINE_FILE))["stages"]
        problems = source_problems(params["data.source"], stages) + sample_problems(params["predict.input"], stages)
    if problems:
        raise InputError(*problems)


if __name__ == "__main__":
    process.run(main)
