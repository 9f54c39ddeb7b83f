"""Reading params.yaml, and the rules that a stage writes beside its parameters."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.running.process import InputError, reason
from stages.running.root import in_project

PARAMS_FILE = Path("params.yaml")
MOST_KEYS = 1_000  # aliases of aliases make millions out of a few lines


@dataclass(frozen=True)
class Rule:
    """What a parameter may be: a test of its value, and the same in words for the error message."""

    accepts: Callable[[Any], bool]
    allowed: str


def whole(low: int, high: int) -> Rule:
    """A whole number from `low` to `high` (true and false are not)."""
    return Rule(lambda value: type(value) is int and low <= value <= high, f"a whole number from {low} to {high}")


def between(low: float, high: float) -> Rule:
    """A number greater than `low` and less than `high`, neither included."""
    return Rule(
        lambda value: type(value) in (int, float) and low < value < high,
        f"a number greater than {low} and less than {high}",
    )


def number(low: float, high: float) -> Rule:
    """A number from `low` to `high`, both included."""
    return Rule(lambda value: type(value) in (int, float) and low <= value <= high, f"a number from {low} to {high}")


def fraction() -> Rule:
    """A number from 0 up to, not including, 1."""
    return Rule(lambda value: type(value) in (int, float) and 0 <= value < 1, "a number from 0 to less than 1")


def choice(*values: str | int) -> Rule:
    """One of a few words or whole numbers."""
    return Rule(
        lambda value: any(type(value) is type(one) and value == one for one in values), " or ".join(map(str, values))
    )


def boolean() -> Rule:
    """True or false."""
    return Rule(lambda value: type(value) is bool, "true or false")


def text() -> Rule:
    """Any text but none at all."""
    return Rule(lambda value: type(value) is str and value != "", "text, in quotes if it looks like a number or a date")


def file_name() -> Rule:
    """The path of a file or folder."""
    return Rule(
        lambda value: type(value) is str and value != "" and "\0" not in value,
        "the path of a file or folder, in quotes if it looks like a number or a date",
    )


def list_of(rule: Rule, length: int | None = None) -> Rule:
    """A list of `length` values, or of any number but none, each of which `rule` accepts."""
    return Rule(
        lambda value: (
            type(value) is list and (len(value) == length if length else bool(value)) and all(map(rule.accepts, value))
        ),
        f"a list{f' of {length}' if length else ''}, each {rule.allowed}",
    )


def optional(rule: Rule) -> Rule:
    """Null, or what `rule` accepts."""
    return Rule(lambda value: value is None or rule.accepts(value), f"null or {rule.allowed}")


class Params(Mapping[str, Any]):
    """The parameters by dotted key, as `dvc params diff` shows them: params["train.epochs"].

    `used` holds what was asked for: the values that reach the stage's computation.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.used: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        self.used[key] = self._values[key]
        return self.used[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def read_params(check_files: bool = False) -> Params:
    """Read params.yaml, having had it checked whole, with the files that it names on demand.

    The check is a process of its own: it knows the rules of every stage, and this stage must not depend on the others.

    Raises:
        SystemExit: the check failed and has said why on stderr.
    """
    sys.stdout.flush()
    options = [] if check_files else ["--no-files"]
    if subprocess.run([sys.executable, "-m", "stages.preflight", *options]).returncode != 0:
        sys.exit(1)
    return Params(flatten(load(in_project(PARAMS_FILE))))


def load(path: Path) -> dict[Any, Any]:
    """Read a YAML mapping.

    Raises:
        InputError: the file is missing, is not YAML, or holds something else than a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> dict[Any, Any]:
    """Parse a YAML mapping as DVC does: another parser could take `010` or `yes` for something else.

    Args:
        name: what to call the text where it is wrong.

    Raises:
        InputError: it is not YAML, or holds something else than a mapping.
    """
    from ruamel.yaml import YAML  # here, so that a Python without it gets as far as the preflight's word on packages

    try:
        content = YAML(typ="safe").load(text)
    except Exception as error:  # beside its own errors it raises whatever a constructor such as !!int stumbles over
        raise InputError(f"{name}: cannot be read: {reason(error)}") from error
    if not isinstance(content, dict):
        raise InputError(f"{name}: must be a mapping of sections such as `train:`, is {content!r}")
    return content


def flatten(tree: Mapping[Any, Any], prefix: str = "", inside: tuple[int, ...] = ()) -> dict[str, Any]:
    """Turn nested sections into dotted keys.

    Raises:
        InputError: a key has a dot of its own (DVC would look for the section), or a section contains itself.
    """
    flat: dict[str, Any] = {}
    if id(tree) in inside:
        raise InputError(f"{PARAMS_FILE}: {prefix.rstrip('.')}: contains itself (a YAML alias)")
    for key, value in tree.items():
        if len(flat) > MOST_KEYS:
            raise InputError(f"{PARAMS_FILE}: more than {MOST_KEYS:,} keys")
        if "." in str(key):
            raise InputError(f"{PARAMS_FILE}: {prefix}{key}: a key must have no dot; write it into its section")
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}.", (*inside, id(tree))))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
