"""Which part of a manifest stands where, and what it looks like in words."""

from typing import get_args

from gate.manifest.fields import (
    DTYPES,
    STATISTICS,
    Agreement,
    Allowance,
    Device,
    Expectation,
    GroupMode,
    Loosening,
    RoundtripFormat,
)
from gate.manifest.loading import (
    AgreementEntry,
    ArchitectureEntry,
    CosineEntry,
    DifferenceEntry,
    LoadEntry,
    MetricEntry,
    PredictionEntry,
    QuantileEntry,
    RestoreEntry,
    WaiveEntry,
)
from gate.manifest.model import (
    Defaults,
    Groups,
    Manifest,
    ModelEntry,
    NameRule,
    Policy,
    ReferenceEntry,
    StatisticExpectation,
    Statistics,
    StatisticThreshold,
    TensorRule,
)
from gate.manifest.part import Part, ToleranceEntry
from gate.manifest.text import Path, listed

# Which model reads the mapping at a path, every index written as 0.
PARTS: dict[Path, type[Part]] = {
    (): Manifest,
    ("defaults",): Defaults,
    ("policy",): Policy,
    ("defaults", "tolerance"): ToleranceEntry,
    ("models", 0): ModelEntry,
    ("models", 0, "reference"): ReferenceEntry,
    ("models", 0, "names", 0): NameRule,
    ("models", 0, "groups"): Groups,
    ("models", 0, "tensors", 0): TensorRule,
    ("models", 0, "tensors", 0, "tolerance"): ToleranceEntry,
    ("models", 0, "statistics"): Statistics,
    **{("models", 0, "tensors", 0, key): StatisticExpectation for key in STATISTICS},
    **{("models", 0, "statistics", key): StatisticThreshold for key in STATISTICS},
    ("models", 0, "architecture"): ArchitectureEntry,
    ("models", 0, "load"): LoadEntry,
    ("models", 0, "restore"): RestoreEntry,
    ("models", 0, "restore", "waive", 0): WaiveEntry,
    ("models", 0, "predictions", 0): PredictionEntry,
    ("models", 0, "predictions", 0, "tolerance"): ToleranceEntry,
    ("models", 0, "predictions", 0, "agreement"): AgreementEntry,
    ("models", 0, "predictions", 0, "cosine"): CosineEntry,
    ("models", 0, "predictions", 0, "difference"): DifferenceEntry,
    ("models", 0, "predictions", 0, "difference", "quantile"): QuantileEntry,
    ("models", 0, "predictions", 0, "metric"): MetricEntry,
}

SHAPES: dict[type[Part], str] = {
    Manifest: "a mapping of version, defaults, policy, models",
    Policy: "a mapping of loosening, mutation_score",
    Defaults: "a mapping of tolerance, device",
    ToleranceEntry: "{rtol: …, atol: …}",
    StatisticExpectation: "a number, or a mapping of value, rtol, atol, at_least, at_most",
    StatisticThreshold: "a number, or a mapping of rtol, atol",
    ReferenceEntry: "a file, {lock: …}, {git: …}, or {url: …, sha256: …}",
    NameRule: "{from: …, to: …}",
    Groups: "a mapping of optimizer, metrics, rng",
    ModelEntry: "a mapping with weights",
    TensorRule: "a mapping with match",
    Statistics: f"a mapping of {listed(STATISTICS, 'and')}",
    ArchitectureEntry: "{code: …}, {keras: …} or {json: …}",
    LoadEntry: "false, {code: …} or {keras: 2}",
    RestoreEntry: "a mapping of waive, partial",
    WaiveEntry: "{match: …, reason: …}",
    PredictionEntry: "a mapping with expected or metric",
    AgreementEntry: "{metric: …, at_least: …}",
    CosineEntry: "{at_least: …}",
    DifferenceEntry: "a mapping of max, mean, quantile",
    QuantileEntry: "{q: …, at_most: …}",
    MetricEntry: "a mapping with code and a bound",
}
WORDS: dict[str, tuple[str, ...]] = {
    "expect": get_args(Expectation),
    "nan": get_args(Allowance),
    "inf": get_args(Allowance),
    "missing": get_args(Allowance),
    "dtype": DTYPES,
    "optimizer": get_args(GroupMode),
    "metrics": get_args(GroupMode),
    "rng": get_args(GroupMode),
    "device": get_args(Device),
    "loosening": get_args(Loosening),
    "roundtrip": get_args(RoundtripFormat),
    "metric": get_args(Agreement),
}


def part_at(path: Path) -> type[Part] | None:
    """The model that reads a mapping at `path`."""
    return PARTS.get(_general(path))


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
