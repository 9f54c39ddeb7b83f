"""The one place where TensorFlow starts: single-threaded deterministic ops on the chosen instruction set and device."""

import logging
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.running.environment import IS_X86, has_avx2, ignore_cluster
from stages.running.process import InputError


def start_tensorflow(instruction_set: str, device: str, join: Callable[[], None] | None = None) -> None:
    """Import TensorFlow, set up so that equal inputs give equal bytes on every machine.

    Args:
        instruction_set, device: see `stages.network.parameters.TensorFlow`.
        join: how this process joins a cluster, which must be before TensorFlow computes anything; None: it is alone,
            whatever TF_CONFIG says.

    Raises:
        InputError: there is no such instruction set or device here, or a limit that TensorFlow would run into.
    """
    _check_address_space()
    ignore_cluster()
    if instruction_set == "avx2" and IS_X86 and not has_avx2():
        raise InputError(
            "params.yaml: tensorflow.instruction_set = avx2: this CPU has no AVX2; must be native, which computes with "
            "what there is (the bytes then hold for CPUs of its kind)"
        )
    if instruction_set == "native":
        os.environ.pop("ONEDNN_MAX_CPU_ISA", None)
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    else:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"  # why it finds no GPU is no more than a remark to TensorFlow
    with startup_noise_held_back() as noise:
        import tensorflow as tf

        # More threads inside an op split its sums elsewhere, so the weights would depend on the number of cores.
        # Parallelism comes from `stages.training.step`: ops of independent shards, side by side.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.experimental.enable_op_determinism()
        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)  # or it takes the whole card, from others too
        if join is None:
            tf.zeros(1)  # starts the devices, which has noise of its own
        said = noise.read_text(errors="replace")
    if join is not None:
        join()
    logging.getLogger("absl").setLevel(logging.ERROR)  # it warns that .h5 is legacy: the one format with stable bytes
    if device == "gpu" and not gpus:
        raise InputError(f"params.yaml: tensorflow.device = gpu: TensorFlow finds no GPU here ({_why_no_gpu(said)})")


@contextmanager
def within_memory(keys: str) -> Iterator[None]:
    """Have TensorFlow's want of memory be an error of the parameters, `keys`, that the block's need follows from."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(f"params.yaml: {keys}: too large for this machine's memory; must be smaller") from error


def _check_address_space() -> None:
    """Refuse a limit on addresses at which TensorFlow's threads end the process in a segmentation fault, in silence."""
    if sys.platform != "linux":  # elsewhere nobody enforces it
        return
    limit, cores = resource.getrlimit(resource.RLIMIT_AS)[0], len(os.sched_getaffinity(0))
    needed = 1.65e9 + 0.22e9 * cores.bit_length()  # train's peak on 1, 2, 8, 32, 64: 1.85, 1.97, 2.38, 2.85, 3.12 GB
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise InputError(
            f"the limit on a process's addresses (`ulimit -v`) is {limit / 1e9:.2f} GB; must be at least "
            f"{needed / 1e9:.2f} GB for TensorFlow on {cores} cores, or unlimited"
        )


def _why_no_gpu(said: str) -> str:
    """The part of TensorFlow's own words at its start that concerns the GPU, in one line."""
    lines = [re.sub(r"^.*?\.cc:\d+\]\s*", "", line).strip() for line in said.splitlines()]
    reasons = [line for line in dict.fromkeys(lines) if re.search("gpu|cuda|cuinit|dlopen", line, re.IGNORECASE)]
    return " ".join(reasons)[:400] or "it does not say why"


@contextmanager
def startup_noise_held_back() -> Iterator[Path]:
    """Keep what TensorFlow's C++ side says on stderr in a file, which it yields; show it only if the block fails.

    The block may also end with the process, in an abort or a segmentation fault: then a watcher shows the file.
    """
    sys.stderr.flush()
    descriptor, name = tempfile.mkstemp(prefix="tensorflow-")
    script = 'trap "" INT; read -r all_is_well || cat "$0" >&2; rm -f "$0"'
    watcher = subprocess.Popen(["sh", "-c", script, name], stdin=subprocess.PIPE)
    stderr = os.dup(2)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    last_line = b"all is well\n"
    try:
        yield Path(name)
    except Exception:
        last_line = b""
        raise
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        watcher.communicate(last_line)
