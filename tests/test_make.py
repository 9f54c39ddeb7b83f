"""`make repro` when something is wrong: said in our words, and with what it leaves behind."""

import re

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


def test_a_failed_run_ends_with_the_stages_whose_results_are_not_of_its_inputs(project: Project) -> None:
    stages = ["ingest", "prepare", "train", "evaluate", "predict-sample", "report"]
    project.set_param("data.source", "data/README.md")
    run = project.make("repro")
    assert run.returncode != 0 and "loss" not in run.stdout  # no score of the model before
    assert "".join(f"  {stage}\n" for stage in stages) in run.stderr.partition("still of earlier inputs, are")[2]
    project.run("git", "restore", "params.yaml")
    assert project.reproduce() == []
    project.set_param("predict.index", 200)
    run = project.run("make", "-o", ".venv/.installed", "repro")
    assert re.search(r"still of earlier inputs, are the results of\n  predict-sample\nmake.*: ", run.stderr)
