"""The files that continuous integration and pre-commit read: valid, harmless, and what they run runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stages.running.params import load
from tests.project import ROOT, Project, copy_project

WORKFLOW = Path(".github/workflows/pipeline.yml")
GITLAB = Path(".gitlab-ci.yml")


def commands(host: str) -> list[str]:
    """What the file for a host runs."""
    if host == "gitlab":
        script: list[str] = load(ROOT / GITLAB)["pipeline"]["script"]
        return script
    return [step["run"] for step in load(ROOT / WORKFLOW)["jobs"]["pipeline"]["steps"] if "run" in step]


def tool(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment in the project's folder."""
    program = Path(sys.executable).parent / command[0]
    return subprocess.run([program, *command[1:]], cwd=ROOT, text=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.ours
def test_an_audit_of_workflow_and_hooks_finds_nothing() -> None:
    run = tool("zizmor", "--offline", "--persona=regular", "--strict-collection", "--collect=all", ".")
    assert run.returncode == 0 and f"completed ./{WORKFLOW}" in run.stderr, run.stdout + run.stderr


@pytest.mark.ours
def test_a_change_from_a_fork_can_read_only_and_needs_no_secret() -> None:
    workflow, text = load(ROOT / WORKFLOW), (ROOT / WORKFLOW).read_text()
    assert set(workflow["on"]) == {"pull_request", "push"} and workflow["permissions"] == {"contents": "read"}
    assert not re.search(r"secrets\b|github\.token", text)


def test_pre_commit_runs_what_make_lint_does_and_checks_dvc_lock() -> None:
    (source,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in source["hooks"]]
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert lint and entries[:-1] == re.findall(r"\t@(.*)", lint[1])
    assert "1 passed" in tool(*entries[-1].split()).stdout


def test_a_base_that_git_does_not_know_is_one_line_and_is_not_run(tmp_path: Path) -> None:
    """Typed on the command line, or from the environment."""
    project = copy_project(tmp_path, leave_out=("data/", "metrics/", "stages/", "tests/"))
    for base in ("--output=harm", "x; touch harm", "$(touch harm)", "$(shell touch harm)"):
        project.env = {"BASE": base}
        for run in (project.make("ci"), project.make("ci", f"BASE={base}")):
            assert run.returncode != 0 and f"make: BASE={base}: git knows no such commit here\n" in run.stderr
        assert not (project.root / "harm").exists()


@pytest.mark.slow
@pytest.mark.ours
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
        "PYTEST_ADDOPTS": "-k 'schema_by_which or git_does_not_know'",
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    clone.env |= {"BASE": base, "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    first, *others = [clone.run("sh", "-c", command) for command in commands(host)]
    assert (first.returncode == 0) == (floor is None), first.stdout + first.stderr
    assert f"beside {'HEAD~1 (' if base else 'no base: there is no earlier commit'}" in first.stdout
    assert [run.returncode for run in others] == [0] * len(others)
    assert "<html" in (clone.root / "report.html").read_text()
    assert host == "gitlab" or summary.read_text() == (clone.root / "report.md").read_text()
    assert clone.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.slow
def test_ci_computes_what_was_only_committed_unless_told_otherwise(project: Project) -> None:
    project.set_param("train.epochs", 3)
    project.set_param("gate.accuracy", None)
    project.run("dvc", "commit", "--force")  # as if the results at hand were of three epochs
    project.commit("results of other parameters")
    project.env["PYTEST_ADDOPTS"] = "-k schema_by_which"
    trusting = project.make("ci", "TRUST_CACHE=1")
    assert trusting.returncode == 0, trusting.stderr
    assert "gate: not all stages were computed: DVC's cache was trusted (TRUST_CACHE)" in trusting.stdout
    assert "**Not all stages were computed for this report" in (project.root / "report.md").read_text()
    computing = project.make("ci")
    assert computing.returncode != 0 and "gate: dvc.lock, metrics/" in computing.stderr
    assert "Not all stages" not in (project.root / "report.md").read_text()
