"""Which part of a manifest stands where, what it looks like in words, and what is to come and is not there yet."""

from typing import get_args

from gate.manifest.fields import DTYPES, STATISTICS, Allowance, Expectation, GroupMode
from gate.manifest.model import (
    Defaults,
    Groups,
    Manifest,
    ModelEntry,
    NameRule,
    Part,
    StatisticExpectation,
    Statistics,
    StatisticThreshold,
    TensorRule,
    ToleranceEntry,
)
from gate.manifest.text import Path, listed

# Which model reads the mapping at a path, every index written as 0.
PARTS: dict[Path, type[Part]] = {
    (): Manifest,
    ("defaults",): Defaults,
    ("defaults", "tolerance"): ToleranceEntry,
    ("models", 0): ModelEntry,
    ("models", 0, "names", 0): NameRule,
    ("models", 0, "groups"): Groups,
    ("models", 0, "tensors", 0): TensorRule,
    ("models", 0, "tensors", 0, "tolerance"): ToleranceEntry,
    ("models", 0, "statistics"): Statistics,
    **{("models", 0, "tensors", 0, key): StatisticExpectation for key in STATISTICS},
    **{("models", 0, "statistics", key): StatisticThreshold for key in STATISTICS},
}

# What the format is to have and this version cannot do.
LOADING = "needs loading, which this version of weight-gate does not do yet"
NOT_YET: dict[Path, str] = {
    ("models", 0, "architecture"): f"`architecture` {LOADING}: remove it, and the data checks still run",
    ("models", 0, "restore"): f"`restore` {LOADING}: remove it, and the data checks still run",
    ("models", 0, "roundtrip"): f"`roundtrip` {LOADING}: remove it, or run a round-trip in your own tests",
    ("models", 0, "predictions"): f"`predictions` {LOADING}: remove it, or compare predictions in your own tests",
    ("defaults", "device"): f"`device` {LOADING}: remove it",
}
LOAD = f"{LOADING}: remove it, or write `load: false`"
REFERENCE = (
    "this version of weight-gate reads a reference from a path only, not from git, a lock or a URL: "
    "fetch the file before the gate runs, and give its path"
)

SHAPES: dict[type[Part], str] = {
    Manifest: "a mapping of version, defaults, models",
    Defaults: "a mapping of tolerance",
    ToleranceEntry: "{rtol: …, atol: …}",
    StatisticExpectation: "a number, or a mapping of value, rtol, atol, at_least, at_most",
    StatisticThreshold: "a number, or a mapping of rtol, atol",
    NameRule: "{from: …, to: …}",
    Groups: "a mapping of optimizer, metrics, rng",
    ModelEntry: "a mapping with weights",
    TensorRule: "a mapping with match",
    Statistics: f"a mapping of {listed(STATISTICS, 'and')}",
}
WORDS: dict[str, tuple[str, ...]] = {
    "expect": get_args(Expectation),
    "nan": get_args(Allowance),
    "inf": get_args(Allowance),
    "dtype": DTYPES,
    "optimizer": get_args(GroupMode),
    "metrics": get_args(GroupMode),
    "rng": get_args(GroupMode),
}


def part_at(path: Path) -> type[Part] | None:
    """The model that reads a mapping at `path`."""
    return PARTS.get(_general(path))


def not_yet(path: Path) -> str:
    """Why this version cannot do what the key at `path` asks for, or nothing."""
    return NOT_YET.get(_general(path), "")


def keys_of(part: type[Part] | None) -> tuple[str, ...]:
    """The keys of the mapping that `part` reads."""
    return tuple(field.alias or name for name, field in part.model_fields.items()) if part else ()


def homes(key: str) -> list[str]:
    """Where `key` is known: `defaults.tolerance`, `models[].tensors[]`."""
    return [_place(path) for path, part in PARTS.items() if key in keys_of(part)]


def _general(path: Path) -> Path:
    return tuple(0 if isinstance(step, int) else step for step in path)


def _place(path: Path) -> str:
    if not path:
        return "the top level"
    return "".join("[]" if step == 0 else f".{step}" for step in path).removeprefix(".")
