"""The processes that train one network together, as TF_CONFIG lists them; a single process is a cluster of one.

The parts of the work are numbered and distributed in blocks. Their results are put back in the order of the parts, so
the outcome does not depend on the number of processes.
"""

import itertools
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from stages.cluster.meeting import connect_servers, gone, meet
from stages.cluster.tf_config import Task, parse
from stages.running.process import InputError, reason

PATIENCE = 600.0  # seconds to wait for the others
LINGER = 5.0  # seconds that this process still answers while the others notice, too
GROUP = 1998  # not one of TensorFlow's keys: these count from 1


class Cluster:
    """The processes in the order of their ranks, the chief first, and the rank of this process."""

    def __init__(self, tasks: Sequence[Task] = (), rank: int = 0, patience: float = PATIENCE) -> None:
        """Take all processes (none: this one is alone); `join` waits up to `patience` seconds for them."""
        self.tasks, self.rank, self.patience = tasks, rank, patience
        self.size = max(1, len(tasks))
        self._keys = itertools.count(1)
        self._order = list(range(self.size))
        self._strategy: Any = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that shows progress, keeps the backup and writes the outputs."""
        return self.rank == 0

    def join(self) -> None:
        """Wait for the others and start TensorFlow's devices, before it computes anything.

        Raises:
            InputError: see `meet`.
        """
        import tensorflow as tf

        meet(self.tasks, self.rank, self.patience)
        on_sigterm = signal.getsignal(signal.SIGTERM)
        self._strategy = connect_servers(self.tasks, self.rank)
        signal.signal(signal.SIGTERM, on_sigterm)  # TensorFlow only notes this signal and goes on
        # TensorFlow gathers in the order of task names, where 10 is before 2.
        ranks = self.gather(tf.constant([self.rank])).numpy().tolist()
        self._order = sorted(self._order, key=lambda place: ranks[place])
        if not self.leads:  # otherwise this process would look as if it hangs
            print(f"cluster: training with {self.tasks[0]}, which shows the progress", file=sys.stderr, flush=True)

    def local_parts(self, count: int) -> slice:
        """The parts, of `count` in all, that this process computes."""
        return self._shares(count)[self.rank]

    def _shares(self, count: int) -> list[slice]:
        """Consecutive blocks; their sizes differ by at most one, the longer ones come first, some may be empty."""
        from stages.network.inference import shard_slices  # not before TensorFlow is set up

        blocks = shard_slices(count, self.size)
        return blocks + [slice(count, count)] * (self.size - len(blocks))

    def gather(self, values: Any) -> Any:
        """Concatenate all processes' tensors (n, ...), of equal shapes, along the first axis, by rank."""
        if self.size == 1:
            return values
        import tensorflow as tf

        with tf.device("CPU:0"):
            gathered = tf.raw_ops.CollectiveGatherV2(
                input=values, group_size=self.size, group_key=GROUP, instance_key=next(self._keys), ordering_token=[]
            )
            by_name = tf.reshape(gathered, (self.size, *values.shape))
            return tf.reshape(tf.gather(by_name, self._order), (-1, *values.shape[1:]))

    def gather_parts(self, local: Any, count: int) -> Any:
        """Concatenate the results of `count` parts, in their order.

        Args:
            local: results of `local_parts(count)`, a tensor (its length, ...); may be empty.

        Returns:
            A tensor (count, ...), the same in every process.
        """
        if self.size == 1:
            return local
        import tensorflow as tf

        sizes = [share.stop - share.start for share in self._shares(count)]
        missing = sizes[0] - sizes[self.rank]  # all must send equal sizes
        padded = tf.pad(local, [(0, missing), *[(0, 0)] * (len(local.shape) - 1)])
        places = [rank * sizes[0] + part for rank, size in enumerate(sizes) for part in range(size)]
        return tf.gather(self.gather(padded), places)

    def from_first(self, content: bytes) -> bytes:
        """The `content` of the process of rank 0; other processes' is ignored."""
        if self.size == 1:
            return content
        import numpy as np
        import tensorflow as tf

        length = int(self.gather(tf.constant([len(content)], tf.int64))[0])
        if length == 0:
            return b""
        local = (content if self.leads else b"").ljust(-(-length // 4) * 4, b"\0")  # the collective takes no bytes
        return self.gather(tf.constant(np.frombuffer(local, np.int32)[None]))[0].numpy().tobytes()[:length]

    def agree(self, digests: Mapping[str, str]) -> None:
        """Check that all processes have equal digests.

        Args:
            digests: SHA-256, in hexadecimal digits, by name; the same names everywhere.

        Raises:
            InputError: some differ; it lists processes and names.
        """
        if self.size == 1:
            return
        import numpy as np
        import tensorflow as tf

        local = np.frombuffer(bytes.fromhex("".join(digests.values())), np.int32)
        everyones = self.gather(tf.constant(local[None])).numpy().reshape(self.size, len(digests), -1)
        differing = (everyones != everyones[0]).any(axis=2)
        differences = [
            f"{task} has other {', '.join(itertools.compress(digests, differs))}"
            for task, differs in zip(self.tasks, differing, strict=True)
            if differs.any()
        ]
        if differences:
            raise InputError(f"{'; '.join(differences)} than {self.tasks[0]}; must be the same")

    def finish(self) -> None:
        """Wait for all processes, so that none succeeds before the outputs are written."""
        import tensorflow as tf

        self.gather(tf.constant([self.rank]))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Turn TensorFlow's errors in the block into one line if another process is lost.

        Raises:
            InputError: names the processes that ended or hang.
        """
        if self.size == 1:
            yield
            return
        try:
            yield
        except InputError:
            raise  # e.g. TensorFlow cannot be loaded here
        except Exception as error:
            import tensorflow as tf  # not earlier: the block may start it

            if not isinstance(error, tf.errors.OpError):
                raise
            lost = gone([task for rank, task in enumerate(self.tasks) if rank != self.rank])
            time.sleep(LINGER)
            if lost:
                names = ", ".join(map(str, lost))
                raise InputError(
                    f"{names}: ended or hangs; start all again, and training goes on from its last finished epoch"
                ) from error
            if "aborted by" in str(error):  # other processes caused it, and they answer again
                raise InputError(f"the connection within the cluster was lost: {reason(error)}") from error
            raise


ALONE = Cluster()


def cluster_from_environment(shards: int, patience: float = PATIENCE) -> Cluster:
    """Remove TF_CONFIG from the environment, before TensorFlow is imported.

    Returns:
        The cluster that it describes, or this process alone.

    Raises:
        InputError: it is invalid, or names more processes than there are shards.
    """
    text = os.environ.pop("TF_CONFIG", "")
    if not text.strip():
        return ALONE
    tasks, rank = parse(text)
    if len(tasks) > shards:
        raise InputError(
            f"TF_CONFIG: has {len(tasks)} processes; must be at most train.shards of params.yaml = {shards}, "
            "since each needs at least one"
        )
    return Cluster(tasks, rank, patience) if len(tasks) > 1 else ALONE
