"""Predicting pictures: by hand, and as the stage's input."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages import predict_sample
from stages.pictures.figure import draw_prediction, side_by_side
from stages.pictures.prediction import describe, in_words
from stages.pictures.sample import Box, Sample
from stages.running.params import parse
from stages.running.process import InputError
from tests.project import RECIPE, Project

FIELD = np.full((1, 28, 28), 0.5, np.float32)


def draw_digit(path: Path, ink: int = 0, paper: int = 255) -> None:
    """A 7 with a bar, by a pen, on paper."""
    picture = Image.new("L", (200, 200), paper)
    pen = ImageDraw.Draw(picture)
    pen.line([(60, 50), (140, 50), (90, 150)], ink, 12, "curve")
    pen.line([(85, 100), (125, 100)], ink, 10)
    picture.save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "my pictures"
    (folder / "more").mkdir(parents=True)
    draw_digit(folder / "seven.png")
    draw_digit(folder / "more/white on black.jpg", 255, 0)
    Image.new("L", (100, 100), 255).save(folder / "blank.png")
    (folder / "notes.txt").write_text("no picture, and not taken for one")
    return folder


Predict = Callable[..., tuple[int, str, str]]


@pytest.fixture
def predict(reproduced: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Predict:
    """Predicting by hand with the reproduced project's model, in this process: its exit status, stdout and stderr."""
    monkeypatch.setattr("stages.running.params.read_params", lambda: parse(RECIPE, "RECIPE"))

    def run(*arguments: Path | str) -> tuple[int, str, str]:
        words = [str(argument) for argument in arguments]
        model = [] if "--model" in words else ["--model", str(reproduced.root / "models/cnn.h5")]
        monkeypatch.setattr(sys, "argv", ["predict_sample", *model, *words])
        status = 0
        try:
            predict_sample.main()
        except SystemExit as end:
            status = int(end.code or 0)
        except InputError as error:
            status = 1
            print(error, file=sys.stderr)
        return status, *capsys.readouterr()

    return run


def test_a_line_a_picture_for_files_and_folders_and_bad_ones_named_at_the_end_with_a_failure(
    predict: Predict, pictures: Path
) -> None:
    broken = pictures / "broken.gif"
    broken.write_bytes(b"GIF89a no more")
    (pictures / "drawing.svg").write_text("<svg/>")
    (pictures / "notes.txt").write_text("no picture, and not told of")
    draw_digit(pictures / "z\nb\x1b[31m.png")
    (pictures.parent / "empty").mkdir()
    status, out, err = predict(pictures.parent / "empty", pictures, pictures / "none.png")
    assert status == 1
    lines = out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        f"{pictures}/{name}" for name in ("blank.png", "more/white on black.jpg", "seven.png", r"z\nb\x1b[31m.png")
    ]
    assert lines[0].endswith("? - no digit found")
    errors = err.splitlines()
    assert len(errors) == 4
    assert errors[0] == f"predict_sample: {pictures.parent / 'empty'}: no picture in this folder"
    assert errors[1].startswith(f"predict_sample: {broken}: ")
    assert errors[2].startswith(f"predict_sample: {pictures / 'drawing.svg'}: not a picture of a known kind")
    assert errors[3] == f"predict_sample: {pictures / 'none.png'}: no such file"


def test_json_gives_an_object_a_line_and_both_polarities_are_the_same_digit(predict: Predict, pictures: Path) -> None:
    status, out, _ = predict("--json", pictures)
    assert status == 0
    blank, light, dark = (json.loads(line) for line in out.splitlines())
    assert blank["predicted"] is None and blank["warning"] == "no digit found"
    assert dark.keys() == {"picture", "predicted", "probability", "probabilities", "warning", "note"}
    assert dark["probability"] == max(dark["probabilities"]) and len(dark["probabilities"]) == 10
    assert light["predicted"] == dark["predicted"]
    assert np.allclose(light["probabilities"], dark["probabilities"], atol=0.1)


def test_what_is_known_of_a_model_lies_beside_it_and_is_of_no_other_model(
    predict: Predict, reproduced: Project, pictures: Path, tmp_path: Path
) -> None:
    model, card = tmp_path / "mine.h5", json.loads((reproduced.root / "models/cnn.json").read_text())
    shutil.copy(reproduced.root / "models/cnn.h5", model)
    status, out, err = predict("--model", model, pictures / "seven.png")
    assert status == 0 and re.search(r": [0-9] \([0-9.]+ %\)$", out)
    assert err == f"note: {tmp_path}/mine.json: no such file: classes are numbers, no answer is said to be unsure\n"
    changes = {"classes": list("klmnopqrst"), "unsure_below": {"one_view": 0, "all_views": 1}}
    (tmp_path / "mine.json").write_text(json.dumps(card | changes))
    status, out, err = predict("--model", model, pictures / "seven.png")
    assert status == 0 and re.search(r": [k-t] \(.*\) - the network is unsure$", out) and not err
    for wrong, problem in (
        (card | {"model_md5": "0" * 32}, f"of another model than {model}; `dvc repro` writes it anew"),
        (card | {"classes": [0, 1]}, f"names 2 classes, but {model} has 10"),
        (card | {"unsure_below": {"one_view": 2}}, "must be what evaluate wrote of a model: Expected `float` <= 1.0"),
        (card | {"unsure_below": 0.5}, "must be what evaluate wrote of a model: Expected `object`, got `float`"),
    ):
        (tmp_path / "mine.json").write_text(json.dumps(wrong))
        status, out, err = predict("--model", model, pictures / "seven.png")
        assert status == 1 and err.startswith(f"{tmp_path}/mine.json: {problem}") and not out


