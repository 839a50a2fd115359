"""Globs over tensor names: what `match:` means. Needs nothing but the standard library."""

import re
from functools import lru_cache

_RANGE = re.compile(r"([0-9]+)\.\.([0-9]+)")
_MOST_DIGITS = 18  # of a number that reports fold (gate.reports.fold)
_SPECIAL = re.compile(r"[*?\[{}]")
_BRACES = "a brace itself is written [{] or [}]"


@lru_cache(maxsize=4096)
def glob_pattern(glob: str) -> re.Pattern[str]:
    """`glob` compiled for `fullmatch`; raises `re.error` where a set `[…]` or braces make no sense."""
    return re.compile(glob_to_regex(glob), re.DOTALL)


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
    parts: list[str] = []
    i = 0
    while i < len(glob):
        char = glob[i]
        if glob.startswith("**/", i) and (i == 0 or glob[i - 1] == "/"):
            parts.append("(?:[^/]*/)*")
            i += 3
        elif glob[i:] == "**" and (i == 0 or glob[i - 1] == "/"):
            parts.append(".*")
            i += 2
        elif char == "*":
            parts.append("[^/]*")
            i += 1
        elif char == "?":
            parts.append("[^/]")
            i += 1
        elif char == "[" and (end := glob.find("]", i + 2)) != -1:
            body = glob[i + 1 : end]
            negated = body.startswith("!")
            inner = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
            parts.append(f"(?!/)[{'^' if negated else ''}{inner}]")
            i = end + 1
        elif char == "{":
            end = glob.find("}", i)
            if end == -1:
                raise re.error(f"a {{ without its }}; {_BRACES}")
            parts.append(_one_of(glob[i + 1 : end]))
            i = end + 1
        elif char == "}":
            raise re.error(f"a }} without its {{; {_BRACES}")
        else:
            parts.append(re.escape(char))
            i += 1
    return "".join(parts)


def _one_of(inside: str) -> str:
    """What braces stand for: one of the pieces between their commas, each a text or a range of numbers."""
    shown = f"{{{inside}}}"
    if wild := _SPECIAL.search(inside):
        raise re.error(f"{shown} holds a {wild[0]}: in braces are plain texts and ranges, so write several rules")
    if inside.endswith(" more") and "... " in inside:
        raise re.error(f"{shown} is cut short: report.json has the whole range")
    pieces = inside.split(",")
    if len(pieces) == 1 and not _RANGE.fullmatch(inside):
        raise re.error(f"{shown} is neither a range like {{0..11}} nor alternatives like {{a,b}}; {_BRACES}")
    return f"(?:{'|'.join(map(_piece, pieces))})"


def _piece(piece: str) -> str:
    bounds = _RANGE.fullmatch(piece)
    if bounds is None:
        if ".." in piece:
            raise re.error(f"{piece} is no range: a range has two whole numbers, like {{0..11}}")
        return re.escape(piece)
    first, last = bounds[1], bounds[2]
    if max(len(first), len(last)) > _MOST_DIGITS:
        raise re.error(f"the range {piece} has numbers of more than {_MOST_DIGITS} digits")
    low, high = int(first), int(last)
    width = len(first) if first.startswith("0") else 1
    if low > high:
        raise re.error(f"the range {piece} is empty: the smaller number comes first")
    if last != str(high).zfill(width):
        raise re.error(f"the range {piece} has zeros in front that it cannot count to: both ends are written alike")
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
