"""Who approves, where nobody says: git's own word, without anything of the repository's running."""

import os
import pwd
from pathlib import Path

import pytest

from gate.approvals.who import commit, who
from support.repositories import Repo


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    (tmp_path / "home").mkdir()
    return Repo.init(tmp_path / "repository")


def test_as_one_says(repo: Repo) -> None:
    assert who("  Ada\n Lovelace ", repo.path) == "Ada Lovelace"


def test_the_clones_own_settings_and_then_the_users(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "home" / ".gitconfig").write_text("[user]\n\tname = Grace\n\temail = grace@example.com\n")
    assert who(None, repo.path) == "Grace <grace@example.com>"
    repo.git("config", "user.name", "Ada")
    assert who(None, repo.path) == "Ada <grace@example.com>"


def test_the_account(repo: Repo) -> None:
    assert who("", repo.path) == pwd.getpwuid(os.geteuid()).pw_name
    assert who(None, repo.path.parent) == pwd.getpwuid(os.geteuid()).pw_name


def test_no_program_of_the_repository_runs(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    program = repo.path / "git"
    program.write_text(f"#!/bin/sh\ntouch {ran}\necho evil\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{repo.path}{os.pathsep}{os.environ['PATH']}")
    repo.write({"included": f"[user]\n\tname = evil\n[core]\n\tfsmonitor = {program}\n".encode()})
    settings = repo.path / ".git" / "config"
    settings.write_text(f"{settings.read_text()}[include]\n\tpath = ../included\n")
    assert "evil" not in who(None, repo.path)
    assert not ran.exists()


def test_the_commit(repo: Repo, tmp_path: Path) -> None:
    assert commit(repo.path) == ""
    made = repo.commit({"a": b"1"})
    assert commit(repo.path) == made
    assert commit(tmp_path) == ""
