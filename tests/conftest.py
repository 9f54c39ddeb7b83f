"""A small real data set, and a project reproduced on it once, for tests to copy and change."""

import fcntl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.project import LONG, Project, make_project

ROOT = Path(__file__).parent.parent

settings.register_profile(
    "quick", max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.register_profile("slow", settings.get_profile("quick"), max_examples=300)  # --hypothesis-profile slow
settings.load_profile("quick")


@pytest.fixture(scope="session")
def mnist() -> dict[str, np.ndarray]:
    """The first 600 training and 200 test images of MNIST, and their labels."""
    with np.load(ROOT / "data/mnist.npz") as arrays:
        return {name: arrays[name][: 600 if "train" in name else 200] for name in arrays.files}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str, Callable[[Path], None]], Path]:
    """What makes a folder once for all of pytest's workers: `shared(name, make)`."""
    base = tmp_path_factory.getbasetemp()
    root = base if worker_id == "master" else base.parent

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (made := root / f"{name}.made").exists():
                make(root / name)
                made.touch()
        return root / name

    return folder


@pytest.fixture(scope="session")
def reproduced(shared: Callable[[str, Callable[[Path], None]], Path], mnist: dict[str, np.ndarray]) -> Project:
    """The project on the small data set, after one `dvc repro`. Not to be changed: see `project`."""

    def make(root: Path) -> None:
        project = make_project(root, mnist)
        project.reproduce()
        project.commit("reproduced")

    return Project(shared("reproduced", make))


@pytest.fixture(scope="session")
def changed(reproduced: Project, shared: Callable[[str, Callable[[Path], None]], Path]) -> Project:
    """The same after an experiment with other parameters that gives a worse model, and a commit. Not to be changed."""

    def make(root: Path) -> None:
        project = reproduced.copy(root)
        values = ("train.epochs=1", "train.learning_rate=1e-3", "model.filters=[4,4]", "model.conv_dropout=0")
        said = project.succeed("dvc", "exp", "run", *(word for value in values for word in ("-S", value)))
        (root.parent / "changed.log").write_text(said)
        project.commit("Fewer filters <b>& | `x`")

    return Project(shared("changed", make))


@pytest.fixture(scope="session")
def undisturbed(reproduced: Project, shared: Callable[[str, Callable[[Path], None]], Path]) -> dict[str, str]:
    """The outputs of a run of LONG epochs that nothing disturbs."""

    def make(root: Path) -> None:
        project = reproduced.copy(root)
        project.set_param("train.epochs", LONG)
        project.reproduce()

    return Project(shared("undisturbed", make)).digests()


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    """A copy of the reproduced project, DVC's cache included, for one test to change."""
    return reproduced.copy(tmp_path / "project")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)
