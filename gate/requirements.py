"""Packages that code of the repository needs (`--requirements FILE`): read strictly, installed with pip for one run.

The file comes from the pull request, and what pip does with it happens outside the confined processes. So nothing in it
may make pip run code or look elsewhere: it lists packages by name, with versions, markers and hashes, and pip gets a
file of our own that says the same; and wheels only, which are unpacked and not run.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from gate.errors import GateError, UsageError
from gate.interpreter import IMPORTS, command, imports, searched, trusted_entries
from gate.position import Position

_LARGEST = 1024 * 1024
_MOST_LINES = 8
_LONGEST_LINE = 300
_LAST_BYTES = 16 * 1024
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_HASH = re.compile(r"--hash=(?:sha256|sha384|sha512):[0-9a-f]{64,128}")
_LIST = "list packages by name, one a line, with versions, markers and hashes if you like"
# Where pip finds packages, and how it gets there: the workflow says so, never the pull request.
_NEEDED = re.compile(
    r"HOME|XDG_CONFIG_HOME|LANG|LC_\w+|TZ"
    r"|(?i:https?|no|all)_(?i:proxy)|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL)_CA_BUNDLE"
    r"|PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CERT|CLIENT_CERT|TRUSTED_HOST|PROXY|CONFIG_FILE|TIMEOUT"
    r"|DEFAULT_TIMEOUT|RETRIES)"
)
_CONFIGURATION = {"PIP_CONFIG_FILE": ".", "XDG_CONFIG_HOME": "pip/pip.conf", "HOME": ".config/pip/pip.conf"}
"""Where pip's own configuration lies, below what variables say. `$HOME/.pip/pip.conf` is the older one."""
_ADDRESSES = re.compile(r"PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|PROXY)|(?i:https?|all)_(?i:proxy)")
"""What may hold credentials."""
_CREDENTIALS = re.compile(r"(?:(?<=//)|^)[^\s/@]*(?:@[^\s/@]*)*@")
_MASK = "****"
_SHORTEST_SECRET = 4
_SHORTEST_ADDRESS = 8
_PROVIDED = {"tensorflow-cpu": "tensorflow"}
"""What is there under another name than the one that other packages ask for."""


@dataclass(frozen=True)
class Packages:
    """What was installed: the folders to import from, and every package's name and version."""

    folders: tuple[Path, ...]
    versions: tuple[str, ...]


@dataclass(frozen=True)
class Requirements:
    """A requirements file: what to call it, and its lines in the form that pip gets, empty where they say nothing."""

    shown: str
    lines: tuple[str, ...]

    def install(
        self, into: Path, environment: Mapping[str, str], seconds: float, untrusted: Iterable[Path] = ()
    ) -> Packages:
        """Installs into the empty folder `into` what is not there already, and changes nothing that is.

        pip is not confined: it takes no code and no configuration from `untrusted` folders.
        Raises `GateError` with the last that pip said.
        """
        untrusted = tuple(untrusted)
        _refuse_configuration(environment, untrusted)
        given, prefix, provided = into / "requirements.txt", into / "packages", into / "provided"
        there = _installed()
        aliases = {name: there[by] for by, name in _PROVIDED.items() if by in there and name not in there}
        given.write_text("".join(f"{line}\n" for line in self.lines), encoding="ascii")
        constraints = into / "constraints.txt"
        pins = {**there, **aliases}
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()), encoding="utf-8")
        _provide(aliases, provided)
        asked = [f"--prefix={prefix}", f"--constraint={constraints}", f"--requirement={given}"]
        elsewhere = into / "empty"  # no path in the file leads anywhere
        elsewhere.mkdir()
        code, said = _run(
            command("pip", "install", *_OPTIONS, *asked),
            elsewhere,
            _scrubbed(environment, provided, untrusted),
            seconds,
        )
        if code != 0:
            why = said.replace(str(given), self.shown) or f"pip ended with code {code}"
            raise GateError(
                f"the packages of {self.shown} could not be installed: {why}",
                "see that each has a wheel for this Python that goes with what is there: TensorFlow and what it brings"
                " stay as they are",
            )
        folders = tuple(sorted(folder for place in _PLACES for folder in prefix.glob(place) if folder.is_dir()))
        return Packages(folders, tuple(sorted(_versions(folders))))


_OPTIONS = (
    "--only-binary=:all:", "--no-input", "--no-cache-dir", "--no-color", "--progress-bar=off",
    "--no-warn-script-location", "--root-user-action=ignore", "--disable-pip-version-check",
)  # fmt: skip
_PLACES = ("lib*/python*/*-packages", "local/lib*/python*/*-packages")


def read_requirements(path: Path, shown: str) -> Requirements:
    """Reads a requirements file; raises `UsageError` with the line for whatever it says but packages by name."""
    lines: list[str] = []
    for number, line in _lines(path, shown):
        lines += [""] * (number - 1 - len(lines))  # pip counts them too
        line, *options = re.split(r"\s+(?=-)", f" {line}".rstrip())  # noqa: PLW2901 - the rest of it
        at = Position(shown, number)
        if not line.strip():
            if options != ["--require-hashes"]:
                raise UsageError(f"`{options[0]}` is nothing that this file may say", _LIST, at)
            lines.append(options[0])
            continue
        if wrong := next((each for each in options if not _HASH.fullmatch(each)), None):
            raise UsageError(f"`{wrong}` is nothing that this file may say", _LIST, at)
        lines.append(" ".join([_package(line.strip(), at), *options]))
    return Requirements(shown, tuple(lines))


