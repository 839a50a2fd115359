"""Who approves: as the command line says, as git calls the user, or the account's own name."""

import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from gate.errors import GateError
from gate.git.repository import Repository
from gate.interpreter import searched, untrusted

_SECONDS = 10
_LONGEST = 200
_OF_THE_USER = ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")


def who(said: str | None, folder: Path) -> str:
    """`Ada Lovelace <ada@example.com>`. git is asked for two settings; nothing of the repository runs."""
    if said is not None and said.strip():
        return " ".join(said.split())[:_LONGEST]
    name, email = (_setting(key, folder) for key in ("user.name", "user.email"))
    if name or email:
        return " ".join(filter(None, (name, f"<{email}>" if email else "")))[:_LONGEST]
    return _account()


def commit(folder: Path) -> str:
    """The commit that is checked out around `folder`; empty where there is none."""
    with suppress(GateError):
        return Repository.around(folder).ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}") or ""
    return ""


def _setting(key: str, folder: Path) -> str:
    """The clone's own, else the user's: the files are read by git, which runs nothing for it."""
    with suppress(GateError):
        if found := Repository.around(folder).ask("config", "--local", "--no-includes", "--get", key):
            return found
    path = searched({"PATH": os.environ.get("PATH", os.defpath)}, untrusted([folder])).get("PATH", "")
    git = shutil.which("git", path=path)
    if git is None:
        return ""
    environment = {name: os.environ[name] for name in _OF_THE_USER if os.environ.get(name)}
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603 - git, from where no pull request writes
            [git, "config", "--global", "--get", key],
            cwd="/",
            env={**environment, "PATH": path, "LC_ALL": "C", "GIT_CEILING_DIRECTORIES": "/"},
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
        if done.returncode == 0:
            return " ".join(done.stdout.decode("utf-8", "replace").split())
    return ""


def _account() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return f"user {os.geteuid()}"
