"""README's ways to start a training, or a sweep, on several machines: Slurm's runs here, the others are read."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.running.params import parse
from stages.share import command
from tests import slurm
from tests.cluster import configs, train_command
from tests.project import ROOT, Project
from tests.test_interruptions import trainers, wait_for
from tests.test_process import our_lines

TRAIN, SWEEP = ("bash", "stages.share"), ("bash", "--array")


def block(language: str, word: str) -> str:
    """README's one block of a language that has this word in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (found,) = [text for text in blocks if word in text]
    return str(found)


# --- the command that every process starts


def test_the_first_process_runs_the_pipeline_and_the_others_the_command_of_train() -> None:
    assert command(0, ["--force"]) == ["-m", "dvc", "repro", "--force"]
    assert ["python", *command(1, ["--force"])] == ["python", *train_command()[1:]]


def test_without_tf_config_it_says_so(project: Project) -> None:
    run = project.run("python", "-m", "stages.share")
    assert run.returncode == 1
    said = "share: TF_CONFIG: not set; must name the processes that train together, and this one"
    assert our_lines(run.stderr) == [said]


@pytest.mark.slow
def test_of_one_process_it_is_dvc_repro_also_where_no_environment_is_activated(project: Project) -> None:
    project.append("params.yaml", "# changed\n")
    project.set_param("train.epochs", 1)
    project.env = {"TF_CONFIG": configs(1)[0], "PATH": "/usr/bin:/bin"}
    run = project.run(sys.executable, "-m", "stages.share", "train")
    assert run.returncode == 0, run.stderr
    assert re.findall("^Running stage '(.*)'", run.stdout, re.MULTILINE) == ["train"]


# --- Slurm


@pytest.mark.ours
@pytest.mark.parametrize("named", [TRAIN, SWEEP])
def test_a_batch_script_is_valid_shell(named: tuple[str, str]) -> None:
    script = block(*named)
    assert script.startswith("#!/bin/bash\n#SBATCH ")
    run = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert run.returncode == 0 and run.stderr == ""


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
    (project.root / "train.sbatch").write_text(block(*TRAIN))
    (project.root / "sweep.sbatch").write_text(block(*SWEEP))
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
    for words in (
        ("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage")),
        ("git", "commit", "-qam", "a remote", "--author", "test <test@localhost>"),
        ("git", "remote", "add", "origin", str(tmp_path / "origin")),
        ("git", "push", "-q", "origin", "HEAD"),
        ("dvc", "push", "-q"),
    ):
        run = at_slurm.run(*words)
        assert run.returncode == 0, run.stderr
    states = slurm.submit(at_slurm, slurm_config, "sweep.sbatch")
    assert list(states.values()) == ["COMPLETED"] * 3, (at_slurm.root / "slurm.out").read_text()
    names = ["rate-0", "rate-1", "rate-2"]
    pulled = at_slurm.run("dvc", "exp", "pull", "-q", "origin", *names)
    assert pulled.returncode == 0, pulled.stderr
    assert sorted(at_slurm.run("dvc", "exp", "list", "--name-only").stdout.split()) == names
    assert "learning_rate: 0.004" in at_slurm.run("git", "show", f"{revision(at_slurm, 'rate-2')}:params.yaml").stdout


def revision(project: Project, name: str) -> str:
    """The commit of an experiment."""
    (found,) = re.findall(rf"^(\w+) commit\trefs/exps/\S*/{name}$", project.run("git", "for-each-ref").stdout, re.M)
    return str(found)


# --- Kubernetes and Ray


# Of the operator's CRD (kubeflow.org/v1) and of Kubernetes' pods, what the manifest uses.
KNOWN: dict[str, Any] = {
    "apiVersion": "kubeflow.org/v1",
    "kind": "TFJob",
    "metadata": {"name": str},
    "spec": {
        "runPolicy": {"cleanPodPolicy": ("Running", "All", "None")},
        "tfReplicaSpecs": {
            "Worker": {
                "replicas": int,
                "restartPolicy": ("Always", "OnFailure", "Never", "ExitCode"),
                "template": {
                    "spec": {
                        "containers": [
                            {
                                "name": "tensorflow",  # the one to which the operator gives TF_CONFIG
                                "image": str,
                                "workingDir": str,
                                "command": [str],
                                "volumeMounts": [{"name": str, "mountPath": str}],
                            }
                        ],
                        "volumes": [{"name": str, "persistentVolumeClaim": {"claimName": str}}],
                    }
                },
            }
        },
    },
}


def differences(value: Any, known: Any, path: str = "") -> list[str]:
    """Where a manifest is not what is known."""
    if isinstance(known, dict):
        if not isinstance(value, dict) or value.keys() != known.keys():
            return [f"{path}: {value}"]
        return [found for key in known for found in differences(value[key], known[key], f"{path}.{key}")]
    if isinstance(known, list):
        return [found for item in value for found in differences(item, known[0], f"{path}[]")]
    good = (
        isinstance(value, known) if isinstance(known, type) else value in (known if type(known) is tuple else (known,))
    )
    return [] if good else [f"{path}: {value}"]


@pytest.mark.ours
def test_the_manifest_is_of_the_operators_schema_and_starts_what_exists() -> None:
    manifest = parse(block("yaml", "kind: TFJob"), "README.md")
    assert differences(manifest, KNOWN) == []
    worker = manifest["spec"]["tfReplicaSpecs"]["Worker"]
    pod = worker["template"]["spec"]
    (container,) = pod["containers"]
    assert worker["replicas"] <= parse((ROOT / "params.yaml").read_text(), "params.yaml")["train"]["shards"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert container["command"] == [".venv/bin/python", "-m", "stages.share"]


@pytest.mark.ours
def test_rays_process_starts_what_exists() -> None:
    code = block("python", "TensorflowTrainer")
    compile(code, "README.md", "exec")
    assert '[".venv/bin/python", "-m", "stages.share", "--force", "--single-item", "train"]' in code
