"""Comparing two models on the same test images, and the gate and the report that stand on it."""

import hashlib
import json
import math
import re
import shutil
import sys
from contextlib import chdir, redirect_stdout
from html import unescape
from io import StringIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast
from unittest.mock import patch

import numpy as np
import pytest

from stages.commands import compare as compare_command
from stages.commands import gate as gate_command
from stages.commands import report as report_command
from stages.commands.comparison.changes import Changes, StageChange, find_changes
from stages.commands.comparison.extra import same_validation_rows
from stages.commands.comparison.pairs import Comparison, Pairs, compare
from stages.commands.comparison.report import as_page, report
from stages.commands.comparison.results import Results, read_results
from stages.commands.comparison.revisions import SHALLOW, Revision, changed_files, find_base, find_revision, uncommitted
from stages.commands.comparison.showing import draw_galleries, fill_in
from stages.commands.gate import gate
from stages.running.process import InputError
from tests.project import Project


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 6), (3, 12), (71, 48)])
def test_mcnemars_p_values_are_those_of_fair_coins(only_a: int, only_b: int) -> None:
    def tail(successes: int) -> float:
        """The probability of so many successes, or more."""
        trials = only_a + only_b
        return sum(math.comb(trials, k) for k in range(successes, trials + 1)) / 2**trials

    pairs = Pairs(900, only_a, only_b, 10)
    assert pairs.exact_p == pytest.approx(min(1, 2 * tail(max(only_a, only_b))))
    assert pairs.worse_p == pytest.approx(tail(only_a)), "one-sided: only losses shut the gate"
    assert pairs.is_significant == (tail(max(only_a, only_b)) <= 0.025)


def test_the_paired_interval_holds_the_true_difference_95_times_in_100() -> None:
    chances = np.array([0.90, 0.04, 0.02, 0.04])  # both right, only A, only B, neither: B is 0.02 worse
    samples = np.random.default_rng(0).multinomial(500, chances, size=2_000)
    intervals = [Pairs(*counts.tolist()).interval for counts in samples]
    assert 0.94 <= np.mean([low <= -0.02 <= high for low, high in intervals]) <= 0.97


def test_results_on_other_test_images_are_not_compared() -> None:
    a, b = (Results(Revision(name), 200, {}, f"the MD5 of {name}'s images") for name in "ab")
    with pytest.raises(InputError, match=r"a and b were not graded on the same test images \(200 and 200\)"):
        compare(a, b)
    assert compare(a, a).pairs == Pairs(200, 0, 0, 0)


HEADER = "index,actual,predicted,probability\n"
UNRELATED = json.dumps({"stages": {"a": {"outs": [{"path": "metrics/test.json", "md5": "another"}]}}})


CONTENTS = {"metrics/test.json": '{"n": 3}', "metrics/errors.csv": HEADER}
BEFORE = json.dumps(
    {"stages": {"a": {"outs": [{"path": p, "md5": hashlib.md5(c.encode()).hexdigest()} for p, c in CONTENTS.items()]}}}
)


@pytest.mark.parametrize(
    ("metrics", "errors", "lock", "message"),
    [
        ('{"n": 3}', f"{HEADER}one,a,b,0.5\n", None, "must be a table with index"),
        ('{"accuracy": 0.5}', HEADER, None, "must be what evaluate wrote"),
        ('{"n": 3}', HEADER, BEFORE, r"dvc\.lock records no data/raw/test; another pipeline wrote it"),
        ('{"n": 3}', HEADER, "stages: {}", "has no metrics/test.json; `dvc repro` makes it"),
        ('{"n": 3}', HEADER, UNRELATED, r"metrics/test\.json is not what dvc\.lock records; `dvc repro` makes both"),
        ('{"n": 3}', HEADER, "<<<<<<< HEAD\nstages: {}\n=======\n", r"dvc\.lock: cannot be read"),
    ],
)
def test_results_that_cannot_be_read_are_one_line(metrics: str, errors: str, lock: str | None, message: str) -> None:
    contents = {"metrics/test.json": metrics.encode(), "metrics/errors.csv": errors.encode()}
    outs = [{"path": path, "md5": hashlib.md5(content).hexdigest()} for path, content in contents.items()]
    outs.append({"path": "data/raw/test", "md5": "of the test set"})
    contents["dvc.lock"] = (lock or json.dumps({"stages": {"all": {"outs": outs}}})).encode()
    with pytest.raises(InputError, match=message):
        read_results(cast(Revision, SimpleNamespace(read=contents.get)))


