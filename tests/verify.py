"""The proof of reproduction: run the committed pipeline anew, and compare every output with the recorded one.

make verify                 clone, install from the locks, run all stages, compare with dvc.lock
make verify CORES=1         the same on that many cores
make verify WORKERS=4       the same, with so many processes that share the training
make verify CPU=Haswell     a small data set, on this CPU and on one that QEMU emulates (qemu-x86_64 -cpu help)
make verify CPU=Haswell WORKERS=2    the same, the training shared by a process on this CPU and others on that one
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from msgspec import to_builtins
from numpy.typing import NDArray
from PIL import Image

from stages.running.params import load
from stages.train.augmentation import OTHER_HANDS
from tests.cluster import configs, start, train_command
from tests.declarations import module_of, stages
from tests.project import ROOT, Project, make_project, set_params

# Where bytes cannot match: several times the spread over seeds that was seen of the default recipe.
TOLERANCE = {"accuracy": 0.005, "loss": 0.015}


def why_no_match_is_possible(root: Path = ROOT) -> str | None:
    """Why this machine cannot give the bytes that a project's dvc.lock records, or None if it can."""
    from numpy._core._multiarray_umath import __cpu_features__  # type: ignore[import-not-found]

    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"this is {sys.platform} on {platform.machine()}, the recorded bytes are of linux on x86_64"
    if not __cpu_features__.get("AVX2"):
        return "this CPU has no AVX2"
    asked = load(root / "params.yaml")["tensorflow"]
    if asked != {"instruction_set": "avx2", "device": "cpu"}:
        return f"params.yaml asks for tensorflow: {asked}, whose bytes hold for one kind of processor only"
    return None


def print_table(expected: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Print a line for each output; returns whether all match."""
    print(f"\n{'output':<28} {'expected':<34} {'found':<34}")
    for path, digest in expected.items():
        print(f"{path:<28} {digest:<34} {found[path]:<34} {'match' if found[path] == digest else 'DIFFER'}")
    matches = sum(found[path] == digest for path, digest in expected.items())
    print(f"\n{matches} of {len(expected)} outputs match")
    return matches == len(expected)


def recorded(root: Path) -> dict[str, str]:
    """The MD5 of every output as dvc.lock has it."""
    locked = load(root / "dvc.lock")["stages"].values()
    return {out["path"]: out["md5"] for stage in locked for out in stage["outs"]}


def metrics(root: Path) -> dict[str, float]:
    content: dict[str, float] = json.loads((root / "metrics/test.json").read_text())
    return content


def verify_recorded(folder: Path, cores: int | None, workers: int | None) -> bool:
    """Clone what is committed, run it in full on so many cores, by so many processes, and compare with its dvc.lock."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    head = subprocess.run(["git", "log", "-1", "--format=%h %s"], cwd=clone, check=True, text=True, capture_output=True)
    print(f"verifying the commit {head.stdout.strip()}", flush=True)
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True).stdout:
        print("(there are changes that are not committed: they are not part of it)")
    expected, metrics_before = recorded(clone), metrics(clone)
    prefix = []
    if cores:
        prefix = ["taskset", "-c", ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores]))]
        print(f"on {cores} of {len(os.sched_getaffinity(0))} cores")
    subprocess.run(["make", "install"], cwd=clone, check=True)
    path = os.pathsep.join([str(clone / ".venv/bin"), os.environ["PATH"]])
    command = [*prefix, "dvc", "repro", "--force", "--no-run-cache"]
    env = {**os.environ, "PATH": path}
    if not workers:
        subprocess.run(command, cwd=clone, env=env, check=True)
    else:
        print(f"with {workers} processes that share the training")
        with cluster(workers, [*prefix, *train_command()], clone, env) as first:
            subprocess.run(command, cwd=clone, env={**env, "TF_CONFIG": first}, check=True)
    matches = print_table(expected, Project(clone).digests())
    reason = why_no_match_is_possible(clone)
    if matches or reason is None:
        return matches
    print(f"\nEqual bytes cannot be had here: {reason}.\nComparing the metrics instead:")
    after = metrics(clone)
    close = {name: abs(after[name] - metrics_before[name]) <= allowed for name, allowed in TOLERANCE.items()}
    for name, allowed in TOLERANCE.items():
        verdict = "within" if close[name] else "NOT WITHIN"
        print(f"{name}: recorded {metrics_before[name]}, found {after[name]}: {verdict} the tolerance of {allowed}")
    return all(close.values())


