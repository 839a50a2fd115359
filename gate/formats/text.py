"""Text from files, made fit for messages and for sorting."""

import re
from typing import Any

import numpy as np

_NUMBERS = re.compile(r"(\d+)")
_LONGEST = 120


def quoted(text: str | bytes) -> str:
    """Hostile text as one printable, bounded line: controls, direction marks and lone surrogates escaped."""
    shown = text if len(text) <= _LONGEST else text[:_LONGEST]
    return repr(shown) + ("…" if len(text) > _LONGEST else "")


def printable(text: str) -> str:
    """Text as it is where every character is printable, else quoted."""
    return text if text.isprintable() else repr(text)


def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A sort key by which `dense_9` comes before `dense_10`."""
    return tuple(
        (True, int(part[:18]), part) if part.isascii() and part.isdigit() else (False, 0, part)
        for part in _NUMBERS.split(text)
        if part
    )


def size(count: int) -> str:
    """A number of bytes for people: `1.5 GiB`."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def decoded_text(data: bytes) -> str:
    """UTF-8, and escapes for what is none: two different names never become one."""
    return data.decode("utf-8", "backslashreplace")


def texts_of(value: Any) -> list[str]:
    """An HDF5 attribute that should be a list of texts; what is none of that gives an empty list."""
    if value is None:
        return []
    items = np.ravel(value).tolist()
    return [decoded_text(item) if isinstance(item, bytes) else item for item in items if isinstance(item, bytes | str)]


def text_of(value: Any) -> str | None:
    """An HDF5 attribute that should be one text, or None."""
    texts = texts_of(value)
    return texts[0] if len(texts) == 1 else None
