"""What one person pushes another pulls, from a shared folder and from an S3-compatible server."""

import shutil
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.project import Project, md5

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "fake",
    "AWS_SECRET_ACCESS_KEY": "fake",
    "NO_PROXY": "127.0.0.1",
    "AWS_MAX_ATTEMPTS": "1",
}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3-compatible server with one bucket, `bucket`."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    connection = HTTPConnection(host, port)
    connection.request("PUT", "/bucket")
    assert connection.getresponse().status == 200
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module", params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def pushed(
    request: pytest.FixtureRequest, reproduced: Project, s3: str, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """The reproduced project, pushed to its remote and tagged as README.md says. Not to be changed."""
    root = tmp_path_factory.mktemp(request.param)
    project = Project(Path(shutil.copytree(reproduced.root, root / "project", symlinks=True)), CREDENTIALS)
    run_all(
        project,
        f"dvc remote add --default storage {root / 'storage' if request.param == 'folder' else 's3://bucket/mnist'}",
        f"dvc remote modify storage endpointurl {s3}" if request.param == "s3" else "true",
        "git -c user.name=test -c user.email=test@localhost commit -qam 'a remote'",
        "git -c user.name=test -c user.email=test@localhost tag -a mnist-cnn@v1.0.0 -m 'a release'",
        "dvc push",
    )
    return project


def run_all(project: Project, *commands: str) -> None:
    for command in commands:
        run = project.run("sh", "-c", command)
        assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"


def test_a_clone_pulls_predicts_without_training_and_has_nothing_to_rerun(pushed: Project, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", pushed.root, tmp_path / "clone"], check=True)
    clone = Project(tmp_path / "clone", CREDENTIALS)
    run_all(clone, "dvc pull models/cnn.h5 models/confidence.json data/prepared/dataset.json")
    predicted = clone.run("python", "-m", "stages.predict_sample", "metrics/prediction.png")
    assert predicted.returncode == 0 and "prediction.png: " in predicted.stdout, predicted.stderr
    run_all(clone, "dvc pull")
    assert clone.digests() == pushed.digests()
    assert clone.reproduce() == []
    assert clone.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.slow
def test_the_model_is_fetched_by_its_name_or_its_path_without_a_clone(pushed: Project, tmp_path: Path) -> None:
    anywhere = Project(tmp_path, CREDENTIALS)
    run_all(
        anywhere,
        f"dvc artifacts get file://{pushed.root} mnist-cnn -o latest.h5",
        f"dvc artifacts get file://{pushed.root} mnist-cnn --rev v1.0.0 -o tagged.h5",
        f"dvc get file://{pushed.root} models/cnn.h5 -o by_path.h5",
    )
    digests = {md5(tmp_path / name) for name in ("latest.h5", "tagged.h5", "by_path.h5")}
    assert digests == {md5(pushed.root / "models/cnn.h5")}


@pytest.mark.slow
def test_a_remote_out_of_reach_fails_the_push_and_no_run(project: Project) -> None:
    project.env = CREDENTIALS
    run_all(
        project,
        "dvc remote add --default storage s3://bucket",
        "dvc remote modify storage endpointurl http://127.0.0.1:9",
    )
    push = project.run("dvc", "push")
    assert push.returncode != 0 and "Could not connect to the endpoint URL" in push.stderr
    project.set_param("predict.index", 5)
    assert project.reproduce() == ["predict-sample"]
