"""A small real data set, and a project reproduced on it once, for tests to copy and change."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.project import Project, make_project

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def mnist() -> dict[str, np.ndarray]:
    """The first 600 training and 200 test images of MNIST, and their labels."""
    with np.load(ROOT / "data/mnist.npz") as arrays:
        return {name: arrays[name][: 600 if "train" in name else 200] for name in arrays.files}


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory, mnist: dict[str, np.ndarray]) -> Project:
    """The project on the small data set, after one `dvc repro`. Not to be changed: see `project`."""
    project = make_project(tmp_path_factory.mktemp("reproduced") / "project", mnist)
    run = project.run("dvc", "repro")
    assert run.returncode == 0, run.stderr
    project.commit("reproduced")
    return project


@pytest.fixture(scope="session")
def changed(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same after an experiment with other parameters that gives a worse model, and a commit. Not to be changed."""
    root = tmp_path_factory.mktemp("changed")
    project = Project(Path(shutil.copytree(reproduced.root, root / "project", symlinks=True)))
    values = ("train.epochs=1", "train.learning_rate=1e-3", "model.filters=[4,4]", "model.conv_dropout=0")
    run = project.run("dvc", "exp", "run", *(word for value in values for word in ("-S", value)))
    assert run.returncode == 0, run.stderr
    (root / "log").write_text(run.stdout)
    project.commit("Fewer filters <b>& | `x`")
    return project


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    """A copy of the reproduced project, DVC's cache included, for one test to change."""
    return Project(Path(shutil.copytree(reproduced.root, tmp_path / "project", symlinks=True)))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)
