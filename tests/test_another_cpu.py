"""The proof of reproduction: what it takes for a match, and on a CPU that QEMU emulates."""

import shutil
from pathlib import Path

import pytest

from tests.verify import print_table, verify_emulated


def test_one_other_or_missing_output_is_no_match(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_table({"a": "1", "b": "2"}, {"a": "1", "b": "2"})
    assert not print_table({"a": "1", "b": "2"}, {"a": "1", "b": "missing"})
    assert "1 of 2 outputs match" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-x86_64 (Debian package qemu-user)")
@pytest.mark.parametrize("workers", [None, 2])
def test_an_emulated_cpu_gives_the_same_bytes_alone_and_in_a_cluster(tmp_path: Path, workers: int | None) -> None:
    assert verify_emulated(tmp_path, "Haswell", workers, count=400)
