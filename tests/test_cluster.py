"""Several processes train one network, as TF_CONFIG says, to the bytes of one; what fails is one line."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.running.process import InputError
from stages.training.cluster import ALONE, Cluster, cluster_from_environment
from stages.training.meeting import gone, hello, meet
from stages.training.tf_config import Task, parse
from tests.cluster import Member, configs, free_addresses, start, train_command
from tests.project import ROOT, Project, md5, set_params
from tests.test_interruptions import LONG, backups, wait_for

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
        ("{", "TF_CONFIG: not JSON"),
        ("[]", "TF_CONFIG: has no cluster"),
        ('{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG: has no task"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), "cluster has ps; must be of a chief and workers only"),
        (config({"worker": ["a:1", "a"]}), r"cluster\.worker = .*; must be a list of host:port"),
        (config({"worker": ["a:99999"]}), "must be a list of host:port"),
        (config({"worker": [7]}), "must be a list of host:port"),
        (config({"chief": ["a:1", "b:1"]}, "chief"), r"cluster\.chief = .*; must be one host:port"),
        (config({}), "must be one of the cluster: no process"),
        (config({"worker": ["a:1", "a:1"]}), "must have a host:port of its own"),
        (config({"worker": ["a:1", "b:1"]}, index=2), "task is worker 2; must be one of the cluster: worker 0, worker"),
        (config({"worker": ["a:1"]}, "evaluator"), "task is evaluator 0; must be one of"),
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


def test_a_wrong_tf_config_ends_the_stage_in_one_line(project: Project) -> None:
    project.env["TF_CONFIG"] = "{"
    run = project.run(*train_command(model="other.h5"))
    (line,) = [line for line in run.stderr.splitlines() if not line.startswith("environment: ")]
    assert run.returncode == 1 and line.startswith("train: TF_CONFIG: not JSON")


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
    monkeypatch.setattr("stages.training.meeting.FIRST_WORD", 0.5)
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


def test_strangers_members_of_another_cluster_and_those_that_ended_are_not_there() -> None:
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


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 4, 7])
def test_each_part_is_of_one_process_and_the_blocks_follow_each_other(size: int, count: int) -> None:
    shares = [Cluster(tasks(size), rank).share(count) for rank in range(size)]
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


class Group:
    """The processes of a training in one project, by rank."""

    def __init__(self, project: Project, count: int, chief: bool = False) -> None:
        self.project = project
        self.configs = configs(count, chief)
        self.members: list[Member] = []

    def start(self, *ranks: int) -> list[Member]:
        """Start processes of these ranks (default: all)."""
        return [self.start_as(rank, train_command()) for rank in ranks or range(len(self.configs))]

    def start_as(self, rank: int, command: Sequence[str]) -> Member:
        """Start a command as the process of this rank."""
        return self._start(self.configs[rank], command)

    def start_alone(self) -> Member:
        """Start a process that is a cluster of its own."""
        return self._start(configs(1)[0], train_command())

    def _start(self, config: str, command: Sequence[str]) -> Member:
        log = self.project.root / f"member-{len(self.members)}"
        self.members.append(start(command, config, log, self.project.root, self.project.command_env()))
        return self.members[-1]

    def end(self) -> None:
        for member in self.members:
            member.process.kill()
            member.process.wait()


@pytest.fixture
def group(project: Project) -> Iterator[Callable[..., Group]]:
    groups: list[Group] = []

    def make(count: int, chief: bool = False) -> Group:
        groups.append(Group(project, count, chief))
        return groups[-1]

    for output in OUTPUTS:
        (project.root / output).unlink()
    yield make
    for made in groups:
        made.end()


def outputs(project: Project) -> dict[str, str]:
    return {path: md5(project.root / path) for path in OUTPUTS}


def expected(project: Project) -> dict[str, str]:
    return {path: project.digests()[path] for path in OUTPUTS}


def succeed(members: list[Member]) -> None:
    for member in members:
        assert member.process.wait(300) == 0, (member.name, member.err)
        assert member.err == [line for line in member.err if line.startswith("cluster: ")]


@pytest.mark.ours
def test_three_processes_write_the_bytes_of_one_though_the_shards_are_four(
    group: Callable[..., Group], project: Project, reproduced: Project
) -> None:
    members = group(3, chief=True).start()
    succeed(members)
    assert outputs(project) == expected(reproduced)
    assert "Epoch 2/2" in members[0].out and members[1].out == members[2].out == ""
    assert not (project.root / ".resume").exists()
    listed = project.run("git", "status", "--porcelain", "metrics", "models", "data").stdout
    assert listed == "", "written besides the outputs"


@pytest.mark.slow
def test_a_proxy_is_not_for_the_addresses_of_the_cluster(
    group: Callable[..., Group], project: Project, reproduced: Project
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:  # it answers nobody
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        project.env |= dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy"), address)
        succeed(group(2).start())
    assert outputs(project) == expected(reproduced)


def fails_naming(member: Member, *named: Member) -> None:
    assert member.process.wait(60) == 1, member.err
    line = member.err[-1]
    assert line.startswith("train: ") and "ended or hangs" in line, member.err
    assert all(f"{other.name} (" in line for other in named), member.err
    assert [other for other in member.err if not other.startswith("cluster: ")] == [line]


def train_that_stops_once_all_have_met(how: signal.Signals) -> list[str]:
    """The command of train, but that the process sends itself a signal before it starts TensorFlow's cluster."""
    lines = [
        "import os",
        "from stages import train",
        "from stages.running import process",
        "from stages.training import cluster",
        "meet = cluster.meet",
        f"cluster.meet = lambda *args: (meet(*args), os.kill(os.getpid(), {int(how)}))",
        "process.run(train.main)",
    ]
    return ["python", "-c", "\n".join(lines), *train_command()[3:]]


