"""dvc.yaml against the code, by analysis and by observation: a stage reads and writes what it declares, no more."""

import re
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from stages.running.params import flatten, load
from tests.declarations import (
    attributes_read,
    code_dependencies,
    folder_of,
    imported_files,
    module_of,
    params_declared,
    params_in_code,
    stages,
)
from tests.project import ROOT, Project, md5
from tests.test_extra import draw

STAGES = list(stages())

# Files of the project that a stage may touch besides what it declares: the parameters and the state of a training.
BESIDES = {"params.yaml", ".resume"}


def declared_paths(stage: str, kinds: tuple[str, ...]) -> set[str]:
    entries = [entry for kind in kinds for entry in stages()[stage].get(kind, [])]
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def resolved(path: str, values: dict[str, Any]) -> str:
    """A dependency's path, looked up in the parameters where dvc.yaml says so: ${data.source}."""
    return str(values[path[2:-1]]) if path.startswith("${") else path


@pytest.mark.parametrize("stage", STAGES)
def test_the_folders_that_a_stage_imports_are_its_code_dependencies(stage: str) -> None:
    assert code_dependencies(stage) == {folder_of(file) for file in imported_files(module_of(stage))}


def test_arrows_between_the_folders_of_the_code_run_one_way_only() -> None:
    """Or a subject could not be read, or changed, without the others."""
    arrows: dict[str, set[str]] = {}
    for path in sorted((ROOT / "stages").rglob("*.py")):
        folder = folder_of(str(path.relative_to(ROOT)))
        if folder != "stages/__init__.py":
            used = imported_files(".".join(path.relative_to(ROOT).with_suffix("").parts))
            # Any import runs stages/__init__.py, and so running.environment, which must import nothing of ours.
            arrows.setdefault(folder, set()).update({folder_of(file) for file in used} - {folder, "stages/__init__.py"})
    assert arrows["stages/running"] == set()
    folders = {f"stages/{module_of(stage).rpartition('.')[2]}" for stage in STAGES}
    assert {folder for folder, used in arrows.items() if used & folders} == {"stages/commands"}, "stages import none"
    TopologicalSorter(arrows).prepare()  # raises CycleError


