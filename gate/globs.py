"""Globs over tensor names: what `match:` means. Needs nothing but the standard library."""

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from math import prod
from typing import Protocol

from gate.glob_machine import Automaton

_RANGE = re.compile(r"([0-9]+)\.\.([0-9]+)")
_MOST_DIGITS = 18  # of a number that reports fold (gate.reports.fold)
_SPECIAL = re.compile(r"[*?\[{}]")
_SET_SIGNS = frozenset("\\[]^-&~|")
"""What means something within a set of a regular expression."""
_BRACES = "a brace itself is written [{] or [}]"


class GlobError(re.error):
    """A glob makes no sense; `msg` says why."""


class Matcher(Protocol):
    """What a compiled glob is: as much of a `re.Pattern` as globs need."""

    def fullmatch(self, name: str, /) -> object | None: ...


@lru_cache(maxsize=4096)
def glob_pattern(glob: str) -> Matcher:
    """`glob` compiled for `fullmatch`; raises `GlobError` where a set `[…]` or braces make no sense.

    Whatever the glob and the name, the time grows with the product of their lengths and not faster: both may come from
    a pull request.
    """
    try:
        pieces = _pieces(glob)
        plain = "".join(piece.regex for piece in pieces)
        re.compile(plain, re.DOTALL)
        quick = _without_retries(pieces)
        return Automaton(plain) if quick is None else re.compile(quick, re.DOTALL)
    except GlobError:
        raise
    except (re.error, RecursionError, OverflowError) as error:
        raise GlobError(getattr(error, "msg", str(error))) from error


def literal(name: str) -> str:
    """The glob that matches `name` alone."""
    return _SPECIAL.sub(r"[\g<0>]", name)


def glob_to_regex(glob: str) -> str:
    """The regular expression that a whole tensor name has to match.

    `**` stands for any number of path components, none included (`a/**` also takes in `a` itself only as a
    container: it matches `a/x` and `a/x/y`, not `a`); `*` for any characters but `/`; `?` for one such; `[ab]`, `[!ab]`
    for one of a set, and so `[*]` for a star; `{a,b}` for one of several texts, `{0..11}` for a number from 0 to 11.
    A range becomes a few sets of digits: its size costs nothing.
    """
    return "".join(piece.regex for piece in _pieces(glob))


class _Kind(Enum):
    FOLDERS = auto()
    """`**/`"""
    REST = auto()
    """`**` at the end."""
    STAR = auto()
    SLASH = auto()
    ONE = auto()
    """One character."""
    BRACES = auto()


@dataclass(frozen=True)
class _Piece:
    """A piece of a glob. `choices` counts what stands between commas; 0 where all that it matches has one length."""

    kind: _Kind
    regex: str
    choices: int = 0


def _pieces(glob: str) -> list[_Piece]:
    parts: list[_Piece] = []
    i = 0
    while i < len(glob):
        char = glob[i]
        if glob.startswith("**/", i) and (i == 0 or glob[i - 1] == "/"):
            parts.append(_Piece(_Kind.FOLDERS, "(?:[^/]*/)*"))
            i += 3
        elif glob[i:] == "**" and (i == 0 or glob[i - 1] == "/"):
            parts.append(_Piece(_Kind.REST, ".*"))
            i += 2
        elif char == "*":
            parts.append(_Piece(_Kind.STAR, "[^/]*"))
            i += 1
        elif char == "?":
            parts.append(_Piece(_Kind.ONE, "[^/]"))
            i += 1
        elif char == "[" and (end := glob.find("]", i + (3 if glob.startswith("[!", i) else 2))) != -1:
            parts.append(_Piece(_Kind.ONE, f"(?!/){_set(glob[i + 1 : end])}"))
            i = end + 1
        elif char == "{":
            end = glob.find("}", i)
            if end == -1:
                raise GlobError(f"a {{ without its }}; {_BRACES}")
            inside = glob[i + 1 : end]
            parts.append(_Piece(_Kind.BRACES, _one_of(inside), _choices(inside)))
            i = end + 1
        elif char == "}":
            raise GlobError(f"a }} without its {{; {_BRACES}")
        else:
            parts.append(_Piece(_Kind.SLASH if char == "/" else _Kind.ONE, re.escape(char)))
            i += 1
    return parts


def _set(body: str) -> str:
    """What `[…]` stands for; as in Python's `fnmatch`, a `]` in front is one of the set, and so is a `-` at an end."""
    negated = body.startswith("!")
    members = body[1:] if negated else body
    found, i = [], 0
    while i < len(members):
        if members[i + 1 : i + 2] == "-" and i + 2 < len(members):
            first, last = members[i], members[i + 2]
            if first > last:
                raise GlobError(f"bad character range {first}-{last}")
            found.append(f"{_member(first)}-{_member(last)}")
            i += 3
        else:
            found.append(_member(members[i]))
            i += 1
    return f"[{'^' if negated else ''}{''.join(found)}]"


def _member(char: str) -> str:
    return f"\\{char}" if char in _SET_SIGNS else char


