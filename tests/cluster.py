"""Several processes of one training on this machine, as TF_CONFIG starts them on several."""

import contextlib
import json
import os
import random
import shlex
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.declarations import stages


@dataclass
class Member:
    """One process of a cluster; `log` is the path of what it says, without the suffix .out or .err."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def out(self) -> str:
        return self.log.with_suffix(".out").read_text()

    @property
    def err(self) -> list[str]:
        """The lines on stderr but for those that hold everywhere: ours about the environment, and QEMU's."""
        lines = self.log.with_suffix(".err").read_text().splitlines()
        everywhere = ("environment: ", "qemu-x86_64: ")
        return [line for line in lines if line and not line.startswith(everywhere) and "few to learn from" not in line]


def free_addresses(count: int) -> list[str]:
    """So many addresses on this machine at which nobody listens, of ports that no outgoing connection is given."""
    free: set[int] = set()
    while len(free) < count:
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            free.add(tried.getsockname()[1])
    return [f"127.0.0.1:{port}" for port in free]


def configs(count: int, chief: bool = False) -> list[str]:
    """TF_CONFIG of each of `count` processes, by rank: workers only, or a chief and workers."""
    addresses = free_addresses(count)
    jobs = {"chief": addresses[:1], "worker": addresses[1:]} if chief else {"worker": addresses}
    tasks = [{"type": kind, "index": index} for kind, listed in jobs.items() for index in range(len(listed))]
    return [json.dumps({"cluster": jobs, "task": task}) for task in tasks]


def train_command() -> list[str]:
    """The command of the stage train in dvc.yaml, without its exec."""
    return shlex.split(stages()["train"]["cmd"])[1:]


def start(command: Sequence[str], config: str, log: Path, cwd: Path, env: Mapping[str, str] = os.environ) -> Member:
    """Start one process of a cluster, in a session of its own."""
    task = json.loads(config)["task"]
    with log.with_suffix(".out").open("w") as out, log.with_suffix(".err").open("w") as err:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**env, "TF_CONFIG": config},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    return Member(f"{task['type']} {task['index']}", process, log)
