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

from stages.digits.reading import DOUBTFUL
from stages.predict_sample import __main__ as predict_sample
from stages.predict_sample.in_words import in_words
from stages.predict_sample.prediction import describe
from stages.predict_sample.sample import Box, Sample
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
    """Predicting with the reproduced project's model, in this process: its exit status, stdout and stderr."""

    def run(*arguments: Path | str, **changed: Any) -> tuple[int, str, str]:
        params = parse(RECIPE, "RECIPE")
        params["predict"].update(changed)
        monkeypatch.setattr("stages.predict_sample.loading.read_params", lambda: params)
        words = [str(argument) for argument in arguments]
        model = [] if {"--model", "--stage"} & {*words} else ["--model", str(reproduced.root / "models/cnn.h5")]
        monkeypatch.setattr(sys, "argv", ["predict_sample", *model, *words])
        try:
            status = predict_sample.main()
        except SystemExit as end:
            status = int(end.code or 0)
        except InputError as error:
            status = 1
            print(error, file=sys.stderr)
        return status, *capsys.readouterr()

    return run


def test_a_line_a_picture_for_files_and_folders_and_bad_ones_are_named(predict: Predict, pictures: Path) -> None:
    (pictures / "broken.gif").write_bytes(b"GIF89a no more")
    draw_digit(pictures / "z\nb\x1b[31m.png")
    (pictures.parent / "empty").mkdir()
    status, out, err = predict(pictures.parent / "empty", pictures, pictures / "none.png")
    assert status == 1
    lines = out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        f"{pictures}/{name}" for name in ("blank.png", "more/white on black.jpg", "seven.png", r"z\nb\x1b[31m.png")
    ]
    assert lines[0].endswith("? - no digit found")
    empty, broken, none = err.splitlines()
    assert empty == f"predict_sample: {pictures.parent / 'empty'}: no picture in this folder"
    assert broken.startswith(f"predict_sample: {pictures}/broken.gif: ")
    assert none == f"predict_sample: {pictures / 'none.png'}: no such file"


def test_json_gives_an_object_a_line_and_polarity_makes_no_difference(predict: Predict, pictures: Path) -> None:
    blank, light, dark = (json.loads(line) for line in predict("--json", pictures)[1].splitlines())
    assert blank["predicted"] is None and blank["warning"] == "no digit found"
    assert dark.keys() == {"picture", "predicted", "probability", "probabilities", "warning", "note"}
    assert dark["probability"] == max(dark["probabilities"]) and len(dark["probabilities"]) == 10
    assert np.allclose(light["probabilities"], dark["probabilities"], atol=0.1)


