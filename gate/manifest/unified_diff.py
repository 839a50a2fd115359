"""Two texts of one file -> the unified diff of them, as `git apply` and `patch -p1` take it.

The format: https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html; what git does with names
that hold odd characters: https://git-scm.com/docs/diff-format, and `core.quotePath`.
"""

import difflib
from collections.abc import Iterator

_ESCAPES = {
    '"': r"\"",
    "\\": r"\\",
    "\a": r"\a",
    "\b": r"\b",
    "\t": r"\t",
    "\n": r"\n",
    "\v": r"\v",
    "\f": r"\f",
    "\r": r"\r",
}
_NO_END = "\\ No newline at end of file\n"


def unified_diff(old: str, new: str, name: str) -> str:
    r"""The diff that makes `new` of `old`; `name` is the file's path, from the folder in which it is applied.

    Lines end where git has them end, at `\n`: of one that ends with `\r\n`, the `\r` is part of the text.
    """
    lines = difflib.unified_diff(_lines(old), _lines(new), _header(f"a/{name}"), _header(f"b/{name}"))
    return "".join(_ended(line) for line in lines)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n{_NO_END}"


def _header(path: str) -> str:
    if any(char in _ESCAPES or not char.isprintable() for char in path):
        return '"' + "".join(_quoted(path)) + '"'
    return f"{path}\t" if " " in path else path


def _quoted(path: str) -> Iterator[str]:
    for char in path:
        if char in _ESCAPES:
            yield _ESCAPES[char]
        elif char.isprintable():
            yield char
        else:
            yield "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
