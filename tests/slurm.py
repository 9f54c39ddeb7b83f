"""Slurm with two nodes on this machine, for tests: its daemons without systemd, from Debian's package slurm-wlm."""

import getpass
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster import free_addresses
from tests.project import Project
from tests.test_interruptions import wait_for

PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])  # where Debian has daemons
NODES = ("one", "two")
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SlurmdParameters=config_overrides  # CPUs below, however many there are
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4
PartitionName=all Nodes=one,two Default=YES
"""


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """Run Slurm with its files in `folder`; yields the configuration that SLURM_CONF must name."""
    for name in ("state", *NODES):
        (folder / name).mkdir()
    ports = [address.rpartition(":")[2] for address in free_addresses(3)]
    config = folder / "slurm.conf"
    config.write_text(CONFIG.format(folder=folder, host=socket.gethostname(), user=getpass.getuser(), ports=ports))
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    munge = [f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("key-file", "socket", "pid-file")]
    munge += [f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"]
    with ExitStack() as stack, (folder / "log").open("w") as log:

        def start(*command: str) -> None:
            env = {**os.environ, "PATH": PATH, "SLURM_CONF": str(config)}
            daemon = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            stack.callback(daemon.wait)
            stack.callback(daemon.terminate)

        start("munged", "--foreground", "--force", *munge)  # --force: /tmp is everyone's
        wait_for(lambda: (folder / "munge.socket").exists(), "munged")
        start("slurmctld", "-D", "-i")
        for node in NODES:
            start("slurmd", "-D", "-N", node)
        wait_for(lambda: _asked(config, "sinfo", "-h", "-o", "%T").split() == ["idle"], "Slurm's nodes")
        yield config


def submit(project: Project, config: Path, script: str, *options: str) -> dict[str, str]:
    """Submit a batch script and wait for its end; returns the state of each of its tasks."""
    project.env |= {"SLURM_CONF": str(config)}
    submitted = project.run("sbatch", "--parsable", "--output=slurm.out", "--open-mode=append", *options, script)
    assert submitted.returncode == 0, submitted.stderr
    job = submitted.stdout.strip()

    def states() -> dict[str, str]:
        shown = _asked(config, "scontrol", "--oneliner", "show", "job", job)
        return dict(re.findall(r"^JobId=(\d+) .*? JobState=(\w+)", shown, re.MULTILINE))

    unfinished = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING"}

    def ended() -> bool:  # also where the controller was too busy to answer
        found = states()
        return bool(found) and unfinished.isdisjoint(found.values())

    wait_for(ended, f"the job of {script}", seconds=300)
    return states()


def _asked(config: Path, *command: str) -> str:
    env = {**os.environ, "SLURM_CONF": str(config)}
    return subprocess.run(command, env=env, text=True, capture_output=True).stdout
