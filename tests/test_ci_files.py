"""The files that continuous integration and pre-commit read: valid, harmless, and what they run runs."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.running.params import flatten, load
from tests.project import ROOT, Project, copy_project, draw_pictures, set_params

WORKFLOW = Path(".github/workflows/pipeline.yml")
GITLAB = Path(".gitlab-ci.yml")


def steps() -> list[dict[str, Any]]:
    (job,) = load(ROOT / WORKFLOW)["jobs"].values()
    return list(job["steps"])


COMMANDS = {
    "github": [step["run"] for step in steps() if "run" in step],
    "gitlab": load(ROOT / GITLAB)["pipeline"]["script"],
}


def tool(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment in the project's folder."""
    program = Path(sys.executable).parent / command[0]
    return subprocess.run([program, *command[1:]], cwd=ROOT, text=True, capture_output=True)


def test_an_audit_of_workflow_and_hooks_finds_nothing() -> None:
    run = tool("zizmor", "--offline", "--persona=regular", "--strict-collection", "--collect=all", ".")
    assert run.returncode == 0 and f"completed ./{WORKFLOW}" in run.stderr, run.stdout + run.stderr


def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it() -> None:
    used = re.findall(r"uses: (.*)", (ROOT / WORKFLOW).read_text())
    assert used and all(re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in used)


def test_a_change_from_a_fork_can_read_only_and_needs_no_secret() -> None:
    workflow, text = load(ROOT / WORKFLOW), (ROOT / WORKFLOW).read_text()
    assert set(workflow["on"]) == {"pull_request", "push"} and workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    assert not re.search(r"secrets\b|github\.token", text)
    (checkout,) = (step["with"] for step in steps() if "actions/checkout" in step.get("uses", ""))
    assert checkout == {"fetch-depth": 0, "persist-credentials": False}


def test_no_expression_is_pasted_into_a_command() -> None:
    assert COMMANDS["github"] and not any("${{" in command for command in COMMANDS["github"])


def test_the_two_caches_are_of_the_same_paths_and_only_main_saves_its_own() -> None:
    restore, save = (step for step in steps() if "actions/cache" in step.get("uses", ""))
    assert restore["with"]["path"] == save["with"]["path"]
    assert "github.ref == 'refs/heads/main'" in save["if"]


def test_the_hooks_of_pre_commit_run_what_make_lint_does_and_check_dvc_lock() -> None:
    (source,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in source["hooks"]]
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert lint and entries[:-1] == re.findall(r"\t@(.*)", lint[1])
    assert "1 passed" in tool(*entries[-1].split()).stdout


