"""`make repro` and `make restore` when something is wrong: said in our words, and with what it leaves behind."""

import re

import pytest
from PIL import Image

from tests.project import Project


def test_make_repro_shows_metrics_and_prediction_even_when_nothing_ran(project: Project) -> None:
    run = project.make("repro")
    assert run.returncode == 0, run.stderr
    assert "accuracy" in run.stdout and "Predict: " in run.stdout and "Label: 7" in run.stdout


def test_what_is_wrong_is_said_before_dvc_removes_anything(project: Project) -> None:
    before = project.digests()
    project.set_param("train.epochs", -3)
    project.set_param("train.epoch", 5)
    run = project.make("repro")
    assert run.returncode != 0 and "Running stage" not in run.stdout
    assert "preflight: params.yaml: train.epoch = 5: unknown key; did you mean train.epochs?" in run.stderr
    assert "preflight: params.yaml: train.epochs = -3: must be a whole number, at least 1, at most 10,000" in run.stderr
    project.run("git", "restore", "params.yaml")
    project.set_param("data.source", "nowhere.npz")
    run = project.make("repro")
    assert run.returncode != 0 and "Running stage" not in run.stdout
    assert "preflight: params.yaml: data.source = 'nowhere.npz': no such file or folder" in run.stderr.splitlines()
    assert project.digests() == before
    project.succeed("python", "-m", "stages.predict_sample", "metrics/prediction.png")  # which needs no data


def test_after_a_failed_run_make_restore_brings_the_last_results_back(project: Project, reproduced: Project) -> None:
    """Also from staged results, from half a run, and from a DVC that was killed while it wrote its rwlock."""
    project.set_param("prepare.classes", 5)
    run = project.run("dvc", "repro")
    assert run.returncode != 0
    assert "data/raw/train/labels.npy: label 5 in row 0, must be a whole number in 0..4" in run.stderr
    assert "Traceback" not in run.stderr
    (project.root / "metrics/notes.md").write_text("mine")  # which the last commit has not
    project.run("git", "add", "-A")
    (project.root / "data/prepared/test").mkdir()
    (project.root / "data/prepared/test/images.npy").write_bytes(b"of a run that was killed")
    (project.root / ".dvc/tmp/rwlock").write_text("")
    assert project.run("dvc", "repro").returncode != 0
    assert project.digests() != reproduced.digests()
    restore = project.make("restore")
    assert restore.returncode == 0, restore.stderr
    assert project.digests() == reproduced.digests()
    assert (project.root / "metrics/notes.md").read_text() == "mine"


@pytest.mark.slow
def test_a_failed_run_names_the_stages_whose_results_are_of_other_inputs(project: Project) -> None:
    stages = ["ingest", "prepare", "train", "evaluate", "predict-sample", "report"]
    project.set_param("data.source", "README.md")
    run = project.make("repro")
    assert run.returncode != 0 and "loss" not in run.stdout  # no score of the model before
    assert "".join(f"  {stage}\n" for stage in stages) in run.stderr.partition("still of earlier inputs, are")[2]
    project.run("git", "restore", "params.yaml")
    assert project.reproduce() == []
    project.set_param("predict.index", 200)
    run = project.make("repro")
    assert re.search(r"still of earlier inputs, are the results of\n  predict-sample\nmake.*: ", run.stderr)


def test_data_that_dvc_does_not_see_whole_are_refused_by_the_path(project: Project) -> None:
    """Or no change of the rest would be seen, and other data under its name would get the arrays of the former."""
    pets = project.root / "pets"
    for name in ("cat", "dog", "dog/.dvc", "__pycache__"):
        (pets / name).mkdir(parents=True)
        Image.new("L", (4, 4), 9).save(pets / name / "1.png")
    Image.new("L", (4, 4), 9).save(pets / "dog/2.jpg")
    (pets / "linked").symlink_to(pets / "cat")
    project.append(".dvcignore", "*.jpg\n")
    project.set_param("data.source", "pets")
    hidden = {"linked": "linked", "__pycache__": "__pycache__", "dog": "dog/.dvc", "dog/2.jpg": "dog/2.jpg"}
    while (run := project.run("python", "-m", "stages.commands.preflight")).returncode != 0:
        (named,) = re.findall(r"params.yaml: data.source = 'pets': DVC does not watch \S+/pets/(\S+) \(", run.stderr)
        project.succeed("rm", "-r", f"pets/{hidden.pop(named)}")
    assert not hidden
