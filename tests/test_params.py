"""params.yaml: every problem, in one go, a line each."""

import copy
import os
import sys
from functools import reduce
from importlib.metadata import version
from itertools import pairwise
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from dvc.exceptions import DvcException as DvcError  # type: ignore[import-untyped]
from dvc.utils.serialize import parse_yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from stages.commands.checks.files import package_problems, sample_problems, source_problems
from stages.commands.checks.params import params_problems, schema
from stages.running.params import flatten, load, parse
from stages.running.process import InputError
from tests.project import ROOT, recipe

GOOD = load(ROOT / "params.yaml")
STAGES = load(ROOT / "dvc.yaml")["stages"]


@pytest.mark.ours
def test_the_committed_file_has_the_recipe_that_the_tests_know() -> None:
    assert recipe() == flatten(GOOD)


def with_values(values: dict[str, Any]) -> dict[str, Any]:
    """The committed parameters with other values, by dotted key."""
    params = copy.deepcopy(GOOD)
    for key, value in values.items():
        *sections, name = key.split(".")
        reduce(getitem, sections, params)[name] = value
    return params


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("train.epochs", 0, "a whole number, at least 1, at most 10,000"),
        ("train.epochs", True, "a whole number"),
        ("train.learning_rate", float("nan"), "a number, above 0, below 10"),
        ("train.augmentation.zoom", 1, "a number, at least 0, below 1"),
        ("model.filters", [], "a list, each a whole number, at least 1, at most 4,096"),
        ("prepare.image_data_format", "channels", "channels_first or channels_last"),
        ("prepare.scale", float("inf"), "null or a number, above 1e-30"),
        ("prepare.strict", 1, "true or false"),
        ("prepare.class_names", ["a", 1], "null or a list, each text"),
        ("data.source", "a\0b", "the path of a file or folder"),
        ("data.image_size", [28], "null or a list of 2, each a whole number, at least 1"),
        ("data.channels", True, "null or 1 or 3"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(key: str, value: Any, allowed: str) -> None:
    (problem,) = params_problems(with_values({key: value}))
    assert problem.startswith(f"params.yaml: {key} = {value!r}: must be {allowed}")


def test_unknown_missing_and_wrong_come_together() -> None:
    values = with_values({"train.epoch": 3, "train.batch_size": -1, "gate": None})
    del values["train"]["seed"]
    assert params_problems(values) == [
        "params.yaml: gate = None: must be a section with keys of its own",
        "params.yaml: train.batch_size = -1: must be a whole number, at least 1, at most 65,536",
        "params.yaml: train.epoch = 3: unknown key; did you mean train.epochs?",
        "params.yaml: train.seed: missing; must be a whole number, at least 0, at most 4,294,967,295",
    ]


def test_contradictory_values_are_a_problem() -> None:
    (problem,) = params_problems(with_values({"train.batch_size": 2, "train.shards": 4}))
    assert problem == "params.yaml: train.shards = 4: must be at most train.batch_size = 2"
    (problem,) = params_problems(with_values({"train.batch_size": 7, "train.shards": 4, "train.outliers": 0.2}))
    assert (
        problem == "params.yaml: train.outliers = 0.2: must be 0 where train.batch_size is below 8, twice train.shards"
    )


def test_the_schema_by_which_editors_check_is_that_of_the_classes() -> None:
    assert (ROOT / "stages/params.schema.json").read_text() == schema(), "python -m stages.commands.preflight --schema"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x" * 300, "no such file or folder"),
        ("s3://bucket/mine", "is an address; must be a file or folder on this machine"),
        ("stages/ingest/idx.py", "is, holds or is part of stages/ingest,"),
        (str(ROOT / "data/../models/cnn.h5"), "is, holds or is part of models/cnn.h5,"),
        (".", "is, holds or is part of requirements.lock,"),
    ],
)
def test_a_data_source_that_dvc_cannot_take_is_one_line(source: str, problem: str) -> None:
    (line,) = source_problems("data.source", source, STAGES, {})
    assert line.startswith(f"params.yaml: data.source = '{source[:9]}") and f": {problem}" in line
    assert source_problems("data.source", "data/mnist.npz", STAGES, {}) == []


