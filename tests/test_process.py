"""How a stage ends: one line on stderr for what a person can mend, a traceback for bugs, nothing half-written."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from stages.running.outputs import check_writable, replacing, replacing_all, write_csv, write_json
from stages.running.process import InputError
from tests.project import ROOT, Project

MAIN = """
import sys
from pathlib import Path
from stages.running import process
from stages.running.outputs import replacing
def main():
    {body}
sys.argv[0] = "/anywhere/train.py"
process.run(main)
"""


def run(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", MAIN.format(body=body)], cwd=ROOT, text=True, capture_output=True)


def our_lines(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if not line.startswith("environment: ")]


def test_an_input_error_is_its_line_and_a_failure() -> None:
    ended = run("raise process.InputError('x.npy: bad')")
    assert ended.returncode == 1 and our_lines(ended.stderr) == ["train: x.npy: bad"]


def test_a_line_break_in_a_name_does_not_break_the_line_that_names_it() -> None:
    assert our_lines(run(r"raise process.InputError('a\nb: bad', 'c: bad')").stderr) == [
        r"train: a\nb: bad",
        "train: c: bad",
    ]
    assert our_lines(run(r"raise PermissionError(13, 'Permission denied', 'a\nb')").stderr)[-1].startswith(
        r"train: a\nb: "
    )


def test_a_bug_keeps_its_traceback() -> None:
    ended = run("[][0]")
    assert ended.returncode == 1 and "Traceback" in ended.stderr and "IndexError" in ended.stderr


def test_another_operating_system_error_keeps_its_traceback() -> None:
    assert "PermissionError" in run("raise PermissionError(13, 'no')").stderr


def test_a_file_that_is_in_the_way_or_forbidden_is_a_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "out.h5").mkdir()
    ended = run(f"with replacing(Path({str(tmp_path / 'out.h5')!r})) as partial: partial.write_bytes(b'')")
    assert ended.returncode == 1
    assert our_lines(ended.stderr) == [f"train: {tmp_path}/out.h5: is a directory"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.h5"]
    ended = run("raise PermissionError(13, 'Permission denied', 'x.npy')")
    assert our_lines(ended.stderr)[-1] == "train: x.npy: permission denied"


def test_an_interrupted_stage_is_a_line_that_says_how_to_go_on_and_by_hand_just_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = run("raise KeyboardInterrupt")
    assert ended.returncode == 130 and our_lines(ended.stderr)[-1] == "train: interrupted"
    monkeypatch.setenv("DVC_STAGE", "train")
    ended = run("raise KeyboardInterrupt")
    assert ended.returncode == 130 and "Traceback" not in ended.stderr
    assert our_lines(ended.stderr)[-1].startswith("train: interrupted; `dvc repro` goes on")


def test_a_full_disk_is_a_line_that_names_the_output_and_after_dvc_removed_others_the_way_back(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "train")
    (small_disk / "out.npy").write_text("earlier")
    body = f"with replacing(Path({str(small_disk / 'out.npy')!r})) as partial: partial.write_bytes(bytes(10**6))"
    ended = run(body)
    assert ended.returncode == 1
    (line,) = our_lines(ended.stderr)
    assert line == f"train: {small_disk}/out.npy: the disk is full; `make restore` brings back the committed results"
    assert (small_disk / "out.npy").read_text() == "earlier"
    assert [entry.name for entry in small_disk.iterdir()] == ["out.npy"]


def test_an_error_of_the_file_that_is_written_beside_names_the_output(tmp_path: Path) -> None:
    for told, named in ((None, "out.npy"), ("beside", "out.npy"), (str(tmp_path / "other"), "other")):
        with pytest.raises(PermissionError) as caught, replacing(tmp_path / "out.npy") as partial:
            raise PermissionError(13, "Permission denied", str(partial) if told == "beside" else told)
        assert caught.value.filename == str(tmp_path / named)


def test_of_outputs_that_are_written_together_the_one_that_the_disk_had_no_room_for_is_named(small_disk: Path) -> None:
    first, second = small_disk / "a.npy", small_disk / "b.json"
    with pytest.raises(OSError, match="No space left") as caught, replacing_all(first, second) as (large, small):
        write_json(small, {})
        with replacing(large) as partial:
            partial.write_bytes(bytes(10**6))
    assert caught.value.filename == str(first) and list(small_disk.iterdir()) == []


def test_training_does_not_begin_where_what_it_gives_cannot_be_written(project: Project, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    arguments = "--images data/prepared/x_train.npy --labels data/prepared/y_train.npy"
    arguments += " --model m.h5 --confidence c.json --metrics m.json --history h.csv"
    for option, path in ("--history", small_disk / "new/h.csv"), ("--resume", small_disk / "resume/state.npz"):
        value = path.parent if option == "--resume" else path
        ended = project.run("python", "-m", "stages.train", *arguments.split(), option, str(value))
        assert ended.returncode == 1 and "Epoch" not in ended.stdout
        assert our_lines(ended.stderr) == [f"train: {small_disk}: cannot be written; must be, for {path}"]


@pytest.mark.slow
def test_a_network_larger_than_memory_is_a_line_that_names_the_parameters(project: Project) -> None:
    larger = "\n\ndef build_network(*_):\n    keras.layers.Dense(2**22).build((1, 2**22))\n"
    project.append("stages/network/architecture.py", larger)
    ended = project.run(
        "python",
        "-m",
        "stages.train",
        *["--images", "data/prepared/x_train.npy", "--labels", "data/prepared/y_train.npy"],
        *["--model", "m.h5", "--confidence", "c.json", "--metrics", "m.json", "--history", "h.csv"],
    )
    keys = "model.filters, model.kernel_size, model.dense_units or train.batch_size"
    line = f"train: params.yaml: {keys}: too large for this machine's memory; must be smaller"
    assert ended.returncode == 1 and "Traceback" not in ended.stderr and our_lines(ended.stderr)[-1] == line
    assert our_lines(run("raise MemoryError('Unable to allocate')").stderr) == [
        "train: out of memory: Unable to allocate"
    ]


def test_an_output_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.json"
    write_json(path, {"b": 1, "a": 0.5})
    assert path.read_text() == '{\n  "b": 1,\n  "a": 0.5\n}\n'
    with pytest.raises(ValueError, match="on purpose"), replacing(path) as partial:
        partial.write_text("half")
        raise ValueError("on purpose")
    assert path.read_text().startswith("{") and [entry.name for entry in path.parent.iterdir()] == ["out.json"]
    with pytest.raises(OSError, match=r"out\.json") as caught, replacing(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(path)


def test_not_a_number_never_gets_into_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_figures_in_tables_have_six_decimals_and_counts_none(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["epoch", "loss"], [{"epoch": 1, "loss": 1 / 3}, {"epoch": 2, "loss": 1e-9}])
    assert (tmp_path / "a.csv").read_bytes() == b"epoch,loss\n1,0.333333\n2,0.000000\n"
    write_csv(tmp_path / "b.csv", ["class"], [{"class": 'a "b", c\n'}])
    assert (tmp_path / "b.csv").read_bytes() == b'class\n"a ""b"", c\n"\n'
    write_csv(tmp_path / "c.csv", ["finding"], [])
    assert (tmp_path / "c.csv").read_bytes() == b"finding\n"


@pytest.mark.parametrize(
    ("stage", "arguments", "message"),
    [
        ("ingest", "--raw raw", "params.yaml: data.source = 'nowhere.npz': no such file or folder"),
        (
            "prepare",
            "--raw nowhere --prepared p --look l.json --sheet s.png",
            "nowhere/x_train.npy: no such file; `dvc repro` makes it",
        ),
        (
            "train",
            "--images x.npy --labels y.npy --model m.h5 --confidence c --metrics m.json --history h.csv",
            "x.npy: no such file; `dvc repro` makes it",
        ),
        (
            "evaluate",
            "--model m --images x --labels y --dataset d --findings f "
            "--metrics m.json --errors e.csv --classes c.csv --calibration b.csv --confidence c --card k",
            "x: no such file; `dvc repro` makes it",
        ),
        (
            "report",
            "--history h --metrics m --errors e --classes c --calibration b --images i "
            "--curves c.png --confusion f.png --recall r.png --reliability b.png --gallery g.png",
            "h: no such file; `dvc repro` makes it",
        ),
        ("predict_sample", "a.png --model nowhere.h5", "nowhere.h5: no such file; `dvc repro` trains models/cnn.h5"),
    ],
)
def test_every_stage_ends_bad_input_with_one_line_and_writes_nothing(
    project: Project, stage: str, arguments: str, message: str
) -> None:
    project.set_param("data.source", "nowhere.npz")
    before = sorted(project.root.rglob("*"))
    ended = project.run("python", "-B", "-m", f"stages.{stage}", *arguments.split())
    program = "preflight" if stage == "ingest" else stage
    assert ended.returncode == 1 and our_lines(ended.stderr) == [f"{program}: {message}"]
    assert sorted(path for path in project.root.rglob("*") if "__pycache__" not in path.parts) == [
        path for path in before if "__pycache__" not in path.parts
    ]


def test_a_python_without_the_locked_packages_is_one_line_that_says_what_to_do(
    project: Project, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    ended = project.run(
        str(tmp_path / "bare/bin/python"),
        "-m",
        "stages.train",
        *["--images", "x", "--labels", "y"],
        *["--model", "m", "--confidence", "c", "--metrics", "t", "--history", "h"],
    )
    (line,) = our_lines(ended.stderr)
    assert ended.returncode == 1 and line.startswith("train: ") and "has no package" in line
    assert "run `make install`" in line


def test_a_package_that_is_missing_by_hand_is_one_line_and_a_module_of_ours_a_bug() -> None:
    (line,) = our_lines((missing := run("import no_such_package")).stderr)
    assert missing.returncode == 1 and "has no package no_such_package; run `make install`" in line
    assert "Traceback" in run("import stages.no_such_module").stderr


def test_two_outputs_of_one_name_or_a_folder_in_place_of_one_are_refused_before_the_work() -> None:
    with pytest.raises(InputError, match="b: given for two outputs; must be one's own"):
        check_writable(Path("a"), Path("b"), Path("b"))
    with pytest.raises(InputError, match=r"stages: is a folder; must be a file to write"):
        check_writable(Path("a"), ROOT / "stages")


def test_two_processes_never_write_one_output_at_once(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with replacing(path) as partial:
        partial.write_text("first")
        ended = run(f"with replacing(Path({str(path)!r})) as partial: partial.write_text('second')")
        assert ended.returncode == 1
        assert our_lines(ended.stderr) == [f"train: {path}: another process is writing it; must end first"]
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]


def test_several_outputs_appear_together_or_not_at_all(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    with pytest.raises(ValueError, match="JSON"), replacing_all(*paths) as (first, second):
        write_json(first, {"a": 1})
        write_json(second, {"b": float("nan")})
    assert list(tmp_path.iterdir()) == []
    with replacing_all(*paths) as (first, second):
        write_json(first, {"a": 1})
        write_json(second, {"b": 2})
    assert sorted(tmp_path.iterdir()) == paths


def test_a_stage_whose_output_nobody_reads_works_all_the_same(project: Project) -> None:
    ended = project.run("sh", "-c", "python -m stages.ingest --raw other >&- 2>&-")
    assert ended.returncode == 0 and (project.root / "other/x_train.npy").exists()
