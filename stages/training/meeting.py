"""How the processes of a cluster come together before TensorFlow starts, and how one is found that has gone.

TensorFlow waits for its peers in silence, for an hour, and lets no other code of the process run: so they meet first.
"""

import contextlib
import errno
import json
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from stages.running.process import InputError, reason

FIRST_WORD, OFTEN = 3.0, 30.0  # seconds after which it is said who is waited for, and then again
ANSWER = 5.0  # seconds for a living process to answer
LINE = 65_536  # bytes: more than any message of ours
# What a client of gRPC says first (RFC 9113, 3.4), with no settings of its own: the server answers with its settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


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


def meet(tasks: Sequence[Task], rank: int, patience: float) -> None:
    """Wait until all `tasks` are there; the first one counts them. Its port, and the own one, are free again then.

    Args:
        rank: which of them this process is.
        patience: seconds until it gives up.

    Raises:
        InputError: the own port is taken; not all came; the first one has gone, or knows another cluster.
    """
    with _listening(tasks[rank]) as listener:
        if rank == 0:
            _count(tasks, listener, patience)
        else:
            _report(tasks, rank, patience)


def _listening(task: Task) -> socket.socket:
    port = task.host_and_port[1]
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        return socket.create_server(("", port), backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"TF_CONFIG: {task}: another process has this port; must be free") from error
        raise InputError(f"TF_CONFIG: {task}: cannot listen there: {reason(error)}") from error


def _count(tasks: Sequence[Task], listener: socket.socket, patience: float) -> None:
    """Wait for every other task to say who it is; tell those that are there what is waited for, and then to go on."""
    there: dict[int, socket.socket] = {}
    strangers: list[socket.socket] = []
    start = time.monotonic()
    due = start + FIRST_WORD
    with contextlib.ExitStack() as stack:
        while len(there) < len(tasks) - 1:
            missing = ", ".join(str(task) for rank, task in enumerate(tasks) if rank > 0 and rank not in there)
            if time.monotonic() > start + patience:
                text = f"the cluster did not come together in {patience:.0f} s; missing: {missing}"
                _tell(there, {"end": text})
                raise InputError(text)
            if time.monotonic() > due:
                due = time.monotonic() + OFTEN
                say(f"waiting for {missing}")
                _tell(there, {"wait": missing})
            readable, _, _ = select.select([listener, *strangers, *there.values()], [], [], 0.2)
            for connection in readable:
                if connection is listener:
                    strangers.append(stack.enter_context(listener.accept()[0]))
                elif connection in strangers:
                    strangers.remove(connection)
                    _welcome(connection, tasks, there)
                else:  # who is there says no more: it has ended
                    there = {rank: other for rank, other in there.items() if other is not connection}
        _tell(there, {"go": True})
        for connection in there.values():  # who closes first keeps the port for minutes (TIME_WAIT): not this one
            connection.settimeout(ANSWER)
            with contextlib.suppress(OSError):
                connection.recv(1)


def _welcome(connection: socket.socket, tasks: Sequence[Task], there: dict[int, socket.socket]) -> None:
    try:
        connection.settimeout(ANSWER)
        said = json.loads(connection.recv(LINE))
        rank, theirs = said["rank"], said["tasks"]
    except (OSError, ValueError, KeyError, TypeError):
        connection.close()  # no process of ours
        return
    if theirs != [asdict(task) for task in tasks]:
        _tell({0: connection}, {"end": f"TF_CONFIG: {tasks[0]} has another list of processes; must be the same"})
        connection.close()
    elif rank in there:
        _tell({0: connection}, {"end": f"TF_CONFIG: {tasks[rank]}: another process has come as this one"})
        connection.close()
    else:
        there[rank] = connection


def _tell(connections: dict[int, socket.socket], message: dict[str, str | bool]) -> None:
    for connection in connections.values():
        with contextlib.suppress(OSError):  # it has ended
            connection.sendall(json.dumps(message).encode() + b"\n")


def _report(tasks: Sequence[Task], rank: int, patience: float) -> None:
    """Say to the first task who one is, as soon as it listens, and wait for its word."""
    first = tasks[0]
    with _connected(first, patience) as connection:
        hello = {"rank": rank, "tasks": [asdict(task) for task in tasks]}
        connection.sendall(json.dumps(hello).encode())
        connection.settimeout(patience + OFTEN)
        try:
            for line in connection.makefile("r", encoding="utf-8"):
                message = json.loads(line)
                if "go" in message:
                    return
                if "end" in message:
                    raise InputError(message["end"])
                say(f"waiting for {message['wait']}")
        except (OSError, ValueError) as error:
            raise InputError(f"TF_CONFIG: {first}: what listens there is not this training: {reason(error)}") from error
    raise InputError(f"{first} has ended before the cluster came together")


def _connected(task: Task, patience: float) -> socket.socket:
    start = time.monotonic()
    due = start + FIRST_WORD
    while True:
        try:
            return socket.create_connection(task.host_and_port, timeout=ANSWER)
        except OSError as error:  # not started yet; in Kubernetes its name may not be known yet either
            if time.monotonic() > start + patience:
                raise InputError(f"{task} did not come in {patience:.0f} s: {reason(error)}") from error
        if time.monotonic() > due:
            due = time.monotonic() + OFTEN
            say(f"waiting for {task}")
        time.sleep(0.2)


def say(text: str) -> None:
    """Tell on stderr, at once: every process of a cluster may say whom it waits for."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def gone(tasks: Sequence[Task]) -> list[Task]:
    """Those whose TensorFlow server does not answer: they have ended, are frozen, or cannot be reached."""
    with ThreadPoolExecutor(max(1, min(len(tasks), 64))) as threads:
        return list(_unanswered(tasks, threads.map(_answers, tasks)))


def _unanswered(tasks: Sequence[Task], answers: Iterator[bool]) -> Iterator[Task]:
    return (task for task, answer in zip(tasks, answers, strict=True) if not answer)


def _answers(task: Task) -> bool:
    try:
        with socket.create_connection(task.host_and_port, timeout=ANSWER) as connection:
            connection.sendall(PREFACE)
            return bool(connection.recv(1))
    except OSError:
        return False
