"""The same bytes whatever the machine and its user are like."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import Project, md5

# What could change a result, or the bytes of an output, from outside of the project.
HOSTILE = {
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_BACKEND": "jax",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "TF_NUM_INTRAOP_THREADS": "3",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NPY_DISABLE_CPU_FEATURES": "AVX2",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OMP_NUM_THREADS": "3",
    "MPLBACKEND": "svg",
    "HDF5_DRIVER": "log",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "tr_TR.UTF-8",
    "PYTHONIOENCODING": "ascii",
    "USER": "somebody-else",
}

# Trains after a change to TensorFlow's threads, and says how many there were in the end.
DRIVER = """
import atexit, runpy, sys
import stages
import tensorflow as tf
interop, intraop = int(sys.argv[1]), int(sys.argv[2])
tf.config.threading.set_inter_op_parallelism_threads(interop)
real = tf.config.threading.set_intra_op_parallelism_threads
tf.config.threading.set_intra_op_parallelism_threads = lambda number: real(intraop or number)
sys.argv[:3] = []
atexit.register(lambda: print("intra-op threads", tf.config.threading.get_intra_op_parallelism_threads()))
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

# As the operating system answers a program that asks for the number of cores.
EIGHT_CORES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
    memset(set, 0, size);
    for (int cpu = 0; cpu < 8; cpu++) CPU_SET_S(cpu, size, set);
    return 0;
}
long sysconf(int name) {
    static long (*real)(int);
    if (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF) return 8;
    if (!real) real = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
    return real(name);
}
"""


@pytest.fixture(scope="module")
def eight_cores(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library to preload, under which a program sees eight cores."""
    if shutil.which("cc") is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler to pretend eight cores")
    folder = tmp_path_factory.mktemp("preload")
    (folder / "eight.c").write_text(EIGHT_CORES)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "eight.so", folder / "eight.c", "-ldl"], check=True)
    return str(folder / "eight.so")


def train(project: Project, intraop: int = 0, **env: str) -> dict[str, str]:
    """Train by hand under other conditions; returns the hashes of what came out."""
    words = ["data/prepared/train", "again/models", "again/metrics", "--resume", "other"]
    said = Project(project.root, env).succeed("python", "-c", DRIVER, "16", str(intraop), "stages.train", *words)
    assert f"intra-op threads {intraop or 1}" in said
    return results(project.root / "again")


def results(folder: Path) -> dict[str, str]:
    names = ("models/cnn.h5", "models/confidence.json", "metrics/history.csv")
    return {name: md5(folder / name) for name in names}


def test_eight_cores_and_sixteen_threads_give_the_same_model(project: Project, eight_cores: str) -> None:
    assert train(project, LD_PRELOAD=eight_cores) == results(project.root)


@pytest.mark.slow
def test_the_check_above_can_fail(project: Project, eight_cores: str) -> None:
    assert train(project, intraop=4, LD_PRELOAD=eight_cores)["models/cnn.h5"] != results(project.root)["models/cnn.h5"]


@pytest.mark.slow
def test_hostile_settings_on_one_core_give_the_same_bytes(
    project: Project, reproduced: Project, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    (home / ".keras/keras.json").write_text(
        '{"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first"}'
    )
    (home / ".config/matplotlib").mkdir(parents=True)
    for folder in (home / ".config/matplotlib", project.root):
        (folder / "matplotlibrc").write_text("axes.facecolor: red\nsavefig.dpi: 30\nfont.size: 30\n")
    hostile = Project(project.root, {**HOSTILE, "HOME": str(home), "MATPLOTLIBRC": str(home / ".config/matplotlib")})
    one_core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if shutil.which("taskset") else []
    run = hostile.run(*one_core, "dvc", "repro", "--force", "--no-run-cache")
    assert run.returncode == 0, run.stderr
    assert project.digests() == reproduced.digests()
    assert "environment: ignoring" in run.stderr and "KERAS_MAX_EPOCHS" in run.stderr