def is_dead_or_frozen(member: Member) -> bool:
    return Path(f"/proc/{member.process.pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "T")


@pytest.mark.slow
@pytest.mark.parametrize(
    "victims",
    [{0: signal.SIGKILL}, {0: signal.SIGSTOP}, {1: signal.SIGKILL, 2: signal.SIGSTOP}],
    ids=["the first dies", "the first hangs", "one dies and one hangs"],
)
def test_whoever_dies_or_hangs_between_the_meeting_and_tensorflows_start_is_named(
    group: Callable[..., Group], victims: dict[int, signal.Signals]
) -> None:
    cluster = group(4)
    members = [
        cluster.start_as(
            rank, train_that_stops_once_all_have_met(victims[rank]) if rank in victims else train_command()
        )
        for rank in range(4)
    ]
    lost = [members[rank] for rank in victims]
    wait_for(lambda: all(map(is_dead_or_frozen, lost)), "the signals")
    for member in members:
        if member not in lost:
            fails_naming(member, *lost)


OF_LONG = {"train.epochs": LONG, "train.early_stopping": 3}


@pytest.fixture(scope="module")
def undisturbed_long(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    project = Project(Path(shutil.copytree(reproduced.root, tmp_path_factory.mktemp("long") / "project")))
    set_params(project.root / "params.yaml", OF_LONG)
    run = project.run(*train_command())
    assert run.returncode == 0, run.stderr
    return outputs(project)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "moment", "how", "then"),
    [
        (0, "in the first epoch", signal.SIGKILL, 3),
        (1, "later", signal.SIGTERM, 1),
        (0, "later", signal.SIGSTOP, 3),
        (2, "later", signal.SIGSTOP, 3),
    ],
)
def test_whoever_dies_or_hangs_is_named_and_all_resume_to_the_same_bytes(
    group: Callable[..., Group],
    project: Project,
    undisturbed_long: dict[str, str],
    victim: int,
    moment: str,
    how: signal.Signals,
    then: int,
) -> None:
    """Then so many processes go on: all again, or one alone."""
    set_params(project.root / "params.yaml", OF_LONG)
    cluster = group(3)
    members = cluster.start()
    if moment == "later":
        wait_for(lambda: bool(backups(project)), "the first finished epoch")
    else:
        wait_for(lambda: "Epoch 1/" in members[0].out, "the first epoch")
    members[victim].process.send_signal(how)
    for member in members:
        if member is not members[victim]:
            fails_naming(member, members[victim])
    assert not any((project.root / path).exists() for path in ("models/cnn.h5", "metrics/train.json"))
    cluster.end()
    again = cluster.start() if then > 1 else [cluster.start_alone()]
    succeed(again)
    assert ("Resuming after epoch" in again[0].out) == (moment == "later")
    assert outputs(project) == undisturbed_long