@pytest.fixture
def copy(changed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Enter a copy of the project, for one test to change."""
    monkeypatch.chdir(shutil.copytree(changed.root, tmp_path / "project", symlinks=True))
    return Project(tmp_path / "project")


def run(command: ModuleType, *arguments: str) -> str:
    """Run the command in this process, in the current folder; what it prints."""
    with patch.object(sys, "argv", ["command", *arguments]), redirect_stdout(StringIO()) as printed:
        command.main()
    return printed.getvalue()


def test_every_number_of_a_comparison_is_that_of_the_wrong_answers_of_both(
    changed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(changed.root)
    tables = changed.run("git", "show", "HEAD~1:metrics/errors.csv").stdout, Path("metrics/errors.csv").read_text()
    a, b = ({int(line.partition(",")[0]) for line in table.splitlines()[1:]} for table in tables)
    found = json.loads(run(compare_command, "HEAD~1", "--json", "--pictures", f"{tmp_path}/new/folder"))
    both, only_a, only_b, neither = 200 - len(a | b), len(b - a), len(a - b), len(a & b)
    counts = [found[name] for name in ("both", "only_a", "only_b", "neither")]
    assert counts == [both, only_a, only_b, neither] and only_a + only_b > 0
    assert [[row["index"] for row in found[kind]] for kind in ("mended", "broken")] == [sorted(a - b), sorted(b - a)]
    interval = found["interval"]
    assert interval == pytest.approx(Pairs(both, only_a, only_b, neither).interval, abs=1e-6)
    assert sorted(path.name for path in (tmp_path / "new/folder").iterdir()) == ["broken.png", "mended.png"]
    text = " ".join(run(compare_command, "HEAD~1", "HEAD").split())
    assert f"A wrong {only_b} {neither} B - A: {(len(a) - len(b)) / 200:+.4f} (95 %" in text


def test_pictures_are_of_the_images_graded_or_not_drawn_at_all(copy: Project) -> None:
    comparison = compare(*(read_results(find_revision(name)) for name in ("HEAD~1", "HEAD")))
    np.save("data/prepared/test/images.npy", np.zeros((80, 28, 28, 1), np.float32))
    with pytest.raises(InputError, match=r"data/prepared/test: not that of HEAD"):
        draw_galleries(Path("drawn"), comparison)
    assert not Path("drawn").exists()


def test_files_of_a_project_below_the_repository_are_named_from_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub/metrics").mkdir(parents=True)
    Project(tmp_path).succeed("git", "init", "-q")
    project = Project(tmp_path / "sub")
    (project.root / "metrics/test.json").write_text("1")
    project.commit("first")
    monkeypatch.chdir(project.root)
    (project.root / "metrics/test.json").write_text("2")
    assert uncommitted("metrics") == changed_files(find_revision("HEAD")) == ["metrics/test.json"]


def test_a_revision_is_found_by_what_git_or_dvc_calls_it(copy: Project) -> None:
    copy.run("git", "update-ref", "refs/exps/ab/cdef/rate-3", "HEAD~1")
    assert find_revision("rate-3").sha == find_revision("HEAD~1").sha
    assert find_revision("HEAD~1").subject() == "reproduced"
    for name in ("rate-*", "-3", "no-such"):
        with pytest.raises(InputError, match="git knows no such commit"):
            find_revision(name)
    copy.run("git", "update-ref", "refs/exps/00/cdef/rate-3", "HEAD")
    with pytest.raises(InputError, match="rate-3: 2 experiments have this name; must be a SHA"):
        find_revision("rate-3")
    shutil.rmtree(".git")
    with pytest.raises(InputError, match="no git repository"):
        find_revision("HEAD")
    with pytest.raises(InputError, match="git status: "):
        find_base(None)
    copy.run("git", "init", "-q", ".")
    assert find_base(None) == (None, f"there is no earlier commit ({SHALLOW})")


class Page:
    """What a page holds: its text, tags, and the addresses it would load."""

    def __init__(self, page: str) -> None:
        self.text = unescape(re.sub("<[^>]*>", "", page))
        self.tags = re.findall("<([a-z0-9]+)", page)
        self.addresses = re.findall('(?:src|href)="([^"]*)', page)


def page_about(name: str) -> Page:
    """The page of a comparison of which everything that users name has this name."""
    results = Results(Revision(name), 1, {}, "")
    error = {"actual": name, "predicted": name, "probability": 0.5}
    comparison = Comparison(results, results, Pairs(0, 1, 0, 0), {}, {0: error})
    return Page(as_page(fill_in("comparison.md.j2", comparison=comparison)))


def test_what_users_name_stays_text_whatever_it_is() -> None:
    for name in ("<b>&amp;", "a | b\n| c", "# `x` *y* _z_ [w](v) ~u~", "$1$ \\ !-+=.: \"'{{ x }} {% x", "信号"):
        page, text = page_about(name), " ".join(name.split())
        assert page.tags == page_about("x").tags
        assert f"\n{text}\n{text}\n50.0 %\n" in page.text and f"A: {text}, accuracy" in page.text


@pytest.fixture(scope="module")
def written(changed: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The report of the second commit beside the first, as HTML and as Markdown, by the command line."""
    page, markdown = (tmp_path_factory.mktemp("report") / name for name in ("report.html", "report.md"))
    with chdir(changed.root):
        printed = run(report_command, "--html", str(page), "--markdown", str(markdown))
    assert printed.startswith(f"{page} and {markdown}: beside HEAD~1 (")
    return page.read_text(), markdown.read_text()


def section(markdown: str, title: str) -> dict[str, list[str]]:
    """The rows of a section's table, by what is in their first column."""
    lines = markdown.partition(f"\n## {title}\n")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.replace("\\", "").split("|")[1:-1]] for line in lines if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows}


