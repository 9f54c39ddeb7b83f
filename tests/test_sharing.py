"""What one person pushes another pulls: the whole, or a model by its name."""

import subprocess
from pathlib import Path

import pytest

from tests.project import Project, md5


def run_all(project: Project, *commands: str) -> None:
    for command in commands:
        run = project.run("sh", "-c", command)
        assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"


@pytest.mark.slow
def test_a_clone_pulls_and_predicts_without_training_and_fetches_the_model_by_its_name(
    project: Project, tmp_path: Path
) -> None:
    run_all(
        project,
        f"dvc remote add --default storage {tmp_path / 'storage'}",
        "git -c user.name=test -c user.email=test@localhost commit -qam 'a remote'",
        "git -c user.name=test -c user.email=test@localhost tag -a mnist-cnn@v1.0.0 -m 'a release'",
        "dvc push",
    )
    subprocess.run(["git", "clone", "-q", project.root, tmp_path / "clone"], check=True)
    clone = Project(tmp_path / "clone")
    run_all(clone, "dvc pull models/cnn.h5 models/cnn.json")
    predicted = clone.run("python", "-m", "stages.predict_sample", "metrics/prediction.png")
    assert predicted.returncode == 0 and "prediction.png: " in predicted.stdout, predicted.stderr
    assert "no such file" not in predicted.stderr
    run_all(clone, "dvc pull")
    assert clone.digests() == project.digests()
    assert clone.reproduce() == []
    assert clone.run("git", "status", "--porcelain").stdout == ""
    anywhere = Project(tmp_path)
    run_all(
        anywhere,
        f"dvc artifacts get file://{project.root} mnist-cnn -o latest.h5",
        f"dvc artifacts get file://{project.root} mnist-cnn --rev v1.0.0 -o tagged.h5",
        f"dvc get file://{project.root} models/cnn.json -o latest.json",
    )
    assert {md5(tmp_path / name) for name in ("latest.h5", "tagged.h5")} == {md5(project.root / "models/cnn.h5")}
    assert md5(tmp_path / "latest.json") == md5(project.root / "models/cnn.json")
