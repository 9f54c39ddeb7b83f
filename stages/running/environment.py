"""The process environment that results depend on; what concerns TensorFlow alone is in `stages.network.runtime`."""

import ctypes
import os
import platform
import sys

# Whole families, since each release adds variables: KERAS_MAX_EPOCHS=1 once silently turned three epochs into one.
CLEARED_PREFIXES = (
    *("TF_", "XLA_", "ONEDNN_", "DNNL_", "KERAS_", "NPY_", "OPENBLAS_", "OMP_", "MKL_"),  # what is computed
    *("HDF5_", "H5PY_", "MPL", "FREETYPE_"),  # how it is written and drawn
)

# Cleared without a line: OpenBLAS' kernels are pinned below, and h5py itself sets the other.
UNNAMED_PREFIXES = ("OPENBLAS_", "HDF5_PLUGIN_PATH")

# TF_CONFIG (where to compute, not what) is for train and `ignore_cluster`; the rest are Terraform's usual ones.
KEPT_PREFIXES = ("TF_CONFIG", "TF_CLI_", "TF_VAR_", "TF_DATA_DIR", "TF_IN_", "TF_INPUT", "TF_LOG")

PINNED = {
    "TF_ENABLE_ONEDNN_OPTS": "1",  # TensorFlow switches oneDNN on by itself only on some CPUs
    "OPENBLAS_NUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    # Where no keras.json or matplotlibrc can be: a user's would change precision, layout and pictures.
    "KERAS_HOME": os.devnull,
    "MATPLOTLIBRC": os.devnull,
    "MPLBACKEND": "agg",
    # Warnings about the machine would bury the one line that matters.
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
PINNED_WITH_AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # oneDNN picks its kernels by the CPU
    # numpy's exp, log and power, and everything through OpenBLAS, have other last bits under AVX-512.
    "NPY_DISABLE_CPU_FEATURES": "X86_V4",
    "OPENBLAS_CORETYPE": "Haswell",
}

IS_X86 = platform.machine() in ("x86_64", "AMD64")
CPUID_INDEX_7, EBX_ACTIVE, AVX2 = 1, 5, 1 << 5  # glibc's sys/platform/x86.h


def has_avx2() -> bool:
    """Whether this is an x86-64 CPU with AVX2, by CPUID: under an emulator, /proc/cpuinfo shows another CPU.

    numpy knows, too, but must not be imported before `pin`.
    """
    if not IS_X86:
        return False
    try:
        leaf = ctypes.CDLL(None).__x86_get_cpuid_feature_leaf
    except AttributeError:  # glibc before 2.33 cannot tell; almost every CPU sold since 2013 has it
        return True
    leaf.restype = ctypes.POINTER(ctypes.c_uint * 8)
    return bool(leaf(CPUID_INDEX_7).contents[EBX_ACTIVE] & AVX2)


def pin() -> None:
    """Clear the user's settings that could change a result, name them on stderr, and set ours.

    Of a run's stages only train, which they would change most, names them: once is enough. Instructions that the CPU
    lacks are not pinned: OpenBLAS would crash. Call this before numpy, TensorFlow or matplotlib is imported: they read
    these variables at import.
    """
    pinned = PINNED | (PINNED_WITH_AVX2 if has_avx2() else {})
    theirs = [name for name in os.environ if name.startswith(CLEARED_PREFIXES) and not name.startswith(KEPT_PREFIXES)]
    named = [name for name in theirs if not name.startswith(UNNAMED_PREFIXES)]
    ignored = sorted(name for name in named if os.environ[name] != pinned.get(name))
    for name in theirs:
        del os.environ[name]
    os.environ.update(pinned)
    if ignored and os.environ.get("DVC_STAGE", "train") == "train":
        print(f"environment: ignoring {', '.join(ignored)} (results must not depend on them)", file=sys.stderr)


def ignore_cluster() -> None:
    """Clear TF_CONFIG, which names a cluster's machines, and print a line, unless train has taken it before."""
    if os.environ.pop("TF_CONFIG", None):
        print("environment: ignoring TF_CONFIG (only train shares out its work)", file=sys.stderr)
