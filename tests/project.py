"""A copy of this project in a temporary folder, and what a person does with it there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from stages.commands.comparison.results import md5_as_dvc
from stages.running.environment import PINNED, PINNED_WITH_AVX2
from stages.running.params import Section, flatten, load, parse

ROOT = Path(__file__).parent.parent
AnySection = TypeVar("AnySection", bound=Section)

# The recipe that tests know the results of, whatever a project's params.yaml has become.
RECIPE = """
data: {source: data/mnist.npz, transposed: false, test_split: 0.2, image_size: null, channels: null,
  unreadable_pictures: error}
prepare: {raw_image_data_format: channels_last, image_data_format: channels_last, scale: null, classes: null,
  class_names: null, extra: data/extra, strict: false}
model: {filters: [32, 16], kernel_size: 3, pool_size: 2, conv_dropout: 0.5, dense_units: 128, dense_dropout: 0.5}
train: {seed: 1998, epochs: 5, batch_size: 128, learning_rate: 0.001, schedule: constant, early_stopping: null,
  validation_split: 0.05, validation_rows: last, shards: 4,
  augmentation: {rotation: 0, shear: 0, zoom: 0, shift: 0}, outliers: 0}
tensorflow: {instruction_set: avx2, device: cpu}
predict: {input: data/prepared/test/images.npy, index: 0, preprocessing: digit}
gate: {accuracy: 0.983, level: 0.003}
"""

# An hour's recipe in seconds: every path of the real one is taken, the last short batch included.
SMALL = {"data.source": "data/small.npz", "train.epochs": 2, "train.batch_size": 64, "train.validation_split": 0.1}
LONG = 6  # epochs: enough to be killed between


@dataclass
class Project:
    """A project folder; commands run in it with this interpreter's `python`, `dvc` and `make`."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def copy(self, root: Path) -> "Project":
        """Copy the folder, DVC's cache included."""
        return Project(Path(shutil.copytree(self.root, root, symlinks=True)))

    def command_env(self) -> dict[str, str]:
        """The environment of a user's shell, without what importing `stages` has pinned in this process."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        of_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # of the `make test` that these tests may run in
        ours = {*of_make, *PINNED, *PINNED_WITH_AVX2}
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        cache = {"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")}  # most of what a first `make lint` takes
        return {**inherited, "PATH": path, **cache, **self.env}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.root, env=self.command_env(), text=True, capture_output=True)

    def succeed(self, *command: str) -> str:
        """Run what must end well; returns what it said."""
        run = self.run(*command)
        assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
        return run.stdout

    def make(self, *targets: str) -> subprocess.CompletedProcess[str]:
        """Run make targets with this interpreter's environment as the project's."""
        if not (self.root / ".venv").exists():
            self.use_environment()
        return self.run("make", "-o", ".venv/.installed", *targets)

    def use_environment(self) -> None:
        """Link `.venv` to this interpreter's environment, and make the locks older, lest make installs it anew."""
        (self.root / ".venv").symlink_to(sys.prefix)
        for lock in self.root.glob("requirements*.lock"):
            os.utime(lock, (0, 0))

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
        return re.findall(r"^Running stage '(.*)':$", self.succeed("dvc", "repro"), re.MULTILINE)

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
    """As DVC takes it, of a file or a folder."""
    return md5_as_dvc(path) if path.exists() else "missing"


def output_paths() -> list[str]:
    """Every output in dvc.yaml, metrics and plots included."""
    stages = load(ROOT / "dvc.yaml")["stages"].values()
    entries = [entry for stage in stages for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def set_params(path: Path, values: dict[str, Any]) -> None:
    editor = YAML()  # keeps comments, as DVC does
    params = editor.load(path)
    for key, value in values.items():
        *sections, name = key.split(".")
        reduce(getitem, sections, params)[name] = value
    editor.dump(params, path)


def section(kind: type[AnySection], **changed: Any) -> AnySection:
    """A section of RECIPE, with other values for some keys."""
    return msgspec.convert({**parse(RECIPE, "RECIPE")[kind.__name__.lower()], **changed}, kind)


def recipe() -> dict[str, Any]:
    """The values of RECIPE by their dotted keys."""
    return flatten(parse(RECIPE, "RECIPE"))


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


def draw_pictures(folder: Path, classes: Sequence[str], count: int) -> None:
    """Draw so many small pictures in all, in a folder for each of three classes: a square in red, green or blue."""
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 100, (32, 32, 3), dtype=np.uint8)
        pixels[8:24, 8:24, number % 3] = rng.integers(180, 256)
        path = folder / classes[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def make_project(root: Path, arrays: dict[str, np.ndarray]) -> Project:
    """Copy this working tree without its data and results, and give it `arrays` and a recipe for seconds."""
    project = copy_project(root, leave_out=("data/", "metrics/", "dvc.lock"))
    (root / "data/extra").mkdir(parents=True)
    (root / "data/extra/README.md").write_text("No pictures yet.\n")
    np.savez_compressed(root / "data/small.npz", allow_pickle=False, **arrays)
    set_params(root / "params.yaml", {**recipe(), **SMALL})
    project.commit("a small data set")
    return project
