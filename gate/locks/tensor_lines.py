"""One line of a lock is one tensor: `- {name: dense/kernel, dtype: float32, shape: [3, 4], digest: blake3:…, …}`.

A lock may have many. So lines as they are written are read by a regular expression, and only others as YAML, which
says what is wrong with them and where.
"""

import math
import re
from collections.abc import Sequence
from functools import cache

from gate.locks.entries import Entry
from gate.locks.layer_lines import LayerTable
from gate.locks.lock import LockedTensor
from gate.manifest import yaml_scalars
from gate.manifest.text import did_you_mean, number, quoted
from gate.manifest.yaml_writing import scalar
from gate.tensors.digest import PREFIX
from gate.tensors.dtypes import dtype_called, dtype_name, is_real
from gate.tensors.locked import LOCKED_STATISTICS, defined
from gate.tensors.weightset import Group, Layer

_DIGEST = re.compile(PREFIX + "[0-9a-f]{64}")
_DTYPE = re.compile(r"[a-z][a-z0-9_]{1,40}")
_KEYS = (
    "name", "group", "dtype", "shape", "digest", *LOCKED_STATISTICS, "layer", "variable", "index", "stored_as",
)  # fmt: skip
_MOST_DIMENSIONS, _MOST = 64, 2**63 - 1
TEXTS = "string"
_GROUPS = {group.value: group for group in Group}


def tensor_line(tensor: LockedTensor, layers: LayerTable) -> str:
    """The line of a tensor; its layer is put into `layers`."""
    said: list[tuple[str, str]] = [("name", scalar(tensor.name))]
    if tensor.group is not Group.WEIGHTS:
        said.append(("group", tensor.group.value))
    said += [("dtype", tensor.dtype), ("shape", str(list(tensor.shape))), ("digest", tensor.digest)]
    told = ((name, tensor.statistics.get(name)) for name in LOCKED_STATISTICS)
    said += [(name, number(float(value))) for name, value in told if value is not None]
    if tensor.layer is not None:
        said.append(("layer", str(layers.number(tensor.layer))))
    if tensor.variable:
        said.append(("variable", scalar(tensor.variable)))
    if tensor.index is not None:
        said.append(("index", str(tensor.index)))
    if tensor.stored_as:
        said.append(("stored_as", scalar(tensor.stored_as)))
    return f"- {{{', '.join(f'{key}: {value}' for key, value in said)}}}"


def tensor(entry: Entry, layers: Sequence[Layer]) -> LockedTensor:
    """The tensor that a line says; `layers` are those of the lock."""
    name, group = entry.take("name", str), entry.take_if("group", str) or Group.WEIGHTS
    if group not in set(Group):
        entry.refuse(f"group: there is none called {quoted(group)}{did_you_mean(group, Group)}")
    dtype, shape = _dtype(entry), _shape(entry)
    digest = entry.take("digest", str)
    if not _DIGEST.fullmatch(digest):
        entry.refuse(f"digest: expected {PREFIX} and 64 digits of lower case, found {quoted(digest)}")
    place = entry.take_if("layer", int)
    if place is not None and not 0 <= place < len(layers):
        entry.refuse(f"layer: there is no layer {place} below")
    index = entry.take_if("index", int)
    found = LockedTensor(
        name=name,
        group=Group(group),
        dtype=dtype,
        shape=shape,
        digest=digest,
        statistics=_statistics(entry, dtype, shape),
        layer=None if place is None else layers[place],
        variable=entry.take_if("variable", str) or "",
        index=index,
        stored_as=entry.take_if("stored_as", str) or "",
    )
    entry.done(_KEYS)
    return found


def _dtype(entry: Entry) -> str:
    dtype = entry.take("dtype", str)
    if _holds_reals(dtype) is None:
        entry.refuse(f"dtype: there is none called {quoted(dtype)}")
    return dtype


