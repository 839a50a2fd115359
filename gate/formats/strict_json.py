"""JSON from a weight file: bounded in size, in depth, and without two values for one key."""

import json
from typing import Any

from gate.errors import UnreadableError
from gate.formats.seam import DAMAGED, guard
from gate.formats.text import quoted, size


def parsed(data: bytes, what: str, limit: int, duplicates: bool = False) -> Any:
    """The value of a JSON text; `duplicates` lets the last of equal keys win, as Keras' own reading does."""
    if len(data) > limit:
        raise UnreadableError(f"{what} is {size(len(data))} long; {size(limit)} is the limit", DAMAGED)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise UnreadableError(f"{what} has the key {quoted(key)} twice", "save the file again")
            found[key] = value
        return found

    with guard(f"{what} is not valid JSON"):
        # RecursionError is Python's own bound on depth.
        return json.loads(data.decode("utf-8"), object_pairs_hook=None if duplicates else unique)
