"""Comparing two models on the same test images, and the gate and the report that stand on it."""

import hashlib
import html
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.comparison.comparing import compare as pair
from stages.comparison.mcnemar import Pairs
from stages.comparison.rendering import render
from stages.comparison.results import Results, read_results
from stages.comparison.revisions import Revision
from stages.running.process import InputError
from tests.project import Project
from tests.test_process import our_lines

# Everything that the report says of two models, from the models and the arrays alone.
RECOMPUTED = """
import json, math, sys, keras, numpy as np
x, y = np.load("data/prepared/x_test.npy"), np.load("data/prepared/y_test.npy")
told = {}
for name, path in (("base", "old.h5"), ("now", "models/cnn.h5")):
    p = keras.models.load_model(path).predict(x, verbose=0).astype(np.float64)
    right = p.argmax(1) == y.argmax(1)
    share, n, z = right.mean(), len(y), 1.959963984540054
    mid, half = (share + z * z / 2 / n) / (1 + z * z / n), z * math.sqrt(share * (1 - share) / n + z * z / 4 / n / n)
    f1 = []
    for c in range(10):
        hit = ((p.argmax(1) == c) & (y.argmax(1) == c)).sum()
        f1.append(2 * hit / ((p.argmax(1) == c).sum() + (y.argmax(1) == c).sum()))
    ece = 0.0
    for low in range(15):
        inside = np.minimum(np.floor(p.max(1) * 15), 14) == low
        if inside.any():
            ece += inside.mean() * abs(right[inside].mean() - p.max(1)[inside].mean())
    told[name] = {"accuracy": share, "low": mid - half / (1 + z * z / n), "high": mid + half / (1 + z * z / n),
        "loss": -np.log((p * y).sum(1)).mean(), "macro_f1": np.mean(f1), "errors": int((~right).sum()),
        "recall": [right[y.argmax(1) == c].mean() for c in range(10)],
        "calibration_error": ece, "right": right.tolist()}
print(json.dumps(told))
"""


def binomial_tail(successes: int, trials: int) -> float:
    """The probability of so many successes, or more, in fair trials."""
    return sum(math.comb(trials, k) for k in range(successes, trials + 1)) / 2**trials


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 5), (0, 6), (3, 12), (12, 3), (40, 40), (71, 48), (1, 0)])
def test_mcnemars_p_values_are_those_of_fair_coins(only_a: int, only_b: int) -> None:
    pairs = Pairs(900, only_a, only_b, 10)
    trials, more = only_a + only_b, max(only_a, only_b)
    tail = binomial_tail(more, trials)
    assert pairs.exact_p == pytest.approx(min(1, 2 * tail))
    assert pairs.mid_p == pytest.approx(min(1, 2 * (tail - math.comb(trials, more) / 2**trials / 2)) if trials else 1)
    assert pairs.worse_p == pytest.approx(binomial_tail(only_a, trials))
    assert pairs.mid_p <= pairs.exact_p


def test_the_paired_interval_holds_the_true_difference_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    chances = np.array([0.90, 0.04, 0.02, 0.04])  # both right, only A, only B, neither: B is 0.02 worse
    held = 0
    for counts in rng.multinomial(500, chances, size=2_000):
        low, high = Pairs(*counts.tolist()).interval
        held += low <= -0.02 <= high
    assert 0.94 <= held / 2_000 <= 0.97


def test_the_smallest_difference_is_the_first_that_is_significant() -> None:
    for disagreements in (6, 7, 30, 119):
        pairs = Pairs(1_000 - disagreements, disagreements, 0, 0)
        wins = round((pairs.smallest_difference * 1_000 + disagreements) / 2)
        assert Pairs(1_000, disagreements - wins, wins, 0).is_significant
        assert not Pairs(1_000, disagreements - wins + 1, wins - 1, 0).is_significant
    assert Pairs(998, 1, 1, 0).smallest_difference == Pairs(994, 6, 0, 0).smallest_difference == 0.006


def test_the_gates_test_is_one_sided() -> None:
    assert Pairs(880, 19, 9, 92).worse_p < 0.05 < Pairs(880, 19, 9, 92).exact_p
    assert Pairs(880, 9, 19, 92).worse_p > 0.95


@pytest.fixture
def copy(changed: Project, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(changed.root, tmp_path / "project", symlinks=True)))


@pytest.fixture(scope="module")
def recomputed(changed: Project) -> dict[str, Any]:
    got = changed.run("dvc", "get", ".", "models/cnn.h5", "--rev", "HEAD~1", "-o", "old.h5")
    assert got.returncode == 0, got.stderr
    told: dict[str, Any] = json.loads(changed.run("python", "-c", RECOMPUTED).stdout.splitlines()[-1])
    (changed.root / "old.h5").unlink()
    return told


