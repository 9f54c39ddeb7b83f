"""Several processes train one network, as TF_CONFIG says, to the bytes of one; what fails is one line."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.cluster.cluster import ALONE, Cluster, cluster_from_environment
from stages.cluster.meeting import gone, hello, meet
from stages.cluster.tf_config import Task, parse
from stages.running.process import InputError
from tests.cluster import Member, configs, free_addresses, start, train_command
from tests.project import LONG, ROOT, Project, md5
from tests.test_interruptions import backups, wait_for

OUTPUTS = ("models/cnn.h5", "models/confidence.json", "metrics/history.csv", "metrics/train.json")


def tasks(count: int) -> list[Task]:
    return [Task("worker", index, address) for index, address in enumerate(free_addresses(count))]


# --- TF_CONFIG


def config(cluster: Any, kind: Any = "worker", index: Any = 0) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def test_the_chief_comes_first_and_the_workers_by_their_index() -> None:
    hosts = [f"host{number}:2222" for number in range(12)]
    found, rank = parse(config({"worker": hosts[1:], "chief": hosts[:1]}, "worker", 10))
    assert [task.address for task in found] == hosts and rank == 11
    assert parse(config({"worker": ["[::1]:80"]}))[0][0].host_and_port == ("::1", 80)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", 'TF_CONFIG: Input data was truncated; must be as {"cluster": {"worker": '),
        ('{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG: Object missing required field `task`; must be as"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), r"Invalid enum value 'ps' .*cluster`; must be as"),
        (
            config({"worker": ["a:1", "a"]}),
            r"Expected `str` matching .* at `\$\.cluster\[\.\.\.\]\[1\]`; must be as",
        ),
        (config({"chief": ["a:1", "b:1"]}, "chief"), "must be one chief at most, no host:port twice"),
        (config({"worker": ["a:66000"]}), "and ports from 1 to 65535"),
        (config({"worker": ["a:0"]}), "and ports from 1 to 65535"),
        ("\udce9", "TF_CONFIG: .*surrogates.*; must be as"),
        (config({"worker": ["a:1", "a:1"]}), "must be one chief at most, no host:port twice"),
        (config({"worker": ["a:1", "b:1"]}, index=2), "task is worker 2; must be one of the cluster: worker 0, worker"),
    ],
)
def test_a_wrong_tf_config_is_one_line_that_says_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text)


def test_more_processes_than_shards_are_refused_and_one_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", config({"worker": ["a:1", "b:1", "c:1"]}))
    with pytest.raises(InputError, match=r"has 3 processes; must be at most train\.shards of params\.yaml = 2"):
        cluster_from_environment(2)
    assert "TF_CONFIG" not in os.environ
    monkeypatch.setenv("TF_CONFIG", config({"worker": ["a:1"]}))
    assert cluster_from_environment(2) is ALONE
    assert cluster_from_environment(2) is ALONE  # without TF_CONFIG


# --- the meeting


def all_meet(known: list[Task], ranks: list[int], patience: float = 10) -> list[Exception | None]:
    """What `meet` ends with in each of these ranks, at once."""
    with ThreadPoolExecutor(len(ranks)) as threads:
        return [future.exception() for future in [threads.submit(meet, known, rank, patience) for rank in ranks]]  # type: ignore[misc]


def test_all_meet_and_leave_their_ports_free() -> None:
    known = tasks(5)
    for _ in range(2):
        assert all_meet(known, list(range(5))) == [None] * 5


def test_who_does_not_come_is_named_by_those_who_wait(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.cluster.meeting.FIRST_WORD", 0.5)
    known = tasks(3)
    first, second = all_meet(known, [0, 1], patience=3)
    text = f"the cluster did not come together in 3 s; missing: worker 2 ({known[2].address})"
    assert str(first) == str(second) == text
    assert f"worker 2 ({known[2].address})\n" in capsys.readouterr().err


def test_the_first_process_is_named_if_it_does_not_come() -> None:
    known = tasks(2)
    (error,) = all_meet(known, [1], patience=0.5)
    assert str(error) == f"the cluster did not come together in 0.5 s; missing: worker 0 ({known[0].address})"


def test_a_port_that_is_taken_is_named() -> None:
    known = tasks(2)
    with (
        socket.create_server(known[1].host_and_port),
        pytest.raises(InputError, match=r"worker 1 .*another process has"),
    ):
        meet(known, 1, 1)


def listens(task: Task) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(task.host_and_port) == 0


def test_strangers_other_clusters_and_those_that_ended_are_not_there() -> None:
    known = tasks(3)
    address = known[0].host_and_port
    with ThreadPoolExecutor(1) as threads:
        counting = threads.submit(meet, known, 0, 10)
        wait_for(lambda: listens(known[0]), "the first to listen")
        assert gone(known[:1]) == known[:1]  # that of before; this one was started anew
        with socket.create_connection(address) as stranger, socket.create_connection(address) as silent:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(InputError, match="has another list of processes"):
                meet([known[0], *tasks(2)], 1, 5)
            with socket.create_connection(address) as ended:
                ended.sendall(hello(known, 1))
            assert all_meet(known, [1, 2]) == [None, None]
            counting.result()
            assert silent.gettimeout() is None  # still open: nobody waited for its word


# --- what is shared out


@pytest.mark.parametrize(("size", "count"), [(1, 3), (3, 0), (3, 2), (3, 7)])
def test_each_part_is_of_one_process_and_the_blocks_follow_each_other(size: int, count: int) -> None:
    shares = [Cluster(tasks(size), rank).local_parts(count) for rank in range(size)]
    assert [part for share in shares for part in range(count)[share]] == list(range(count))
    lengths = [share.stop - share.start for share in shares]
    assert max(lengths) - min(lengths) <= 1 and lengths[0] == max(lengths)


def test_who_differs_is_named_with_what_in(monkeypatch: pytest.MonkeyPatch) -> None:
    known = tasks(3)
    cluster = Cluster(known, 1)

    def gathered(own: Any) -> Any:
        import tensorflow as tf

        other = own.numpy().copy()
        other[0, 8] += 1  # the second digest's first number
        return tf.constant(np.concatenate([own, other, own]))

    monkeypatch.setattr(cluster, "gather", gathered)
    with pytest.raises(InputError) as caught:
        cluster.agree({"parameters": "0" * 64, "data": "1" * 64, "code": "2" * 64})
    assert str(caught.value) == f"{known[1]} has other data than {known[0]}; must be the same"


# --- whole trainings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bytes and the signals are Linux'")

Start = Callable[..., list[Member]]


@pytest.fixture
def start_all(project: Project) -> Iterator[Start]:
    """What starts a training's processes, of which some run another command, and ends them after the test."""
    members: list[Member] = []

    def start_all(count: int, commands: Mapping[int, Sequence[str]] = {}, chief: bool = False) -> list[Member]:
        for rank, task in enumerate(configs(count, chief)):
            log = project.root / f"member-{len(members)}"
            command = commands.get(rank, train_command())
            members.append(start(command, task, log, project.root, project.command_env()))
        return members[-count:]

    for output in OUTPUTS:
        (project.root / output).unlink()
    yield start_all
    for member in members:
        member.process.kill()
        member.process.wait()


