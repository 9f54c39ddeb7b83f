"""The one place where TensorFlow starts: single-threaded deterministic ops on the chosen instruction set and device."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from stages.params import choice

PARAMS = {
    "tensorflow.instruction_set": choice("avx2", "native"),
    "tensorflow.device": choice("cpu", "gpu"),
}


def start_tensorflow(instruction_set: str, device: str) -> None:
    """Import TensorFlow, set up so that equal inputs give equal bytes on every machine.

    Args:
        instruction_set: "avx2" for the same bytes on any x86-64 CPU that has it; "native" for the fastest that this
            CPU has, with bytes that hold on CPUs of its kind.
        device: "cpu", which hides GPUs, or "gpu".
    """
    if instruction_set == "native":
        os.environ.pop("ONEDNN_MAX_CPU_ISA", None)
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    with _startup_noise_silenced():
        import tensorflow as tf

        # More threads inside an op split its sums elsewhere, so the weights would depend on the number of cores.
        # Parallelism comes from `training`: ops of independent shards, side by side.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.experimental.enable_op_determinism()
        gpus = tf.config.list_physical_devices("GPU")
        tf.zeros(1)  # starts the devices, which has noise of its own
    logging.getLogger("absl").setLevel(logging.ERROR)  # it warns that .h5 is legacy: the one format with stable bytes
    if instruction_set == "avx2" and not _has_avx2():
        _warn("tensorflow.instruction_set is avx2, which this CPU lacks: results can differ from other machines'")
    if device == "gpu" and not gpus:
        _warn("tensorflow.device is gpu, but TensorFlow sees none: computing on the CPU")


def _has_avx2() -> bool:
    from numpy._core._multiarray_umath import __cpu_features__  # type: ignore[import-not-found]

    # CPUID's answer; under an emulator /proc/cpuinfo tells of another CPU.
    return bool(__cpu_features__.get("AVX2"))


def _warn(consequence: str) -> None:
    print(f"warning: {consequence}", file=sys.stderr)


@contextmanager
def _startup_noise_silenced() -> Iterator[None]:
    """Keep what TensorFlow's C++ side says on stderr as it starts out of sight, unless the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as noise:
        stderr = os.dup(2)
        os.dup2(noise.fileno(), 2)
        try:
            yield
        except Exception:
            noise.seek(0)
            os.write(stderr, noise.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
