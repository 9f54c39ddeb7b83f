"""Killed at any moment, the pipeline goes on and ends with the bytes of an undisturbed run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import Project, md5

LONG = 6  # epochs: enough to be killed between


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


def trainers(project: Project) -> list[int]:
    """The processes that train in this project now."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"stages.train" in words and (process / "cwd").readlink() == project.root:
                found.append(int(process.name))
        except OSError:  # it has ended
            continue
    return found


def backups(project: Project) -> list[Path]:
    return [path for path in (project.root / ".resume").glob("*.npz") if not path.name.startswith(".partial")]


def start_until_the_first_backup(project: Project) -> "subprocess.Popen[str]":
    process = project.start("dvc", "repro")
    wait_for(lambda: bool(backups(project)), "the first finished epoch")
    return process


@pytest.fixture(scope="module")
def undisturbed(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The outputs of a run of LONG epochs that nothing disturbs."""
    import shutil

    project = Project(Path(shutil.copytree(reproduced.root, tmp_path_factory.mktemp("undisturbed") / "project")))
    project.set_param("train.epochs", LONG)
    project.reproduce()
    return project.digests()


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["trainer", "dvc"])
def test_killed_after_an_epoch_training_resumes_and_ends_with_the_same_bytes(
    project: Project, undisturbed: dict[str, str], victim: str
) -> None:
    project.set_param("train.epochs", LONG)
    dvc = start_until_the_first_backup(project)
    (trainer,) = trainers(project)
    os.kill({"trainer": trainer, "dvc": dvc.pid}[victim], signal.SIGKILL)
    dvc.wait()
    wait_for(lambda: trainers(project) == [], "the trainer to end with its DVC", 10)
    assert backups(project), "the training had ended before it was killed"
    header, first, *_ = (project.root / "metrics/history.csv").read_text().splitlines()  # grows with every epoch
    assert header.startswith("epoch,") and first.startswith("1,") and first.count(",") == header.count(",")
    run = project.run("dvc", "repro")
    assert run.returncode == 0, run.stderr
    assert "Resuming after epoch" in run.stdout
    assert project.digests() == undisturbed
    assert not (project.root / ".resume").exists()


@pytest.mark.slow
def test_a_backup_of_other_parameters_is_not_used(project: Project, reproduced: Project) -> None:
    project.set_param("train.epochs", LONG)
    dvc = start_until_the_first_backup(project)
    os.killpg(dvc.pid, signal.SIGKILL)
    dvc.wait()
    project.set_param("train.epochs", 2)
    run = project.run("dvc", "repro", "--force", "--no-run-cache")
    assert run.returncode == 0, run.stderr
    assert "Resuming" not in run.stdout
    assert project.digests() == reproduced.digests()


@pytest.mark.slow
def test_two_trainings_at_once_with_other_parameters_both_end_well_and_leave_no_backup(
    project: Project, undisturbed: dict[str, str], reproduced: Project
) -> None:
    """The shorter one ends, and clears up, while the longer one still writes its backups."""
    arguments = "--images data/prepared/x_train.npy --labels data/prepared/y_train.npy --model {0}.h5"
    arguments += " --confidence {0}.c.json --metrics {0}.json --history {0}.csv"
    project.set_param("train.epochs", LONG)
    longer = project.start("python", "-m", "stages.train", *arguments.format("longer").split())
    wait_for(lambda: bool(backups(project)), "the first finished epoch")
    project.set_param("train.epochs", 2)
    shorter = project.run("python", "-m", "stages.train", *arguments.format("shorter").split())
    assert shorter.returncode == 0, shorter.stderr
    assert longer.wait() == 0, (project.root / "log").read_text()
    assert md5(project.root / "longer.h5") == undisturbed["models/cnn.h5"]
    assert md5(project.root / "shorter.h5") == reproduced.digests()["models/cnn.h5"]
    assert not (project.root / ".resume").exists()


def test_ctrl_c_ends_at_once_with_a_line_that_says_how_to_go_on(project: Project) -> None:
    # A suite that runs in the background of a script ignores the signal, and would have its children do so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    project.set_param("train.epochs", 1000)
    dvc = start_until_the_first_backup(project)
    os.killpg(dvc.pid, signal.SIGINT)  # as the terminal does
    dvc.wait(30)
    assert trainers(project) == []
    log = (project.root / "log").read_text()
    assert "train: interrupted; `dvc repro` goes on" in log and "Traceback" not in log
    assert dvc.returncode != 0


@pytest.mark.slow
def test_a_training_started_by_hand_outlives_the_shell_that_started_it(project: Project) -> None:
    arguments = "--images data/prepared/x_train.npy --labels data/prepared/y_train.npy --model m.h5"
    arguments += " --confidence c.json --metrics m.json --history h.csv"
    shell = project.start("sh", "-c", f"nohup python -m stages.train {arguments} & sleep 1000")
    wait_for(lambda: trainers(project) != [], "the trainer")
    shell.kill()
    shell.wait()
    wait_for((project.root / "m.h5").exists, "the model of a training whose parent is dead")
    wait_for(lambda: trainers(project) == [], "its end")