def test_every_file_of_the_code_is_of_some_stage_or_run_by_people() -> None:
    declared = {dependency for stage in STAGES for dependency in code_dependencies(stage)}
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "stages").rglob("*.py")}
    assert {folder_of(file) for file in files} - declared == {"stages/commands"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_parameters_that_a_stage_looks_up_are_those_it_declares(stage: str) -> None:
    """Each section is a class: a field that nothing reads would rerun the stage for nothing.

    A network of somebody else's may have no use for some of `model`.
    """
    keys = params_in_code(module_of(stage))
    assert params_declared(stage) == keys
    names = {key.rpartition(".")[2] for key in keys if not key.startswith("model.")}
    assert names <= attributes_read(module_of(stage))


def test_every_parameter_reaches_a_stage_or_the_gate() -> None:
    declared = {key for stage in STAGES for key in params_declared(stage)} | params_in_code("stages.commands.gate")
    assert declared == flatten(load(ROOT / "params.yaml")).keys()


def test_every_stage_depends_on_the_packages() -> None:
    assert all("requirements.lock" in stages()[stage]["deps"] for stage in STAGES)  # ingest decodes with Pillow


def test_every_path_in_a_command_is_declared_and_an_output_of_one_stage() -> None:
    outputs: list[str] = []
    for stage, content in stages().items():
        outs = declared_paths(stage, ("outs", "metrics", "plots"))
        outputs += outs
        _, paths = content["cmd"].split(f"{module_of(stage)} ")
        declared = outs | declared_paths(stage, ("deps",))
        for path in paths.split():
            assert path.startswith("--") or any(Path(item).is_relative_to(path) for item in declared), (stage, path)
    assert len(outputs) == len(set(outputs))


def test_no_stage_before_evaluate_sees_the_prepared_test_set() -> None:
    seers = {stage for stage in STAGES if "data/prepared/test" in stages()[stage]["deps"]}
    assert seers == {"evaluate", "predict-sample", "report"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to watch a run")
def test_the_files_that_a_run_opens_are_those_that_its_stage_declares(project: Project) -> None:
    """Each stage of one `dvc repro` is started under strace, by a `python` that comes first on PATH."""
    shims = project.root.parent / "bin"
    shims.mkdir()
    watched = "trace=openat,open,creat,rename,renameat,renameat2,execve"
    strace = f"strace -f --seccomp-bpf -qq -y -e {watched} -o {shims}/$2 {sys.executable}"
    (shims / "python").write_text(f'#!/bin/sh\nexec {strace} "$@"\n')
    (shims / "python").chmod(0o755)
    project.env = {"PATH": f"{shims}:{project.command_env()['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    draw(project.root / "data/extra/1/one.png", 90)
    run = project.run("dvc", "repro", "--force", "--no-run-cache")
    assert run.returncode == 0, run.stderr
    values = flatten(load(project.root / "params.yaml"))
    for stage in STAGES:
        read, written = observed(shims / module_of(stage), project.root)
        outs = declared_paths(stage, ("outs", "metrics", "plots"))
        dependencies = {resolved(path, values) for path in declared_paths(stage, ("deps",))}
        assert {declaring(path, outs) for path in written if not path.startswith(".resume/")} == outs, stage
        read = {declaring(path, dependencies | outs) for path in read}
        # The lock describes packages: train reads it for the key of its backup, the others only what it installed.
        unread = set() if stage == "train" else {"requirements.lock"}
        # ingest reads what it has copied, to check it, and predict-sample a file of the folder that it reads labels of.
        inner = {path for path in dependencies if declaring(str(Path(path).parent), dependencies) in dependencies}
        read = {path for path in read if path.partition("/")[0] not in BESIDES}
        assert read - outs == dependencies - unread - inner, stage


def declaring(path: str, declared: set[str]) -> str:
    """Which of some declared files and folders a file is or lies in, the outermost; itself if none."""
    return min((entry for entry in declared if Path(path).is_relative_to(entry)), key=len, default=path)


def observed(trace: Path, root: Path) -> tuple[set[str], set[str]]:
    """The project's files that the first process of a trace, with its threads, read and wrote under their last names.

    A process that executes another program is left out: the check of params.yaml, which depends on every stage's rules.
    """
    lines = trace.read_text(errors="replace").splitlines()
    others = {line.split()[0] for line in lines[1:] if " execve(" in line}
    read: set[str | None] = set()
    written: set[str | None] = set()
    renamed: dict[str | None, str | None] = {}
    for line in lines:
        pid, _, call = line.partition(" ")
        if pid in others or " = -1 " in call:
            continue
        paths = [inside(path, root) for path in re.findall(r'"([^"]*)"', call)]
        if "rename" in call.split("(")[0]:
            renamed[paths[0]] = paths[1]
        elif paths and paths[0] is not None and "O_DIRECTORY" not in call and (root / paths[0]).is_dir() is False:
            (written if re.search(r"O_WRONLY|O_RDWR|O_CREAT", call) else read).add(paths[0])
    written = {renamed.get(path, path) for path in written}
    partial = {path for path in read if path in renamed}
    return {path for path in read - partial if path}, {path for path in written if path}


def inside(path: str, root: Path) -> str | None:
    """The path relative to the project, or None if it is none of the project's files."""
    full = Path(path) if path.startswith("/") else root / path
    if not full.is_relative_to(root) or ".venv" in full.parts:
        return None
    return str(full.relative_to(root))


def test_dvc_lock_matches_the_committed_tree() -> None:
    """Needs no data: what git has is hashed, and each array is the same where it is made and where it is used."""
    locked = load(ROOT / "dvc.lock")["stages"]
    values = flatten(load(ROOT / "params.yaml"))
    assert set(locked) == set(STAGES)
    made = {out["path"]: out["md5"] for stage in locked.values() for out in stage["outs"]}
    for stage, content in locked.items():
        assert content["cmd"] == stages()[stage]["cmd"].strip(), stage
        recorded: dict[str, Any] = {}
        for name, value in content.get("params", {}).get("params.yaml", {}).items():
            keys = flatten(value, f"{name}.") if isinstance(value, dict) else {name: value}
            recorded |= keys
        assert recorded == {key: values[key] for key in params_declared(stage)}, stage
        assert {dep["path"] for dep in content["deps"]} == {resolved(path, values) for path in stages()[stage]["deps"]}
        for dep in content["deps"]:
            if any(path in made for path in map(str, Path(dep["path"]).parents)):
                continue  # a file of a folder that a stage writes; it is only there after a run
            expected = made.get(dep["path"]) or md5(ROOT / dep["path"])
            assert dep["md5"] == expected, f"{stage} was not reproduced since {dep['path']} changed: `dvc repro`"
        outs = declared_paths(stage, ("outs", "metrics", "plots"))
        assert {out["path"] for out in content["outs"]} == outs, stage
    for path in (path for path in made if path.startswith("metrics/")):
        assert made[path] == md5(ROOT / path), f"{path} is not what the recorded run wrote: `dvc repro`"


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, text=True, capture_output=True).stdout


def test_git_keeps_the_small_outputs_and_ignores_the_large_ones() -> None:
    for stage in STAGES:
        for path in declared_paths(stage, ("outs", "metrics", "plots")):
            assert bool(git("check-ignore", path)) == (not path.startswith("metrics/")), path


def test_git_and_dvc_ignore_what_runs_leave() -> None:
    patterns = (ROOT / ".dvcignore").read_text().split()
    for path in (".resume/x.npz", "metrics/.partial-test.json", "stages/__pycache__/x.pyc", ".venv"):
        assert git("check-ignore", path)
        assert any(Path(part).match(pattern) for part in Path(path).parts for pattern in patterns)


def test_git_changes_no_bytes_of_dependencies_and_merges_no_lock() -> None:
    for path in ("stages/train/__main__.py", "requirements.lock", "params.yaml", "dvc.lock"):
        assert "text: unset" in git("check-attr", "text", path)
    assert "merge: unset" in git("check-attr", "merge", "dvc.lock")