def outputs(project: Project) -> dict[str, str]:
    return {path: md5(project.root / path) for path in OUTPUTS}


def succeed(members: list[Member]) -> None:
    for member in members:
        assert member.process.wait(300) == 0, (member.name, member.err)
        assert member.err == [line for line in member.err if line.startswith("cluster: ")]


def fail_naming(members: list[Member], lost: list[Member]) -> None:
    for member in members:
        if member not in lost:
            assert member.process.wait(60) == 1, member.err
            (line,) = [line for line in member.err if not line.startswith("cluster: ")]
            assert line.startswith("train: ") and "ended or hangs" in line
            assert all(f"{other.name} (" in line for other in lost), line


@pytest.mark.ours
def test_three_processes_write_the_bytes_of_one_past_any_proxy(
    start_all: Start, project: Project, reproduced: Project
) -> None:
    """Though the shards are four."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:  # it answers nobody
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        project.env |= dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy"), address)
        members = start_all(3, chief=True)
        succeed(members)
    assert outputs(project) == outputs(reproduced)
    assert "Epoch 2/2" in members[0].out and members[1].out == members[2].out == ""
    assert not (project.root / ".resume").exists()
    listed = project.run("git", "status", "--porcelain", "metrics", "models", "data").stdout
    assert listed == "", "written besides the outputs"


def train_that_stops_once_all_have_met(how: signal.Signals) -> list[str]:
    """The command of train, but that the process sends itself a signal before it starts TensorFlow's cluster."""
    lines = [
        "import os",
        "from stages.train import __main__ as train",
        "from stages.running import process",
        "from stages.cluster import cluster",
        "meet = cluster.meet",
        f"cluster.meet = lambda *args: (meet(*args), os.kill(os.getpid(), {int(how)}))",
        "raise SystemExit(process.run(train.main))",
    ]
    return ["python", "-c", "\n".join(lines), *train_command()[3:]]


