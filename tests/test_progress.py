"""The progress bar: figures for a terminal, silence for a file."""

import sys
import time

import pytest

from stages.running.progress import progress


def watch(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 2)


def test_on_a_terminal_it_shows_count_rate_and_time_left_and_clears_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch(monkeypatch, True)
    assert list(progress(range(4000), 4000, "pictures")) == list(range(4000))
    lines = capsys.readouterr().err.split("\r")[1:]
    assert lines[0].startswith("[>                       ] 1 of 4,000 pictures, 2.0/s, 33:20 left")
    assert lines[1999].startswith("[============>           ] 2,000 of 4,000 pictures, 2.0/s, 16:40 left")
    assert lines[-2].startswith("[========================] 4,000 of 4,000 pictures, 2.0/s, 0:00 left")
    assert lines[-1] == "\x1b[K"
    assert max(map(len, lines)) < 80


def test_it_writes_no_more_than_a_few_times_a_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert sum(progress(range(10_000), 10_000, "pictures")) == sum(range(10_000))
    assert capsys.readouterr().err.count("\r") < 10


def test_where_nobody_watches_it_is_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    watch(monkeypatch, False)
    assert list(progress("abc", 3, "letters")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
