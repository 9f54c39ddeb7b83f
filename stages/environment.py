"""The one place for the process environment that results depend on; what concerns TensorFlow alone is in `runtime`."""

import os
import sys

# Whole families, since each release adds variables: KERAS_MAX_EPOCHS=1 once turned three epochs into one in silence.
CLEARED_PREFIXES = (
    *("TF_", "XLA_", "ONEDNN_", "DNNL_", "KERAS_", "NPY_", "OPENBLAS_", "OMP_", "MKL_"),  # what is computed
    *("HDF5_", "H5PY_", "MPL", "FREETYPE_"),  # how it is written and drawn
)

# TF_CONFIG names the machines of a cluster: it says where to compute, not what.
KEPT = ("TF_CONFIG",)

PINNED = {
    # TensorFlow switches oneDNN on by itself only on some CPUs, and oneDNN picks its kernels by the CPU.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # numpy's exp, log and power, and everything through OpenBLAS, have other last bits under AVX-512.
    "NPY_DISABLE_CPU_FEATURES": "X86_V4",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    # Where no keras.json or matplotlibrc can be: a user's would change precision, layout and pictures.
    "KERAS_HOME": os.devnull,
    "MATPLOTLIBRC": os.devnull,
    "MPLBACKEND": "agg",
    # Warnings about the machine would bury the one line that matters.
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def pin() -> None:
    """Clear the user's settings that could change a result, naming them on stderr, and set ours.

    It must run before numpy, TensorFlow or matplotlib is imported: they read these variables as they load.
    """
    theirs = {name for name in os.environ if name.startswith(CLEARED_PREFIXES) and name not in KEPT}
    ignored = sorted(name for name in theirs if os.environ[name] != PINNED.get(name))
    for name in theirs:
        del os.environ[name]
    os.environ.update(PINNED)
    if ignored:
        print(f"environment: ignoring {', '.join(ignored)} (results must not depend on them)", file=sys.stderr)
