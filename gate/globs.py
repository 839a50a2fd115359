"""Globs over tensor names: what `match:` means. Needs nothing but the standard library."""

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def glob_pattern(glob: str) -> re.Pattern[str]:
    """`glob` compiled for `fullmatch`; raises `re.error` where a set `[…]` makes no sense."""
    return re.compile(glob_to_regex(glob), re.DOTALL)


def glob_to_regex(glob: str) -> str:
    """The regular expression that a whole tensor name has to match.

    `**` stands for any number of path components, none included (`a/**` also takes in `a` itself only as a
    container: it matches `a/x` and `a/x/y`, not `a`); `*` for any characters but `/`; `?` for one such; `[ab]`, `[!ab]`
    for one of a set, and so `[*]` for a star.
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
        else:
            parts.append(re.escape(char))
            i += 1
    return "".join(parts)
