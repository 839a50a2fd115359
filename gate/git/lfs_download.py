"""A file of Git LFS from the server, by `git lfs` with what credentials git has, into a repository made for that alone.

That repository has of the clone's own configuration the addresses and the headers that authenticate, and nothing that
names a program: hooks, filters, transfer agents and helpers of the clone have no part in it. Those of the machine have.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from gate.errors import UnreadableError
from gate.git.lfs import Pointer
from gate.git.repository import Repository, last_words
from gate.git.room import full_or, room_for

_SECONDS = 900
_CHUNK = 1 << 20
_TAKEN = r"^(remote\..*\.(url|lfsurl)|lfs\.url|http\.(.*\.)?extraheader)$"
_SETTINGS = """\
[core]
	repositoryformatversion = 0
	bare = true
	hooksPath = /dev/null
[lfs]
	concurrenttransfers = 1
	dialtimeout = 10
	tlstimeout = 10
	activitytimeout = 30
[lfs "transfer"]
	maxretries = 2
	maxretrydelay = 2
"""


def download(repository: Repository, found: Pointer, to: Path, shown: str) -> str:
    """Has `git lfs` fetch a file; empty where it is there and is the right one, else why it is not."""
    program = shutil.which("git-lfs", path=repository.path)  # by itself: what `git lfs` means, an alias may say
    if program is None:
        return "git-lfs is not installed"
    room_for(2 * found.size, to.parent, shown)
    with tempfile.TemporaryDirectory(prefix="lfs-", dir=to.parent, ignore_cleanup_errors=True) as folder:
        home = _repository(repository, Path(folder))
        try:
            with to.open("wb") as copy, tempfile.TemporaryFile() as said:
                code = _run([program, "smudge"], repository.path, home, found, copy.fileno(), said.fileno())
                said.seek(0)
                words = last_words(said.read())
        except OSError as error:
            raise full_or(error, f"{shown} cannot be fetched with Git LFS", to) from error
    if code is None:
        return f"`git lfs` took more than {_SECONDS} s"
    if code:
        return f"`git lfs` says: {words}"
    with to.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != found.oid:
            raise UnreadableError(f"what Git LFS gave for {shown} is another file", "see what its server has")
    return ""


def _repository(clone: Repository, folder: Path) -> Path:
    """An empty repository with the addresses of another one."""
    said = clone.ask("config", "--local", "--includes", "-z", "--get-regexp", _TAKEN) or ""
    pairs = [each.partition("\n") for each in said.split("\0") if each]
    lines = [_SETTINGS, *(_line(key, value) for key, _, value in pairs)]
    home = folder / "lfs.git"
    for each in (home / "objects", home / "refs"):
        each.mkdir(parents=True)
    (home / "HEAD").write_text("ref: refs/heads/main\n")
    (home / "config").write_text("".join(lines), "utf-8", "surrogateescape")
    return home


def _line(key: str, value: str) -> str:
    """As https://git-scm.com/docs/git-config#_syntax has it."""
    section, _, name = key.rpartition(".")
    first, _, rest = section.partition(".")
    head = f"[{first} {_quoted(rest)}]" if rest else f"[{first}]"
    return f"{head}\n\t{name} = {_quoted(value)}\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _run(command: list[str], path: str, home: Path, found: Pointer, out: int, err: int) -> int | None:
    """The exit code; None where it took too long. All that it started ends with it."""
    given = f"version https://git-lfs.github.com/spec/v1\noid sha256:{found.oid}\nsize {found.size}\n".encode()
    with subprocess.Popen(  # noqa: S603 - what is run is git-lfs
        command,
        cwd=home,
        env={**_environment(), "PATH": path, "GIT_DIR": str(home)},
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=err,
        start_new_session=True,
    ) as started:
        try:
            started.communicate(given, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)
        return started.returncode


def _environment() -> dict[str, str]:
    """Of the machine what git needs to authenticate; nothing that speaks of a repository, no prompt."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "SSH_ASKPASS"))}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "GIT_ASKPASS": "true"}
