"""The locks hold what the requirements ask for."""

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project import ROOT


@pytest.mark.parametrize("name", ["requirements", "requirements-tools"])
def test_every_required_package_is_locked_at_an_allowed_version(name: str) -> None:
    lines = (ROOT / f"{name}.txt").read_text().splitlines()
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / f"{name}.lock").read_text(), re.MULTILINE))
    for requirement in [Requirement(line) for line in lines if not line.startswith("#")]:
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement
