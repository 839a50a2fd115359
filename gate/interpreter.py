"""How another Python is started: nothing of a pull request runs in it before it is confined.

Jobs say `PYTHONPATH: src`, and whatever they say reaches us. A `sitecustomize` from there, or a module that is called
like one of Python's own, would run before our first line. So a Python that we start looks at no variable, not into the
folder where it runs and not at the user's packages. Only then, and by its own code, it is told where else to import
from (`IMPORTS`): where this package is, and where *this* process has its packages from (`PYTHONPATH`, the user's own),
but never in a folder that a pull request may have written. Those come after the standard library.
"""

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

IMPORTS = "WEIGHT_GATE_IMPORTS"
"""The variable that holds them."""

_SEARCHED = ("PATH", "LD_LIBRARY_PATH")
_START = f"""\
import os, runpy, sys
_at = next((at for at, each in enumerate(sys.path) if each.endswith("-packages")), len(sys.path))
sys.path[_at:_at] = [each for each in os.environ.get({IMPORTS!r}, "").split(os.pathsep) if each]
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def command(module: str, *words: str, seeded: bool = False) -> list[str]:
    """The command line that runs a module.

    `seeded`: Python's own variables count. Its environment has to be one of chosen names, without any that says where
    to import from; a seed for hashes cannot be given in another way.
    """
    return [sys.executable, *(("-s", "-P") if seeded else ("-I", "-B", "-X", "utf8")), "-c", _START, module, *words]


def untrusted(folders: Iterable[Path]) -> tuple[Path, ...]:
    """What a pull request may have written: the folder we are in, these, and the whole repositories around them."""
    found: dict[Path, None] = {}
    with suppress(OSError):  # it may be gone
        folders = (Path.cwd(), *folders)
    for folder in folders:
        for each in _both(folder):
            found[next((above for above in (each, *each.parents) if os.path.lexists(above / ".git")), each)] = None
    return tuple(found)


def trusted_entries(value: str, folders: Iterable[Path]) -> list[str]:
    """Of a list of folders such as `PATH`, those that are absolute and have nothing to do with untrusted `folders`."""
    folders = tuple(folders)
    return [entry for entry in value.split(os.pathsep) if Path(entry).is_absolute() and not _touches(entry, folders)]


def searched(environment: Mapping[str, str], folders: Iterable[Path]) -> dict[str, str]:
    """The variables by which programs and libraries are found, without untrusted `folders`."""
    folders = tuple(folders)
    found = {name: os.pathsep.join(trusted_entries(environment.get(name, ""), folders)) for name in _SEARCHED}
    return {name: value for name, value in found.items() if value}


def imports(environment: Mapping[str, str], folders: Iterable[Path]) -> list[str]:
    """Where a process that is not yet confined may import from too, when `folders` are untrusted."""
    ours = str(Path(__file__).resolve().parents[1])
    found = [] if ours in {sysconfig.get_path(each) for each in ("purelib", "platlib")} else [ours]
    if not sys.flags.ignore_environment:
        found += trusted_entries(environment.get("PYTHONPATH", ""), folders)
    if site.ENABLE_USER_SITE:
        found += trusted_entries(site.getusersitepackages(), folders)
    return list(dict.fromkeys(found))


def late_imports(environment: Mapping[str, str], folders: Iterable[Path]) -> list[str]:
    """The other folders of `PYTHONPATH`: code of the repository may import from them once it is confined, and last."""
    folders = tuple(folders)
    early = imports(environment, folders)
    entries = (entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if Path(entry).is_absolute())
    return [entry for entry in dict.fromkeys(entries) if entry not in early and not _holds(entry, folders)]


def _touches(entry: str, folders: tuple[Path, ...]) -> bool:
    """Whether it lies in one of the folders, by its name or behind links, or has one in it, which is a package then."""
    within = any(path.is_relative_to(folder) for path in _both(Path(entry)) for folder in folders)
    return within or _holds(entry, folders)


def _holds(entry: str, folders: tuple[Path, ...]) -> bool:
    return any(folder != path and folder.is_relative_to(path) for path in _both(Path(entry)) for folder in folders)


def _both(path: Path) -> tuple[Path, Path]:
    """What it is called, and what it is behind links."""
    return Path(os.path.abspath(path)), Path(os.path.realpath(path))  # noqa: PTH100 - neither ever fails
