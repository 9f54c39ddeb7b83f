"""Problems with the files that params.yaml names, and with the packages: a line each."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from stages.running.params import PARAMS_FILE
from stages.running.process import reason
from stages.running.root import in_project

PACKAGES_LOCK = Path("requirements.lock")


def source_problems(key: str, source: str, stages: Mapping[str, Any], others: Mapping[str, str]) -> list[str]:
    """Say why DVC cannot take `source` as the value of `key`, in clearer words than DVC: one line, or none.

    Args:
        key: data.source or prepare.extra. stages: from dvc.yaml. others: the values of other such keys.
    """
    entries = [entry for stage in stages.values() for entry in (*stage["deps"], *outputs(stage))]
    place = resolved(source)
    owned = {f"{entry}, which is the pipeline's own": entry for entry in entries if not entry.startswith("${")}
    owned |= {f"{name} ({other})": name for other, name in others.items()}
    ours = {what: resolved(name) for what, name in owned.items()}
    shared = [what for what, path in ours.items() if place.is_relative_to(path) or path.is_relative_to(place)]
    if shared and not is_address(source):
        problem = f"is, holds or is part of {shared[0]}; must be apart from it"
        return [f"{PARAMS_FILE}: {key} = {source!r}: {problem}"]
    return file_problems(key, source) or unhashed_problems(key, source)


def unhashed_problems(key: str, source: str) -> list[str]:
    """Name what DVC does not hash in the folder `source`, so that it would see no change: one line, or none.

    DVC skips the content of linked folders and, inside the project, files that .dvcignore names, and folders that
    contain a .dvc.
    """
    root, folder = (os.path.abspath(in_project(name)) for name in (".", source))  # noqa: PTH100 - no links followed
    seen = [folder]  # by ingest, which skips hidden files and folders
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for link in filter(os.path.islink, (os.path.join(parent, name) for name in folders)):  # noqa: PTH118 - faster
            problem = f"DVC does not watch {link} (a link to a folder); must be the folder, or links to its files"
            return [f"{PARAMS_FILE}: {key} = {source!r}: {problem}"]
        seen += [str(Path(parent, name)) for name in (*folders, *files) if not name.startswith(".")]
    for name in seen:
        if name != name.encode(errors="replace").decode():  # a surrogate stands for a byte that is not UTF-8
            return [f"{PARAMS_FILE}: {key} = {source!r}: DVC takes no name such as {name!r}; must be UTF-8"]
    if len(seen) == 1 or not Path(folder).is_relative_to(root):
        return []
    command = [sys.executable, "-m", "dvc", "check-ignore", "--stdin"]
    names = "\n".join(seen).encode(errors="surrogateescape")  # not all file names are UTF-8
    asked = subprocess.run(command, cwd=root, input=names, capture_output=True)
    if asked.returncode not in (0, 1):
        return [f"dvc check-ignore: {reason(Exception(asked.stderr.decode(errors='replace')))}"]
    if not asked.stdout:
        return []
    left_out = os.fsdecode(asked.stdout).splitlines()[0]
    problem = f"DVC does not watch {left_out} (.dvcignore, or a .dvc folder in it); must be elsewhere"
    return [f"{PARAMS_FILE}: {key} = {source!r}: {problem}"]


def sample_problems(sample: str, stages: Mapping[str, Any]) -> list[str]:
    """Say why predict-sample cannot take `sample` as predict.input: one line, or none.

    It can be an output of an earlier stage, which need not exist yet.
    """
    place = resolved(sample)
    if place in [resolved(out) for out in outputs(stages["predict-sample"])]:
        problem = "is what predict-sample writes; must be another file"
    elif os.path.isdir(place):  # noqa: PTH112 - as below
        problem = "is a folder, must be one file"
    elif any(place.is_relative_to(resolved(out)) for stage in stages.values() for out in outputs(stage)):
        return []
    else:
        return file_problems("predict.input", sample)
    return [f"{PARAMS_FILE}: predict.input = {sample!r}: {problem}"]


def file_problems(key: str, name: str) -> list[str]:
    """Say if `name`, the value of `key`, is no local file or folder: one line, or none."""
    if is_address(name):
        problem = "is an address; must be a file or folder on this machine (`dvc get-url` fetches one)"
    elif not os.path.exists(in_project(name)):  # noqa: PTH110 - `Path.exists` raises on a name that is too long
        problem = "no such file or folder"
    else:
        return []
    return [f"{PARAMS_FILE}: {key} = {name!r}: {problem}"]


def resolved(name: str) -> Path:
    """A path from the project's root with links resolved; `Path.resolve` raises on circular links."""
    return Path(os.path.realpath(in_project(name)))


def is_address(name: str) -> bool:
    """Whether a name is a URL; DVC would download from it."""
    return "://" in name


def outputs(stage: Mapping[str, Any]) -> list[str]:
    """The paths that a stage of dvc.yaml writes, metrics and plots included."""
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def package_problems(lock: str) -> list[str]:
    """Say which packages in the text of a lock file are not installed in exactly this version: one line, or none."""
    others = []
    for line in re.findall(r"^[\w.-]+==[^\\\n]+", lock, re.MULTILINE):
        package = Requirement(line)
        if package.marker and not package.marker.evaluate():
            continue  # of another platform
        name, locked = package.name, str(package.specifier).removeprefix("==")
        # For a GPU, TensorFlow's other build takes the place of the locked one.
        names = [name, "tensorflow"] if name == "tensorflow-cpu" else [name]
        installed = next(filter(None, map(installed_version, names)), "missing")
        if installed != locked:
            others.append(f"{name} is {installed}, locked is {locked}")
    if not others:
        return []
    more = f" (and {len(others) - 3} more)" if len(others) > 3 else ""
    return [
        f"{PACKAGES_LOCK}: the packages of {sys.executable} are not the locked ones: {'; '.join(others[:3])}{more}; "
        "run `make install`, and use its environment: `. .venv/bin/activate`"
    ]


def installed_version(package: str) -> str | None:
    """The installed version, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