def _choices(inside: str) -> int:
    """How many texts and ranges braces hold; 0 where all are of one length and none has a slash."""
    pieces = inside.split(",")
    bounds = [_RANGE.fullmatch(piece) for piece in pieces]
    ends = [found.groups() if found else (piece,) for piece, found in zip(pieces, bounds, strict=True)]
    lengths = {len(end) for each in ends for end in each}
    return len(pieces) if len(lengths) > 1 or "/" in inside else 0


_MOST_CHOICES = 100


def _without_retries(pieces: list[_Piece]) -> str | None:
    """The same language as a regular expression that never goes back to a star once it went on; None if it has to.

    Between two stars of a component stands what has one length, and between two `**/` whole components: the first place
    where such a thing matches is then as good as any later one. What comes after the last star has to be at the end.
    """
    braces = [piece.choices for piece in pieces if piece.choices]
    with_slashes = any("/" in piece.regex for piece in pieces if piece.kind is _Kind.BRACES)
    if with_slashes or len(braces) > 2 or prod(braces) > _MOST_CHOICES:
        return None
    runs = _split(pieces, _Kind.FOLDERS)
    told = []
    for number, run in enumerate(runs):
        components = [text for each in _split(run, _Kind.SLASH) if (text := _component(each)) is not None]
        if len(components) < sum(1 for piece in run if piece.kind is _Kind.SLASH) + 1:
            return None
        text = "/".join(components)
        folders = "(?:[^/]*/)*?"
        if number == 0:
            told.append(text)
        else:
            told.append(f"{folders}{text}" if number == len(runs) - 1 else f"(?>{folders}{text})")
    return "".join(told)


def _component(pieces: list[_Piece]) -> str | None:
    first, *others = _split(pieces, _Kind.STAR)
    if any(piece.choices for segment in others[:-1] for piece in segment):
        return None
    texts = ["".join(map(_once, segment)) for segment in (first, *others)]
    return texts[0] + "".join(f"(?>[^/]*?{text})" for text in texts[1:-1]) + (f"[^/]*{texts[-1]}" if others else "")


def _once(piece: _Piece) -> str:
    """Several choices of one length may match the same: one is enough."""
    return f"(?>{piece.regex})" if piece.kind is _Kind.BRACES and not piece.choices else piece.regex


def _split(pieces: list[_Piece], at: _Kind) -> list[list[_Piece]]:
    found: list[list[_Piece]] = [[]]
    for piece in pieces:
        if piece.kind is at:
            found.append([])
        else:
            found[-1].append(piece)
    return found


def _one_of(inside: str) -> str:
    """What braces stand for: one of the pieces between their commas, each a text or a range of numbers."""
    shown = f"{{{inside}}}"
    if wild := _SPECIAL.search(inside):
        raise GlobError(f"{shown} holds a {wild[0]}: in braces are plain texts and ranges, so write several rules")
    if inside.endswith(" more") and "... " in inside:
        raise GlobError(f"{shown} is cut short: report.json has the whole range")
    pieces = inside.split(",")
    if len(pieces) == 1 and not _RANGE.fullmatch(inside):
        raise GlobError(f"{shown} is neither a range like {{0..11}} nor alternatives like {{a,b}}; {_BRACES}")
    return f"(?:{'|'.join(map(_piece, pieces))})"


def _piece(piece: str) -> str:
    bounds = _RANGE.fullmatch(piece)
    if bounds is None:
        if ".." in piece:
            raise GlobError(f"{piece} is no range: a range has two whole numbers, like {{0..11}}")
        return re.escape(piece)
    first, last = bounds[1], bounds[2]
    if max(len(first), len(last)) > _MOST_DIGITS:
        raise GlobError(f"the range {piece} has numbers of more than {_MOST_DIGITS} digits")
    low, high = int(first), int(last)
    width = len(first) if first.startswith("0") else 1
    if low > high:
        raise GlobError(f"the range {piece} is empty: the smaller number comes first")
    if last != str(high).zfill(width):
        raise GlobError(f"the range {piece} has zeros in front that it cannot count to: both ends are written alike")
    return _numbers(low, high, width)


def _numbers(low: int, high: int, width: int) -> str:
    """All numbers from `low` to `high`, with zeros in front up to `width` digits: one expression for each length."""
    lengths = []
    for length in range(max(width, len(str(low))), max(width, len(str(high))) + 1):
        least = low if length == width else max(low, 10 ** (length - 1))
        lengths.append(_digits(str(least).zfill(length), str(min(high, 10**length - 1)).zfill(length)))
    return "|".join(lengths)


def _digits(low: str, high: str) -> str:
    """All numbers between two of one length."""
    rest = len(low) - 1
    if low == high:
        return low
    if low.strip("0") == "" and high.strip("9") == "":
        return f"[0-9]{{{rest + 1}}}"
    if low[0] == high[0]:
        return low[0] + _digits(low[1:], high[1:])
    if rest == 0:
        return f"[{low}-{high}]"
    between = f"[{int(low[0]) + 1}-{int(high[0]) - 1}][0-9]{{{rest}}}" if int(high[0]) - int(low[0]) > 1 else ""
    ends = (low[0] + _digits(low[1:], "9" * rest), high[0] + _digits("0" * rest, high[1:]))
    return f"(?:{'|'.join(filter(None, (*ends, between)))})"
