"""What differs between two revisions, and between results and the files beside them."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stages.comparison.results import LOCK, read_lock
from stages.comparison.revisions import Revision
from stages.running.params import PARAMS_FILE, flatten, parse
from stages.running.process import InputError, reason

PACKAGES = "requirements.lock"
MISSING = "-"  # what one of the two does not have


@dataclass(frozen=True)
class Change:
    """Something named whose value was one thing and is another."""

    name: str
    before: Any
    after: Any


@dataclass
class StageChange:
    """What changed of a stage: what it depends on, by path or parameter, and the outputs whose bytes differ."""

    name: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The keys, sorted, whose values differ or that only one of the two has."""
    keys = sorted(before.keys() | after.keys())
    changes = [Change(key, before.get(key, MISSING), after.get(key, MISSING)) for key in keys]
    return [change for change in changes if change.before != change.after]


def read_params(revision: Revision) -> dict[str, Any]:
    """The parameters of a revision by dotted key; none if it has no params.yaml."""
    content = revision.read(str(PARAMS_FILE))
    return flatten(parse(content.decode(errors="replace"), f"{revision}: {PARAMS_FILE}")) if content else {}


def read_packages(revision: Revision) -> dict[str, str]:
    """The versions of the packages that a revision locks, by name."""
    content = revision.read(PACKAGES) or b""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", content.decode(errors="replace"), re.MULTILINE))


def changed_stages(before: Revision, after: Revision) -> list[StageChange]:
    """The stages whose inputs or outputs differ by their dvc.lock, in the order of the later one."""
    old, new = read_lock(before), read_lock(after)
    stages = []
    try:
        for name in [*new, *(name for name in old if name not in new)]:
            inputs, outputs = (
                [change.name for change in differing(kind(old.get(name, {})), kind(new.get(name, {})))]
                for kind in (_inputs, _outputs)
            )
            if inputs or outputs:
                stages.append(StageChange(name, inputs, outputs))
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{before} or {after}: {LOCK}: must be what DVC wrote: {reason(error)}") from error
    return stages


def stale_stages() -> list[str]:
    """The stages whose results in the working tree are not, or may not be, of the files and parameters beside them.

    What DVC keeps and is not there says nothing: a clone without data has results, too.

    Raises:
        InputError: DVC cannot tell.
    """
    status = subprocess.run([sys.executable, "-m", "dvc", "status", "--json"], capture_output=True)
    try:
        found: dict[str, list[Any]] = json.loads(status.stdout)
    except ValueError as error:
        raise InputError(f"dvc status: {reason(Exception(status.stderr.decode(errors='replace')))}") from error
    return [name for name, changes in found.items() if any(map(_matters, changes))]


def _matters(change: Any) -> bool:
    """Whether an entry of `dvc status` is more than that files are not there which git does not keep."""
    if not isinstance(change, dict):
        return True
    paths = {path: how for part in change.values() if isinstance(part, dict) for path, how in part.items()}
    return not paths or any(how != "deleted" or path.startswith("metrics/") for path, how in paths.items())


def _inputs(stage: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {dep["path"]: dep["md5"] for dep in stage.get("deps", [])} | {"its command": stage.get("cmd")}
    for name, value in stage.get("params", {}).get(str(PARAMS_FILE), {}).items():  # a section, or a dotted key
        inputs |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return inputs


def _outputs(stage: Mapping[str, Any]) -> dict[str, str]:
    return {out["path"]: out["md5"] for out in stage.get("outs", [])}