def test_the_report_shows_the_metrics_of_both_and_what_became_more_or_less(
    written: tuple[str, str], changed: Project
) -> None:
    page, markdown = Page(written[0]), written[1]
    for title, path in {"Test set": "metrics/test.json", "Validation rows": "metrics/train.json"}.items():
        before = json.loads(changed.run("git", "show", f"HEAD~1:{path}").stdout)
        after, rows = json.loads((changed.root / path).read_text()), section(markdown, title)
        for name in after.keys() - {"accuracy_low", "accuracy_high"}:
            expected = [before[name], after[name], after[name] - before[name]]
            assert [float(cell or 0) for cell in rows[name]] == pytest.approx(expected, abs=6e-5)
            assert "\n".join([name, *rows[name]]) in page.text
    test = json.loads((changed.root / "metrics/test.json").read_text())
    assert section(markdown, "Test set")["accuracy_low"][1] == f"{test['accuracy_low']:.4f}"
    assert len(section(markdown, "Recall by class")) == 2 + 10


def test_the_report_names_what_changed_and_nothing_else(written: tuple[str, str], changed: Project) -> None:
    markdown, text = written[1], Page(written[0]).text
    parameters = section(markdown, "Parameters changed")
    assert parameters["model.filters"] == ["[32, 16]", "[4, 4]"] and parameters["train.epochs"] == ["2", "1"]
    stages = section(markdown, "What changed")
    assert {"train", "evaluate"} <= stages.keys() and not {"ingest", "prepare"} & stages.keys()
    assert stages["train"][0] == "model.conv_dropout, model.filters, train.epochs"
    assert stages["train"][1].startswith("metrics/history.csv, metrics/train.json")
    assert section(markdown, "Files changed").keys() == {"file", "---", "params.yaml"}
    assert "the same as the base's" in markdown
    for sha in changed.run("git", "log", "-2", "--format=%h", "--abbrev=10").stdout.split():
        assert sha in markdown and sha in text
    assert '"Fewer filters <b>& | `x`"' in text and "b" not in Page(written[0]).tags


def test_the_page_holds_its_pictures_and_asks_for_nothing(written: tuple[str, str]) -> None:
    page = Page(written[0])
    assert all(address.startswith(("data:image/png;base64,", "data:,")) for address in page.addresses)
    assert page.tags.count("img") == 9  # seven of the outputs, and what was mended and what broke
    assert "script" not in page.tags and "data:" not in written[1]


def test_a_conflict_in_the_metrics_is_no_traceback_of_the_report(copy: Project) -> None:
    for path in ("metrics/test.json", "metrics/train.json", "metrics/data.json"):
        Path(path).write_text("<<<<<<< HEAD\n")
    _, markdown = report(find_revision("HEAD"), "")
    assert "test.json is not what dvc.lock records" in markdown.replace("\\", "")


def test_the_report_is_complete_where_there_is_little_to_compare(copy: Project) -> None:
    page, same = report(find_revision("HEAD"), "")
    assert "**Nothing changed**" in same and "Mended" not in page
    assert "Is it better" not in same and "What changed" not in same and "---|\n\n" not in same, "an empty table"
    copy.append("stages/report/curves.py", "\n# not run\n")
    first = copy.run("git", "rev-list", "--max-parents=0", "HEAD").stdout.strip()
    page, stale = report(find_revision(first), "")
    assert "These results are not of the files beside them**: report must run again" in stale
    assert "Nothing changed" not in stale and "stages/report/curves.py" in section(stale, "Files changed")
    assert "has no metrics/test.json; `dvc repro` makes it" in Page(page).text and "## Environment" in stale
    shutil.rmtree(".git")
    copy.run("git", "init", "-q", ".")
    assert "without a commit, beside no base: none | here." in report(None, "none | here")[1].replace("\\", "")


