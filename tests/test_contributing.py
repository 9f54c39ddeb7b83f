"""docs/contributing.md: what it says of each change is true, tried on a copy of the project."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from tests.project import ROOT, Project, md5

PAGE_FILE = ROOT / "docs/contributing.md"
PAGE = PAGE_FILE.read_text() if PAGE_FILE.exists() else ""


def change(project: Project, title: str) -> set[str]:
    """Make the change that the page shows under a title; returns the files that it touches."""
    (block,) = re.findall(rf"^### {title}\n(?:[^#`]*\n)?```diff\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^--- (.*)\n", block, flags=re.MULTILINE)[1:]
    for name, lines in zip(parts[::2], parts[1::2], strict=True):
        edit(project.root / name, lines.splitlines())
    return set(parts[::2])


def edit(path: Path, lines: list[str]) -> None:
    """Replace, in turn, what the diff's lines are with what they become."""
    text = path.read_text() if path.exists() else ""
    for hunk in re.findall(r"(?:[ -].*\n)*(?:\+.*\n)+", "".join(f"{line}\n" for line in lines)):
        before, after = (
            "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[0] in kept) for kept in (" -", " +")
        )
        assert text.count(before) == 1 or not text, (path, before)
        text = text.replace(before, after) if text else after
    path.write_text(text)


def files_promised(kind: str) -> str:
    (row,) = re.findall(rf"^\| {kind} \|.*\| (.*) \|$", PAGE, re.MULTILINE)
    return str(row)


@pytest.mark.slow
@pytest.mark.ours
def test_what_the_page_adds_runs_and_passes_the_checks(project: Project, mnist: dict[str, np.ndarray]) -> None:
    before = {path.name: md5(path) for path in (project.root / "metrics/figures").iterdir()}
    assert change(project, "A metric") == {"stages/evaluate/grading.py"}
    assert change(project, "A figure") == {"stages/report/support.py", "stages/report/figures.py"}
    assert project.reproduce() == ["evaluate", "report"]
    assert 0 < json.loads((project.root / "metrics/test.json").read_text())["balanced_accuracy"] < 1
    drawn = {path.name: md5(path) for path in (project.root / "metrics/figures").iterdir()}
    assert drawn.keys() - before.keys() == {"support_by_class.png"} and drawn.items() >= before.items()

    scipy.io.savemat(project.root / "data/small.mat", {k: v[:, None] if v.ndim == 1 else v for k, v in mnist.items()})
    assert change(project, "A source format") == {"stages/ingest/mat.py", "stages/ingest/sources.py"}
    project.set_param("data.source", "data/small.mat")
    assert project.reproduce() == ["ingest", "prepare"], "the same images give the same prepared arrays"

    assert change(project, "An augmentation") == {"stages/train/augmentation.py", "params.yaml"}
    assert change(project, "Another network") == {"stages/network/architecture.py"}
    project.succeed("python", "-m", "stages.commands.preflight", "--schema")
    assert "normalization" in project.succeed("dvc", "repro")

    project.succeed("ruff", "check", "stages")
    project.succeed("mypy", "stages")
    project.succeed("python", "-m", "pytest", "-q", "tests/test_declarations.py")


@pytest.mark.ours
def test_the_page_names_the_files_that_its_changes_touch() -> None:
    for file in re.findall(r"`(stages/[\w/.]+|params\.yaml|dvc\.yaml|tests/\w+\.py)`", PAGE):
        assert (ROOT / file).exists(), file
    assert files_promised("a metric") == files_promised("another network") == "that one"
