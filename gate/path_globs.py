"""Globs over paths, as Python's `glob` has them with `recursive` and `include_hidden`: what `weights:` means.

Part by part: `**` alone stands for any number of folders, none included; `*`, `?` and `[…]` for what is within one.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

ANY_FOLDERS = "**"


def is_glob(path: str) -> bool:
    """Whether a path, or one part of it, stands for all that match."""
    return any(char in path for char in "*?[")


def is_part_matched(part: str, name: str) -> bool:
    """Whether one part of a glob, other than `**`, stands for a file or folder of that name."""
    return fnmatchcase(name, part)


def is_within(glob: Sequence[str], path: Iterable[str]) -> bool:
    """Whether a glob, in parts, matches a path or a folder that it lies in."""
    at = _reached(glob, {0})
    for name in path:
        going_on = {i for i in at if i < len(glob) and glob[i] == ANY_FOLDERS}
        stepped = {i + 1 for i in at - going_on if i < len(glob) and is_part_matched(glob[i], name)}
        at = _reached(glob, going_on | stepped)
        if len(glob) in at:
            return True
    return False


def _reached(glob: Sequence[str], at: set[int]) -> set[int]:
    """Where in a glob one is, `**` standing for no folder too."""
    found = set(at)
    for i, part in enumerate(glob):
        if i in found and part == ANY_FOLDERS:
            found.add(i + 1)
    return found
