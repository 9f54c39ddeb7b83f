"""Read params.yaml; its sections are typed classes beside the code that uses them."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import yaml

from stages.running.process import InputError, reason
from stages.running.root import in_project

PARAMS_FILE = Path("params.yaml")

FileName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[^\x00\ud800-\udfff]+$",
        description="the path of a file or folder, in quotes if it looks like a number or a date",
    ),
]


class Section(msgspec.Struct, forbid_unknown_fields=True):
    """A section of params.yaml: a field for each key, with its type, and its range if the type needs one."""


def read_params(check_files: bool = False) -> dict[str, Any]:
    """Check the whole params.yaml, on demand also the files that it names, and read it.

    The check is another process: it knows the sections of every stage, and this stage must not depend on others.

    Returns:
        The sections as they are in the file, for `msgspec.convert`.

    Raises:
        SystemExit: the check failed and has said why on stderr.
    """
    sys.stdout.flush()
    options = [] if check_files else ["--no-files"]
    if subprocess.run([sys.executable, "-m", "stages.commands.preflight", *options]).returncode != 0:
        sys.exit(1)
    return load(in_project(PARAMS_FILE))


def load(path: Path) -> dict[Any, Any]:
    """Read a YAML mapping.

    Raises:
        InputError: the file is missing, is not YAML, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> dict[Any, Any]:
    """Parse a YAML mapping.

    Args:
        name: the name of the text in errors.

    Raises:
        InputError: it is not YAML, or is not a mapping.
    """
    try:
        content = yaml.load(text, Loader)
    except Exception as error:  # constructors such as !!int raise other errors than YAML's
        raise InputError(f"{name}: cannot be read: {reason(error)}") from error
    if not isinstance(content, dict):
        raise InputError(f"{name}: must be a mapping of sections such as `train:`, is {content!r}")
    return content


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML 1.2, as DVC reads it: `no` and `1:30` are text, `1e-05` and `010` decimal numbers; and no key twice."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":timestamp", ":merge", ":null"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse duplicate keys."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if again := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(problem=f"the key {again[0]} stands twice")
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Read numbers with a leading 0 as decimal."""
        text = node.value.replace("_", "").lower()
        return int(text, {"0b": 2, "0o": 8, "0x": 16}.get(text.lstrip("+-")[:2], 10))


Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)
for tag, pattern, first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", "[-+]?(0b[01_]+|0o[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+)", "-+0123456789"),
    (
        "float",
        r"[-+]?([0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+([eE][-+][0-9]+)?"
        r"|\.(inf|Inf|INF))|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


def flatten(tree: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested sections into dotted keys, as `dvc params diff` shows them: train.epochs."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
