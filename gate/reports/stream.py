"""The one way out of this package: text, once it is safe, to a stream that the caller names."""

import os
from typing import Literal, TextIO

Color = Literal["auto", "always", "never"]


def wants_color(stream: TextIO, color: Color) -> bool:
    """`auto` colours terminals only, and none where NO_COLOR is set (https://no-color.org) or TERM is dumb."""
    if color != "auto":
        return color == "always"
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody looks at `stream` through something that can move a cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_utf8(stream: TextIO) -> bool:
    """Whether `stream` can show every character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig"}


def emit(stream: TextIO, text: str) -> None:
    """Write `text`; what the stream's encoding does not have is written as an escape, never as an exception."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
