"""Run one process of a shared training: the first in TF_CONFIG runs the pipeline, the others train with it.

Every machine starts the same command, whatever its rank. It only starts other programs, so no result depends on it and
no stage declares it.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

from stages.cluster.tf_config import parse
from stages.running import process
from stages.running.params import load
from stages.running.process import InputError


def command(rank: int, repro: list[str]) -> list[str]:
    """The command for a rank: `dvc repro` with the arguments `repro` for 0, else train's command in dvc.yaml."""
    if rank == 0:
        return ["-m", "dvc", "repro", *repro]
    words = shlex.split(load(Path("dvc.yaml"))["stages"]["train"]["cmd"])
    return words[words.index("python") + 1 :]


def main() -> None:
    """Replace this process by the `command` for its rank."""
    parser = argparse.ArgumentParser(
        description="Train with the other processes of TF_CONFIG; its first one runs `dvc repro` with the arguments."
    )
    _, repro = parser.parse_known_args()
    if not os.environ.get("TF_CONFIG", "").strip():
        raise InputError("TF_CONFIG: not set; must name the processes that train together, and this one")
    _, rank = parse(os.environ["TF_CONFIG"])
    # DVC runs the `python` that it finds first: it must be this one, also where no environment is activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *command(rank, repro)])


if __name__ == "__main__":
    process.leave(process.run(main))
