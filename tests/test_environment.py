"""The process environment and TensorFlow's start: what is pinned, what is left alone, and what is refused."""

import os
import shutil
import subprocess
import sys

import pytest

from stages.running.environment import PINNED, PINNED_WITH_AVX2
from tests.project import ROOT, Project

needs_qemu = pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-x86_64 (Debian: qemu-user)")

START = "import sys; from stages.running import process; from stages.network.runtime import start_tensorflow; "


def run(code: str, cpu: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    emulator = ["qemu-x86_64", "-cpu", cpu] if cpu else []
    command = [*emulator, sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, text=True, capture_output=True)


@needs_qemu
@pytest.mark.parametrize(("cpu", "core"), [("SandyBridge", "None"), ("Haswell", "Haswell")])
def test_what_the_cpu_lacks_is_not_pinned_and_linear_algebra_runs(cpu: str, core: str) -> None:
    """OpenBLAS told to use AVX2 where there is none dies of an illegal instruction, in silence."""
    code = (
        "import stages, os, numpy as np; print(os.environ.get('OPENBLAS_CORETYPE')); "
        "print((np.eye(64) @ np.eye(64)).sum())"
    )
    ended = run(code, cpu)
    assert ended.returncode == 0 and ended.stdout.split() == [core, "64.0"]


@needs_qemu
def test_avx2_on_a_cpu_without_it_is_refused_and_native_named() -> None:
    ended = run(START + "sys.exit(process.run(lambda: start_tensorflow('avx2', 'cpu')))", "SandyBridge")
    (line,) = [line for line in ended.stderr.splitlines() if not line.startswith(("environment: ", "qemu-x86_64: "))]
    assert ended.returncode == 1
    assert "params.yaml: tensorflow.instruction_set = avx2: this CPU has no AVX2; must be native" in line


@needs_qemu
@pytest.mark.slow
def test_native_computes_on_a_cpu_without_avx2() -> None:
    ended = run(
        START + "start_tensorflow('native', 'cpu'); import keras; print(keras.ops.ones(3).numpy().sum())", "SandyBridge"
    )
    assert ended.returncode == 0 and ended.stdout.split()[-1] == "3.0", ended.stderr


def test_a_gpu_that_cannot_be_used_is_refused_with_a_line() -> None:
    """By the locked build of TensorFlow, with what to do; by the other, with TensorFlow's own reason."""
    ended = run(START + "sys.exit(process.run(lambda: start_tensorflow('avx2', 'gpu')))")
    if ended.returncode == 0:
        pytest.skip("there is a GPU")
    *reason, line = ended.stderr.splitlines()
    if "the locked TensorFlow is for CPUs; docs/reproducibility.md says how" not in line:
        assert "params.yaml: tensorflow.device = gpu: TensorFlow finds no GPU here, see above" in line
        assert "CUDA" in "".join(reason).upper()


def test_the_variables_of_terraform_are_left_alone_in_silence() -> None:
    theirs = {"TF_VAR_region": "x", "TF_CLI_ARGS_plan": "x", "TF_LOG": "x", "TF_IN_AUTOMATION": "1", "TF_DATA_DIR": "x"}
    ended = run("import stages, os; print(os.environ['TF_VAR_region'])", **theirs, TF_NUM_INTRAOP_THREADS="3")
    assert ended.stdout == "x\n" and "TF_NUM_INTRAOP_THREADS" in ended.stderr
    assert not any(name in ended.stderr for name in theirs)


def test_what_is_pinned_all_the_same_is_cleared_without_a_line() -> None:
    ended = run("import stages, os; print(os.environ.get('OPENBLAS_L2_SIZE'))", OPENBLAS_L2_SIZE="512")
    assert (ended.stdout, ended.stderr) == ("None\n", "")


def test_a_cluster_is_ignored_with_a_line_by_whoever_does_not_train() -> None:
    ended = run(START + "start_tensorflow('avx2', 'cpu'); import os; print('TF_CONFIG' in os.environ)", TF_CONFIG="{}")
    assert ended.stdout == "False\n" and "environment: ignoring TF_CONFIG (only train " in ended.stderr


@pytest.mark.parametrize(("end", "shown"), [("pass", False), ("exit()", False), ("os.abort()", True)])
def test_the_noise_of_a_start_is_shown_if_the_process_does_not_survive(end: str, shown: bool) -> None:
    code = (
        "import os; from stages.network.runtime import startup_noise_held_back\n"
        f"with startup_noise_held_back(): os.write(2, b'last words'); {end}"
    )
    assert ("last words" in run(code).stderr) == shown


def test_tensorflow_starts_without_pyplot_which_can_be_imported_later() -> None:
    later = "print('matplotlib' in sys.modules); import matplotlib.pyplot as pyplot; print(pyplot.__name__)"
    ended = run(START + f"start_tensorflow('avx2', 'cpu'); {later}")
    assert ended.stdout.split() == ["False", "matplotlib.pyplot"]


def test_commands_that_tests_start_have_the_environment_of_a_users_shell() -> None:
    """Else `make bench` would hold plain Keras to AVX2, too."""
    pinned = {*PINNED, *PINNED_WITH_AVX2}
    assert pinned & {*os.environ} and not pinned & {*Project(ROOT).command_env()}
