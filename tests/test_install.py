"""`make install` where it cannot succeed: one line that helps, and no half-made environment that hides it next time."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.project import ROOT


def test_a_python_that_cannot_make_an_environment_is_one_line_each_time(tmp_path: Path) -> None:
    """Debian's python3 without python3-venv leaves half an environment."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "rm", "mkdir", "touch", "cat", "uname"):
        (tools / name).symlink_to(Path(str(shutil.which(name))).resolve())
    python = tools / "python3"
    python.write_text(
        '#!/bin/sh\n[ "$1" = -m ] || exit 0\n'
        "mkdir -p .venv/bin; touch .venv/bin/python; /bin/chmod +x .venv/bin/python; exit 1\n"
    )
    python.chmod(0o755)
    for name in ("Makefile", "requirements.lock", "requirements-tools.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    make = str(shutil.which("make"))
    for _ in range(2):
        env = {**os.environ, "PATH": str(tools)}
        ended = subprocess.run([make, "install"], cwd=tmp_path, env=env, text=True, capture_output=True)
        assert ended.returncode != 0 and "make: found no Python 3.11, 3.12 or 3.13 that can make .venv" in ended.stderr
        assert not (tmp_path / ".venv").exists()


def test_a_machine_that_tensorflow_has_no_package_for_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    uname = tmp_path / "bin/uname"
    uname.write_text("#!/bin/sh\necho Darwin x86_64\n")
    uname.chmod(0o755)
    for name in ("Makefile", "requirements.lock", "requirements-tools.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    ended = subprocess.run(["make", "install"], cwd=tmp_path, env=env, text=True, capture_output=True)
    assert ended.returncode != 0 and ended.stdout == "" and not (tmp_path / ".venv").exists()
    assert ended.stderr.startswith("make: TensorFlow has no package for Darwin x86_64; must be Linux on x86-64 (or, ")
