"""Repositories made on the spot by git itself, as a developer and actions/checkout make them."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

_WHO = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "file",
}  # fmt: skip


class Repo:
    """A working tree and its repository."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._day = 0

    @classmethod
    def init(cls, path: Path, *options: str) -> Self:
        """A new one, on its branch `main`."""
        path.mkdir(parents=True, exist_ok=True)
        made = cls(path)
        made.git("init", "--quiet", "--initial-branch=main", *options)
        return made

    def git(self, *arguments: str, check: bool = True) -> str:
        """What a call prints."""
        self._day += 1
        when = {f"GIT_{who}_DATE": f"2026-11-21T00:00:00 +{self._day:04d}" for who in ("AUTHOR", "COMMITTER")}
        settings = ("-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *settings, *arguments],
            cwd=self.path,
            env={**os.environ, **_WHO, **when},
            capture_output=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"git {arguments}: {os.fsdecode(done.stderr)}")
        return os.fsdecode(done.stdout).strip()

    def write(self, files: Mapping[str, bytes | None]) -> None:
        """Writes files into the working tree; None removes one."""
        for name, data in files.items():
            path = self.path / name
            if data is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)

    def commit(self, files: Mapping[str, bytes | None] | None = None, message: str = "c") -> str:
        """Writes files and commits all there is; the commit's name."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str, at: str = "HEAD") -> None:
        """A new branch, checked out."""
        self.git("checkout", "--quiet", "-b", name, at)

    def checkout(self, name: str) -> None:
        self.git("checkout", "--quiet", name)

    def merge(self, *names: str) -> str:
        """A merge commit."""
        self.git("merge", "--quiet", "--no-ff", "-m", "merge", *names)
        return self.head

    def clone(self, path: Path, *options: str) -> "Repo":
        """A clone over git's own protocol, so that `--depth` and `--filter` mean something."""
        self.git("config", "uploadpack.allowFilter", "true")
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")
        self.git("clone", "--quiet", *options, f"file://{self.path}", str(path))
        return Repo(path)

    def runner(self, path: Path, ref: str, depth: int = 1, every: bool = False) -> "Repo":
        """What actions/checkout makes: one ref at a depth and nothing else; `every` branch is `fetch-depth: 0`.

        `ref` is a branch, which becomes origin's and is checked out, or `refs/pull/…`, which is checked out as it is.
        """
        made = Repo.init(path)
        made.git("remote", "add", "origin", f"file://{self.path}")
        is_branch = not ref.startswith("refs/")
        to = f"refs/remotes/origin/{ref}" if is_branch else f"refs/remotes/{ref.removeprefix('refs/')}"
        which = [f"+{self.git('rev-parse', ref)}:{to}"]
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")
        if every:
            made.git("fetch", "--quiet", "--no-tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
            made.git("fetch", "--quiet", "--no-tags", "origin", *which)
        else:
            made.git("fetch", "--quiet", "--no-tags", f"--depth={depth}", "origin", *which)
        if is_branch:
            made.git("checkout", "--quiet", "--force", "-B", ref, to)
        else:
            made.git("checkout", "--quiet", "--force", to)
        return made


def pull(repo: Repo, number: int, base: str, head: str) -> str:
    """What GitHub makes of a pull request: `refs/pull/N/merge`, whose first parent is the base and second the head."""
    tip = repo.git("rev-parse", head)
    repo.git("checkout", "--quiet", "--detach", base)
    merge = repo.merge(tip)
    repo.git("update-ref", f"refs/pull/{number}/head", tip)
    repo.git("update-ref", f"refs/pull/{number}/merge", merge)
    repo.checkout(base)
    return merge
