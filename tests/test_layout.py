"""The top level holds what the README's reader expects, and nothing else."""

import re
import subprocess

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project import ROOT

EXPECTED = {
    *(".ci", ".dvc", ".github", "data", "metrics", "stages", "tests"),
    *("dvc.yaml", "dvc.lock", "params.yaml", "README.md", "LICENSE", "Makefile", "pyproject.toml"),
    *("requirements.txt", "requirements.lock", "requirements-tools.txt", "requirements-tools.lock"),
    *(".dvcignore", ".gitattributes", ".gitignore", ".gitlab-ci.yml", ".pre-commit-config.yaml"),
}


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, text=True, capture_output=True)
    return listed.stdout.splitlines()


@pytest.mark.ours
def test_the_top_level_holds_the_expected_entries_and_only_these() -> None:
    assert {name.partition("/")[0] for name in tracked()} == EXPECTED


@pytest.mark.parametrize("name", ["requirements", "requirements-tools"])
def test_every_required_package_is_locked_at_a_version_that_its_requirement_allows(name: str) -> None:
    lines = (ROOT / f"{name}.txt").read_text().splitlines()
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / f"{name}.lock").read_text(), re.MULTILINE))
    for requirement in [Requirement(line) for line in lines if not line.startswith("#")]:
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement
