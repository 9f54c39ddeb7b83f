"""The whole pipeline through the real `dvc repro`, on a small real data set."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.project import Project, draw_pictures, output_paths

PLAIN_KERAS = """
import sys, json, keras, numpy as np
model = keras.models.load_model("models/cnn.h5")
x, y = np.load("data/prepared/x_test.npy"), np.load("data/prepared/y_test.npy")
loss, accuracy = model.evaluate(x, y, verbose=0)
predicted = model.predict(x, verbose=0).argmax(axis=1).tolist()
print(json.dumps({"loss": loss, "accuracy": accuracy, "predicted": predicted}))
"""


def test_every_declared_output_exists_and_no_half_written_one(reproduced: Project) -> None:
    assert [path for path in output_paths() if not (reproduced.root / path).exists()] == []
    assert list(reproduced.root.rglob(".partial-*")) == []


def test_a_plain_keras_session_loads_the_model_and_agrees_with_metrics_and_predictions(reproduced: Project) -> None:
    run = reproduced.run("python", "-c", PLAIN_KERAS)
    plain = json.loads(run.stdout.splitlines()[-1])
    metrics = json.loads((reproduced.root / "metrics/test.json").read_text())
    assert metrics["n"] == 200
    assert metrics["accuracy"] == pytest.approx(plain["accuracy"], abs=1e-6)
    assert metrics["loss"] == pytest.approx(plain["loss"], abs=1e-4)
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]
    actual = np.load(reproduced.root / "data/raw/y_test.npy").tolist()
    table = np.genfromtxt(reproduced.root / "metrics/errors.csv", delimiter=",", names=True)
    assert table.dtype.names == ("index", "actual", "predicted", "probability")
    wrong = [(n, a, p) for n, (a, p) in enumerate(zip(actual, plain["predicted"], strict=True)) if a != p]
    assert [tuple(int(row[name]) for name in table.dtype.names[:3]) for row in table] == wrong
    assert metrics["errors"] == len(wrong) > 0


@pytest.mark.slow
def test_the_saved_model_is_graded_on_the_validation_rows_for_choosing_without_the_test_set(
    reproduced: Project,
) -> None:
    metrics = json.loads((reproduced.root / "metrics/train.json").read_text())
    last = (reproduced.root / "metrics/history.csv").read_text().splitlines()[-1].split(",")
    assert metrics == {"val_accuracy": float(last[3]), "val_loss": float(last[4]), "val_n": 60, "epochs": 2}
    script = (
        "import keras, json, numpy as np; model = keras.models.load_model('models/cnn.h5');"
        "x, y = (np.load(f'data/prepared/{a}_train.npy')[-60:] for a in 'xy');"
        "print(json.dumps(model.evaluate(x, y, verbose=0)))"
    )
    loss, accuracy = json.loads(reproduced.run("python", "-c", script).stdout.splitlines()[-1])
    assert metrics["val_loss"] == pytest.approx(loss, abs=1e-5)
    assert metrics["val_accuracy"] == pytest.approx(accuracy, abs=1e-6)


@pytest.mark.ours
def test_it_learns_something_from_540_images(reproduced: Project) -> None:
    history = np.genfromtxt(reproduced.root / "metrics/history.csv", delimiter=",", names=True)
    assert history.dtype.names == ("epoch", "accuracy", "loss", "val_accuracy", "val_loss")
    assert history["epoch"].tolist() == [1, 2]
    assert history["val_loss"][1] < history["val_loss"][0]
    assert json.loads((reproduced.root / "metrics/test.json").read_text())["accuracy"] > 0.3


def test_prepared_arrays_are_the_raw_ones_scaled_and_one_hot(reproduced: Project) -> None:
    for name in ("train", "test"):
        raw, x = (np.load(reproduced.root / f"data/{kind}/x_{name}.npy") for kind in ("raw", "prepared"))
        assert x.dtype == np.float32 and x.shape == (*raw.shape, 1)
        assert (x[..., 0] == raw.astype(np.float32) / 255).all()
        y = np.load(reproduced.root / f"data/prepared/y_{name}.npy")
        assert y.dtype == np.float32 and (y == np.eye(10)[np.load(reproduced.root / f"data/raw/y_{name}.npy")]).all()


def test_a_second_repro_does_nothing(reproduced: Project) -> None:
    assert reproduced.reproduce() == []


def test_prediction_names_class_label_and_every_probability(reproduced: Project) -> None:
    prediction = json.loads((reproduced.root / "metrics/prediction.json").read_text())
    assert prediction["label"] == 7 and len(prediction["probabilities"]) == 10
    assert prediction["probability"] == max(prediction["probabilities"])
    assert prediction["probabilities"].index(prediction["probability"]) == prediction["predicted"]
    assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_another_sample_reruns_predict_sample_alone(project: Project) -> None:
    project.set_param("predict.index", 5)
    assert project.reproduce() == ["predict-sample"]
    assert json.loads((project.root / "metrics/prediction.json").read_text())["label"] == 1


def test_dvc_exp_run_with_other_parameters_reruns_training_and_what_follows(changed: Project) -> None:
    lines = (changed.root.parent / "changed.log").read_text().splitlines()
    ran = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
    assert ran == ["train", "evaluate", "predict-sample", "report"]
    assert len((changed.root / "metrics/history.csv").read_text().splitlines()) == 2


@pytest.mark.slow
def test_channels_first_reruns_from_prepare_and_gives_the_same_weights(project: Project, reproduced: Project) -> None:
    project.set_param("prepare.image_data_format", "channels_first")
    assert project.reproduce() == ["prepare", "train", "evaluate", "predict-sample", "report"]
    assert np.load(project.root / "data/prepared/x_test.npy").shape == (200, 1, 28, 28)
    weights = (
        "import keras, hashlib, sys; model = keras.models.load_model('models/cnn.h5');"
        "print(hashlib.sha256(b''.join(w.tobytes() for w in model.get_weights())).hexdigest())"
    )
    assert project.run("python", "-c", weights).stdout == reproduced.run("python", "-c", weights).stdout != ""
    for name in ("test.json", "history.csv", "errors.csv", "errors.png"):
        assert (project.root / "metrics" / name).read_bytes() == (reproduced.root / "metrics" / name).read_bytes()


def test_the_same_data_as_a_folder_with_a_hostile_name_reruns_ingest_alone(
    project: Project, mnist: dict[str, np.ndarray], tmp_path: Path
) -> None:
    folder = tmp_path / "my $(touch executed) data"
    folder.mkdir()
    for name, array in mnist.items():
        np.save(folder / f"{name}.npy", array)
    project.set_param("data.source", str(folder))
    assert project.reproduce() == ["ingest"]
    assert not (project.root / "executed").exists()


def test_after_a_failed_run_make_restore_brings_the_last_results_back(project: Project, reproduced: Project) -> None:
    project.set_param("prepare.classes", 5)
    run = project.run("dvc", "repro")
    assert run.returncode != 0
    assert "data/raw/y_train.npy: label 5 in row 0, must be a whole number in 0..4" in run.stderr
    assert "Traceback" not in run.stderr
    project.set_param("prepare.classes", None)
    project.set_param("train.learning_rate", 9.9)
    project.append("stages/evaluate.py", "\nraise InputError('on purpose')\n")
    assert project.run("dvc", "repro").returncode != 0
    assert project.digests() != reproduced.digests()
    restore = project.make("restore")
    assert restore.returncode == 0, restore.stderr
    assert project.digests() == reproduced.digests()


@pytest.mark.slow
def test_make_restore_goes_back_to_the_commit_even_from_staged_results_and_half_a_run(
    project: Project, reproduced: Project
) -> None:
    project.set_param("predict.index", 9)
    project.reproduce()
    project.run("git", "add", "-A")
    (project.root / "data/prepared/x_test.npy").write_bytes(b"of a run that was killed")
    (project.root / ".dvc/tmp/rwlock").write_text("")  # as a DVC leaves it that is killed while it writes it
    assert project.run("dvc", "repro").returncode != 0
    (project.root / "metrics/notes.md").write_text("mine")
    project.run("git", "add", "metrics/notes.md")
    restore = project.make("restore")
    assert restore.returncode == 0, restore.stderr
    assert project.digests() == reproduced.digests()
    assert (project.root / "metrics/notes.md").read_text() == "mine"  # which the last commit has not


def test_make_repro_shows_metrics_and_prediction_even_when_nothing_ran(project: Project) -> None:
    run = project.make("repro")
    assert run.returncode == 0, run.stderr
    assert "accuracy" in run.stdout and "Predict: " in run.stdout and "Label: 7" in run.stdout


def test_make_repro_stops_at_bad_params_with_all_problems_before_any_stage(project: Project) -> None:
    project.set_param("train.epochs", -3)
    project.set_param("train.epoch", 5)
    run = project.make("repro")
    assert run.returncode != 0 and "Running stage" not in run.stdout
    assert "preflight: params.yaml: train.epoch = 5: unknown key; did you mean train.epochs?" in run.stderr
    assert "preflight: params.yaml: train.epochs = -3: must be a whole number, at least 1, at most 10,000" in run.stderr


@pytest.mark.slow
def test_class_folders_of_colour_pictures_train_and_predict_with_their_names_in_every_output(
    project: Project, tmp_path: Path
) -> None:
    draw_pictures(tmp_path / "source", ("red, bright", "green", "$b$"), 120)
    Image.new("RGB", (90, 60), (0, 230, 0)).save(tmp_path / "leaf.png")
    for key, value in {"data.source": str(tmp_path / "source"), "train.epochs": 6, "train.batch_size": 16}.items():
        project.set_param(key, value)
    run = project.run("dvc", "repro")
    assert run.returncode == 0, run.stderr
    assert "96 training and 24 test images of 32x32x3" in run.stdout
    rows = list(csv.DictReader((project.root / "metrics/classes.csv").open(newline="")))
    assert {row["class"]: row["support"] for row in rows} == {"red, bright": "8", "green": "8", "$b$": "8"}
    metrics = json.loads((project.root / "metrics/test.json").read_text())
    assert metrics["n"] == 24 and metrics["errors"] < 4
    look = json.loads((project.root / "metrics/data.json").read_text())
    assert look["train"]["classes"] == {"$b$": 32, "green": 32, "red, bright": 32} and look["leaked"] == 0
    assert json.loads((project.root / "metrics/prediction.json").read_text())["label"] in {
        "red, bright",
        "green",
        "$b$",
    }
    by_hand = project.run("python", "-m", "stages.predict_sample", str(tmp_path / "leaf.png"))
    assert by_hand.returncode == 1 and "predict.preprocessing = digit: makes pictures like MNIST's" in by_hand.stderr
    project.set_param("predict.preprocessing", "plain")
    by_hand = project.run("python", "-m", "stages.predict_sample", str(tmp_path / "leaf.png"))
    assert by_hand.stdout.startswith(f"{tmp_path}/leaf.png: green ("), by_hand.stderr
