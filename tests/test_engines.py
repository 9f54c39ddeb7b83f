"""docs/several-machines.md: Slurm's way to start a training, or a sweep, runs here, the others are read."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.commands import share
from stages.running.params import load, parse
from stages.running.process import InputError
from tests import slurm
from tests.cluster import configs, train_command
from tests.project import ROOT, Project
from tests.test_interruptions import trainers, wait_for


def block(language: str, word: str) -> str:
    """The page's one block of a language that has this word in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/several-machines.md").read_text(), re.DOTALL)
    (found,) = [text for text in blocks if word in text]
    return str(found)


# --- the command that every process starts


def test_the_first_process_runs_the_pipeline_and_the_others_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """With this Python, also where no environment is activated."""
    started: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *program: started.append(program))
    monkeypatch.setattr(sys, "argv", ["share", "--force"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for config in configs(2):
        monkeypatch.setenv("TF_CONFIG", config)
        share.main()
    pipeline, train = ["-m", "dvc", "repro", "--force"], train_command()[1:]
    assert started == [(sys.executable, [sys.executable, *words]) for words in (pipeline, train)]
    assert os.environ["PATH"].startswith(f"{Path(sys.executable).parent}:")


def test_without_tf_config_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="TF_CONFIG: not set; must name the processes that train together, and this"):
        share.main()


# --- Slurm


@pytest.fixture(scope="module")
def slurm_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which("slurmctld", path=slurm.PATH) is None:
        pytest.skip("needs Slurm (Debian: slurm-wlm)")
    with slurm.running(tmp_path_factory.mktemp("slurm")) as config:
        yield config


@pytest.fixture
def at_slurm(project: Project) -> Project:
    """A project as README's scripts want it."""
    (project.root / ".venv").symlink_to(sys.prefix)
    (project.root / "train.sbatch").write_text(block("bash", "stages.commands.share"))
    (project.root / "sweep.sbatch").write_text(block("bash", "--array"))
    return project


@pytest.mark.slow
def test_four_tasks_on_two_nodes_train_to_the_bytes_of_one_process(
    at_slurm: Project, slurm_config: Path, reproduced: Project
) -> None:
    size = ("--nodes=2", "--ntasks-per-node=2")
    for output in ("models/cnn.h5", "dvc.lock"):
        (at_slurm.root / output).unlink()
    shutil.rmtree(at_slurm.root / ".dvc/cache/runs")  # or DVC would know the result
    (state,) = slurm.submit(at_slurm, slurm_config, "train.sbatch", *size).values()
    said = (at_slurm.root / "slurm.out").read_text()
    assert state == "COMPLETED" and "Running stage 'train'" in said, said
    assert at_slurm.digests() == reproduced.digests()
    # Where nothing is left to do, nobody waits in vain.
    (state,) = slurm.submit(at_slurm, slurm_config, "train.sbatch", *size).values()
    said = (at_slurm.root / "slurm.out").read_text().removeprefix(said)
    assert state == "COMPLETED" and "Stage 'train' didn't change, skipping" in said, said
    wait_for(lambda: not trainers(at_slurm), "the end of those who waited", seconds=30)


@pytest.mark.slow
def test_the_tasks_of_an_array_run_an_experiment_each(at_slurm: Project, slurm_config: Path, tmp_path: Path) -> None:
    at_slurm.env |= {"GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@localhost"}
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "origin"], check=True)
    at_slurm.succeed("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    at_slurm.commit("a remote")
    at_slurm.succeed("git", "remote", "add", "origin", str(tmp_path / "origin"))
    at_slurm.succeed("git", "push", "-q", "origin", "HEAD")
    at_slurm.succeed("dvc", "push", "-q")
    states = slurm.submit(at_slurm, slurm_config, "sweep.sbatch")
    assert list(states.values()) == ["COMPLETED"] * 3, (at_slurm.root / "slurm.out").read_text()
    at_slurm.succeed("dvc", "exp", "pull", "-q", "origin", "rate-0", "rate-1", "rate-2")
    at_slurm.succeed("dvc", "exp", "apply", "rate-2")
    assert load(at_slurm.root / "params.yaml")["train"]["learning_rate"] == 0.004


# --- Kubernetes and Ray


@pytest.mark.ours
def test_the_manifest_and_rays_process_start_what_exists() -> None:
    pod = parse(block("yaml", "kind: TFJob"), "several-machines.md")["spec"]["tfReplicaSpecs"]["Worker"]["template"][
        "spec"
    ]
    (container,) = pod["containers"]
    assert container["name"] == "tensorflow"  # the one to which the operator gives TF_CONFIG
    assert container["command"] == [".venv/bin/python", "-m", "stages.commands.share"]
    assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in pod["volumes"]]
    code = block("python", "TensorflowTrainer")
    compile(code, "several-machines.md", "exec")
    assert '[".venv/bin/python", "-m", "stages.commands.share", "--force", "--single-item", "train"]' in code