@pytest.mark.parametrize(
    "base", ["no-such-branch", "--output=harm", "x; touch harm", "$(touch harm)", "$(shell touch harm)"]
)
@pytest.mark.parametrize("typed", [True, False], ids=["on the command line", "in the environment"])
def test_a_base_that_git_does_not_know_is_one_line_and_is_not_run(tmp_path: Path, base: str, typed: bool) -> None:
    project = copy_project(tmp_path, leave_out=("data/", "metrics/", "stages/", "tests/"))
    project.use_environment()
    project.env |= {} if typed else {"BASE": base}
    run = project.run("make", "-o", ".venv/.installed", "ci", *([f"BASE={base}"] if typed else []))
    assert run.returncode != 0 and f"make: BASE={base}: git knows no such commit here\n" in run.stderr
    assert not (project.root / "harm").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "base", "history", "floor"),
    [
        ("github", "HEAD~1", "--no-single-branch", 0.999),
        ("gitlab", "", "--depth=1", None),
    ],
    ids=["github, below the floor", "gitlab, a branch, shallow"],
)
def test_what_a_host_runs_runs_on_a_fresh_clone_and_leaves_a_report(
    project: Project, tmp_path: Path, host: str, base: str, history: str, floor: float | None
) -> None:
    """As written, in an empty home; only, the tests are a few instead of all, or they would run themselves."""
    project.set_param("gate.accuracy", floor)
    project.commit("a floor")
    clone = Project(tmp_path / "clone")
    subprocess.run(["git", "clone", "-q", history, f"file://{project.root}", clone.root], check=True)
    clone.use_environment()
    home, summary = tmp_path / "home", tmp_path / "summary"
    home.mkdir()
    clone.env = {
        "HOME": str(home),
        "PYTEST_ADDOPTS": "-k 'locks_hold or git_does_not_know'",
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    clone.env |= {"BASE": base, "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    first, *others = [clone.run("sh", "-c", command) for command in COMMANDS[host]]
    assert (first.returncode == 0) == (floor is None), first.stdout + first.stderr
    assert f"beside {'HEAD~1 (' if base else 'no base: HEAD~1: not in this shallow clone'}" in first.stdout
    assert [run.returncode for run in others] == [0] * len(others)
    assert "<html" in (clone.root / "report.html").read_text()
    assert host == "gitlab" or summary.read_text() == (clone.root / "report.md").read_text()
    assert clone.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.slow
def test_ci_computes_what_was_only_committed_unless_it_is_told_to_trust_the_cache(project: Project) -> None:
    project.set_param("train.epochs", 3)
    project.set_param("gate.accuracy", None)
    project.run("dvc", "commit", "--force")  # as if the results at hand were of three epochs
    project.commit("results of other parameters")
    project.env["PYTEST_ADDOPTS"] = "-k top_level"
    trusting = project.make("ci", "TRUST_CACHE=1")
    assert trusting.returncode == 0, trusting.stderr
    assert "gate: not all stages were computed: DVC's cache was trusted (TRUST_CACHE)" in trusting.stdout
    assert "**Not all stages were computed for this report" in (project.root / "report.md").read_text()
    computing = project.make("ci")
    assert computing.returncode != 0 and "gate: dvc.lock, metrics/" in computing.stderr
    assert "Not all stages" not in (project.root / "report.md").read_text()


NETWORK = '''
"""Another network than the classic one: with a graph, averages and no dropout."""

import keras

from stages.arrays.prepared import is_channels_first
from stages.network.parameters import Model

LOSS = "categorical_crossentropy"


def build_optimizer(learning_rate: float) -> keras.optimizers.Optimizer:
    """Make it."""
    return keras.optimizers.SGD(learning_rate, momentum=0.9)


def build_network(input_shape: tuple[int, int, int], classes: int, model: Model) -> keras.Model:
    """Build it: a residual block for each of the filters."""
    layers = keras.layers
    image = layers.Input(input_shape)
    found = layers.Permute((2, 3, 1))(image) if is_channels_first(input_shape) else image
    for units in model.filters:
        before = layers.Conv2D(units, 3, padding="same", activation="relu")(found)
        after = layers.BatchNormalization()(layers.Conv2D(units, 3, padding="same")(before))
        found = layers.ReLU()(layers.Add()([before, after]))
    pooled = layers.GlobalAveragePooling2D()(found)
    return keras.Model(image, layers.Dense(classes, activation="softmax")(pooled))
'''

MINE = {
    "data": {"source": "mine", "test_split": 0.3, "image_size": [16, 24], "channels": 3},
    "prepare": {"image_data_format": "channels_first", "scale": 255, "classes": 3, "strict": True},
    "model": {"filters": [8, 4], "kernel_size": 5, "conv_dropout": 0, "dense_units": 7},
    "train": {
        **{"seed": 5, "epochs": 4, "batch_size": 16, "learning_rate": 0.02, "schedule": "cosine", "early_stopping": 2},
        **{"validation_split": 0.2, "validation_rows": "stratified", "shards": 2, "augmentation": {"rotation": 10}},
    },
    "tensorflow": {"instruction_set": "native"},
    "predict": {"index": 3, "preprocessing": "plain"},
    "gate": {"accuracy": None, "level": 0.01},
}


@pytest.mark.slow
def test_make_ci_passes_whole_on_what_somebody_else_has_made_of_the_project(tmp_path: Path) -> None:
    """With a README, data, classes, parameters and a network of theirs; the tests in it are those of `make test`."""
    project = copy_project(tmp_path / "project")
    (project.root / "README.md").write_text("# Mine\n")
    draw_pictures(project.root / "mine", ("red", "red, or: green", "$b$"), 180)
    (project.root / "stages/network/architecture.py").write_text(NETWORK.lstrip())
    set_params(project.root / "params.yaml", flatten(MINE))
    project.reproduce()
    project.commit("mine")
    run = project.make("ci")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "gate: results are as committed" in run.stdout