@pytest.fixture(scope="module")
def report(changed: Project) -> dict[str, str]:
    """The report of the second commit beside the first, as HTML and as Markdown."""
    run = changed.make("report")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("report.html and report.md: beside HEAD~1 (")
    (changed.root / ".venv").unlink()
    return {kind: (changed.root / f"report.{kind}").read_text() for kind in ("html", "md")}


def compare(project: Project, *arguments: str) -> str:
    run = project.run("python", "-m", "stages.compare", *arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_every_number_of_a_comparison_is_that_of_the_two_models(changed: Project, recomputed: dict[str, Any]) -> None:
    told = json.loads(compare(changed, "HEAD~1", "--json"))
    a, b = (np.array(recomputed[name]["right"]) for name in ("base", "now"))
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    assert (told["only_a_right"], told["only_b_right"]) == (only_a, only_b) != (0, 0)
    assert (told["both_right"], told["both_wrong"], told["n"]) == ((a & b).sum(), (~a & ~b).sum(), 200)
    assert told["difference"] == pytest.approx(b.mean() - a.mean(), abs=1e-6)
    tail = binomial_tail(max(only_a, only_b), only_a + only_b)
    assert told["exact_p"] == pytest.approx(min(1, 2 * tail), abs=1e-6)
    p, q = (only_b + 1) / 202, (only_a + 1) / 202
    reach = 1.959964 * math.sqrt((p + q - (p - q) ** 2) / 202)
    assert [told["difference_low"], told["difference_high"]] == pytest.approx([p - q - reach, p - q + reach], abs=1e-5)
    assert [row["index"] for row in told["mended"]] == np.flatnonzero(b & ~a).tolist()
    assert [row["index"] for row in told["broken"]] == np.flatnonzero(a & ~b).tolist()
    text = compare(changed, "HEAD~1", "HEAD")
    assert re.search(rf"A right +{(a & b).sum()} +{only_a}\nA wrong +{only_b} +{(~a & ~b).sum()}\n", text)
    assert f"{told['difference']:+.4f} (95 % interval {told['difference_low']:+.4f}" in text
    assert f"| A right | {(a & b).sum()} | {only_a} |" in compare(changed, "HEAD~1", "--md")


@pytest.mark.slow
def test_swapping_answers_at_random_two_seeds_of_one_recipe_differ_significantly_at_most_once_in_20(
    copy: Project,
) -> None:
    copy.run("git", "reset", "-q", "--hard", "HEAD~1")
    copy.set_param("train.seed", 1)
    copy.reproduce()
    told = json.loads(compare(copy, "HEAD", "--json"))
    disagreements = told["only_a_right"] + told["only_b_right"]
    assert disagreements > 10
    wins = np.random.default_rng(0).binomial(disagreements, 0.5, size=2_000)
    verdicts = [Pairs(told["both_right"], disagreements - won, won, told["both_wrong"]).is_significant for won in wins]
    assert np.mean(verdicts) <= 0.05


def test_pictures_of_what_was_mended_and_what_broke_are_drawn_on_demand(changed: Project, tmp_path: Path) -> None:
    compare(changed, "HEAD~1", "--pictures", str(tmp_path / "new/folder"))
    assert sorted(path.name for path in (tmp_path / "new/folder").iterdir()) == ["broken.png", "mended.png"]


def test_results_on_other_test_images_are_not_compared() -> None:
    a, b = (Results(Revision(name), 200, {}, (f"the MD5 of {name}'s images",)) for name in "ab")
    with pytest.raises(InputError, match=r"a and b were not graded on the same test images \(200 and 200\)"):
        pair(a, b)
    assert pair(a, a).pairs == Pairs(200, 0, 0, 0)


def committed(files: dict[str, str], lock: str = "") -> Any:
    """A revision of these files, recorded in its dvc.lock."""
    contents = {path: text.encode() for path, text in files.items()}
    outs = [{"path": path, "md5": hashlib.md5(content).hexdigest()} for path, content in contents.items()]
    outs += [{"path": f"data/raw/{name}_test.npy", "md5": name} for name in "xy"]
    contents["dvc.lock"] = lock.encode() or json.dumps({"stages": {"all": {"outs": outs}}}).encode()
    return SimpleNamespace(read=contents.get)


METRICS = '{"n": 3, "errors": 1}'
HEADER = "index,actual,predicted,probability\n"


@pytest.mark.parametrize(
    ("metrics", "errors"),
    [
        (METRICS, HEADER),
        (METRICS, f"{HEADER}3,a,b,0.5\n"),
        (METRICS, f"{HEADER}-1,a,b,0.5\n"),
        (METRICS, f"{HEADER}one,a,b,0.5\n"),
        ('{"n": 3, "errors": 2}', f"{HEADER}1,a,b,0.5\n1,a,b,0.5\n"),
        ('{"n": 0, "errors": 1}', f"{HEADER}0,a,b,0.5\n"),
        ('{"n": 1e999, "errors": 1}', f"{HEADER}0,a,b,0.5\n"),
        ("[1]", HEADER),
    ],
)
def test_results_that_contradict_themselves_are_refused(metrics: str, errors: str) -> None:
    good = committed({"metrics/test.json": METRICS, "metrics/errors.csv": f"{HEADER}2,a,b,0.5\n"})
    assert read_results(good).accuracy == 2 / 3
    with pytest.raises(InputError, match=r"must be (what evaluate wrote|a table with index)"):
        read_results(committed({"metrics/test.json": metrics, "metrics/errors.csv": errors}))


@pytest.mark.parametrize("lock", ["stages: [1, 2]", "stages: {a: x}", "stages: {a: {outs: [{path: x}]}}", "a: b"])
def test_a_dvc_lock_of_another_kind_is_one_line(lock: str) -> None:
    with pytest.raises(InputError, match=r"dvc\.lock"):
        read_results(committed({}, lock))


def test_an_experiment_is_compared_by_its_name(copy: Project) -> None:
    copy.run("git", "update-ref", "refs/exps/ab/cdef/rate-3", "HEAD~1")
    by_name, by_commit = (compare(copy, name, "HEAD").splitlines() for name in ("rate-3", "HEAD~1"))
    assert by_name[0].startswith("A ") and "rate-3 (" in by_name[0] and by_name[1:] == by_commit[1:]
    assert "git knows no such commit" in copy.run("python", "-m", "stages.compare", "rate-*").stderr
    copy.run("git", "update-ref", "refs/exps/00/cdef/rate-3", "HEAD")
    run = copy.run("python", "-m", "stages.compare", "rate-3")
    assert our_lines(run.stderr)[-1].startswith("compare: rate-3: 2 experiments have this name; must be a SHA")


def test_what_cannot_be_compared_is_one_line(copy: Project) -> None:
    def said(*arguments: str) -> str:
        run = copy.run("python", "-m", "stages.compare", *arguments)
        (line,) = our_lines(run.stderr)
        assert run.returncode == 1
        return line

    assert "no-such: git knows no such commit; must be a branch, a tag, a SHA" in said("no-such")
    first = copy.run("git", "rev-list", "--max-parents=0", "HEAD").stdout.strip()
    assert f"{first}: has no metrics/test.json; `dvc repro` makes it" in said(first)
    np.save(copy.root / "data/prepared/x_test.npy", np.zeros((80, 28, 28, 1), np.float32))
    assert "data/prepared/x_test.npy: not that of HEAD" in said("HEAD~1", "HEAD", "--pictures", "drawn")
    copy.append("metrics/errors.csv", "199,1,2,0.5\n")
    assert "the workspace: metrics/errors.csv is not what dvc.lock records; `dvc repro`" in said("HEAD")
    shutil.rmtree(copy.root / ".git")
    assert "no git repository" in said("HEAD")


class Page(HTMLParser):
    """What a page holds: its text, tags, and the addresses it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def test_every_metric_of_the_report_is_recomputed_from_the_models(
    report: dict[str, str], recomputed: dict[str, Any]
) -> None:
    rows = {
        cells[0].replace("\\", ""): cells[1:]
        for cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in report["md"].splitlines())
        if len(cells) == 4
    }
    before, after = recomputed["base"], recomputed["now"]
    for name in ("loss", "macro_f1", "calibration_error"):
        base, now, difference = (float(cell) for cell in rows[name])
        assert base == pytest.approx(before[name], abs=1e-4) and now == pytest.approx(after[name], abs=1e-4)
        assert difference == pytest.approx(after[name] - before[name], abs=2e-4)
    assert rows["errors"][:2] == [str(before["errors"]), str(after["errors"])]
    for place, told in enumerate((before, after)):
        assert float(rows["accuracy"][place]) == pytest.approx(told["accuracy"], abs=1e-4)
        interval = [float(end) for end in rows["accuracy, 95 % interval"][place].split(" to ")]
        assert interval == pytest.approx([told["low"], told["high"]], abs=1e-4)
        assert [float(rows[str(digit)][place]) for digit in range(10)] == pytest.approx(told["recall"], abs=1e-4)
    page = " ".join(Page(report["html"]).words)
    for name in ("loss", "macro_f1", "calibration_error", "errors", "accuracy", "9"):
        assert " ".join([name, *rows[name]]) in page


def test_the_report_names_what_changed_and_nothing_else(report: dict[str, str], changed: Project) -> None:
    text = report["md"]
    assert "| model.filters | \\[32, 16\\] | \\[4, 4\\] |\n| train.epochs | 2 | 1 |\n" in text
    assert (
        "| train | model.conv\\_dropout, model.filters, train.epochs | metrics/history.csv, metrics/train.json" in text
    )
    changed_section = text.partition("## What changed")[2].partition("##")[0]
    assert "ingest" not in changed_section and "prepare" not in changed_section
    for revision in ("HEAD", "HEAD~1"):
        sha = changed.run("git", "rev-parse", "--short=10", revision).stdout.strip()
        assert sha in text and sha in report["html"]
    assert "the same as the base's" in text and "\n- params.yaml\n" in text and "- metrics/" not in text


def test_what_users_name_is_escaped(report: dict[str, str]) -> None:
    assert "<b>" not in report["html"] and "&lt;b&gt;&amp; | `x`" in report["html"]
    assert r"\<b\>&amp; \| \`x\`" in report["md"]
    hostile = {"actual": "<script>|\n# x", "predicted": "[a](http://b)", "probability": 0.5}
    rendered = render("comparison.md.j2", comparison=fake_comparison(hostile))
    assert "<script>" not in rendered and r"\[a\](http://b)" in rendered and "\n# x" not in rendered


def fake_comparison(error: dict[str, Any]) -> Any:
    side = {"revision": "x", "accuracy": 0.5}
    return SimpleNamespace(pairs=Pairs(1, 1, 0, 0), a=side, b=side, mended={}, broken={3: error})


def test_the_page_holds_its_pictures_and_asks_for_nothing(report: dict[str, str]) -> None:
    page = Page(report["html"])
    assert all(address.startswith(("data:image/png;base64,", "data:,")) for address in page.addresses)
    assert page.tags.count("img") == 9  # seven of the outputs, and what was mended and what broke
    assert "script" not in page.tags
    assert "default-src 'none'" in report["html"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium to look at the page")
@pytest.mark.parametrize("width", [1200, 390])
def test_a_browser_draws_every_picture_without_a_complaint_and_nothing_sticks_out(
    report: dict[str, str], tmp_path: Path, width: int
) -> None:
    # A copy that, once loaded, writes down what it looks like; the page itself allows no script.
    probe = (
        "<script>addEventListener('load', () => { document.title = 'x'; document.body.innerHTML = JSON.stringify({"
        "drawn: [...document.images].filter(i => i.complete && i.naturalWidth > 100).length,"
        "images: document.images.length, wide: document.documentElement.scrollWidth, window: innerWidth}) })</script>"
    )
    framed = report["html"].replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'")
    inner = tmp_path / "inner.html"
    inner.write_text(framed.replace("</body>", f"{probe}</body>"))
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    arguments += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
    arguments += ["--enable-logging=stderr", f"--window-size={width},900", "--dump-dom", inner.as_uri()]
    shown = subprocess.run(["chromium", *arguments], capture_output=True, text=True, timeout=60)
    told = json.loads(html.unescape(re.findall(r"<body>(.*?)</body>", shown.stdout, re.DOTALL)[0]))
    assert told["images"] == told["drawn"] == 9
    assert told["wide"] <= told["window"]
    assert not [line for line in shown.stderr.splitlines() if "CONSOLE" in line]


def report_of(project: Project, *arguments: str) -> str:
    run = project.run("python", "-m", "stages.report_page", *arguments)
    assert run.returncode == 0, run.stderr
    pages = [(project.root / f"report.{kind}").read_text() for kind in ("md", "html")]
    assert "Environment" in pages[0] and "Environment" in pages[1]
    return pages[0]


def test_the_report_is_complete_where_there_is_little_to_compare(copy: Project, tmp_path: Path) -> None:
    assert "**Nothing changed**" in (same := report_of(copy, "HEAD"))
    assert not re.search(r"\|---\S*\n\n", same), "an empty table"
    assert "Is it better" not in same and "What changed" not in same
    copy.append("stages/figures/curves.py", "\n# not run\n")
    stale = report_of(copy, "HEAD")
    assert "These results are not of the files beside them**: report must run again" in stale
    assert "Nothing changed" not in stale and "\n- stages/figures/curves.py\n" in stale
    copy.run("git", "restore", ".")
    first = copy.run("git", "rev-list", "--max-parents=0", "HEAD").stdout.strip()
    assert r"has no metrics/test.json; \`dvc repro\` makes it" in report_of(copy, first)
    shallow = Project(tmp_path / "shallow")
    copy.run("git", "clone", "-q", "--depth=1", copy.root.as_uri(), str(shallow.root))
    assert "no base: HEAD\\~1: not in this shallow clone; \\`git fetch --unshallow\\` brings" in report_of(shallow)
    assert "No pictures of them" not in report_of(shallow)
    shutil.rmtree(copy.root / ".git")
    copy.run("git", "init", "-q", ".")
    assert "without a commit, beside no base: there is no earlier commit" in report_of(copy)
    copy.commit("the first")
    assert "beside no base: there is no earlier commit" in report_of(copy)


def test_a_change_of_code_that_no_stage_depends_on_is_named(copy: Project) -> None:
    copy.append("stages/gate.py", "\n# always open\n")
    text = report_of(copy, "HEAD")
    assert "Nothing changed" not in text and "\n- stages/gate.py\n" in text
    copy.commit("a gate that is always open")
    assert "\n- stages/gate.py\n" in report_of(copy, "HEAD~1")


def test_metrics_of_other_validation_rows_are_not_subtracted(copy: Project) -> None:
    def differences() -> list[str]:
        section = report_of(copy, "HEAD~1").partition("## Validation rows")[2].partition("##")[0]
        return [line.split("|")[4].strip() for line in section.splitlines() if line.startswith("| val")]

    assert any(differences())
    lock = copy.root / "dvc.lock"
    lock.write_text(lock.read_text().replace("validation_split: 0.1", "validation_split: 0.2"))
    assert not any(differences())


def test_classes_that_the_base_had_not_are_shown_with_their_counts(copy: Project) -> None:
    def counts() -> list[str]:
        section = report_of(copy, "HEAD~1").partition("## Data")[2].partition("##")[0]
        return [line for line in section.splitlines() if line.startswith("| train classes")]

    assert counts() == []
    data = copy.root / "metrics/data.json"
    told = json.loads(data.read_text())
    told["train"]["classes"] = {"cat": 7}
    data.write_text(json.dumps(told))
    assert counts()[0] == "| train classes cat | - | 7 |  |" and len(counts()) > 1


def gate(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return project.run("python", "-m", "stages.gate", *arguments)


def test_the_gate_shuts_at_a_significant_loss_and_below_the_floor_and_tells_what_it_cannot_judge(
    copy: Project,
) -> None:
    copy.set_param("gate.accuracy", None)
    worse = json.loads(compare(copy, "HEAD~1", "--json"))
    assert worse["only_a_right"] > worse["only_b_right"] + 10, "the fewer filters must be clearly worse"
    ended = gate(copy, "HEAD~1")
    assert ended.returncode == 1 and "must be above gate.level = 0.05" in ended.stderr
    assert gate(copy, "HEAD").returncode == 0
    first = copy.run("git", "rev-list", "--max-parents=0", "HEAD").stdout.strip()
    ended = gate(copy, first)
    assert ended.returncode == 0 and "gate: not compared: " in ended.stdout
    copy.set_param("gate.accuracy", 0.999)
    ended = gate(copy, "HEAD")
    assert ended.returncode == 1 and "must be at least gate.accuracy = 0.999" in ended.stderr


def test_results_that_are_not_committed_are_reported_beside_the_last_commit_and_shut_the_gate(copy: Project) -> None:
    copy.set_param("gate.accuracy", None)
    copy.set_param("predict.index", 3)
    copy.reproduce()
    text = report_of(copy)
    assert "with changes that are not committed" in text
    assert "| predict.index | 0 | 3 |" in text and "| predict-sample | predict.index |" in text
    ended = gate(copy, "HEAD")
    assert ended.returncode == 1 and len(our_lines(ended.stderr)) == 1
    copy.run("git", "config", "status.showUntrackedFiles", "no")
    (copy.root / "metrics/new.csv").touch()
    assert "metrics/new.csv" in gate(copy, "HEAD").stderr
    (copy.root / ".git/index").write_bytes(b"damaged")
    assert "gate: git status: " in gate(copy, "HEAD").stderr
    assert "gate: dvc.lock, metrics/prediction.json, metrics/prediction.png: not as committed" in ended.stderr