def is_dead_or_frozen(member: Member) -> bool:
    return Path(f"/proc/{member.process.pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "T")


@pytest.mark.slow
@pytest.mark.parametrize("victims", [{0: signal.SIGSTOP}, {1: signal.SIGKILL, 2: signal.SIGSTOP}])
def test_whoever_goes_before_tensorflows_start_is_named(start_all: Start, victims: dict[int, signal.Signals]) -> None:
    members = start_all(3, {rank: train_that_stops_once_all_have_met(how) for rank, how in victims.items()})
    lost = [members[rank] for rank in victims]
    wait_for(lambda: all(map(is_dead_or_frozen, lost)), "the signals")
    fail_naming(members, lost)


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "how", "then"), [(1, signal.SIGTERM, 1), (0, signal.SIGSTOP, 3)])
def test_whoever_dies_or_hangs_is_named_and_all_resume_to_the_same_bytes(
    start_all: Start, project: Project, undisturbed: dict[str, str], victim: int, how: signal.Signals, then: int
) -> None:
    """Then so many processes go on: all again, or one alone."""
    project.set_param("train.epochs", LONG)
    members = start_all(3)
    wait_for(lambda: bool(backups(project)), "the first finished epoch")
    members[victim].process.send_signal(how)
    fail_naming(members, [members[victim]])
    assert not any((project.root / path).exists() for path in ("models/cnn.h5", "metrics/train.json"))
    members[victim].process.kill()
    again = start_all(then)
    succeed(again)
    assert "Resuming after epoch" in again[0].out
    assert outputs(project) == {path: undisturbed[path] for path in OUTPUTS}


@pytest.mark.slow
def test_other_parameters_in_one_process_end_all_in_one_line(start_all: Start, project: Project) -> None:
    late = "until grep -q waiting member-0.err; do sleep 0.1; done; sed -i 's/ seed: .*/ seed: 5/' params.yaml; exec "
    first, second = start_all(2, {1: ["sh", "-c", late + shlex.join(train_command())]})
    for member in (first, second):
        assert member.process.wait(60) == 1
        assert "has other parameters than worker 0 (" in member.err[-1], member.err
    assert not (project.root / ".resume").exists()


# --- other networks, and other numbers of shards


def digests_of(count: int, shards: int, network: str) -> list[str]:
    """What tests/cluster_networks.py prints in each of `count` processes that train together."""
    command = [sys.executable, "-m", "tests.cluster_networks", str(shards), network]
    environments = [{**os.environ, "TF_CONFIG": task} for task in configs(count)]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE) for env in environments
    ]
    return [process.communicate(timeout=300)[0] for process in processes]


@pytest.mark.slow
def test_any_number_of_processes_trains_any_number_of_shards_alike() -> None:
    """Layers that draw several times a call, losses of weights, and the epoch at which early stopping ends all."""
    (alone,) = digests_of(1, 5, "random_everywhere")
    assert digests_of(3, 5, "random_everywhere") == [alone] * 3 and alone


def test_processes_that_do_not_answer_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.cluster.meeting.ANSWER", 0.5)
    dead, frozen = tasks(2)
    with socket.create_server(frozen.host_and_port):  # the kernel accepts for it
        assert gone([dead, frozen]) == [dead, frozen]
