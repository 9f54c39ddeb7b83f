"""What one person pushes another pulls: the whole, or a model by its name."""

import subprocess
from pathlib import Path

import pytest

from tests.project import Project, md5


@pytest.mark.slow
def test_a_clone_pulls_and_predicts_and_the_model_has_a_name(project: Project, tmp_path: Path) -> None:
    project.env = {"GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@localhost"}
    project.succeed("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    project.commit("a remote")
    project.succeed("git", "tag", "-a", "mnist-cnn@v1.0.0", "-m", "a release")
    project.succeed("dvc", "push")
    subprocess.run(["git", "clone", "-q", project.root, tmp_path / "clone"], check=True)
    clone = Project(tmp_path / "clone")
    clone.succeed("dvc", "pull", "models/cnn.h5", "models/cnn.json")
    predicted = clone.run("python", "-m", "stages.predict_sample", "metrics/prediction.png")
    assert predicted.returncode == 0 and "prediction.png: " in predicted.stdout, predicted.stderr
    assert "no such file" not in predicted.stderr
    clone.succeed("dvc", "pull")
    assert clone.digests() == project.digests()
    assert clone.reproduce() == []
    assert clone.run("git", "status", "--porcelain").stdout == ""
    anywhere, host = Project(tmp_path), f"file://{project.root}"
    anywhere.succeed("dvc", "artifacts", "get", host, "mnist-cnn", "-o", "latest.h5")
    anywhere.succeed("dvc", "artifacts", "get", host, "mnist-cnn", "--rev", "v1.0.0", "-o", "tagged.h5")
    anywhere.succeed("dvc", "get", host, "models/cnn.json", "-o", "latest.json")
    assert {md5(tmp_path / name) for name in ("latest.h5", "tagged.h5")} == {md5(project.root / "models/cnn.h5")}
    assert md5(tmp_path / "latest.json") == md5(project.root / "models/cnn.json")