@cache
def _holds_reals(dtype: str) -> bool | None:
    """Whether values of a dtype are real numbers; None where there is no such dtype."""
    if dtype == TEXTS:
        return False
    if not _DTYPE.fullmatch(dtype):
        return None
    try:
        found = dtype_called(dtype)
    except (TypeError, ValueError):
        return None
    return is_real(found) if dtype_name(found) == dtype and found.itemsize else None


def _shape(entry: Entry) -> tuple[int, ...]:
    shape = entry.scalars("shape")
    if not all(type(each) is int and 0 <= each <= _MOST for each in shape) or len(shape) > _MOST_DIMENSIONS:
        entry.refuse("shape: expected a list of whole numbers")
    if math.prod(shape) > _MOST:
        entry.refuse(f"shape: more elements than a file can have, {_MOST}")
    return tuple(shape)


def _statistics(entry: Entry, dtype: str, shape: tuple[int, ...]) -> dict[str, float | None]:
    size = 0 if 0 in shape else 1
    wanted = defined(size, bool(_holds_reals(dtype)))
    for name in LOCKED_STATISTICS:
        if name not in wanted and entry.has(name):
            entry.refuse(f"{name}: {dtype} {list(shape)} has none")
    return {name: entry.take(name, float) for name in wanted}


_TEXT = r"""(?:([A-Za-z_][A-Za-z0-9_./+-]*)|"([^"\\]*)")"""
_NUMBER = r"(-?\d+\.\d+(?:e[-+]\d+)?|-?\d+e[-+]\d+|-?\.inf|\.nan)"
_WRITTEN = re.compile(
    rf"- \{{name: {_TEXT}(?:, group: ([a-z]+))?, dtype: ([a-z0-9_]+), shape: \[((?:\d{{1,18}}(?:, \d{{1,18}})*)?)\]"
    rf", digest: ({_DIGEST.pattern}), {', '.join(f'{name}: {_NUMBER}' for name in LOCKED_STATISTICS)}"
    rf"(?:, layer: (\d{{1,9}}))?(?:, variable: {_TEXT})?(?:, index: (\d{{1,9}}))?(?:, stored_as: {_TEXT})?\}}",
    re.ASCII,
)
_FIRST_NUMBER = 7


def tensor_as_written(line: str, layers: Sequence[Layer]) -> LockedTensor | None:
    """The same as `tensor` of the same line, for a line that has its usual form; None for any other."""
    match = _WRITTEN.fullmatch(line)
    if match is None:
        return None
    of = match.group
    name, variable, stored_as = (_said(of(at), of(at + 1)) for at in (1, 14, 17))
    group, dtype, place, index = of(3) or Group.WEIGHTS.value, of(4), of(13), of(16)
    shape = tuple(map(int, of(5).split(", "))) if of(5) else ()
    numbers = [_float(of(at)) for at in range(_FIRST_NUMBER, 13)]
    unusual = (
        None in (name, variable, stored_as, *numbers)
        or group not in _GROUPS
        or not _holds_reals(dtype)
        or 0 in shape
        or len(shape) > _MOST_DIMENSIONS
        or math.prod(shape) > _MOST
        or (place is not None and int(place) >= len(layers))
    )
    if unusual:
        return None
    return LockedTensor(
        name=name or "",
        group=_GROUPS[group],
        dtype=dtype,
        shape=shape,
        digest=of(6),
        statistics=dict(zip(LOCKED_STATISTICS, numbers, strict=True)),
        layer=None if place is None else layers[int(place)],
        variable=variable or "",
        index=None if index is None else int(index),
        stored_as=stored_as or "",
    )


def _said(bare: str | None, in_quotes: str | None) -> str | None:
    """A text that was written without or in quotes; empty where it was not, and None where it is no text."""
    if bare is None:
        return in_quotes or ""
    return bare if yaml_scalars.plain(bare) == bare else None


def _float(text: str) -> float | None:
    """A number of YAML; None for one beyond float64's range."""
    value = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return None if math.isinf(value) and "inf" not in text else value
