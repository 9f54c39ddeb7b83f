"""Checked before anything works: params.yaml as a whole, and that the installed packages are the locked ones.

    python -m stages.preflight

It can only stop a run, so no result depends on it and no stage declares it.
"""

import re
import reprlib
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
        name = key if key.isprintable() else repr(key)
        problems.append(
            f"{name} = {shown(values[key])}: unknown key" + (f"; did you mean {close[0]}?" if close else "")
        )
    for key, rule in RULES.items():
        if key not in values:
            problems.append(f"{key}: missing; must be {rule.allowed}")
        elif not rule.accepts(values[key]):
            problems.append(f"{key} = {shown(values[key])}: must be {rule.allowed}")
    if not problems:
        problems += train.contradictions(values)
    return sorted(f"{PARAMS_FILE}: {problem}" for problem in problems)


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
    lock = in_project(LOCK_FILE)
    if not lock.is_file():
        raise InputError(f"{lock}: no such file; `git restore {lock}` brings it back")
    problems = package_problems(lock.read_text(encoding="utf-8"))
    if not problems:  # or the parser of params.yaml may be among what is missing
        problems = params_problems(flatten(load(in_project(PARAMS_FILE))))
    if problems:
        raise InputError("\n".join(problems))


if __name__ == "__main__":
    process.run(main)