def test_a_shallow_clone_is_told_what_it_lacks(
    changed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed.run("git", "clone", "-q", "--depth=1", changed.root.as_uri(), str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    printed = run(report_command)
    assert "no base: there is no earlier commit (`git fetch --unshallow` brings" in printed
    assert "not of the files" not in Path("report.md").read_text()


def test_a_change_of_code_that_no_stage_depends_on_is_named(copy: Project) -> None:
    copy.append("stages/commands/gate.py", "\n# always open\n")
    copy.commit("a gate that is always open")
    Path("metrics/helper.py").write_text("x = 1")
    assert find_changes(find_revision("HEAD")).files == ["metrics/helper.py"]
    assert "stages/commands/gate.py" in find_changes(find_revision("HEAD~1")).files


def test_metrics_of_other_validation_rows_are_not_subtracted(copy: Project, written: tuple[str, str]) -> None:
    lock = Path("dvc.lock")
    lock.write_text(lock.read_text().replace("validation_split: 0.1", "validation_split: 0.2"))
    markdown = report(find_revision("HEAD~1"), "")[1]
    before, after = (section(text, "Validation rows")["val_loss"] for text in (written[1], markdown))
    assert before[2] and after == [*before[:2], ""]


@pytest.mark.parametrize(
    ("train", "prepare", "same"),
    [
        (["train.epochs"], [], True),
        (["train.validation_rows"], [], False),
        (["data/prepared/train"], ["data/extra"], True),
        (["data/prepared/train"], ["data/extra", "data/raw/train"], False),
        (["data/prepared/train", "train.validation_split"], ["data/extra"], False),
    ],
)
def test_validation_rows_are_the_same_unless_their_split_or_the_source_changed(
    copy: Project, train: list[str], prepare: list[str], same: bool
) -> None:
    changes = Changes(stages=[StageChange("prepare", prepare, []), StageChange("train", train, [])])
    assert same_validation_rows(changes) is same


@pytest.mark.ours
def test_the_gate_shuts_at_a_significant_loss_and_below_the_floor(
    copy: Project,
) -> None:
    now, before = read_results(find_revision("HEAD")), find_revision("HEAD~1")
    assert compare(read_results(before), now).pairs.worse_p < 0.05, "the fewer filters must be clearly worse"
    passed, failed = gate(before, "", now.accuracy, 0.05)
    assert passed[:2] == ["results match these files", "results are as committed"]
    (line,) = failed
    assert line.startswith(f"metrics/test.json: accuracy {now.accuracy:.4f}, -0.") and "above gate.level = 0.05" in line
    first = find_revision(copy.run("git", "rev-list", "--max-parents=0", "HEAD").stdout.strip())
    passed, failed = gate(first, "", 0.999, 0.05)
    assert failed == [f"metrics/test.json: accuracy {now.accuracy:.4f}, must be at least gate.accuracy = 0.999"]
    assert passed[-1].startswith(f"not compared: {first}: has no metrics/test.json")
    with patch("stages.running.params.read_params", lambda: {"gate": {"accuracy": None, "level": 0.05}}):
        assert "gate: results are as committed\n" in run(gate_command, "HEAD")
        with pytest.raises(InputError, match=re.escape(line)):
            run(gate_command, "HEAD~1")


def test_results_that_are_not_committed_are_reported_and_shut_the_gate(copy: Project) -> None:
    copy.set_param("predict.index", 3)
    copy.run("git", "config", "status.showUntrackedFiles", "no")
    Path("metrics/new.csv").touch()
    base, _ = find_base(None)
    assert base == find_revision("HEAD")
    markdown = report(base, "")[1]
    assert "with changes that are not committed" in markdown
    assert section(markdown, "Parameters changed")["predict.index"] == ["0", "3"]
    assert gate(base, "", None, 0.05)[1] == [
        "predict-sample: must run again, `dvc repro`",
        "metrics/new.csv: not as committed; commit what `dvc repro` makes",
    ]
    Path(".git/index").write_bytes(b"damaged")
    with pytest.raises(InputError, match="git status: "):
        uncommitted("metrics")
