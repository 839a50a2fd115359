"""Which files beside one another make one model: a checkpoint's, or an index of shards and these. By their names."""

import json
from collections.abc import Callable, Collection

from gate.checkpoint_names import ENDING_IN_BYTES, PART_IN_BYTES

LARGEST_INDEX = 8 << 20
"""Of an index of shards: it names each layer once."""
_STATE = b"checkpoint"


def stands_alone(named: bytes) -> bool:
    """Whether a file of that name is a model by itself, whatever lies beside it."""
    return PART_IN_BYTES.fullmatch(named) is None and not named.endswith(b".json")


def part_of(path: bytes) -> bytes | None:
    """The prefix of the checkpoint that a file is a part of, by its name; None where it is of none."""
    part = PART_IN_BYTES.fullmatch(path)
    return part[1] if part is not None else None


def whole(named: bytes, beside: Collection[bytes]) -> bytes:
    """What a file's model is called: a checkpoint's files are its prefix, or its index where the prefix is empty."""
    part = PART_IN_BYTES.fullmatch(named)
    if part is None or part[1] + b".index" not in beside:
        return named
    return part[1] or b".index"


def belonging(named: bytes, beside: Collection[bytes], read: Callable[[], bytes | None]) -> list[bytes]:
    """The names in a folder that make one model with `named`; `read` gives the file of that name, where it is small.

    None where neither a file of that name is there nor a checkpoint's that it begins.
    """
    is_there = named in beside
    part = PART_IN_BYTES.fullmatch(named)
    prefix = part[1] if part and part[1] + b".index" in beside else None if is_there else named
    if prefix is not None:
        found = [each for each in beside if each.startswith(prefix) and ENDING_IN_BYTES.fullmatch(each[len(prefix) :])]
        return [*sorted(found), *([_STATE] if found and _STATE in beside else [])]
    if named.endswith(b".json"):
        return [named, *(each for each in sorted(_shards(read() or b"")) if each in beside and each != named)]
    return [named]


def _shards(index: bytes) -> set[bytes]:
    """What an index of Keras 3 names: `{"weight_map": {group: shard or list of shards}}`."""
    try:
        found = json.loads(index)
    except (ValueError, RecursionError):
        return set()
    groups = found.get("weight_map") if isinstance(found, dict) else None
    named = [each if isinstance(each, list) else [each] for each in groups.values()] if isinstance(groups, dict) else []
    return {name.encode("utf-8", "replace") for names in named for name in names if isinstance(name, str)}
