"""The whole pipeline through the real `dvc repro`, on a small real data set."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.project import Project, draw_pictures, md5

PLAIN_KERAS = """
import hashlib, json, keras, numpy as np
model = keras.models.load_model("models/cnn.h5")
told = {"weights": hashlib.md5(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()}
for name, first in (("test", 0), ("train", -60)):
    x, y = (np.load(f"data/prepared/{name}/{file}.npy")[first:] for file in ("images", "labels"))
    told[name] = model.evaluate(x, y, verbose=0)
    told["predicted"] = told.get("predicted") or model.predict(x, verbose=0).argmax(axis=1).tolist()
print(json.dumps(told))
"""


def in_plain_keras(project: Project) -> dict[str, Any]:
    """What Keras says of a project's model: its weights' digest, loss and accuracy, answers to the test images."""
    told: dict[str, Any] = json.loads(project.succeed("python", "-c", PLAIN_KERAS).splitlines()[-1])
    return told


def read(project: Project, path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((project.root / path).read_text())
    return content


def test_a_plain_keras_session_loads_the_model_and_agrees_with_metrics(reproduced: Project) -> None:
    plain = in_plain_keras(reproduced)
    tested, trained = read(reproduced, "metrics/test.json"), read(reproduced, "metrics/train.json")
    assert tested["n"] == 200 and trained["val_n"] == 60 and trained["epochs"] == 2
    assert [tested["loss"], tested["accuracy"]] == pytest.approx(plain["test"], abs=1e-4)
    assert [trained["val_loss"], trained["val_accuracy"]] == pytest.approx(plain["train"], abs=1e-5)
    last = (reproduced.root / "metrics/history.csv").read_text().splitlines()[-1].split(",")
    assert [float(figure) for figure in last[3:]] == [trained["val_accuracy"], trained["val_loss"]]
    actual = np.load(reproduced.root / "data/raw/test/labels.npy").tolist()
    wrong = [(n, a, p) for n, (a, p) in enumerate(zip(actual, plain["predicted"], strict=True)) if a != p]
    with (reproduced.root / "metrics/errors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [tuple(int(row[name]) for name in ("index", "actual", "predicted")) for row in rows] == wrong != []


@pytest.mark.ours
def test_it_learns_something_from_540_images(reproduced: Project) -> None:
    assert read(reproduced, "metrics/test.json")["accuracy"] > 0.3


def test_a_second_repro_does_nothing(reproduced: Project) -> None:
    assert reproduced.reproduce() == []


def test_an_experiment_with_other_parameters_reruns_what_follows(changed: Project) -> None:
    lines = (changed.root.parent / "changed.log").read_text().splitlines()
    ran = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
    assert ran == ["train", "evaluate", "predict-sample", "report"]
    assert len((changed.root / "metrics/history.csv").read_text().splitlines()) == 2


@pytest.mark.slow
def test_channels_first_reruns_from_prepare_and_gives_the_same_weights(project: Project, reproduced: Project) -> None:
    project.set_param("prepare.image_data_format", "channels_first")
    assert project.reproduce() == ["prepare", "train", "evaluate", "predict-sample", "report"]
    assert np.load(project.root / "data/prepared/test/images.npy").shape == (200, 1, 28, 28)
    assert in_plain_keras(project) == in_plain_keras(reproduced)
    for name in ("test.json", "history.csv", "errors.csv", "figures"):
        assert md5(project.root / "metrics" / name) == md5(reproduced.root / "metrics" / name)


def test_the_same_data_in_a_folder_with_a_hostile_name_reruns_ingest_alone(
    project: Project, mnist: dict[str, np.ndarray], tmp_path: Path
) -> None:
    folder = tmp_path / "my $(touch executed) data"
    folder.mkdir()
    for name, array in mnist.items():
        np.save(folder / f"{name}.npy", array)
    project.set_param("data.source", str(folder))
    assert project.reproduce() == ["ingest"]
    assert not (project.root / "executed").exists()


@pytest.mark.slow
def test_class_folders_of_colour_pictures_have_their_names_everywhere(project: Project, tmp_path: Path) -> None:
    classes = ("red, bright", "green", "$b$")
    draw_pictures(tmp_path / "source", classes, 120)
    Image.new("RGB", (90, 60), (0, 230, 0)).save(tmp_path / "leaf.png")
    for key, value in {"data.source": str(tmp_path / "source"), "train.epochs": 6, "train.batch_size": 16}.items():
        project.set_param(key, value)
    assert "96 training and 24 test images of 32x32x3" in project.succeed("dvc", "repro")
    with (project.root / "metrics/classes.csv").open(newline="") as file:
        assert {row["class"]: row["support"] for row in csv.DictReader(file)} == dict.fromkeys(classes, "8")
    assert read(project, "metrics/test.json")["errors"] < 4
    assert read(project, "metrics/data.json")["train"]["classes"] == dict.fromkeys(classes, 32)
    assert read(project, "metrics/prediction.json")["label"] in classes
    by_hand = project.run("python", "-m", "stages.predict_sample", str(tmp_path / "leaf.png"))
    assert by_hand.returncode == 1 and "predict.preprocessing = digit: makes pictures like MNIST's" in by_hand.stderr
    project.set_param("predict.preprocessing", "plain")
    by_hand = project.run("python", "-m", "stages.predict_sample", str(tmp_path / "leaf.png"))
    assert by_hand.stdout.startswith(f"{tmp_path}/leaf.png: green ("), by_hand.stderr
