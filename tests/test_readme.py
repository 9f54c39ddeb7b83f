"""README.md and docs: their numbers are those of the committed run, their commands exist and run, their links lead."""

import json
import re
import subprocess

import pytest
from msgspec import to_builtins
from PIL import Image

from stages.train.augmentation import OTHER_HANDS
from tests.declarations import stages
from tests.project import ROOT, Project
from tests.verify import recorded

README = (ROOT / "README.md").read_text()
PAGES = {path: path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
DOCS = "\n".join(PAGES.values())
MAKEFILE = (ROOT / "Makefile").read_text()

pytestmark = pytest.mark.ours

# Set-up that the test environment stands on already, or that needs the network.
NOT_RUN = ("python3 -m venv", ". .venv", "pip install", "dvc repro")


def test_numbers_are_those_of_the_committed_metrics() -> None:
    metrics = json.loads((ROOT / "metrics/test.json").read_text())
    (row,) = re.findall(r"^\| this pipeline \|(.*)$", README, re.MULTILINE)
    accuracy, loss, n, conditions = (cell.strip() for cell in row.strip("|").split("|"))
    low, high = metrics["accuracy_low"], metrics["accuracy_high"]
    assert accuracy == f"{metrics['accuracy']:.4f} (95 % interval {low:.4f} to {high:.4f})"
    assert loss == f"{metrics['loss']:.4f}"
    assert n == f"{metrics['n']:,}"
    assert "57,562 parameters, 5 epochs, seed 1998" in conditions
    assert f"prints accuracy {metrics['accuracy']:.4f}\n" in README
    trained = json.loads((ROOT / "metrics/train.json").read_text())
    assert f"`{len(recorded(ROOT))} of {len(recorded(ROOT))} outputs match`" in DOCS
    assert recipe("make repro") == recipe_row(trained, metrics, recorded(ROOT)["models/cnn.h5"])


def recipe(command: str) -> list[str]:
    """The figures in the table of recipes: on the validation rows, on the test set, and the model's MD5."""
    (row,) = re.findall(rf"^\|[^|]*`{command}` \|(.*)\|$", DOCS, re.MULTILINE)
    cells = [cell.strip() for cell in row.split("|")]
    return [cells[0], cells[1], cells[-1].strip("`")]


def recipe_row(trained: dict[str, float], tested: dict[str, float], digest: str) -> list[str]:
    """The same from what train and evaluate wrote."""
    accuracy, low, high = (tested[f"accuracy{end}"] for end in ("", "_low", "_high"))
    return [f"{trained['val_accuracy']:.4f}", f"{accuracy:.4f} ({low:.4f} to {high:.4f})", digest]


def test_the_table_of_stages_has_those_of_dvc_yaml() -> None:
    table = README.partition("| stage | what it does |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(stages())


def test_the_recipe_for_handwriting_has_the_amounts_that_confidence_is_measured_by() -> None:
    (words,) = re.findall(r"dvc exp run -n handwriting((?: -S \S+| \\\n\s+-S \S+)+)", MAKEFILE)
    amounts = {f"train.augmentation.{name}={amount:g}" for name, amount in to_builtins(OTHER_HANDS).items()}
    assert amounts <= set(words.split())


def test_readme_is_short_and_every_link_of_it_and_docs_leads_somewhere() -> None:
    assert len(README.split()) <= 1300
    for page, text in PAGES.items():
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert "://" in link or (page.parent / link).exists(), (page, link)
        for link, anchor in re.findall(r"\]\(([^):#]+)#([^)]+)\)", text):
            assert f"## {anchor.replace('-', ' ')}" in (page.parent / link).read_text().lower(), (page, anchor)


def test_the_sweep_that_is_shown_begins_from_the_committed_run() -> None:
    metrics = json.loads((ROOT / "metrics/train.json").read_text())
    shown = re.search(r"^\| main +\| (\S+) +\| (\S+) +\|", DOCS, re.MULTILINE)
    assert shown and shown.groups() == (f"{metrics['val_accuracy']:.5g}", f"{metrics['val_loss']:.5g}")


def test_every_make_target_that_is_named_exists_and_has_a_line_of_help() -> None:
    help_text = subprocess.run(["make", "help"], cwd=ROOT, text=True, capture_output=True).stdout
    helped = set(re.findall(r"^make ([a-z-]+) ", help_text, re.MULTILINE))
    assert set(re.findall(r"(?:`|^ +)make ([a-z-]+)", DOCS, re.MULTILINE)) - {"it"} <= helped
    assert set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)) == helped


def test_the_command_that_joins_a_cluster_is_that_of_dvc_yaml() -> None:
    (shown,) = re.findall(r"^ +(python -m stages\.train .*)", DOCS, re.MULTILINE)
    assert f"exec {shown}" == stages()["train"]["cmd"]


def test_the_model_is_used_and_trained_on_as_shown(project: Project) -> None:
    """By stock Keras alone."""
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "load_model" in code]
    data = "x, y = (numpy.load(f'data/prepared/test/{name}.npy') for name in ('images', 'labels'))"
    run = project.run("python", "-c", f"import keras, numpy\n{data}\n{code}\nprint(f'{{model.count_params():,}}')")
    assert run.returncode == 0 and "loss: " in run.stdout, run.stderr
    assert f"{run.stdout.splitlines()[-1]} parameters, 5 epochs" in README


@pytest.mark.slow
def test_every_command_runs_as_written(project: Project) -> None:
    Image.new("L", (28, 28)).save(project.root / "photo.png")
    project.env = {"GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@localhost"}
    places = {
        "/path/to/shared/folder": str(project.root.parent / "shared"),
        "/path/to/mine": "data/small.npz",
        "https://host/project.git": ".",
    }
    project.use_environment()
    try:
        for command in "".join(re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)).splitlines():
            if not command.startswith(NOT_RUN):
                for place, real in places.items():
                    command = command.replace(place, real)
                # Not through pipes: a worker of DVC's queue may stay behind and hold them.
                assert project.start("sh", "-c", command).wait(900) == 0, (project.root / "log").read_text()
    finally:
        project.run("dvc", "queue", "stop", "--kill")