@contextmanager
def cluster(count: int, command: Sequence[str], root: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Start all but the first of `count` processes of a training; yields TF_CONFIG of the first one.

    They wait for it until the stages before train have run; when the block ends, all must have ended well.
    """
    first, *others = configs(count)
    logs = [root / f"worker-{number}" for number in range(1, count)]
    members = [start(command, config, log, root, env) for config, log in zip(others, logs, strict=True)]
    try:
        yield first
        for member in members:
            if member.process.wait(600) != 0:
                sys.exit(f"verify: {member.name} failed\n" + "\n".join(member.err))
    finally:
        for member in members:
            member.process.kill()
            member.process.wait()


def verify_emulated(folder: Path, cpu: str, workers: int | None = None, count: int = 2000) -> bool:
    """Run so many training images, and a quarter of that to test on, on this CPU and an emulated one, and compare.

    With several workers only the training is compared with one that a process here and emulated ones share.
    """
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        sys.exit("verify: CPU needs qemu-x86_64, which is not installed (Debian package qemu-user)")
    with np.load(ROOT / "data/mnist.npz") as archive:
        arrays = {name: archive[name][: count if "train" in name else count // 4] for name in archive.files}
    native = make_project(folder / "native", arrays)
    photograph(arrays["x_test"][0], native.root / "data/sample.png")
    # More ways through the code than the default run takes.
    more = {"predict.input": "data/sample.png", "train.schedule": "cosine", "train.early_stopping": 2}
    more |= {f"train.augmentation.{name}": amount for name, amount in to_builtins(OTHER_HANDS).items()}
    set_params(native.root / "params.yaml", {**more, "train.outliers": 0.2})
    emulated = native.copy(folder / "emulated")
    shims = folder / "bin"
    shims.mkdir()
    qemu_here = f"{qemu} -cpu {cpu} {sys.executable}"
    (shims / "python").write_text(f'#!/bin/sh\necho "$2" >>{shims}/started\nexec {qemu_here} "$@"\n')
    (shims / "python").chmod(0o755)
    emulated.env["PATH"] = os.pathsep.join([str(shims), native.command_env()["PATH"]])
    print(f"{count:,} training and {count // 4:,} test images of MNIST, on this CPU ...", flush=True)
    native.reproduce()
    if workers:
        print(f"... and the training shared by {workers} processes, all but one emulated {cpu} (minutes)", flush=True)
        shared, here = Project(emulated.root), native.command_env()
        command = [qemu, "-cpu", cpu, sys.executable, *train_command()[1:]]
        with cluster(workers, command, shared.root, here) as first:
            shared.env["TF_CONFIG"] = first
            shared.reproduce()
        return print_table(native.digests(), shared.digests())
    print(f"... and on an emulated {cpu} (minutes)", flush=True)
    emulated.reproduce()
    matches = print_table(native.digests(), emulated.digests())
    started = (shims / "started").read_text().split()
    print(f"\nStarted in the emulator: {', '.join(started)}")
    proven = started == [module_of(stage) for stage in stages()]
    if not proven:
        print("verify: NOT PROVEN: not every stage ran under the emulator")
    return matches and proven


def photograph(image: NDArray[np.uint8], path: Path) -> None:
    """Save an MNIST image as a person would send it: dark ink on gray paper, larger, unevenly lit."""
    paper = np.asarray(Image.fromarray(image).resize((420, 420), Image.Resampling.BICUBIC), np.float64)
    light = np.linspace(1, 0.6, 420)
    Image.fromarray(np.uint8((220 - 160 * paper / 255) * light)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the committed pipeline anew and compare every output.")
    parser.add_argument("--cores", type=int, help="run on so many cores")
    parser.add_argument("--workers", type=int, help="share the training among so many processes")
    parser.add_argument("--cpu", help="compare this CPU with an emulated one, such as Haswell or EPYC-Rome")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        if args.cpu:
            matches = verify_emulated(Path(folder).resolve(), args.cpu, args.workers)
        else:
            matches = verify_recorded(Path(folder).resolve(), args.cores, args.workers)
    sys.exit(0 if matches else 1)


if __name__ == "__main__":
    main()
