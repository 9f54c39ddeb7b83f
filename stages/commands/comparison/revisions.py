"""The project's files in the working tree, or in a commit."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from stages.running.process import InputError

WORKSPACE = "the workspace"
SHALLOW = "`git fetch --unshallow` brings what a shallow clone lacks"
EXPERIMENTS = "refs/exps/*/*/*"  # DVC's refs, per commit


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
        if self.sha is None or self.sha.startswith(self.name):  # the workspace, or named by its SHA
            return self.name
        return f"{self.name} ({self.sha[:10]})"

    def read(self, path: str) -> bytes | None:
        """The content of a file of the project, or None if it is not there."""
        if self.sha is None:
            return Path(path).read_bytes() if Path(path).is_file() else None
        blob = subprocess.run(["git", "cat-file", "blob", f"{self.sha}:./{path}"], capture_output=True)
        return blob.stdout if blob.returncode == 0 else None

    def subject(self) -> str:
        """The first line of the commit's message."""
        return _git("log", "-1", "--format=%s", self.sha or "HEAD").stdout.strip()


def find_revision(name: str) -> Revision:
    """Look up a commit by a name that git knows (branch, tag, SHA, HEAD~1) or by an experiment's name.

    Raises:
        InputError: there is none, or several experiments, or this is no git repository.
    """
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit.returncode == 0:
        return Revision(name, commit.stdout.strip())
    listed = _git("for-each-ref", "--format=%(objectname) %(refname)", EXPERIMENTS).stdout
    experiments = [line.split()[0] for line in listed.splitlines() if line.split("/", 4)[-1] == name]
    if len(experiments) == 1:
        return Revision(name, experiments[0])
    if experiments:
        raise InputError(f"{name}: {len(experiments)} experiments have this name; must be a SHA of `dvc exp show`")
    if _git("rev-parse", "--git-dir").returncode != 0:
        raise InputError(f"{Path.cwd()}: no git repository, must be one to compare with {name}")
    raise InputError(
        f"{name}: git knows no such commit; must be a branch, a tag, a SHA, an experiment or such as HEAD~1 ({SHALLOW})"
    )


def find_base(name: str | None) -> tuple[Revision | None, str]:
    """The commit to compare the working tree with, or None and why there is none.

    Args:
        name: of the commit; without one, HEAD if tracked files were changed since, else HEAD~1.

    Raises:
        InputError: no commit has this name, or git fails.
    """
    if name:
        return find_revision(name), ""
    name = "HEAD" if uncommitted(".", new="no") else "HEAD~1"
    try:
        return find_revision(name), ""
    except InputError:
        return None, f"there is no earlier commit ({SHALLOW})"


def head() -> Revision | None:
    """The commit that the working tree is based on; None before the first one."""
    commit = _git("rev-parse", "--verify", "--quiet", "HEAD")
    return Revision("HEAD", commit.stdout.strip()) if commit.returncode == 0 else None


def uncommitted(*paths: str, new: str = "all") -> list[str]:
    """The files below `paths`, in the current folder, that differ from the last commit.

    Args:
        new: "all" includes untracked files, "no" does not.

    Raises:
        InputError: git fails.
    """
    status = _git("status", "--porcelain", "-z", "--no-renames", f"--untracked-files={new}", "--", *paths)
    if status.returncode != 0:
        raise InputError(f"git status: {' '.join(status.stderr.split())}")
    here = _git("rev-parse", "--show-prefix").stdout.strip("\n")  # names are from the repository's root
    return [entry[3:].removeprefix(here) for entry in status.stdout.split("\0") if entry]


def changed_files(base: Revision) -> list[str]:
    """The files of the working tree that differ from those of a commit, including untracked files."""
    differing = _git("diff", "--name-only", "-z", "--no-renames", "--relative", str(base.sha)).stdout
    return sorted({*filter(None, differing.split("\0")), *uncommitted(".")})


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise InputError("git: no such program, must be installed to compare with commits") from error
