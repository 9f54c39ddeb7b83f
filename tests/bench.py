"""Speed and memory beside plain Keras: `make bench` prints ratios of runs that alternate, never bare times.

The ratio of a pair of runs, one after the other, says little; the median of many says more, and their spread how noisy
the machine was. So an epoch is one on a fifth of the images: a machine's speed changes within the minute.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median

from tests.declarations import stages
from tests.project import ROOT, Project, copy_project

PREPARED = ROOT / "data/prepared/train"
ROWS = 12_000  # of an epoch
CLASSIC, LARGER = ("32", "16"), ("32", "64")


class Epochs:
    """A process that trains for one epoch when asked, and tells the seconds."""

    def __init__(self, *command: str) -> None:
        pipe, env = subprocess.PIPE, Project(ROOT).command_env()
        self.process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )

    def run(self) -> float:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise RuntimeError("the training process ended before its epoch")

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def alternate(ours: Epochs, plain: Epochs, rounds: int) -> tuple[list[float], list[float]]:
    """Run both in turn; the first round of each, which builds graphs, does not count."""
    pairs = [(ours.run(), plain.run()) for _ in range(rounds + 1)][1:]
    ours.end()
    plain.end()
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def print_ratio(name: str, ours: list[float], theirs: list[float]) -> None:
    """Print how much of their time ours takes: the median over the pairs, and their spread."""
    pairs = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"{name:<36} {median(pairs):5.2f} ({len(pairs)} pairs, {pairs[0]:.2f} to {pairs[-1]:.2f}; "
        f"{median(ours):.2f} s against {median(theirs):.2f} s)",
        flush=True,
    )


def seconds(project: Project, *command: str) -> float:
    start = time.perf_counter()
    run = project.run(*command)
    assert run.returncode == 0, run.stderr
    return time.perf_counter() - start


def peak_memory(project: Project, command: list[str]) -> float:
    """GB of a command's largest process."""
    process = subprocess.Popen(command, cwd=project.root, env=project.command_env(), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return usage.ru_maxrss * 1024 / 1e9


def bench_epochs(data: Path, rounds: int) -> None:
    import numpy as np  # not in the processes that `stages` sets up before

    for name in ("images", "labels"):
        np.save(data / name, np.load(PREPARED / f"{name}.npy", mmap_mode="r")[:ROWS])
    print(f"time of a training epoch on {ROWS:,} images, ours / plain Keras", flush=True)
    for filters, instruction_set in product((CLASSIC, LARGER), ("native", "avx2")):
        ours = Epochs("-m", "tests.bench", "--epochs", str(data), instruction_set, *filters)
        plain = Epochs("tests/plain_keras.py", "epochs", str(data), *filters)
        print_ratio(
            f"  {instruction_set}, {'-'.join(filters)} filters",
            *alternate(ours, plain, rounds if filters == CLASSIC else rounds // 2),
        )


def bench_pipeline(project: Project, rounds: int) -> None:
    plain = [sys.executable, "tests/plain_keras.py"]
    pairs = []
    for _ in range(rounds):
        ours = seconds(project, "dvc", "repro", "--force", "--no-run-cache")
        theirs = seconds(project, *plain, "train", "data/raw", "plain.h5")
        theirs += seconds(project, *plain, "predict", "data/raw", "plain.h5")
        pairs.append((ours, theirs))
    print("time of a whole run, dvc repro from the archive / two plain scripts from .npy files")
    print_ratio("  cold", [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def bench_no_op(project: Project, empty: Project, rounds: int) -> None:
    empty.root.mkdir()
    (empty.root / "dvc.yaml").write_text("stages: {}\n")
    shutil.copytree(project.root / ".dvc", empty.root / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    subprocess.run(["git", "init", "-q", "."], cwd=empty.root, check=True)
    pairs = [(seconds(project, "dvc", "repro"), seconds(empty, "dvc", "repro")) for _ in range(rounds)]
    print("time of dvc repro with nothing to do, ours / an empty pipeline")
    print_ratio("  no-op", [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def bench_memory(project: Project) -> None:
    plain = peak_memory(project, [sys.executable, "tests/plain_keras.py", "train", "data/raw", "plain.h5"])
    print(f"peak memory, each stage / the plain training script's {plain:.2f} GB")
    for stage, declared in stages().items():
        memory = peak_memory(project, declared["cmd"].split()[1:])
        print(f"  {stage:<34} {memory / plain:5.2f} ({memory:.2f} GB)", flush=True)


def our_epochs(data: str, instruction_set: str, *filters: str) -> None:
    """The process behind `Epochs`: our training, the default recipe, or with other filters."""
    import stages  # noqa: F401  (pins the environment)
    from stages.network.runtime import start_tensorflow
    from stages.running.params import PARAMS_FILE, load

    start_tensorflow(instruction_set, "cpu")

    from msgspec import convert

    from stages.arrays.npy import IMAGES, LABELS, Rows, open_array
    from stages.network.architecture import build_network
    from stages.network.parameters import Model
    from stages.train.loop import Training
    from stages.train.parameters import Train

    images, labels = Rows(Path(data, IMAGES)), open_array(Path(data, LABELS))
    params = load(PARAMS_FILE)
    params["model"]["filters"] = [int(number) for number in filters] or params["model"]["filters"]
    network = build_network(images.shape[1:], 10, convert(params["model"], Model))
    training = Training(network, images, labels, convert(params["train"], Train))
    for epoch, _ in enumerate(sys.stdin, 1):
        start = time.perf_counter()
        training.run_epoch(epoch)
        print("seconds", time.perf_counter() - start, flush=True)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench_epochs(Path(folder), rounds)
        project = Project(Path(folder).resolve() / "project")
        copy_project(project.root)
        bench_pipeline(project, max(5, rounds // 4))
        bench_no_op(project, Project(project.root.parent / "empty"), max(5, rounds // 4))
        bench_memory(project)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--epochs"]:
        our_epochs(*sys.argv[2:])
    else:
        main()
