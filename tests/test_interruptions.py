"""Killed at any moment, the pipeline goes on and ends with the bytes of an undisturbed run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import train_command
from tests.project import LONG, Project, md5


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


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.mark.slow
def test_killed_after_an_epoch_training_resumes_to_the_same_bytes(
    project: Project, undisturbed: dict[str, str]
) -> None:
    project.set_param("train.epochs", LONG)
    dvc = start_until_the_first_backup(project)
    wait_for((project.root / "metrics/history.csv").exists, "its line of the history, which comes after its backup")
    dvc.kill()
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
def test_two_trainings_at_once_with_other_parameters_both_end_well(
    project: Project, undisturbed: dict[str, str], reproduced: Project
) -> None:
    """The shorter one ends, and clears up, while the longer one still writes its backups."""

    def command(name: str) -> list[str]:
        *train, _, _ = train_command()
        return [*train, name, name]  # its folders of models and of metrics

    project.set_param("train.epochs", LONG)
    longer = project.start(*command("longer"))
    wait_for(lambda: bool(backups(project)), "the first finished epoch")
    project.set_param("train.epochs", 2)
    shorter = project.run(*command("shorter"))
    assert shorter.returncode == 0, shorter.stderr
    assert longer.wait() == 0, (project.root / "log").read_text()
    assert md5(project.root / "longer/cnn.h5") == undisturbed["models/cnn.h5"]
    assert md5(project.root / "shorter/cnn.h5") == reproduced.digests()["models/cnn.h5"]
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
