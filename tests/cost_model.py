"""Seconds an epoch takes on 1 to 64 machines: `make cost-model` measures this one, and reckons the others.

What it assumes:

- A batch has 64 shards of 32 images, whatever the machines, which have equally many (one row: the 4 shards of
  params.yaml); 57,000 images are 28 steps. All machines are like this one. The networks are this project's with a wider
  dense layer: the most parameters for the least work.
- Gather, as it is now: a machine computes its shards, gets the others' gradients, (1 - 1/machines) x shards x
  parameters x 4 bytes in machines - 1 messages, and adds up all of them.
- Tree, as it could be: a machine adds up its own shards; in log2(machines) rounds pairs exchange sums of parameters x 4
  bytes and add them, always in one order: the same bytes for every power of two.
- A message takes a fixed time and two a byte: the network's, and TensorFlow's own (it copies before and after), which
  two processes show that share this machine's cores. Sending and computing do not overlap.
- Left out: reading, validation, waiting for the slowest, a congested switch, and whether a machine can hold all shards'
  gradients (6.4 GB for 25 million parameters) or TensorFlow send them.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cluster import configs
from tests.project import section

SHARDS, COMMITTED_SHARDS, ROWS, IMAGES = 64, 4, 32, 57_000
MACHINES = (1, 2, 4, 8, 16, 32, 64)
GBITS = (1, 10, 100)
DENSE_UNITS = (128, 2_420, 60_800)  # about 57 thousand, 1 and 25 million parameters
SIZES = (57_562, 1_000_000, 10_000_000)  # floats that a process sends where the gather is measured


@dataclass(frozen=True)
class Network:
    """A network, and the seconds that this machine takes for a shard's gradients, to add a shard's, and to update."""

    parameters: int
    gradient: float
    add: float
    update: float


@dataclass(frozen=True)
class Message:
    """Seconds that TensorFlow's gather takes a message and a byte."""

    fixed: float
    byte: float


def epoch(network: Network, message: Message, machines: int, gbit: float, shards: int) -> tuple[float, float]:
    """Seconds of an epoch: with the gather, and with a fixed tree."""
    own, rounds = shards / machines, math.log2(machines)
    row = 4 * network.parameters * (message.byte + 8e-9 / gbit)
    both = own * network.gradient + network.update
    gather = both + shards * network.add + (machines - 1) * (message.fixed + own * row)
    tree = both + (own + rounds) * network.add + rounds * (message.fixed + row)
    steps = math.ceil(IMAGES / (shards * ROWS))
    return steps * gather, steps * tree


def fastest(call: Callable[[], Any], seconds: float = 5) -> float:
    """Seconds of the fastest of several calls after a first one: noise only ever adds time."""
    call()
    times: list[float] = []
    while sum(times) < seconds or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(dense_units: int) -> Network:
    """Measure a step of four shards, and its parts that do not depend on the rows."""
    import keras
    import numpy as np
    import tensorflow as tf

    from stages.network.architecture import build_network
    from stages.network.parameters import Model
    from stages.training.step import ShardedStep

    shards = 4
    network = build_network((28, 28, 1), 10, section(Model, dense_units=dense_units))
    optimizer = keras.optimizers.Adam()
    optimizer.build(network.trainable_variables)
    images = np.zeros((shards * ROWS, 28, 28, 1), np.float32)
    labels = np.eye(10, dtype=np.float32)[np.arange(shards * ROWS) % 10]
    step = ShardedStep(network, optimizer, seed=0, shards=shards)
    whole = fastest(lambda: step(images, labels, shards * ROWS, epoch=1, batch=0))
    gradients = [tf.zeros(weight.shape) for weight in network.trainable_variables]
    apply = tf.function(lambda: optimizer.apply(gradients, network.trainable_variables))
    update = fastest(apply)
    rows = tf.zeros((shards, network.count_params()))
    add = fastest(lambda: tf.reduce_sum(rows, axis=0).numpy()) / shards
    return Network(network.count_params(), (whole - update) / shards - add, add, update)


def gathers() -> None:
    """One of two processes that gather: the first prints the seconds for each of SIZES."""
    from stages.network.runtime import start_tensorflow
    from stages.training.cluster import cluster_from_environment

    cluster = cluster_from_environment(2)
    start_tensorflow("avx2", "cpu", cluster.join)
    import tensorflow as tf

    found = []
    for size in SIZES:
        row = tf.zeros((1, size))
        times = []
        for _ in range(60):
            cluster.gather(tf.zeros(1)).numpy()  # both are here
            start = time.perf_counter()
            cluster.gather(row)[0, 0].numpy()
            times.append(time.perf_counter() - start)
        found.append(min(times))
    cluster.finish()
    if cluster.leads:
        print(json.dumps(found))


def measure_messages() -> Message:
    """Measure the gather of two processes on this machine."""
    command = [sys.executable, "-m", "tests.cost_model", "--gathers"]
    members = [
        subprocess.Popen(command, env={**os.environ, "TF_CONFIG": config}, stdout=subprocess.PIPE)
        for config in configs(2)
    ]
    out, _ = members[0].communicate()
    members[1].communicate()
    seconds = json.loads(out)
    for size, taken in zip(SIZES, seconds, strict=True):
        print(f"two processes gather {4 * size / 1e6:.2f} MB each in {1000 * taken:.1f} ms")
    byte = (seconds[-1] - seconds[0]) / (4 * (SIZES[-1] - SIZES[0]))
    return Message(max(0.0, seconds[0] - 4 * SIZES[0] * byte), byte)


def main() -> None:
    """Measure, and print the table."""
    message = measure_messages()
    print(f"so {1000 * message.fixed:.2f} ms a message, and {8e-9 / message.byte:.1f} Gbit/s", flush=True)
    from stages.network.runtime import start_tensorflow

    start_tensorflow("avx2", "cpu")
    networks = [measure(units) for units in DENSE_UNITS]
    for network in networks:
        parts = [f"{1000 * part:.2f} ms" for part in (network.gradient, network.add, network.update)]
        print(f"{network.parameters:,} parameters: gradients of a shard {parts[0]}, adding {parts[1]}, Adam {parts[2]}")
    print("\nseconds an epoch, gather / tree, by machines\n")
    print("| parameters | shards | Gbit/s |", *[f"{machines} |" for machines in MACHINES], "tree saves 10 % from |")
    print("|---" * (len(MACHINES) + 4) + "|")
    for network, shards in [(networks[0], COMMITTED_SHARDS), *[(network, SHARDS) for network in networks]]:
        for gbit in GBITS:
            times = [epoch(network, message, machines, gbit, shards) for machines in MACHINES if machines <= shards]
            cells = [f"{shown(gather)} / {shown(tree)} |" for gather, tree in times]
            cells += ["|"] * (len(MACHINES) - len(times))
            start = next((MACHINES[n] for n, (gather, tree) in enumerate(times) if tree < 0.9 * gather), "never")
            print(f"| {network.parameters:,} | {shards} | {gbit} |", *cells, f"{start} |")


def shown(seconds: float) -> str:
    """Two digits, or all before the point."""
    return f"{seconds:.1f}" if seconds < 9.95 else f"{seconds:,.0f}"


if __name__ == "__main__":
    gathers() if sys.argv[1:] == ["--gathers"] else main()
