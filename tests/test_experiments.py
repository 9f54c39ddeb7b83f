"""Sweeps through DVC's queue, which runs each experiment in a temporary copy of the project."""

import csv
import io

import pytest

from tests.project import Project


@pytest.mark.slow
def test_a_sweep_leaves_the_workspace_alone_and_its_best_can_be_applied(project: Project) -> None:
    try:
        sweep = "train.learning_rate=0.002,99"
        assert project.run("dvc", "exp", "run", "--queue", "-n", "rate", "-S", sweep).returncode == 0
        project.run("dvc", "exp", "run", "--run-all")
        assert project.run("git", "status", "--porcelain").stdout == ""
        shown = project.run("dvc", "exp", "show", "--csv", "--hide-failed").stdout
        rates = {row["Experiment"]: row["train.learning_rate"] for row in csv.DictReader(io.StringIO(shown))}
        assert rates["rate-1"] == "0.002" and "rate-2" not in rates
        assert "train.learning_rate = 99: must be" in project.run("dvc", "queue", "logs", "rate-2").stdout
        assert project.run("dvc", "exp", "apply", "rate-1").returncode == 0
        assert "learning_rate: 0.002" in (project.root / "params.yaml").read_text()
        assert project.reproduce() == []
    finally:
        project.run("dvc", "queue", "stop", "--kill")
