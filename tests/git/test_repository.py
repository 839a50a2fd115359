"""What a repository says of itself."""

import os
from pathlib import Path

import pytest

from gate.errors import GateError
from gate.git.objects import Objects
from gate.git.repository import Repository
from support.repositories import Repo


def test_what_is_ignored(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    repo.commit({"kept.npz": b"k"})
    repo.commit({".gitignore": b"*.npz\n/cache\n"})
    (tmp_path / "link").symlink_to("cache")
    repository = Repository.around(tmp_path)
    ignored = {
        b"new.npz": True,
        b"cache/a/b": True,
        b"kept.npz": False,
        b"a*": False,
        b":(top)x.npz": True,
        b"link/x": False,
    }
    assert {path: repository.ignores(path) for path in ignored} == ignored


def test_no_git_from_the_working_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo.init(tmp_path / "repo")
    head = repo.commit({"a": b"a"})
    for folder in ("bin", "sub/bin"):
        (repo.path / folder).mkdir(parents=True)
        for name in ("git", "git-lfs"):
            (repo.path / folder / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
            (repo.path / folder / name).chmod(0o755)
    (tmp_path / "link").symlink_to(repo.path / "bin")
    own = [str(repo.path / "bin"), str(repo.path / "sub" / "bin"), str(tmp_path / "link"), "", "."]
    monkeypatch.chdir(repo.path)
    monkeypatch.setenv("PATH", os.pathsep.join([*own, os.environ["PATH"]]))
    with Objects(Repository.around(repo.path)) as objects:
        assert objects.commit(head) is not None
    assert not (tmp_path / "ran").exists()
    monkeypatch.setenv("PATH", os.pathsep.join(own))
    with pytest.raises(GateError, match="git is not installed"):
        Repository.around(repo.path)
