"""One repository, and how git is called in it: no configuration, hook, filter or prompt of anybody has a part in it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from gate.errors import GateError
from gate.interpreter import searched, untrusted

_NOWHERE = "/dev/null"
_SECONDS = 300
_LONGEST = 300
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.quotePath=false",
    "core.commitGraph=false",  # a file beside the commits, which may say other parents than they do
    "advice.graftFileDeprecated=false",
    "protocol.allow=never",
    "safe.directory=*",  # the runner's workspace is another user's than the container's
    "gc.auto=0",
)
"""What `-c` sets for each call, over whatever the repository's own configuration says."""


class Repository:
    """The repository whose working tree `top` is. Its `.git` is named to git, never searched for.

    A search would take a folder of the working tree for a bare repository where it looks like one, with the
    configuration and the history that a pull request put there.
    """

    def __init__(self, top: Path) -> None:
        everything = {"PATH": os.environ.get("PATH", os.defpath)}
        self.path = searched(everything, untrusted([top])).get("PATH", "")
        found = shutil.which("git", path=self.path)
        if found is None:
            raise GateError("git is not installed", "install git, or run the image, which has it")
        self.top = top
        self.git = found

    @classmethod
    def around(cls, folder: Path) -> "Repository":
        """The one that `folder` lies in; raises `GateError` where there is none."""
        real = folder.resolve()
        top = next((each for each in (real, *real.parents) if os.path.lexists(each / ".git")), None)
        if top is None:
            raise GateError(
                f"{folder} lies in no git repository",
                "run the gate in a clone; in a workflow `actions/checkout` makes one, and a container has to mount it "
                "with its .git folder",
            )
        found = cls(top)
        _ = found.common  # or git says what is wrong with it
        return found

    def named(self, path: Path) -> Path:
        """`path` below the top as it is named, no link followed; as it really lies where its name leads past the top.

        Links may be the work of a pull request: what it replaced by one lay where the link does.
        """
        tops = [each for each in path.parents if each.resolve() == self.top]
        return path.relative_to(tops[-1]) if tops else Path(os.fsdecode(self.inside(path, path.parent)))

    def others(self, path: Path) -> Iterator[tuple[Path, Path]]:
        """Other repositories that `path` lies in, by its name or really, and what it is called there."""
        for each in dict.fromkeys((path, path.parent.resolve() / path.name)):
            for top in each.parents:
                if os.path.lexists(top / ".git") and top.resolve() != self.top:
                    yield top.resolve(), each.relative_to(top)

    def command(self, *arguments: str) -> list[str]:
        """The command line of a call."""
        settings = [part for each in _SETTINGS for part in ("-c", each)]
        return [
            self.git,
            "--no-pager",
            f"--git-dir={self.top / '.git'}",
            f"--work-tree={self.top}",
            *settings,
            *arguments,
        ]

    def call(self, *arguments: str, given: bytes | None = None) -> bytes:
        """What a call prints; raises `GateError` with git's own last words where it fails."""
        done = self._run(arguments, given)
        if done.returncode:
            raise GateError(
                f"git could not read the repository {self.top}: {last_words(done.stderr)}",
                f"run `git {' '.join(arguments[:2])}` there to see why",
            )
        return done.stdout

    def ask(self, *arguments: str) -> str | None:
        """What a call prints, on one line; None where git says no."""
        done = self._run(arguments)
        return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None

    def _run(self, arguments: tuple[str, ...], given: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run(  # noqa: S603 - what is run is git
                self.command(*arguments),
                cwd=self.top,
                env=self.environment,
                input=given or b"",
                capture_output=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise GateError(
                f"git took more than {_SECONDS} s to read the repository {self.top}",
                f"run `git {' '.join(arguments[:2])}` there to see why",
            ) from error
        except OSError as error:
            raise GateError(f"git could not be started: {error.strerror}", "see that git works here") from error

    @property
    def environment(self) -> dict[str, str]:
        """That of a call: nobody's configuration, no prompt, network or lock, no object or parent in another's place.

        No program is looked for in the working tree.
        """
        return {
            "PATH": self.path,
            "LC_ALL": "C",
            "HOME": _NOWHERE,
            "XDG_CONFIG_HOME": _NOWHERE,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": _NOWHERE,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_GRAFT_FILE": _NOWHERE,
            "GIT_LITERAL_PATHSPECS": "1",
        }

    # What is asked of it more than once.

    @cached_property
    def common(self) -> Path:
        """Where the history lies: the `.git` folder, that of a worktree's own clone."""
        return self.top / os.fsdecode(self.call("rev-parse", "--git-common-dir").removesuffix(b"\n"))

    @cached_property
    def shallow(self) -> frozenset[str]:
        """The commits at which a shallow history ends; none where it is whole."""
        try:
            return frozenset((self.common / "shallow").read_text("ascii").split())
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError) as error:
            raise GateError(f"the repository {self.top} is damaged: {error}", "clone it again") from error

    @cached_property
    def is_partial(self) -> bool:
        """Whether it was cloned without all objects (`--filter`)."""
        return self.ask("config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$") is not None

    def ignores(self, path: bytes) -> bool:
        """Whether git is told to leave a file alone that it does not keep yet: so no commit will ever have it."""
        named = f"./{os.fsdecode(path)}"  # this command knows no literal paths, and `:` would begin a pattern
        return self.ask("--no-literal-pathspecs", "check-ignore", "--quiet", "--", named) is not None

    def inside(self, path: Path, base: Path) -> bytes:
        """`path`, which begins with `base`, as the repository calls it; raises `GateError` where it lies elsewhere.

        Links below `base` are not followed: what they are is for the repository's history to say.
        """
        real = Path(os.path.normpath(base.resolve() / os.path.relpath(path, base)))
        if not real.is_relative_to(self.top):
            raise GateError(f"{path} lies outside the repository {self.top}", "name a file that git keeps there")
        return os.fsencode(real.relative_to(self.top))


def last_words(printed: bytes) -> str:
    """The last line of what git printed."""
    lines = [line.strip() for line in os.fsdecode(printed).splitlines() if line.strip()]
    return (lines[-1] if lines else "it said nothing")[:_LONGEST]
