"""The proof's own parts: what it takes for a match, and what it sees of a process."""

import os
import threading
from pathlib import Path

import pytest

from tests.verify import executable_and_words, print_table


def test_one_other_or_missing_output_is_no_match(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_table({"a": "1", "b": "2"}, {"a": "1", "b": "2"})
    assert not print_table({"a": "1", "b": "2"}, {"a": "1", "b": "missing"})
    assert "1 of 2 outputs match" in capsys.readouterr().out


def test_a_process_that_turns_into_another_program_while_it_is_looked_at_does_not_count(tmp_path: Path) -> None:
    """An emulated stage starts a native child: for an instant that has the stage's words and Python's executable."""
    (tmp_path / "exe").symlink_to("/usr/bin/qemu-x86_64")
    os.mkfifo(tmp_path / "cmdline")  # it is read in two parts: before and after the change

    def change() -> None:
        with (tmp_path / "cmdline").open("wb") as cmdline:
            cmdline.write(b"python\0-m\0stages.train\0")
            (tmp_path / "exe").unlink()
            (tmp_path / "exe").symlink_to("/usr/bin/python3")

    changing = threading.Thread(target=change)
    changing.start()
    assert executable_and_words(tmp_path) is None
    changing.join()


def test_a_process_is_seen_with_its_executable_and_words(tmp_path: Path) -> None:
    (tmp_path / "exe").symlink_to("/usr/bin/qemu-x86_64")
    (tmp_path / "cmdline").write_bytes(b"python\0-m\0stages.train\0")
    assert executable_and_words(tmp_path) == ("qemu-x86_64", ["python", "-m", "stages.train", ""])
    assert executable_and_words(tmp_path / "gone") is None
