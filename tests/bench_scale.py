"""Data larger than memory: `make bench-scale` runs every stage on 60,000, 600,000 and 2,000,000 images.

The images are MNIST's, shifted and turned. Peak memory is anonymous memory: what a process cannot give back, unlike
pages of files. The last run is in a control group smaller than the data, where the machine lets us make one.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tests.declarations import stages
from tests.project import ROOT, Project, copy_project, set_params

COUNTS = (60_000, 600_000, 2_000_000)
PICTURES = 60_000
KERAS = [sys.executable, str(ROOT / "tests/plain_keras.py")]
GROUP = Path("/sys/fs/cgroup/memory/bench-scale")  # cgroup v1, and below the same in v2
GROUP_V2 = Path("/sys/fs/cgroup/bench-scale")


@dataclass(frozen=True)
class Cost:
    """Seconds, and the peak of anonymous memory in MB, of one command."""

    seconds: float
    memory: float


def run(command: list[str], folder: Path, project: Project, group: Path | None = None) -> Cost | None:
    """Run a command and watch it; None if it failed (as plain Keras does where memory is short)."""

    def join_group() -> None:
        if group is not None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    start, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=folder, env=project.command_env(), stdout=log, stderr=log, preexec_fn=join_group
        )
        while process.poll() is None:
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                peak = max(peak, int(next(line for line in lines if line.startswith("RssAnon:")).split()[1]) / 1024)
            time.sleep(0.01)
        if process.returncode != 0:
            log.seek(0)
            print(f"    failed: {' '.join(command[:4])} ... {log.read()[-300:].decode(errors='replace')!r}")
            return None
    return Cost(time.perf_counter() - start, peak)


def variants(images: NDArray[np.uint8], count: int) -> Iterator[NDArray[np.uint8]]:
    """Blocks of `count` images in all: the given ones, then shifted by up to 2 pixels, turned by up to 10 degrees."""
    rng = np.random.default_rng(0)
    yield images[:count]
    for done in range(len(images), count, len(images)):
        turned = ndimage.rotate(images, float(rng.uniform(-10, 10)), axes=(1, 2), order=1, reshape=False)
        yield np.roll(turned, tuple(rng.integers(-2, 3, 2)), (1, 2))[: count - done]


def write_source(folder: Path, count: int) -> None:
    """Write a data set of `count` training images, and a sixth of it test images, as .npy files."""
    folder.mkdir()
    with np.load(ROOT / "data/mnist.npz") as mnist:
        for name, n in (("train", count), ("test", count // 6)):
            images, labels = mnist[f"x_{name}"], mnist[f"y_{name}"]
            array = np.lib.format.open_memmap(folder / f"x_{name}.npy", "w+", np.uint8, (n, *images.shape[1:]))
            start = 0
            for block in variants(images, n):
                array[start : start + len(block)] = block
                start += len(block)
            del array
            np.save(folder / f"y_{name}.npy", np.resize(labels, n))


def write_pictures(source: Path, folder: Path) -> None:
    """Write a source's images as PNG files in class folders, as `image_dataset_from_directory` takes them."""
    for name in ("train", "test"):
        images, labels = np.load(source / f"x_{name}.npy", mmap_mode="r"), np.load(source / f"y_{name}.npy")
        for label in range(10):
            (folder / name / str(label)).mkdir(parents=True)
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            Image.fromarray(image).save(folder / name / str(label) / f"{row}.png")


def run_stages(project: Project, source: Path, count: int, group: Path | None = None) -> dict[str, Cost | None]:
    """Run all stages one after the other, each in a process of its own; print a line for each.

    Args:
        count: training images; the test images are a sixth of them more.
    """
    seen = {"ingest": count + count // 6, "prepare": count + count // 6, "train": count, "evaluate": count // 6}
    set_params(project.root / "params.yaml", {"data.source": str(source), "train.epochs": 1})
    costs = {}
    for stage, content in stages().items():
        costs[stage] = run(content["cmd"].split()[1:], project.root, project, group)
        print_cost(stage, seen.get(stage, 1), costs[stage])
    return costs


def print_cost(name: str, images: int, cost: Cost | None) -> None:
    if cost is None:
        print(f"  {name:<42} {images:>9,} images    failed", flush=True)
    else:
        rate = images / cost.seconds
        figures = f"{cost.seconds:>7.1f} s {rate:>9,.0f}/s {cost.memory:>7,.0f} MB"
        print(f"  {name:<42} {images:>9,} images {figures}", flush=True)


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Path | None]:
    """A control group of so many bytes, or None where there can be none."""
    for group, file in ((GROUP, "memory.limit_in_bytes"), (GROUP_V2, "memory.max")):
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                (group / file).write_text(str(limit))
                yield group
                return
            finally:
                group.rmdir()
    yield None


def main() -> None:
    """Print the table of docs/costs.md; an argument limits the largest count."""
    counts = [count for count in COUNTS if count <= int(sys.argv[1])] if len(sys.argv) > 1 else list(COUNTS)
    with tempfile.TemporaryDirectory(prefix="bench-scale-", dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name).resolve()
        project = Project(folder / "project")
        copy_project(project.root)
        first: dict[str, Cost | None] = {}
        print("images, images a second over the whole process with its start, peak of anonymous memory", flush=True)
        for count in counts:
            source = folder / f"source-{count}"
            write_source(source, count)
            costs = run_stages(project, source, count)
            first = first or costs
            growth = [c.memory / f.memory for c, f in zip(costs.values(), first.values(), strict=True) if c and f]
            print(f"  peak memory over that at {counts[0]:,}: {min(growth):.2f} to {max(growth):.2f}", flush=True)
            print_cost("plain Keras: arrays + fit", count, run([*KERAS, "arrays", str(source)], folder, project))
        data = sum(path.stat().st_size for path in (folder / f"source-{counts[-1]}").iterdir())
        limit = 1_100_000_000
        with memory_group(limit) as group:
            if group is None:
                print("(no control group can be made here: the run in one is left out)")
            else:
                print(f"in a control group of {limit / 1e9:.1f} GB, the source having {data / 1e9:.1f} GB:", flush=True)
                run_stages(project, folder / f"source-{counts[-1]}", counts[-1], group)
        write_pictures(folder / f"source-{COUNTS[0]}", folder / "pictures")
        print(f"from {PICTURES:,} training pictures in class folders:", flush=True)
        run_stages(project, folder / "pictures", PICTURES)
        for name in ("dvc repro, all stages", "dvc repro, nothing to do"):
            print_cost(name, PICTURES, run(["dvc", "repro"], project.root, project))
        command = [*KERAS, "pictures", str(folder / "pictures")]
        print_cost("plain Keras: image_dataset_from_directory", PICTURES, run(command, folder, project))


if __name__ == "__main__":
    main()