@pytest.mark.slow
def test_a_worker_that_dies_while_the_first_one_writes_costs_no_epoch(
    group: Callable[..., Group], project: Project, reproduced: Project
) -> None:
    cluster = group(2)
    first, second = cluster.start()
    history = project.root / "metrics/history.csv"
    wait_for(lambda: history.exists() and len(history.read_text().splitlines()) == 3, "the last epoch")
    first.process.send_signal(signal.SIGSTOP)
    second.process.kill()
    second.process.wait()
    first.process.send_signal(signal.SIGCONT)
    fails_naming(first, second)
    assert backups(project)
    alone = cluster.start_alone()
    succeed([alone])
    assert "Resuming after epoch 2/2" in alone.out and outputs(project) == expected(reproduced)


@pytest.mark.slow
def test_early_stopping_ends_all_after_the_same_epoch(group: Callable[..., Group], project: Project) -> None:
    set_params(
        project.root / "params.yaml", {"train.epochs": 30, "train.early_stopping": 1, "train.learning_rate": 0.02}
    )
    cluster = group(3)
    members = cluster.start()
    succeed(members)
    shared, kept = outputs(project), "Keeping the weights of epoch "
    assert kept in members[0].out and "Epoch 30/30" not in members[0].out
    succeed([cluster.start_alone()])
    assert outputs(project) == shared


@pytest.mark.parametrize("patience", ["0", "-60", "inf", "nan"])
def test_a_patience_that_is_none_is_refused(project: Project, patience: str) -> None:
    run = project.run(*train_command(), f"--patience={patience}")
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].endswith("must be more than 0 and less than 1,000,000 seconds")


@pytest.mark.slow
def test_other_parameters_in_one_process_end_all_in_one_line(group: Callable[..., Group], project: Project) -> None:
    cluster = group(2)
    (first,) = cluster.start(0)
    wait_for(lambda: "waiting" in "".join(first.err), "its parameters to be read")
    project.set_param("train.seed", 5)
    (second,) = cluster.start(1)
    for member in (first, second):
        assert member.process.wait(60) == 1
        assert "has other parameters than worker 0 (" in member.err[-1], member.err
    assert not (project.root / ".resume").exists()


# --- other networks, and other numbers of shards


def digests_of(count: int, shards: int, *networks: str) -> list[str]:
    """What tests/cluster_networks.py prints in each of `count` processes that train together."""
    command = [sys.executable, "-m", "tests.cluster_networks", str(shards), *networks]
    if count == 1:
        return [subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TF_CONFIG": one}, text=True, stdout=subprocess.PIPE)
        for one in configs(count)
    ]
    return [process.communicate(timeout=300)[0] for process in processes]


@pytest.mark.slow
def test_two_processes_train_layers_that_draw_several_times_a_call_as_one_does() -> None:
    (alone,) = digests_of(1, 3, "random_everywhere")
    assert digests_of(2, 3, "random_everywhere") == [alone, alone]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "shards"), [(3, 7), (4, 16)])
def test_any_number_of_processes_trains_any_number_of_shards_alike(count: int, shards: int) -> None:
    networks = ("regularized", "random_everywhere")
    (alone,) = digests_of(1, shards, *networks)
    assert digests_of(count, shards, *networks) == [alone] * count


def test_processes_that_do_not_answer_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.training.meeting.ANSWER", 0.5)
    dead, frozen = tasks(2)
    with socket.create_server(frozen.host_and_port):  # the kernel accepts for it
        assert gone([dead, frozen]) == [dead, frozen]
