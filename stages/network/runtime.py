"""The one place where TensorFlow starts: single-threaded deterministic ops on the chosen instruction set and device."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from stages.running.environment import IS_X86, has_avx2, ignore_cluster
from stages.running.process import InputError


def start_tensorflow(instruction_set: str, device: str, join: Callable[[], None] | None = None) -> None:
    """Import TensorFlow, set up so that equal inputs give equal bytes on every machine.

    Args:
        instruction_set, device: see `stages.network.parameters.TensorFlow`.
        join: lets this process join a cluster, before TensorFlow computes anything; None: it is alone, whatever
            TF_CONFIG says.

    Raises:
        InputError: this machine has no such instruction set or device.
    """
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
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"  # TensorFlow says only at this level why it finds no GPU
    with startup_noise_held_back() if device == "cpu" else nullcontext():
        # With it, Keras would import pyplot, for galleries: an eighth of the time.
        is_held_back = sys.modules.setdefault("matplotlib", None) is None  # type: ignore[arg-type]
        import tensorflow as tf

        if is_held_back:
            del sys.modules["matplotlib"]
        # More threads inside an op would split its sums differently: weights would depend on the number of cores.
        # Parallelism comes from `stages.train.step`: ops of independent shards, side by side.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.experimental.enable_op_determinism()
        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)  # else it takes the whole card from others
        if join is None:
            tf.zeros(1)  # starts the devices, which makes more noise
    if join is not None:
        join()
    logging.getLogger("absl").setLevel(logging.ERROR)  # it warns that .h5 is legacy: the one format with stable bytes
    if device == "gpu" and not tf.test.is_built_with_gpu_support():
        raise InputError(
            "params.yaml: tensorflow.device = gpu: the locked TensorFlow is for CPUs; docs/reproducibility.md says how "
            "to put its build for GPUs in its place"
        )
    if device == "gpu" and not gpus:
        raise InputError("params.yaml: tensorflow.device = gpu: TensorFlow finds no GPU here, see above")


@contextmanager
def within_memory(keys: str) -> Iterator[None]:
    """Turn TensorFlow's lack of memory into an InputError on `keys`, the parameters that cause it."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(f"params.yaml: {keys}: too large for this machine's memory; must be smaller") from error


@contextmanager
def startup_noise_held_back() -> Iterator[None]:
    """Hold back what TensorFlow's C++ code prints on stderr; show it only if the process dies in the block.

    It may end in an abort or a segmentation fault, so another process holds the noise, and shows it then.
    """
    sys.stderr.flush()
    script = 'trap "" INT; noise=$(cat); test "${noise%all is well}" != "$noise" || printf "%s\\n" "$noise" >&2'
    holder = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE)
    assert holder.stdin is not None
    stderr = os.dup(2)
    os.dup2(holder.stdin.fileno(), 2)
    try:
        yield
    finally:
        os.write(2, b"all is well")
        os.dup2(stderr, 2)
        os.close(stderr)
        holder.communicate()
