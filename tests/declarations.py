"""What dvc.yaml declares, and what the code of a stage says for itself."""

import ast
import re
from pathlib import Path
from typing import Any

from stages.running.params import flatten, load

ROOT = Path(__file__).parent.parent


def stages() -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml, as written."""
    content: dict[str, dict[str, Any]] = load(ROOT / "dvc.yaml")["stages"]
    return content


def module_of(stage: str) -> str:
    """The module that a stage runs: the word after -m in its command."""
    words = stages()[stage]["cmd"].split()
    return words[words.index("-m") + 1]


def imported_files(module: str) -> set[str]:
    """The project's files that a module imports, itself included, anywhere in its code and transitively.

    Of a package that runs, such as a stage, what its `__main__` imports.
    """
    found: set[str] = set()
    runs = (ROOT / module.replace(".", "/") / "__main__.py").exists()
    waiting = {f"{module}.__main__" if runs else module}
    while waiting:
        name = waiting.pop()
        file = ROOT / (name.replace(".", "/") + ".py")
        if not file.exists():
            file = ROOT / name.replace(".", "/") / "__init__.py"
        if not file.exists() or str(file.relative_to(ROOT)) in found:
            continue
        found.add(str(file.relative_to(ROOT)))
        waiting.add(name.rpartition(".")[0] or name)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                waiting |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                waiting |= {alias.name for alias in node.names}
    return found


def folder_of(file: str) -> str:
    """The folder of stages/ that a file of the project's code is in, or the file itself if it is in none."""
    return "/".join(file.split("/")[:2])


def code_dependencies(stage: str) -> set[str]:
    """The files and folders of code among a stage's declared dependencies."""
    return {dependency for dependency in stages()[stage]["deps"] if dependency.startswith("stages/")}


def params_declared(stage: str) -> set[str]:
    """The keys that a stage declares, of whole sections."""
    declared = stages()[stage].get("params", [])
    return {key for key in flatten(load(ROOT / "params.yaml")) if key.partition(".")[0] in declared}


def params_in_code(module: str) -> set[str]:
    """The keys that a stage's folder takes, of whole sections: `convert(params["train"], Train)`."""
    path = ROOT / module.replace(".", "/")
    files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    text = "".join(file.read_text() for file in files)
    sections = re.findall(r'params(?:\([^)]*\))?\["(\w+)"\]', text)
    return {key for key in flatten(load(ROOT / "params.yaml")) if key.partition(".")[0] in sections}


def attributes_read(module: str) -> set[str]:
    """The names of all attributes that a module, and what it imports, accesses."""
    trees = (ast.parse((ROOT / file).read_text()) for file in imported_files(module))
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