def test_what_cannot_be_predicted_is_one_line(predict: Predict) -> None:
    for arguments, line in (
        (["a.png", "--model", "e\nf.h5"], r"e\nf.h5: no such file; `dvc repro` trains models/cnn.h5"),
        (["a.png", "--model", "."], ".: is not a file; `dvc repro` trains models/cnn.h5"),
    ):
        assert predict(*arguments) == (1, "", f"{line}\n")
    status, _, err = predict("a.png", "--figure", "b.png")
    assert status == 2 and "give either pictures, or all of" in err
    for name, problem in (("", "an empty name was given"), ("https://a/b.png", "https://a/b.png: is an address; must")):
        assert predict(name)[2].startswith(problem)


@pytest.mark.slow
def test_a_picture_as_the_input_is_a_dependency_whose_change_reruns_predict_sample_alone(
    project: Project, pictures: Path
) -> None:
    hostile = pictures / "a$(touch executed).png"
    (pictures / "seven.png").rename(hostile)
    project.set_param("predict.input", str(hostile))
    assert project.reproduce() == ["predict-sample"]
    prediction = json.loads((project.root / "metrics/prediction.json").read_text())
    assert prediction["input"] == hostile.name and prediction["label"] is None and prediction["index"] is None
    assert not (project.root / "executed").exists()
    assert str(pictures) not in (project.root / "metrics/prediction.json").read_text()
    wide = Image.open(project.root / "metrics/prediction.png").width
    draw_digit(hostile, 80, 200)
    assert project.reproduce() == ["predict-sample"]
    assert project.reproduce() == []
    assert wide > 1000  # the steps side by side


@pytest.mark.slow
def test_a_number_as_the_input_is_told_and_drawn_digit_by_digit(project: Project, pictures: Path) -> None:
    with Image.open(pictures / "seven.png") as seven:
        number = Image.new("L", (400, 200), 255)
        number.paste(seven, (0, 0))
        number.paste(seven, (150, 10))
    number.save(project.root / "77.png")
    project.set_param("predict.input", "77.png")
    assert project.reproduce() == ["predict-sample"]
    prediction = json.loads((project.root / "metrics/prediction.json").read_text())
    first, second = prediction["glyphs"]
    assert prediction["predicted"] == f"{first['predicted']}{second['predicted']}"
    assert second["x"] - first["x"] == 150 and second["y"] - first["y"] == 10
    assert abs(first["width"] - 86) <= 4 and abs(first["height"] - 110) <= 8
    assert len(second["probabilities"]) == 10 and second["probability"] == max(second["probabilities"])
    assert Image.open(project.root / "metrics/prediction.png").width > 1000


@pytest.mark.slow
def test_an_animation_as_the_input_is_its_first_frame_with_a_note(project: Project, pictures: Path) -> None:
    with Image.open(pictures / "seven.png") as seven:
        seven.save(project.root / "seven.gif", save_all=True, append_images=[Image.new("L", seven.size, 255)])
    project.set_param("predict.input", "seven.gif")
    run = project.run("dvc", "repro")
    assert run.returncode == 0 and "Note: first of 2 frames" in run.stdout
    assert json.loads((project.root / "metrics/prediction.json").read_text())["note"] == "first of 2 frames"


def test_it_works_from_any_folder_with_the_pictures_of_that_folder(project: Project, pictures: Path) -> None:
    elsewhere = Project(pictures, {"PYTHONPATH": str(project.root)})
    run = elsewhere.run("python", "-m", "stages.predict_sample", "seven.png", "more")
    assert run.returncode == 0, run.stderr
    assert [line.partition(": ")[0] for line in run.stdout.splitlines()] == ["seven.png", "more/white on black.jpg"]
    project.append("params.yaml", "surplus: 1\n")
    refused = elsewhere.run("python", "-m", "stages.predict_sample", "seven.png")
    assert refused.returncode == 1 and "preflight: params.yaml: surplus = 1: unknown key" in refused.stderr


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_bug(project: Project, pictures: Path) -> None:
    run = project.run("bash", "-c", f"python -m stages.predict_sample '{pictures}' '{pictures}' | head -0")
    assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_a_sample_that_is_not_there_is_one_clear_line(project: Project) -> None:
    project.set_param("predict.index", 200)
    run = project.run("dvc", "repro")
    assert run.returncode != 0
    expected = "predict_sample: params.yaml: predict.index = 200: must be from 0 to 199 (data/prepared/x_test.npy)"
    assert expected in run.stderr.splitlines()


