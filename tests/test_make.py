"""`make repro` when something is wrong: said in our words, and with what it leaves behind."""

import re

import pytest
from PIL import Image

from tests.project import Project


def test_a_wrong_data_source_is_said_before_dvc_removes_anything_and_predictions_by_hand_need_none(
    project: Project,
) -> None:
    before = project.digests()
    project.set_param("data.source", "nowhere.npz")
    run = project.make("repro")
    assert run.returncode != 0 and "Running stage" not in run.stdout
    assert "preflight: params.yaml: data.source = 'nowhere.npz': no such file or folder" in run.stderr.splitlines()
    assert project.digests() == before
    by_hand = project.run("python", "-m", "stages.predict_sample", "metrics/prediction.png")
    assert by_hand.returncode == 0, by_hand.stderr


@pytest.mark.slow
def test_a_failed_run_ends_with_the_stages_whose_results_are_not_of_its_inputs(project: Project) -> None:
    stages = ["ingest", "prepare", "train", "evaluate", "predict-sample", "report"]
    project.set_param("data.source", "README.md")
    run = project.make("repro")
    assert run.returncode != 0 and "loss" not in run.stdout  # no score of the model before
    assert "".join(f"  {stage}\n" for stage in stages) in run.stderr.partition("still of earlier inputs, are")[2]
    project.run("git", "restore", "params.yaml")
    assert project.reproduce() == []
    project.set_param("predict.index", 200)
    run = project.run("make", "-o", ".venv/.installed", "repro")
    assert re.search(r"still of earlier inputs, are the results of\n  predict-sample\nmake.*: ", run.stderr)


@pytest.mark.parametrize(
    ("added", "left_out"),
    [
        ("pets/dog/.dvc/config", "pets/dog"),
        ("pets/__pycache__/1.png", "pets/__pycache__"),
        ("pets/dog/2.jpg", "pets/dog/2.jpg"),  # by .dvcignore
        ("pets/linked", "pets/linked"),
    ],
)
def test_a_folder_of_data_that_dvc_does_not_see_whole_is_refused_by_the_path(
    project: Project, added: str, left_out: str
) -> None:
    """Or no change of the rest would be seen, and other data under its name would get the arrays of the former."""
    for name in ("pets/cat/1.png", "pets/dog/1.png", added):
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        if name == "pets/linked":
            (project.root / name).symlink_to(project.root / "pets/cat")
        else:
            Image.new("L", (4, 4), 9).save(project.root / name, "png")
    project.append(".dvcignore", "*.jpg\n")
    project.set_param("data.source", "pets")
    run = project.run("dvc", "repro")
    line = f"preflight: params.yaml: data.source = 'pets': DVC does not watch {project.root}/{left_out} ("
    assert run.returncode != 0 and line in run.stderr, run.stderr
    (project.root / added).unlink()
    project.run("rm", "-r", f"{project.root}/pets/dog/.dvc", f"{project.root}/pets/__pycache__")
    assert project.run("python", "-m", "stages.preflight").returncode == 0
