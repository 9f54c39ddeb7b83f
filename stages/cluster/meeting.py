"""How the processes of a cluster meet, start TensorFlow, and find out which one is lost.

TensorFlow waits for its peers silently for an hour, and blocks all other code of the process: so they meet first.
"""

import contextlib
import errno
import json
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stages.cluster.tf_config import Task
from stages.network.runtime import startup_noise_held_back
from stages.running.process import InputError, reason

FIRST_WORD, OFTEN = 3.0, 30.0  # seconds until the first message on missing processes, and between later ones
PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")  # that gRPC reads
REGISTERED = 30  # seconds for TensorFlow to connect after the meeting; half a second is usual
ANSWER = 5.0  # seconds for a living process to answer
LINE = 2**20  # bytes: more than any message of ours
# The first bytes of a gRPC client (RFC 9113, 3.4), with empty settings; the server answers with its settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def meet(tasks: Sequence[Task], rank: int, patience: float) -> None:
    """Wait until all `tasks` are there; the first one counts them. Then their ports are free again for TensorFlow.

    Args:
        rank: the rank of this process.
        patience: seconds until it gives up.

    Raises:
        InputError: this process's port is taken; a task is missing; the first one ended or has another list.
    """
    waiting = _Waiting(patience)
    with _listening(tasks[rank]) as listener:
        if rank == 0:
            _count(tasks, listener, waiting)
        else:
            _report(tasks, rank, waiting)


class _Waiting:
    """Waits for other processes up to a time limit, and prints on stderr whom it waits for."""

    def __init__(self, patience: float) -> None:
        self.patience, self._start, self._due = patience, time.monotonic(), time.monotonic() + FIRST_WORD

    def wait_for(self, tasks: Sequence[Task]) -> None:
        """Call this repeatedly; raises InputError when `tasks` are missing too long."""
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
    """A process's message to the first one: its rank, and its list of all tasks."""
    return json.dumps([rank, [str(task) for task in tasks]]).encode() + b"\n"


def _count(tasks: Sequence[Task], listener: socket.socket, waiting: _Waiting) -> None:
    """Wait for the message of each other task, then send all the result: an error, or empty."""
    hellos = {hello(tasks, rank): rank for rank in range(1, len(tasks))}
    there: dict[int, socket.socket] = {}

    def hear(connection: socket.socket) -> None:
        """Read the line of a new connection, in its own thread: a stranger's may never end."""
        connection.settimeout(ANSWER)
        with contextlib.suppress(OSError):
            rank = hellos.get(connection.makefile("rb").readline(LINE))
            if rank is None:
                _tell(connection, f"TF_CONFIG: {tasks[0]} has another list of processes; must be the same")
            elif rank in there and not _has_ended(there[rank]):
                _tell(connection, f"TF_CONFIG: {tasks[rank]}: another process has come as this one")
            else:
                there[rank] = connection

    listener.settimeout(0.2)
    try:
        while missing := [tasks[rank] for rank in hellos.values() if rank not in there or _has_ended(there[rank])]:
            waiting.wait_for(missing)
            with contextlib.suppress(TimeoutError):
                threading.Thread(target=hear, args=[listener.accept()[0]], daemon=True).start()
    except InputError as error:
        for connection in list(there.values()):
            _tell(connection, str(error))
        raise
    for connection in list(there.values()):
        _tell(connection, "")


def _has_ended(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])  # a waiting task sends nothing


def _tell(connection: socket.socket, end: str) -> None:
    with contextlib.suppress(OSError), connection:  # the task has ended
        connection.sendall(json.dumps(end).encode() + b"\n")


def _report(tasks: Sequence[Task], rank: int, waiting: _Waiting) -> None:
    """Send `hello` to the first task as soon as it listens, and wait for its answer."""
    first, answer = tasks[0], b""
    with _connected(first, waiting) as connection, contextlib.suppress(OSError):
        connection.settimeout(waiting.patience + OFTEN)
        connection.sendall(hello(tasks, rank))
        answer = connection.makefile("rb").readline(LINE)
    if not answer:
        raise InputError(f"{first} has ended, or did not get the others together in time")
    try:
        end = str(json.loads(answer))
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


def connect_servers(tasks: Sequence[Task], rank: int) -> Any:
    """Make TensorFlow's strategy, for what it starts: the server, the collectives, the watch over the peers.

    They run as long as the caller holds the result.
    """
    import tensorflow as tf
    from tensorflow.python.eager import context

    for name in PROXIES:  # no proxy serves the cluster's own addresses, and gRPC would wait in vain
        os.environ.pop(name, None)
    first, task = tasks[0], tasks[rank]
    jobs: dict[str, list[str]] = {}
    for member in tasks:
        jobs.setdefault(member.kind, []).append(member.address)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(jobs), task_type=task.kind, task_id=task.index, rpc_layer="grpc"
    )
    # Like the strategy, but with a limit: it would wait an hour for a task that ended after the meeting.
    context.context().configure_coordination_service(
        "standalone", f"/job:{first.kind}/replica:0/task:0", cluster_register_timeout_in_ms=REGISTERED * 1000
    )
    service = context.context().coordination_service
    service.cluster_register_with_barrier = True  # no task goes on, to wait elsewhere, before all are there
    for kind, addresses in jobs.items():
        service.coordinated_job_list.add(name=kind, num_tasks=len(addresses))
    with startup_noise_held_back():
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def gone(tasks: Sequence[Task]) -> list[Task]:
    """The tasks whose TensorFlow server does not answer: they ended, are frozen, or cannot be reached."""
    if not tasks:
        return []
    with ThreadPoolExecutor(min(len(tasks), 64)) as threads:
        answers = list(threads.map(_answers, tasks))
    return [task for task, answer in zip(tasks, answers, strict=True) if not answer]


def _answers(task: Task) -> bool:
    try:
        with socket.create_connection(task.host_and_port, timeout=ANSWER) as connection:
            connection.sendall(PREFACE)
            return connection.recv(4)[3:] == b"\x04"  # a settings frame; a task that waits in `meet` answers otherwise
    except OSError:
        return False
