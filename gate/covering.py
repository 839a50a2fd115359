"""Names of tensors -> a few globs that match all of them and none of certain others."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby

from gate.globs import glob_pattern, literal

# As `gate.reports.fold` has it: longer runs of digits are hashes, not counters.
_NUMBER = re.compile("(?<![0-9])([0-9]{1,18})(?![0-9])")
_MOST_NUMBERS = 8


def covering(wanted: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Globs that match every name of `wanted` and none of `others`: the widest first, in as few as are found.

    What they may be: everything (`**`), all below one place or below numbered ones (`block_{0..3}/**`), all of one
    last part (`**/bias`), names that differ in their numbers (`block_{0..3}/bias`), or one name. The search is
    greedy; that they match no other name is made sure of by matching.
    """
    left = dict.fromkeys(wanted)
    spared = [name for name in dict.fromkeys(others) if name not in left]
    found: list[str] = []
    for glob, matched in _candidates(tuple(left), spared):
        covers = [name for name in matched if name in left]
        if len(covers) > 1 and not any(map(glob_pattern(glob).fullmatch, spared)):
            found.append(glob)
            for name in covers:
                del left[name]
    return (*found, *map(literal, left))


def _candidates(names: tuple[str, ...], others: list[str]) -> list[tuple[str, list[str]]]:
    """Globs that match more than one of `names`, and which: those that match most of them first."""
    taken = {place for name in others for place in _places(name)}
    below: dict[str, list[str]] = {}
    lasts: dict[str, list[str]] = {}
    for name in names:
        for place in _places(name):
            if place not in taken:
                below.setdefault(place, []).append(name)
        lasts.setdefault(name.rpartition("/")[2], []).append(name)
    # Of equals, the first: names in full tell more than places, and places more than the last part alone.
    found = [*_folds(names)]
    found += [(f"{literal(place)}/**", of) for place, of in below.items()]
    for glob, places in _folds(below):
        found.append((f"{glob}/**", [name for place in places for name in below[place]]))
    other_lasts = {name.rpartition("/")[2] for name in others}
    found += [(f"**/{literal(last)}", of) for last, of in lasts.items() if last not in other_lasts]
    if not others:
        found.append(("**", list(names)))
    return sorted(found, key=lambda each: -len(each[1]))


def _places(name: str) -> Iterator[str]:
    """`a` and `a/b` for `a/b/c`."""
    return accumulate(name.split("/")[:-1], lambda place, part: f"{place}/{part}")


def _folds(names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Names that are the same but for their numbers, where every combination of these is there; else for one number."""
    alike: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for name in names:
        row = tuple(_NUMBER.split(name))
        if 1 < len(row) <= 2 * _MOST_NUMBERS + 1:
            alike.setdefault(row[::2], []).append(row)
    for rows in alike.values():
        columns = [sorted(set(column), key=lambda value: (len(value), value)) for column in zip(*rows, strict=True)]
        if len(rows) > 1 and math.prod(map(len, columns)) == len(rows):
            yield _glob(columns), ["".join(row) for row in rows]
            continue
        for at in range(1, len(columns), 2):
            groups: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
            for row in rows:
                groups.setdefault((*row[:at], *row[at + 1 :]), []).append(row)
            for group in groups.values():
                if len(group) > 1:
                    values = sorted((row[at] for row in group), key=lambda value: (len(value), value))
                    parts = [[part] for part in group[0]]
                    yield _glob([*parts[:at], values, *parts[at + 1 :]]), ["".join(row) for row in group]


def _glob(columns: Sequence[Sequence[str]]) -> str:
    """`block_{0..3}/bias`: texts, and the values that each number takes."""
    return "".join(literal(column[0]) if len(column) == 1 else _braces(column) for column in columns)


def _braces(values: Sequence[str]) -> str:
    """`{0..4,7,9}` for values in the order of their lengths and digits; a run of three or more is a range."""
    pieces: list[str] = []
    for _, group in groupby(enumerate(values), lambda each: _run(*each)):
        run = [value for _, value in group]
        pieces += [f"{run[0]}..{run[-1]}"] if len(run) > 2 else run
    return "{" + ",".join(pieces) + "}"


def _run(place: int, value: str) -> tuple[int, int]:
    """The same for neighbours that a range can count through: written with as many zeros, one after the other."""
    return len(value) if len(value) > 1 and value.startswith("0") else 0, int(value) - place