@pytest.mark.slow
def test_prepared_images_other_than_the_test_set_have_no_label(project: Project) -> None:
    """Their number may be that of the test set, whose labels are not theirs."""
    project.set_param("predict.input", "data/other.npy")
    shutil.copy(project.root / "data/prepared/x_test.npy", project.root / "data/other.npy")
    assert project.reproduce() == ["predict-sample"]
    prediction = json.loads((project.root / "metrics/prediction.json").read_text())
    assert prediction["input"] == "other.npy" and prediction["label"] is None and prediction["predicted"] is not None


UNSURE = 0.6  # below this


def described(probabilities: list[float], **sample: Any) -> dict[str, Any]:
    answers = [(probabilities, max(probabilities) < UNSURE)]
    return describe(Sample(**{"fields": FIELD, **sample}), answers, range(len(probabilities)))


def test_an_unsure_network_is_said_to_be_so() -> None:
    assert described([0.59, 0.41])["warning"] == "the network is unsure"
    assert described([0.3, 0.7])["warning"] is None


def test_the_predicted_class_is_that_of_the_unrounded_probabilities_as_in_the_metrics() -> None:
    assert described([0.49999998, 0.50000002])["predicted"] == 1


def test_classes_with_names_are_called_by_them() -> None:
    named = describe(Sample(FIELD), [([0.3, 0.7], False)], ["cat", "dog"])
    assert named["predicted"] == "dog" and named["probabilities"] == {"cat": 0.3, "dog": 0.7}
    assert in_words(named, None) == "dog (70.0 %)"


def test_what_the_picture_warns_of_goes_before_what_the_network_does() -> None:
    assert described([0.5, 0.5], warning="several separate glyphs")["warning"] == "several separate glyphs"


def test_an_empty_field_is_never_predicted() -> None:
    empty = described([0.01, 0.99], fields=FIELD * 0, warning="no digit found")
    assert empty["predicted"] is None and empty["probability"] is None
    assert in_words(empty, None) == "? - no digit found"


def test_a_prediction_in_words_has_its_probability_warning_and_note() -> None:
    assert in_words(described([0.123, 0.877]), None) == "1 (87.7 %)"
    assert (
        in_words(described([0.5, 0.5]), "first of 3 frames") == "0 (50.0 %) - the network is unsure - first of 3 frames"
    )


def number(rows: list[list[float]], classes: Sequence[int] | Sequence[str], **sample: Any) -> dict[str, Any]:
    fields, boxes = FIELD.repeat(len(rows), 0), [Box(10 * n, 0, 8, 9) for n in range(len(rows))]
    answers = [(row, max(row) < UNSURE) for row in rows]
    return describe(Sample(**{"fields": fields, "boxes": boxes, **sample}), answers, classes)


def test_a_number_is_a_string_of_digits_with_a_probability_and_a_box_each() -> None:
    told = number([[0.9, 0.1], [0.2, 0.8]], range(2))
    assert told["predicted"] == "01" and told["probability"] == 0.72 and told["probabilities"] is None
    assert told["glyphs"][1] == {
        **{"x": 10, "y": 0, "width": 8, "height": 9},
        **{"predicted": 1, "probability": 0.8, "probabilities": [0.2, 0.8], "warning": None},
    }
    assert in_words(told, None) == "01 (90.0 %, 80.0 %)"


def test_classes_of_long_names_are_kept_apart_by_spaces() -> None:
    assert number([[0.9, 0.1], [0.2, 0.8]], ["a", "b"])["predicted"] == "ab"
    assert number([[0.9, 0.1], [0.2, 0.8]], ["cat", "dog"])["predicted"] == "cat dog"


def test_one_digit_that_the_network_is_unsure_of_is_warned_of_for_the_whole_number() -> None:
    told = number([[0.9, 0.1], [0.55, 0.45]], range(2))
    assert in_words(told, None) == "00 (90.0 %, 55.0 %) - the network is unsure"
    assert [glyph["warning"] for glyph in told["glyphs"]] == [None, "the network is unsure"]


def test_a_digit_whose_ink_vanishes_in_the_field_is_a_question_mark_in_the_number() -> None:
    told = number([[0.9, 0.1], [0.2, 0.8]], range(2), fields=np.concatenate([FIELD, FIELD * 0]))
    assert in_words(told, None) == "0? (90.0 %, 0.0 %)"
    assert told["probability"] == 0


@pytest.mark.parametrize("n", [2, 5, 20])
def test_the_figure_shows_each_field_of_a_number(tmp_path: Path, n: int) -> None:
    told = number([[0.9, 0.1]] * n, range(2))
    picture = np.zeros((100, 300, 3), np.uint8)
    draw_prediction(tmp_path / "a.png", Sample(FIELD.repeat(n, 0), steps={"found": picture}), told, range(2))
    assert Image.open(tmp_path / "a.png").width == 1100
    seen = side_by_side(FIELD.repeat(n, 0) * np.arange(1, n + 1, dtype=np.float32)[:, np.newaxis, np.newaxis])
    columns = seen.shape[1] // 30
    assert [seen[30 * (k // columns) + 15, 30 * (k % columns) + 15] for k in range(n)] == [
        (k + 1) / 2 for k in range(n)
    ]
