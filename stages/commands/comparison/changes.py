"""What differs between a commit and the working tree, and between its results and the files they depend on."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.commands.comparison.results import DVC_LOCK, read_lock, recorded_outputs
from stages.commands.comparison.revisions import WORKSPACE, Revision, changed_files
from stages.running.params import PARAMS_FILE, flatten, parse
from stages.running.process import InputError

PACKAGES_LOCK = "requirements.lock"
MISSING = "-"  # a value that one of the two lacks


@dataclass(frozen=True)
class Change:
    """A name whose value changed."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class StageChange:
    """What changed in a stage: its inputs (paths or parameters), and the outputs whose bytes differ."""

    name: str
    inputs: list[str]
    outputs: list[str]


@dataclass(frozen=True)
class Changes:
    """All that changed: parameters, packages, stages (by dvc.lock), and files that are not results."""

    params: list[Change] = field(default_factory=list)
    packages: list[Change] = field(default_factory=list)
    stages: list[StageChange] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def find_changes(base: Revision) -> Changes:
    """Find what differs between a commit and the working tree.

    Raises:
        InputError: params.yaml or dvc.lock of one of them cannot be read.
    """
    now = Revision(WORKSPACE)
    results = {DVC_LOCK, *recorded_outputs(base), *recorded_outputs(now)}
    return Changes(
        _differing(_read_params(base), _read_params(now)),
        _differing(read_packages(base), read_packages(now)),
        _changed_stages(read_lock(base), read_lock(now)),
        [path for path in changed_files(base) if not any(map(Path(path).is_relative_to, results))],
    )


def read_packages(revision: Revision) -> dict[str, str]:
    """The versions of the packages that a revision locks, by name."""
    content = revision.read(PACKAGES_LOCK) or b""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", content.decode(errors="replace"), re.MULTILINE))


def stale_stages() -> list[str]:
    """The stages whose results do not, or may not, belong to the files and parameters of the working tree.

    Missing files that only DVC keeps do not count: a clone without data has results, too.

    Raises:
        InputError: DVC cannot tell.
    """
    status = subprocess.run([sys.executable, "-m", "dvc", "status", "--json"], text=True, capture_output=True)
    if status.returncode != 0:
        raise InputError(f"dvc status: {' '.join(status.stderr.split())}")
    return [stage for stage, changes in json.loads(status.stdout).items() if any(map(_matters, changes))]


def _matters(change: str | dict[str, dict[str, Any]]) -> bool:
    """Whether an entry of `dvc status` says more than that files outside git are missing."""
    if isinstance(change, str):  # "changed command"
        return True
    paths = [entry for part in change.values() for entry in part.items()]
    return any(how not in ("deleted", "not in cache") or path.startswith("metrics/") for path, how in paths)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The changes, by sorted key: values that differ or that one side lacks."""
    keys = sorted(before.keys() | after.keys())
    changes = [Change(key, before.get(key, MISSING), after.get(key, MISSING)) for key in keys]
    return [change for change in changes if change.before != change.after]


def _read_params(revision: Revision) -> dict[str, Any]:
    """The parameters of a revision by dotted key; none if it has no params.yaml."""
    content = revision.read(str(PARAMS_FILE))
    return flatten(parse(content.decode(errors="replace"), f"{revision}: {PARAMS_FILE}")) if content else {}


def _changed_stages(before: dict[str, Any], after: dict[str, Any]) -> list[StageChange]:
    """The stages of two dvc.lock whose inputs or outputs differ, in the order of the later one."""
    stages = []
    for name in after | before:
        inputs, outputs = (
            [change.name for change in _differing(part(before.get(name, {})), part(after.get(name, {})))]
            for part in (_inputs, _outputs)
        )
        if inputs or outputs:
            stages.append(StageChange(name, inputs, outputs))
    return stages


def _inputs(stage: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {dep["path"]: dep.get("md5") for dep in stage.get("deps", [])} | {"its command": stage.get("cmd")}
    for name, value in stage.get("params", {}).get(str(PARAMS_FILE), {}).items():  # a section, or a dotted key
        inputs |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return inputs


def _outputs(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {out["path"]: out.get("md5") for out in stage.get("outs", [])}
