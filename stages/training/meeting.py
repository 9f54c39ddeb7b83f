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
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from stages.running.process import InputError, reason
from stages.training.tf_config import Task

FIRST_WORD, OFTEN = 3.0, 30.0  # seconds after which it is said who is waited for, and then again
ANSWER = 5.0  # seconds for a living process to answer
LINE = 2**20  # bytes: more than any message of ours
NEWCOMERS = 64  # who are listened to at once: the strangers among them shall not use up this process's descriptors
# What a client of gRPC says first (RFC 9113, 3.4), with no settings of its own: the server answers with its settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def meet(tasks: Sequence[Task], rank: int, patience: float) -> None:
    """Wait until all `tasks` are there; the first one counts them. Their ports are free for TensorFlow again then.

    Args:
        rank: which of them this process is.
        patience: seconds until it gives up.

    Raises:
        InputError: the own port is taken; not all came; the first one has gone, or knows another cluster.
    """
    waiting = _Waiting(patience)
    with _listening(tasks[rank]) as listener:
        if rank == 0:
            _count(tasks, listener, waiting)
        else:
            _report(tasks, rank, waiting)


class _Waiting:
    """How long this process waits for others, and when it says so on stderr, as each of them may."""

    def __init__(self, patience: float) -> None:
        self.patience, self._start, self._due = patience, time.monotonic(), time.monotonic() + FIRST_WORD

    def wait_for(self, tasks: Sequence[Task]) -> None:
        """To be called again and again; raises InputError when patience is at its end."""
        missing, now = ", ".join(map(str, tasks)), time.monotonic()
        if now > self._start + self.patience:
            raise InputError(f"the cluster did not come together in {self.patience:g} s; missing: {missing}")
        if now > self._due:
            self._due = now + OFTEN
            print(f"cluster: waiting for {missing}", file=sys.stderr, flush=True)


def _listening(task: Task) -> socket.socket:
    port = task.host_and_port[1]
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        return socket.create_server(("", port), backlog=1024)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise InputError(
            f"TF_CONFIG: {task}: {'another process has this port' if taken else reason(error)}; must be free"
        ) from error


def hello(tasks: Sequence[Task], rank: int) -> bytes:
    """What a process says to the first one: who it is, and who it takes all to be."""
    return json.dumps([rank, [str(task) for task in tasks]]).encode() + b"\n"


def _count(tasks: Sequence[Task], listener: socket.socket, waiting: _Waiting) -> None:
    """Wait for each other task's word that it is there, and tell all how it ends: empty if well."""
    hellos = {hello(tasks, rank): rank for rank in range(1, len(tasks))}
    there: dict[int, socket.socket] = {}
    newcomers: list[_Line] = []
    try:
        while missing := [task for rank, task in enumerate(tasks) if rank > 0 and rank not in there]:
            waiting.wait_for(missing)
            watched: list[socket.socket | _Line] = [*there.values(), *newcomers]
            if len(newcomers) < NEWCOMERS:
                watched.append(listener)
            readable, _, _ = select.select(watched, [], [], 0.2)
            # Who is there says no more: it has ended.
            there = {rank: connection for rank, connection in there.items() if connection not in readable}
            if listener in readable:
                newcomers.append(_Line(listener.accept()[0], ANSWER))
            for line in [each for each in newcomers if each.is_over()]:
                newcomers.remove(line)
                if (rank := hellos.get(line.said)) is None:
                    _tell(line.connection, f"TF_CONFIG: {tasks[0]} has another list of processes; must be the same")
                elif rank in there:
                    _tell(line.connection, f"TF_CONFIG: {tasks[rank]}: another process has come as this one")
                else:
                    there[rank] = line.connection
    except InputError as error:
        for connection in there.values():
            _tell(connection, str(error))
        raise
    finally:
        for line in newcomers:
            line.connection.close()
    for connection in there.values():
        _tell(connection, "")


class _Line:
    """What the other end of a connection says until its line ends, in pieces, and with a limit for the whole."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self.connection, self.said, self._deadline = connection, b"", time.monotonic() + seconds
        connection.setblocking(False)

    def fileno(self) -> int:
        """For select."""
        return self.connection.fileno()

    def is_over(self) -> bool:
        """Take what has come by now; whether there is no more to wait for."""
        has_ended = False
        try:
            piece = self.connection.recv(LINE)
            has_ended = not piece
            self.said += piece
        except BlockingIOError:
            pass
        except OSError:
            has_ended = True
        return has_ended or b"\n" in self.said or len(self.said) >= LINE or time.monotonic() > self._deadline


def _tell(connection: socket.socket, end: str) -> None:
    with contextlib.suppress(OSError), connection:  # it has ended
        connection.settimeout(ANSWER)
        connection.sendall(json.dumps(end).encode() + b"\n")


def _report(tasks: Sequence[Task], rank: int, waiting: _Waiting) -> None:
    """Say to the first task who one is, as soon as it listens, and wait for its word."""
    first = tasks[0]
    with _connected(first, waiting) as connection:
        connection.settimeout(waiting.patience + OFTEN)
        with contextlib.suppress(OSError):
            connection.sendall(hello(tasks, rank))
        line = _Line(connection, waiting.patience + OFTEN)
        while not line.is_over():
            select.select([line], [], [], 0.2)
    if not line.said:
        raise InputError(f"{first} has ended, or did not get the others together in time")
    try:
        end = str(json.loads(line.said))
    except ValueError as error:
        raise InputError(f"TF_CONFIG: {first}: what listens there is not this training") from error
    if end:
        raise InputError(end)


def _connected(task: Task, waiting: _Waiting) -> socket.socket:
    while True:
        with contextlib.suppress(OSError):  # not started yet; in Kubernetes its name may not be known yet either
            return socket.create_connection(task.host_and_port, timeout=ANSWER)
        waiting.wait_for([task])
        time.sleep(0.2)


def gone(tasks: Sequence[Task]) -> list[Task]:
    """Those whose TensorFlow server does not answer: they have ended, are frozen, or cannot be reached."""
    if not tasks:
        return []
    with ThreadPoolExecutor(min(len(tasks), 64)) as threads:
        answers = list(threads.map(_answers, tasks))
    return [task for task, answer in zip(tasks, answers, strict=True) if not answer]


def _answers(task: Task) -> bool:
    try:
        with socket.create_connection(task.host_and_port, timeout=ANSWER) as connection:
            connection.sendall(PREFACE)
            return connection.recv(4)[3:] == b"\x04"  # a frame of settings; one that waits in `meet` answers otherwise
    except OSError:
        return False
