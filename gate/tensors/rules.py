"""What is expected of which tensor: rules by glob, the last one to say something wins.

A `Rule` says only what the manifest says; every attribute it leaves out is `None` and stays as earlier rules, or the
defaults, have it. `Rules.expectation(name)` folds all rules that match one name into one `Expectation`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from gate.globs import glob_pattern
from gate.position import Position
from gate.tensors.tolerance import Tolerance


class Expect(StrEnum):
    """How a tensor has to stand to the reference's tensor of the same name."""

    CLOSE = "close"  # within tolerance
    IDENTICAL = "identical"  # bit for bit
    CHANGED = "changed"  # differs beyond the tolerance in at least one element
    ANY = "any"  # there, with its shape and dtype; values are not compared, only statistics
    NEW = "new"  # the reference has no such tensor
    REMOVED = "removed"  # the reference has it, the file must not
    IGNORED = "ignored"  # not looked at, for a reason


@dataclass(frozen=True)
class StatisticBound:
    """What a statistic of one tensor must be: near a value, and within bounds (all inclusive)."""

    value: float | None = None
    rtol: float | None = None
    atol: float | None = None
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, eq=False)
class Rule:
    """One entry of `tensors:`. `statistics` maps a key of `gate.tensors.statistics.STATISTICS` to its bound."""

    match: str
    position: Position | None = None
    expect: Expect | None = None
    tolerance: Tolerance | None = None
    nan: bool | None = None  # allowed
    inf: bool | None = None  # allowed
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    values: Any | None = None  # nested lists of numbers, bools or strings
    statistics: Mapping[str, StatisticBound] = field(default_factory=dict)
    reason: str | None = None
    until: date | None = None  # the last day on which the rule holds

    def expired(self, today: date) -> bool:
        return self.until is not None and today > self.until

    def matches(self, name: str) -> bool:
        return glob_pattern(self.match).fullmatch(name) is not None


@dataclass(frozen=True)
class Expectation:
    """Everything expected of one tensor, and for each key the rule that said so (for positions)."""

    expect: Expect = Expect.CLOSE
    tolerance: Tolerance | None = None  # None: the published one of the dtype
    nan: bool = False
    inf: bool = False
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    values: Any | None = None
    statistics: Mapping[str, StatisticBound] = field(default_factory=dict)
    sources: Mapping[str, Rule] = field(default_factory=dict)

    def position(self, key: str) -> Position | None:
        """The line of the rule that set `key`, if one did."""
        rule = self.sources.get(key)
        return rule.position if rule else None

    @property
    def reason(self) -> str:
        """Why `expect` is as it is, in the words of the rule that set it."""
        rule = self.sources.get("expect")
        return (rule.reason or "") if rule else ""


_PLAIN = ("expect", "tolerance", "nan", "inf", "shape", "dtype", "values")


class Rules:
    """All rules of one model, in the manifest's order, as they hold on one day."""

    def __init__(self, rules: Iterable[Rule], today: date, tolerance: Tolerance | None = None) -> None:
        self.all = tuple(rules)
        self.today = today
        self.expired = tuple(rule for rule in self.all if rule.expired(today))
        self.active = tuple(rule for rule in self.all if not rule.expired(today))
        self.tolerance = tolerance
        self._default = Expectation(tolerance=tolerance)
        self._folded: dict[str, Expectation] = {}

    def expectation(self, name: str) -> Expectation:
        """What is expected of the tensor `name`: the defaults, then every matching rule in order; folded once."""
        found = self._folded.get(name)
        if found is None:
            found = self._folded[name] = self._fold(name) if self.active else self._default
        return found

    def _fold(self, name: str) -> Expectation:
        said: dict[str, Any] = {}
        statistics: dict[str, StatisticBound] = {}
        sources: dict[str, Rule] = {}
        for rule in self.active:
            if not rule.matches(name):
                continue
            for key in _PLAIN:
                value = getattr(rule, key)
                if value is not None:
                    said[key], sources[key] = value, rule
            for key, bound in rule.statistics.items():
                statistics[key], sources[key] = bound, rule
        return Expectation(**{"tolerance": self.tolerance, **said}, statistics=statistics, sources=sources)

    def idle(self, names: Iterable[str]) -> tuple[Rule, ...]:
        """The rules, expired ones included, that match none of `names`."""
        known = tuple(names)
        return tuple(rule for rule in self.all if not any(rule.matches(name) for name in known))
