"""What is in a weight file, as a table and as JSON (docs/formats.md)."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from gate.tensors.dtypes import dtype_name
from gate.tensors.pairing import pair
from gate.tensors.weightset import Group, Tensor, WeightSet

COLUMNS = ("name", "group", "dtype", "shape", "bytes")


def as_rows(weights: WeightSet) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Column names, and a row per tensor in the file's order."""
    return COLUMNS, [
        (tensor.name, tensor.group.value, dtype_name(tensor.dtype), str(list(tensor.shape)), tensor.nbytes)
        for tensor in weights
    ]


@dataclass(frozen=True)
class Pair:
    """A tensor of the file, of its reference, or of both, and how they were paired."""

    ours: Tensor | None
    theirs: Tensor | None
    by: str
    candidates: tuple[str, ...] = ()
    """Of an uncertain one: the tensors of the file that it could be."""


@dataclass(frozen=True)
class Against:
    """Two files' tensors, pair by pair, and what there is to say of it."""

    reference: WeightSet
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


def paired(weights: WeightSet, reference: WeightSet) -> Against:
    """Which tensor of the reference each is compared with (docs/names.md)."""
    pairing = pair(weights.tensors, reference.tensors)
    doubtful = {each.reference: each.candidates for each in pairing.uncertain}
    pairs = []
    for name in pairing.names:
        ours, theirs = pairing.candidate.get(name), pairing.reference.get(name)
        if name in doubtful:
            pairs.append(Pair(None, theirs, "uncertain", doubtful[name]))
        elif theirs is None:
            pairs.append(Pair(ours, None, "uncertain" if name in pairing.doubtful else "only in the file"))
        else:
            by = pairing.ways.get(name, "name") if ours else "only in the reference"
            pairs.append(Pair(ours, theirs, by))
    notes = (*(f"reference: {note}" for note in reference.notes), *pairing.notes)
    return Against(reference, tuple(pairs), notes)


def against_rows(against: Against) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Column names, and a row per pair: the file's tensors in its order, then what only the reference has."""
    rows: list[tuple[object, ...]] = []
    for each in against.pairs:
        names = (each.ours.name if each.ours else None, each.theirs.name if each.theirs else None)
        kinds = [f"{dtype_name(t.dtype)} {list(t.shape)}" for t in (each.ours, each.theirs) if t is not None]
        rows.append((*names, each.by, " -> ".join(dict.fromkeys(reversed(kinds)))))
    return ("name", "reference", "paired by", "kind"), rows


def totals(weights: WeightSet, against: Against | None = None) -> list[str]:
    """The format, a line per group (`weights: 12 tensors, 2,299 elements, 9,196 bytes`), the reader's notes."""
    parts = [
        f"{group}: {part['tensors']:,} tensors, {part['elements']:,} elements, {part['bytes']:,} bytes"
        for group, part in _totals(weights).items()
    ]
    notes = [*weights.notes, *(against.notes if against else ())]
    counts = [f"{by}: {count:,}" for by, count in Counter(each.by for each in against.pairs).items()] if against else []
    told = [f"reference: {against.reference.format}; {', '.join(counts)}"] if against else []
    return [f"format: {weights.format}", *(parts or ["no tensors"]), *told, *(f"note: {note}" for note in notes)]


def as_json(weights: WeightSet, against: Against | None = None) -> str:
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
    if against is not None:
        document["against"] = {
            "file": against.reference.path,
            "format": against.reference.format,
            "pairs": [
                {
                    "name": each.ours.name if each.ours else None,
                    "reference": each.theirs.name if each.theirs else None,
                    "paired_by": each.by,
                    "candidates": list(each.candidates),
                }
                for each in against.pairs
            ],
            "notes": list(against.notes),
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
