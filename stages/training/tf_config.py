"""What TF_CONFIG says: which processes train together, and which of them this one is."""

import json
from dataclasses import dataclass

from stages.running.process import InputError, reason

KINDS = ("chief", "worker")  # in the order of the ranks


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
        """As Python's sockets want it."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)


def parse(text: str) -> tuple[list[Task], int]:
    """Read {"cluster": {"chief": ["host:port"], "worker": ["host:port", ...]}, "task": {"type": ..., "index": ...}}.

    Returns:
        The processes by rank, the chief first, then the workers by index; and the rank of this one.

    Raises:
        InputError: it says something else.
    """
    try:
        config = json.loads(text)
    except ValueError as error:
        raise InputError(f"TF_CONFIG: not JSON: {reason(error)}") from error
    for key in ("cluster", "task"):
        if not isinstance(config, dict) or not isinstance(config.get(key), dict):
            raise InputError(f"TF_CONFIG: has no {key}; must be JSON with an object for cluster and for task")
    jobs, task = config["cluster"], config["task"]
    if others := sorted(set(jobs) - set(KINDS)):
        raise InputError(f"TF_CONFIG: cluster has {', '.join(others)}; must be of a chief and workers only")
    for kind, addresses in jobs.items():
        if not isinstance(addresses, list) or not all(map(_is_address, addresses)):
            raise InputError(f"TF_CONFIG: cluster.{kind} = {addresses}; must be a list of host:port")
    tasks = [Task(kind, index, address) for kind in KINDS for index, address in enumerate(jobs.get(kind, []))]
    if len(jobs.get("chief", [])) > 1:
        raise InputError(f"TF_CONFIG: cluster.chief = {jobs['chief']}; must be one host:port")
    if len({each.address for each in tasks}) < len(tasks):
        raise InputError(f"TF_CONFIG: cluster = {jobs}; each process must have a host:port of its own")
    for rank, each in enumerate(tasks):
        if each.kind == task.get("type") and str(each.index) == str(task.get("index")):
            return tasks, rank
    known = ", ".join(f"{each.kind} {each.index}" for each in tasks) or "no process"
    raise InputError(f"TF_CONFIG: task is {task.get('type')} {task.get('index')}; must be one of the cluster: {known}")


def _is_address(address: object) -> bool:
    host, _, port = str(address).rpartition(":")
    return isinstance(address, str) and bool(host) and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16
