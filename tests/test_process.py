"""How a stage ends: one line on stderr for what a person can mend, a traceback for bugs, nothing half-written."""

import errno
import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from stages.running import process
from stages.running.outputs import check_writable, replacing, replacing_all, write_csv, write_json
from stages.running.process import InputError
from tests.cluster import train_command
from tests.declarations import module_of, stages
from tests.project import ROOT

MAIN = """
import os, signal, sys
from pathlib import Path
from stages.running import process
from stages.running.outputs import replacing_all, write_json, naming
def main():
    {body}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background ignores it
sys.argv[0] = "/anywhere/train.py"
process.leave(process.run(main))
"""


def run(body: str, redirected: str = "") -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirected}', sys.executable, MAIN.format(body=body)]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True)


def our_lines(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if not line.startswith("environment: ")]


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def main() -> NoReturn:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("a\nb: bad", "c: bad"), "train: a\\nb: bad\ntrain: c: bad"),
        (PermissionError(errno.EACCES, "Permission denied", "a\nb"), r"train: a\nb: permission denied"),
        (OSError(errno.ENOSPC, "No space left on device", "a.npy"), "train: a.npy: the disk is full"),
        (MemoryError("Unable to allocate"), "train: out of memory: Unable to allocate"),
        (
            ModuleNotFoundError(name="numpy"),
            f"train: {sys.executable} has no package numpy; run `make install`, and use its environment: "
            "`. .venv/bin/activate`",
        ),
    ],
)
def test_what_a_person_can_mend_is_lines(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/anywhere/train.py"])
    assert process.run(raising(error)) == 1
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize("error", [IndexError(), PermissionError(13, "no"), ModuleNotFoundError(name="stages.x")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        process.run(raising(error))


def test_a_python_without_packages_is_told_so_in_one_line() -> None:
    command = [sys.executable, "-S", *train_command()[1:]]
    ended = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    (line,) = our_lines(ended.stderr)
    assert ended.returncode == 1 and line.startswith("train: ") and "has no package" in line


def test_an_interrupted_stage_says_how_to_go_on_and_by_hand_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where TensorFlow's C++ side makes an error of its own of it, as it does while a graph is traced."""
    ended = run("signal.raise_signal(signal.SIGINT)")
    assert ended.returncode == 130 and our_lines(ended.stderr)[-1] == "train: interrupted"
    monkeypatch.setenv("DVC_STAGE", "train")
    ended = run(
        "try: signal.raise_signal(signal.SIGINT)\n    except BaseException: pass\n    raise RuntimeError from None"
    )
    assert ended.returncode == 130 and "Traceback" not in ended.stderr
    assert our_lines(ended.stderr)[-1].startswith("train: interrupted; `dvc repro` goes on")


def test_a_stage_leaves_at_once_after_what_must_run_at_exit_and_with_all_its_output() -> None:
    """Without the interpreter's own end, which an object would see."""
    ended = run(
        "import atexit\n"
        "    class Last:\n"
        "        def __del__(self): print('destroyed')\n"
        "    sys.last = Last()\n"
        "    atexit.register(print, 'at exit')\n"
        "    print('output', end='')\n"
        "    print('error', end='', file=sys.stderr)\n"
        "    return 3"
    )
    assert (ended.returncode, ended.stdout) == (3, "outputat exit\n") and ended.stderr.endswith("error")


def test_output_before_a_failure_is_not_lost_and_a_bug_keeps_its_traceback() -> None:
    ended = run("print('before'); raise process.InputError('bad')")
    assert (ended.returncode, ended.stdout, our_lines(ended.stderr)) == (1, "before\n", ["train: bad"])
    ended = run("print('before'); raise IndexError('a bug')")
    assert (ended.returncode, ended.stdout) == (1, "before\n") and "IndexError: a bug" in ended.stderr


def test_output_that_cannot_be_written_is_a_failure_in_one_line() -> None:
    ended = run("print('lost')", redirected="> /dev/full")
    assert (ended.returncode, our_lines(ended.stderr)) == (1, ["train: output: the disk is full"])


def test_a_full_disk_is_a_line_that_names_the_output_and_the_way_back(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of outputs that are written together the one that there was no room for."""
    monkeypatch.setenv("DVC_STAGE", "train")
    (small_disk / "a.npy").write_text("earlier")
    ended = run(
        f"with replacing_all(Path({str(small_disk / 'a.npy')!r}), Path({str(small_disk / 'b.json')!r})) as (a, b):\n"
        "        write_json(b, {})\n"
        "        with naming(a): a.write_bytes(bytes(10**6))"
    )
    (line,) = our_lines(ended.stderr)
    assert ended.returncode == 1
    assert line == f"train: {small_disk}/a.npy: the disk is full; `make restore` brings back the committed results"
    assert (small_disk / "a.npy").read_text() == "earlier"
    assert [entry.name for entry in small_disk.iterdir()] == ["a.npy"]


def test_a_stage_whose_output_nobody_reads_works_all_the_same(tmp_path: Path) -> None:
    ended = run(f"print(1); print(2, file=sys.stderr); Path({str(tmp_path / 'a')!r}).touch()", ">&- 2>&-")
    assert ended.returncode == 0 and (tmp_path / "a").exists()


def test_an_error_of_the_file_that_is_written_beside_names_the_output(tmp_path: Path) -> None:
    for told, named in ((None, "out.npy"), ("beside", "out.npy"), (str(tmp_path / "other"), "other")):
        with pytest.raises(PermissionError) as caught, replacing(tmp_path / "out.npy") as partial:
            raise PermissionError(13, "Permission denied", str(partial) if told == "beside" else told)
        assert caught.value.filename == str(tmp_path / named)


def test_training_does_not_begin_where_it_could_not_write(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stages.train import __main__ as train

    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    monkeypatch.setattr(sys, "argv", [*train_command()[2:], "--resume", str(small_disk / "new/resume")])
    with pytest.raises(InputError) as caught:
        train.main()
    assert str(caught.value) == f"{small_disk}: is not writable; must be for {small_disk}/new/resume/state.npz"


def test_a_folder_in_place_of_an_output_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="b: given for two outputs; must differ"):
        check_writable(Path("a"), Path("b"), Path("b"))
    with pytest.raises(InputError, match=r"stages: is a folder; must be a file to write"):
        check_writable(Path("a"), ROOT / "stages")
    with pytest.raises(IsADirectoryError), replacing(tmp_path):
        pass


def test_an_output_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.json"
    with replacing(path) as partial:
        write_json(partial, {"b": 1, "a": 0.5})
    assert path.read_text() == '{\n  "b": 1,\n  "a": 0.5\n}\n'
    with pytest.raises(ValueError, match="on purpose"), replacing(path) as partial:
        partial.write_text("half")
        raise ValueError("on purpose")
    assert path.read_text().startswith("{") and [entry.name for entry in path.parent.iterdir()] == ["out.json"]


def test_several_outputs_appear_together_or_not_at_all_and_never_a_nan(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    with pytest.raises(ValueError, match="JSON"), replacing_all(*paths) as (first, second):
        write_json(first, {"a": 1})
        write_json(second, {"b": float("nan")})
    assert list(tmp_path.iterdir()) == []
    with replacing_all(*paths) as (first, second):
        write_json(first, {"a": 1})
        write_json(second, {"b": 2})
    assert sorted(tmp_path.iterdir()) == paths


def test_several_outputs_appear_in_the_order_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what describes a model is never there before it."""
    replaced, replace = [], Path.replace

    def observe(path: Path, target: Path) -> Path:
        replaced.append(target.name)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", observe)
    with replacing_all(tmp_path / "model", tmp_path / "card") as partials:
        for partial in partials:
            partial.write_text("")
    assert replaced == ["model", "card"]


def test_two_processes_never_write_one_output_at_once(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with replacing(path) as partial:
        partial.write_text("first")
        refused = pytest.raises(InputError, match=r"out\.csv: another process is writing it; must end first")
        with refused, replacing(path):
            pass
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]


def test_figures_in_tables_have_six_decimals_and_counts_none(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["epoch", "loss"], [{"epoch": 1, "loss": 1 / 3}, {"epoch": 2, "loss": 1e-9}])
    assert (tmp_path / "a.csv").read_bytes() == b"epoch,loss\n1,0.333333\n2,0.000000\n"


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        ("prepare", "data/raw/train/images.npy"),
        ("train", "data/prepared/train/images.npy"),
        ("evaluate", "data/prepared/test/images.npy"),
        ("report", "metrics/history.csv"),
    ],
)
def test_a_stage_without_its_input_ends_in_one_line_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str, missing: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(sys, "argv", [f"{stage}.py", *stages()[stage]["cmd"].split()[4:]])
    assert process.run(importlib.import_module(f"{module_of(stage)}.__main__").main) == 1
    assert f"{stage}: {missing}: no such file or directory" in capsys.readouterr().err.splitlines()
    assert list(tmp_path.iterdir()) == []