def test_a_file_whose_name_is_not_utf8_is_named_before_dvc_stumbles_over_it(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / os.fsdecode(b"\xff.png")).touch()
    (line,) = source_problems("data.source", str(tmp_path), STAGES, {})
    assert line.endswith(rf"DVC takes no name such as '{tmp_path}/cat/\udcff.png'; must be UTF-8")


@pytest.mark.parametrize(
    ("sample", "problem"),
    [
        ("x" * 300, "no such file or folder"),
        ("https://example.org/7.png", "is an address; must be a file or folder on this machine"),
        ("metrics/prediction.png", "is what predict-sample writes; must be another file"),
        ("metrics", "is a folder, must be one file"),
    ],
)
def test_a_sample_that_dvc_cannot_take_is_one_line(sample: str, problem: str) -> None:
    (line,) = sample_problems(sample, STAGES)
    assert line.startswith(f"params.yaml: predict.input = '{sample[:9]}") and f": {problem}" in line
    assert sample_problems("README.md", STAGES) == sample_problems("data/prepared/train/images.npy", STAGES) == []


@pytest.mark.parametrize(
    "text", ["train: [", "- 1", "a: \x00", "train: {epochs: 1, epochs: 2}", "a: " + "9" * 5000, "&a [*a]"]
)
def test_a_file_that_is_no_mapping_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError, match=r"p\.yaml: ") as caught:
        load(tmp_path / "p.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["010", "2020-01-01", ""])
def test_a_file_name_that_yaml_takes_for_something_else_needs_quotes(text: str) -> None:
    (problem,) = params_problems(with_values({"data.source": parse(f"a: {text}", "p.yaml")["a"]}))
    assert problem.endswith("must be the path of a file or folder, in quotes if it looks like a number or a date")


SCALARS = ["010", "yes", "1:30", "1_000", "1e-05", ".5", "+7", "~", "1.2.3", "2024-11-01", "0o17", ".inf"]


@given(st.sampled_from(SCALARS) | st.text("0123456789_+-.eExXobtTrRuUfFaAlLsSnNyYoO~: '", max_size=9))
def test_values_are_read_as_dvc_reads_them(scalar: str) -> None:
    """`dvc.lock` and the stage must not take `yes` or `010` for two things."""
    text = f"a: {scalar}\n"
    try:
        expected = parse_yaml(text, "p.yaml")
    except DvcError:
        return
    assert repr(parse(text, "p.yaml")) == repr(expected)


# Aliases of aliases, each nine times in the next: larger than memory.
ALIASES = "a: &a [k, l]\n" + "".join(f"{c}: &{c} [{', '.join([f'*{b}'] * 9)}]\n" for b, c in pairwise("abcdefghij"))


@pytest.mark.parametrize("text", [ALIASES, '"a\\nb": 1'])
def test_huge_values_and_keys_that_break_lines_are_lines_of_their_own(text: str) -> None:
    problems = InputError(*params_problems(parse(text, "p.yaml")))
    assert all(problem.isprintable() and len(problem) < 1000 for problem in problems.args)


def test_packages_of_other_versions_than_locked_are_one_problem() -> None:
    names = ["pytest", *(f"no-such-package-{number}" for number in range(9))]
    lock = "".join(f"{name}==0.0.1 \\\n    --hash=sha256:0\n" for name in names)
    (problem,) = package_problems(lock)
    assert f"pytest is {version('pytest')}, locked is 0.0.1" in problem
    assert "no-such-package-0 is missing, locked is 0.0.1" in problem and "and 7 more" in problem
    assert sys.executable in problem and "\n" not in problem
    assert package_problems((ROOT / "requirements.lock").read_text()) == []
    assert package_problems("no-such-package==1 ; sys_platform == 'win32' \\\n    --hash=sha256:0\n") == []


def test_the_build_of_tensorflow_for_a_gpu_is_as_good_as_the_locked_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.commands.checks.files.metadata.version", {"tensorflow": "2.21.0"}.__getitem__)
    monkeypatch.setattr("stages.commands.checks.files.metadata.PackageNotFoundError", KeyError)
    assert package_problems("tensorflow-cpu==2.21.0 \\\n") == []
    assert "tensorflow-cpu is 2.21.0, locked is 2.21.1" in package_problems("tensorflow-cpu==2.21.1 \\\n")[0]
