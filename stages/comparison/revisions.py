"""The project's files as they lie in the working tree, or in a commit."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from stages.running.process import InputError

WORKSPACE = "the workspace"
EXPERIMENTS = "refs/exps/*/*/*"  # as DVC names those of each commit


@dataclass(frozen=True)
class Revision:
    """A commit, or the working tree.

    name: what to call it: "the workspace", or how the user named the commit.
    sha: the commit's full name; None for the workspace.
    """

    name: str
    sha: str | None = None

    def __str__(self) -> str:
        """The name, and the short SHA of a commit unless it is in the name."""
        short = (self.sha or "")[:10]
        return self.name if self.name.startswith(short) else f"{self.name} ({short})"

    def read(self, path: str) -> bytes | None:
        """The content of a file of the project, or None if it is not there."""
        if self.sha is None:
            return Path(path).read_bytes() if Path(path).is_file() else None
        shown = _git("cat-file", "blob", f"{self.sha}:./{path}")
        return shown.stdout if shown.returncode == 0 else None

    def subject(self) -> str:
        """The first line of the commit's message."""
        return _git("log", "-1", "--format=%s", self.sha or "HEAD").stdout.decode(errors="replace").strip()


def find_revision(name: str) -> Revision:
    """Look up a commit by what git knows it by - a branch, a tag, a SHA, HEAD~1 - or by an experiment's name.

    Raises:
        InputError: there is none, or several experiments, or this is no git repository; a shallow clone may only lack
            it.
    """
    found = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") if not name.startswith("-") else None
    if found is not None and found.returncode == 0:
        return Revision(name, found.stdout.decode().strip())
    listed = _git("for-each-ref", "--format=%(objectname) %(refname)", EXPERIMENTS).stdout.decode(errors="replace")
    of_each = [line.split("/", 4) for line in listed.splitlines()]
    experiments = [first.split()[0] for first, *_, last in of_each if last == name]
    if len(experiments) == 1:
        return Revision(name, experiments[0])
    if experiments:
        raise InputError(f"{name}: {len(experiments)} experiments have this name; must be a SHA of `dvc exp show`")
    if _git("rev-parse", "--git-dir").returncode != 0:
        raise InputError(f"{Path.cwd()}: no git repository, must be one to compare with {name}")
    if is_shallow():
        raise InputError(f"{name}: not in this shallow clone; `git fetch --unshallow` brings the whole history")
    raise InputError(
        f"{name}: git knows no such commit; must be a branch, a tag, a SHA, an experiment or such as HEAD~1"
    )


def default_base() -> tuple[Revision | None, str]:
    """The last commit if files of it were changed since, or else the one before; or None, and why there is none.

    Raises:
        InputError: git cannot tell.
    """
    name = "HEAD" if uncommitted(".", new="no") else "HEAD~1"
    try:
        return find_revision(name), ""
    except InputError as error:
        return None, str(error) if is_shallow() else "there is no earlier commit"


def head() -> Revision | None:
    """The commit that the working tree is based on; None before the first one."""
    found = _git("rev-parse", "--verify", "--quiet", "HEAD")
    return Revision("HEAD", found.stdout.decode().strip()) if found.returncode == 0 else None


def is_shallow() -> bool:
    """Whether this clone has only the last commits."""
    return _git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def uncommitted(*paths: str, new: str = "all") -> list[str]:
    """Those of the files below `paths` that differ from the last commit.

    Args:
        new: "all" with those that git does not know yet, "no" without.

    Raises:
        InputError: git cannot tell.
    """
    found = _git("status", "--porcelain", "-z", "--no-renames", f"--untracked-files={new}", "--", *paths)
    if found.returncode != 0:
        raise InputError(f"git status: {' '.join(found.stderr.decode(errors='replace').split())}")
    return [line[3:] for line in found.stdout.decode(errors="replace").split("\0") if line]


def changed_files(base: Revision) -> list[str]:
    """The files of the working tree that differ from those of a commit, those that git does not know yet included."""
    differing = _git("diff", "--name-only", "-z", "--no-renames", "--relative", str(base.sha)).stdout
    return sorted({*filter(None, differing.decode(errors="replace").split("\0")), *uncommitted(".")})


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *arguments], capture_output=True)
    except FileNotFoundError as error:
        raise InputError("git: no such program, must be installed to compare with commits") from error