def _lines(path: Path, shown: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, by number: comments gone, continued ones in one piece."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise UsageError(f"{shown} is no requirements file", "name a text file that lists packages")
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown} cannot be read as a requirements file: {error}", "see that it is UTF-8") from error
    start, so_far = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        line = _COMMENT.sub("", line)  # noqa: PLW2901 - the rest of it
        so_far += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        if so_far.strip():
            yield start, so_far.strip()
        start, so_far = number + 1, ""
    if so_far.strip():
        yield start, so_far.strip()


def _package(text: str, at: Position) -> str:
    """A package by name, as pip has it; addresses and paths would be built, which runs their code."""
    if "$" in text or "\\" in text:  # pip puts the values of variables there, which may be secret
        raise UsageError(f"`{text}` names no package", _LIST, at)
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(f"`{text}` names no package: {str(error).splitlines()[0]}", _LIST, at) from error
    if found.url:
        raise UsageError(f"{found.name} is asked for from an address", "name it and its version alone", at)
    if not (said := str(found)).isascii():
        raise UsageError(f"`{text}` names no package", _LIST, at)
    return said


def _installed() -> dict[str, str]:
    """The packages that are there, and their versions; what is named otherwise than pip allows is left out."""
    found: dict[str, str] = {}
    for each in distributions():
        with suppress(InvalidName, InvalidVersion, TypeError):
            found[str(canonicalize_name(each.name, validate=True))] = str(Version(each.version))
    return found


def _provide(packages: Mapping[str, str], folder: Path) -> None:
    """Has pip believe that these packages are installed."""
    for name, version in packages.items():
        about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")


def _scrubbed(environment: Mapping[str, str], provided: Path, untrusted: tuple[Path, ...]) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if _NEEDED.fullmatch(name)}
    # Whatever somebody's pip.conf says of where to install, we say where.
    ours = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    paths = [*imports(environment, untrusted), str(provided)]
    return {**kept, **searched(environment, untrusted), **ours, IMPORTS: os.pathsep.join(paths)}


def _refuse_configuration(environment: Mapping[str, str], untrusted: tuple[Path, ...]) -> None:
    """A configuration of pip's can name the index, and even another Python to run."""
    given = {"HOME": os.path.expanduser("~"), **environment}  # noqa: PTH111 - there may be none
    places = [Path(given[name], below) for name, below in _CONFIGURATION.items() if given.get(name)]
    for place in (*places, Path(given["HOME"], ".pip/pip.conf")):
        if place.is_file() and not trusted_entries(str(place), untrusted):
            raise GateError(
                f"{place} would be pip's configuration, and a pull request may have written it",
                "keep it outside the workspace, or name the index with PIP_INDEX_URL",
            )


def _run(command: list[str], folder: Path, environment: Mapping[str, str], seconds: float) -> tuple[int, str]:
    """The exit code, and the last that was said: hostile text."""
    with tempfile.TemporaryFile(dir=folder) as output:
        try:
            done = subprocess.run(  # noqa: S603 - what is run is ours
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 1, f"pip did not end within {seconds:g} seconds"
        except OSError as error:
            return 1, f"pip could not be started: {error.strerror}"
        start = max(0, output.seek(0, os.SEEK_END) - _LAST_BYTES)
        output.seek(start)
        said = output.read().decode("utf-8", "replace")
        whole = said if start == 0 else re.sub(r"^\S*", "", said)  # no half of an address
        return done.returncode, _last(_masked(whole, environment))


def _masked(text: str, environment: Mapping[str, str]) -> str:
    """Without the credentials of any address, and without the addresses that the workflow gave."""
    for name, value in environment.items():
        if not _ADDRESSES.fullmatch(name):
            continue
        for address in sorted(value.split(), key=len, reverse=True):
            if len(address) >= _SHORTEST_ADDRESS:
                text = text.replace(address, f"${name}")
            for found in _CREDENTIALS.findall(address):
                user, _, password = found[:-1].partition(":")
                for secret in (password, unquote(password), user, unquote(user)):
                    if len(secret) >= _SHORTEST_SECRET:
                        text = text.replace(secret, _MASK)
    return re.sub(r"(?<=//)[^\s/]+@", f"{_MASK}@", text)


def _last(text: str) -> str:
    """The first error that pip tells and what follows it, or else its last words."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = next((at for at, line in enumerate(lines) if line.startswith("ERROR: ")), max(0, len(lines) - _MOST_LINES))
    return "; ".join(line.removeprefix("ERROR: ")[:_LONGEST_LINE] for line in lines[start : start + _MOST_LINES])


def _versions(folders: tuple[Path, ...]) -> Iterator[str]:
    found: Iterator[Distribution] = iter(distributions(path=[str(folder) for folder in folders]))
    with suppress(OSError, ValueError, KeyError):  # as somebody else's wheel has it
        for each in found:
            yield f"{each.name} {each.version}"
