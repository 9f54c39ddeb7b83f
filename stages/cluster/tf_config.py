"""Parse TF_CONFIG: which processes train together, and the rank of this one."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from stages.running.process import InputError, reason

Kind = Literal["chief", "worker"]
Address = Annotated[str, msgspec.Meta(pattern=r"^.+:[0-9]{1,5}$")]


@dataclass(frozen=True)
class Task:
    """One process of a cluster: "chief" or "worker", its index among these, and where it listens, "host:port"."""

    kind: str
    index: int
    address: str

    def __str__(self) -> str:
        return f"{self.kind} {self.index} ({self.address})"

    @property
    def host_and_port(self) -> tuple[str, int]:
        """For Python's sockets."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)


class ThisTask(msgspec.Struct):
    """Which process this is."""

    type: Kind
    index: int | str


class Config(msgspec.Struct):
    """TF_CONFIG: where the processes listen, and which of them this one is."""

    cluster: dict[Kind, list[Address]]
    task: ThisTask


def parse(text: str) -> tuple[list[Task], int]:
    """Read {"cluster": {"chief": ["host:port"], "worker": ["host:port", ...]}, "task": {"type": ..., "index": ...}}.

    Returns:
        The processes by rank, the chief first, then the workers by index; and the rank of this one.

    Raises:
        InputError: it is invalid.
    """
    try:
        config = msgspec.json.decode(text, type=Config)
    except (ValueError, RecursionError) as error:  # also for surrogates
        raise InputError(
            f'TF_CONFIG: {reason(error)}; must be as {{"cluster": {{"worker": ["host:port", ...]}}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from error
    kinds: tuple[Kind, ...] = ("chief", "worker")  # in the order of the ranks
    tasks = [Task(kind, index, place) for kind in kinds for index, place in enumerate(config.cluster.get(kind, []))]
    ports_exist = all(0 < task.host_and_port[1] < 2**16 for task in tasks)
    if (
        len(config.cluster.get("chief", [])) > 1
        or len({task.address for task in tasks}) < len(tasks)
        or not ports_exist
    ):
        must = "must be one chief at most, no host:port twice, and ports from 1 to 65535"
        raise InputError(f"TF_CONFIG: cluster = {config.cluster}; {must}")
    for rank, task in enumerate(tasks):
        if (task.kind, str(task.index)) == (config.task.type, str(config.task.index)):
            return tasks, rank
    known = ", ".join(f"{task.kind} {task.index}" for task in tasks) or "no process"
    raise InputError(f"TF_CONFIG: task is {config.task.type} {config.task.index}; must be one of the cluster: {known}")
