"""What is in a weight file, as a table and as JSON (docs/formats.md)."""

import json
from collections import defaultdict
from typing import Any

from gate.tensors.dtypes import dtype_name
from gate.tensors.weightset import Group, WeightSet

COLUMNS = ("name", "group", "dtype", "shape", "bytes")


def as_rows(weights: WeightSet) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Column names, and a row per tensor in the file's order."""
    return COLUMNS, [
        (tensor.name, tensor.group.value, dtype_name(tensor.dtype), str(list(tensor.shape)), tensor.nbytes)
        for tensor in weights
    ]


def totals(weights: WeightSet) -> list[str]:
    """The format, a line per group (`weights: 12 tensors, 2,299 elements, 9,196 bytes`), the reader's notes."""
    parts = [
        f"{group}: {part['tensors']:,} tensors, {part['elements']:,} elements, {part['bytes']:,} bytes"
        for group, part in _totals(weights).items()
    ]
    return [f"format: {weights.format}", *(parts or ["no tensors"]), *(f"note: {note}" for note in weights.notes)]


def as_json(weights: WeightSet) -> str:
    """The listing as a JSON document; unusual characters in names are escaped, so it is always ASCII."""
    document: dict[str, Any] = {
        "file": weights.path,
        "format": weights.format,
        "tensors": [
            {
                "name": tensor.name,
                "group": tensor.group.value,
                "dtype": dtype_name(tensor.dtype),
                "shape": list(tensor.shape),
                "elements": tensor.size,
                "bytes": tensor.nbytes,
                "stored_as": tensor.stored_as,
            }
            for tensor in weights
        ],
        "totals": _totals(weights),
        "notes": list(weights.notes),
    }
    return json.dumps(document, indent=2) + "\n"


def _totals(weights: WeightSet) -> dict[Group, dict[str, int]]:
    found: dict[Group, dict[str, int]] = defaultdict(lambda: {"tensors": 0, "elements": 0, "bytes": 0})
    for tensor in weights:
        part = found[tensor.group]
        part["tensors"] += 1
        part["elements"] += tensor.size
        part["bytes"] += tensor.nbytes
    return dict(found)