def test_what_is_known_of_a_model_lies_beside_it_and_is_of_no_other_model(
    predict: Predict, reproduced: Project, pictures: Path, tmp_path: Path
) -> None:
    model, card = tmp_path / "mine.h5", json.loads((reproduced.root / "models/cnn.json").read_text())
    shutil.copy(reproduced.root / "models/cnn.h5", model)
    status, out, err = predict("--model", model, pictures / "seven.png")
    assert status == 0 and re.search(r": [0-9] \([0-9.]+ %\)$", out)
    assert err == f"note: {tmp_path}/mine.json: no such file: classes are numbers, no answer is said to be unsure\n"
    changes = {"classes": list("klmnopqrst"), "unsure_below": 1}
    (tmp_path / "mine.json").write_text(json.dumps(card | changes))
    status, out, err = predict("--model", model, pictures / "seven.png")
    assert status == 0 and re.search(r": ([k-t] \(.*\) - the network is unsure|\? - the network cannot tell)$", out)
    assert not err
    for wrong, problem in (
        (card | {"model_md5": "0" * 32}, f"of another model than {model}; `dvc repro` writes it anew"),
        (card | {"classes": [0, 1]}, f"names 2 classes, but {model} has 10"),
        (
            card | {"unsure_below": 2},
            "must be what evaluate wrote of a model (`dvc repro` writes it anew): Expected `float` <= 1.0",
        ),
        (
            card | {"unsure_below": {}},
            "must be what evaluate wrote of a model (`dvc repro` writes it anew): Expected `float`, got `object`",
        ),
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
    status, _, err = predict("a.png", "--stage", "b", "c", "d")
    assert status == 2 and "give either pictures, " in err
    assert "https:/a/b.png: no such file" in predict("https://a/b.png")[2]


def test_it_works_from_any_folder_with_the_pictures_of_that_folder(project: Project, pictures: Path) -> None:
    elsewhere = Project(pictures, {"PYTHONPATH": str(project.root)})
    run = elsewhere.run("python", "-m", "stages.predict_sample", "seven.png", "more")
    assert run.returncode == 0, run.stderr
    assert [line.partition(": ")[0] for line in run.stdout.splitlines()] == ["seven.png", "more/white on black.jpg"]


def as_stage(project: Project, folder: Path) -> list[Path | str]:
    """The stage's command line, with outputs in another folder."""
    return ["--stage", project.root / "models", project.root / "data/prepared/test", folder]


def test_a_number_as_the_input_is_told_and_drawn_digit_by_digit(
    predict: Predict, reproduced: Project, pictures: Path, tmp_path: Path
) -> None:
    with Image.open(pictures / "seven.png") as seven:
        number = Image.new("L", (400, 200), 255)
        number.paste(seven, (0, 0))
        number.paste(seven, (150, 10))
    number.save(tmp_path / "77.gif", save_all=True, append_images=[Image.new("L", number.size, 255)])
    _, out, _ = predict(*as_stage(reproduced, tmp_path), input=str(tmp_path / "77.gif"))
    assert "Note: first of 2 frames\n" in out
    prediction = json.loads((tmp_path / "prediction.json").read_text())
    first, second = prediction["glyphs"]
    assert prediction["predicted"] == f"{first['predicted']}{second['predicted']}"
    assert second["x"] - first["x"] == 150 and second["y"] - first["y"] == 10
    assert abs(first["width"] - 86) <= 4 and abs(first["height"] - 110) <= 8
    assert len(second["probabilities"]) == 10 and second["probability"] == max(second["probabilities"])
    assert Image.open(tmp_path / "prediction.png").width > 1000  # the steps side by side


def test_prepared_images_other_than_the_test_set_have_no_label(
    predict: Predict, reproduced: Project, tmp_path: Path
) -> None:
    """Their number may be that of the test set, whose labels are not theirs."""
    other = shutil.copy(reproduced.root / "data/prepared/test/images.npy", tmp_path / "other.npy")
    assert predict(*as_stage(reproduced, tmp_path), input=str(other))[0] == 0
    prediction = json.loads((tmp_path / "prediction.json").read_text())
    assert prediction["input"] == "other.npy" and prediction["label"] is None and prediction["predicted"] is not None
    beyond = f"params.yaml: predict.index = 200: must be from 0 to 199 ({other})\n"
    assert predict(*as_stage(reproduced, tmp_path), input=str(other), index=200) == (1, "", beyond)


def described(rows: list[list[float]], classes: Sequence[int] | Sequence[str], **sample: Any) -> dict[str, Any]:
    fields, boxes = FIELD.repeat(len(rows), 0), [Box(10 * n, 0, 8, 9) for n in range(len(rows))]
    answers = [np.array(row, np.float32) for row in rows]
    return describe(Sample(**{"fields": fields, "boxes": boxes, **sample}), answers, classes, 0.6)


@pytest.mark.parametrize(
    ("rows", "classes", "sample", "words"),
    [
        ([[0.123, 0.877]], range(2), {}, "1 (87.7 %)"),
        ([[0.4, 0.6]], range(2), {"warning": DOUBTFUL}, f"1 (60.0 %) - {DOUBTFUL}"),
        (
            [[0.55, 0.45]],
            range(2),
            {"note": "first of 3 frames"},
            "0 (55.0 %) - the network is unsure - first of 3 frames",
        ),
        ([[0.3, 0.7]], ["cat", "dog"], {}, "dog (70.0 %)"),
        ([[0.9, 0.1], [0.2, 0.8]], range(2), {"are_cut": [True, True]}, "01 (90.0 %, 80.0 %) - the network is unsure"),
        ([[0.992, 0.008], [0.005, 0.995]], range(2), {"are_cut": [True, True]}, "01 (99.2 %, 99.5 %)"),
        ([[0.28, 0.27, 0.25, 0.2]], range(4), {}, "? - the network cannot tell"),
        ([[0.123, 0.877]], range(2), {"passed_over": [Box(9, 9, 9, 9)]}, "1 (87.7 %) - 1 other mark passed over"),
        ([[0.01, 0.99]], range(2), {"fields": FIELD * 0, "warning": "no digit found"}, "? - no digit found"),
        ([[0.9, 0.1], [0.2, 0.8]], range(2), {}, "01 (90.0 %, 80.0 %)"),
        ([[0.9, 0.1], [0.2, 0.8]], ["a", "b"], {}, "ab (90.0 %, 80.0 %)"),
        ([[0.9, 0.1], [0.2, 0.8]], ["cat", "dog"], {}, "cat dog (90.0 %, 80.0 %)"),
        ([[0.9, 0.1], [0.55, 0.45]], range(2), {}, "00 (90.0 %, 55.0 %) - the network is unsure"),
        (
            [[0.9, 0.1], [0.2, 0.8]],
            range(2),
            {"fields": np.concatenate([FIELD, FIELD * 0])},
            "0? (90.0 %, 0.0 %) - the network cannot tell",
        ),
    ],
)
def test_a_prediction_in_words_has_its_probability_warning_and_note(
    rows: list[list[float]], classes: Sequence[int] | Sequence[str], sample: dict[str, Any], words: str
) -> None:
    assert in_words({**described(rows, classes, **sample), "note": sample.get("note")}) == words


def test_a_number_in_json_has_a_probability_and_a_box_for_each_digit() -> None:
    told = described([[0.9, 0.1], [0.25, 0.75]], range(2), passed_over=[Box(1, 2, 3, 4)])
    assert told["predicted"] == "01" and told["probability"] == 0.675 and told["probabilities"] is None
    assert told["glyphs"][1] == {
        **{"x": 10, "y": 0, "width": 8, "height": 9},
        **{"predicted": 1, "probability": 0.75, "probabilities": [0.25, 0.75], "warning": None},
    }
    assert told["passed_over"] == [{"x": 1, "y": 2, "width": 3, "height": 4}]
    assert described([[0.3, 0.7]], ["cat", "dog"])["probabilities"] == {"cat": 0.3, "dog": 0.7}
