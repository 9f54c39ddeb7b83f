"""A copy of this project in a temporary folder, and what a person does with it there."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from stages.running.params import load

ROOT = Path(__file__).parent.parent

# An hour's recipe in seconds: every path of the real one is taken, the last short batch included.
SMALL = {"data.source": "data/small.npz", "train.epochs": 2, "train.batch_size": 64, "train.validation_split": 0.1}


@dataclass
class Project:
    """A project folder; commands run in it with this interpreter's `python`, `dvc` and `make`."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def command_env(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        of_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # of the `make test` that these tests may run in
        inherited = {name: value for name, value in os.environ.items() if name not in of_make}
        return {**inherited, "PATH": path, **self.env}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.root, env=self.command_env(), text=True, capture_output=True)

    def make(self, *targets: str) -> subprocess.CompletedProcess[str]:
        """Run make targets with this interpreter's environment as the project's; `-o` keeps it as it is."""
        if not (self.root / ".venv").exists():
            (self.root / ".venv").symlink_to(sys.prefix)
        return self.run("make", "-o", ".venv/.installed", *targets)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in a session of its own, its output in the file `log`."""
        with (self.root / "log").open("w") as log:
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=self.command_env(),
                text=True,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def reproduce(self) -> list[str]:
        """Run `dvc repro`; returns the stages that it really ran, in order."""
        run = self.run("dvc", "repro")
        assert run.returncode == 0, run.stdout + run.stderr
        return re.findall(r"^Running stage '(.*)':$", run.stdout, re.MULTILINE)

    def set_param(self, key: str, value: Any) -> None:
        """Set a parameter by its dotted key in the file, as a person would with an editor."""
        set_params(self.root / "params.yaml", {key: value})

    def append(self, file: str, text: str) -> None:
        assert (self.root / file).is_file()
        with (self.root / file).open("a") as opened:
            opened.write(text)

    def commit(self, message: str) -> None:
        for command in (["add", "-A"], ["commit", "-qm", message, "--allow-empty"]):
            subprocess.run(
                ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *command], cwd=self.root, check=True
            )

    def digests(self) -> dict[str, str]:
        """MD5 of every output that dvc.yaml declares, as dvc.lock has it."""
        return {path: md5(self.root / path) for path in output_paths()}


def md5(path: Path) -> str:
    """As DVC takes it: of the bytes as they lie."""
    return hashlib.md5(path.read_bytes()).hexdigest() if path.exists() else "missing"


def output_paths() -> list[str]:
    """Every output in dvc.yaml, metrics and plots included."""
    stages = load(ROOT / "dvc.yaml")["stages"].values()
    entries = [entry for stage in stages for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def set_params(path: Path, values: dict[str, Any]) -> None:
    editor = YAML()  # keeps comments, as DVC does
    params = editor.load(path)
    for key, value in values.items():
        section, _, name = key.partition(".")
        params[section][name] = value
    editor.dump(params, path)


def copy_project(root: Path, leave_out: tuple[str, ...] = ()) -> Project:
    """Copy this working tree as git sees it, changes included, to a repository of its own with a first commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, text=True, capture_output=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).exists() and not name.startswith(leave_out):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    project = Project(root)
    project.commit("a copy of the working tree")
    return project


def make_project(root: Path, arrays: dict[str, np.ndarray]) -> Project:
    """Copy this working tree without its results, and give it `arrays` and a recipe for seconds."""
    project = copy_project(root, leave_out=("data/mnist.npz", "metrics/", "dvc.lock"))
    np.savez_compressed(root / "data/small.npz", allow_pickle=False, **arrays)
    set_params(root / "params.yaml", SMALL)
    project.commit("a small data set")
    return project
