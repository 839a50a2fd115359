"""What two manifests expect of one tensor: where the later one lets a file through that the earlier one refuses.

Each side is folded as the checks fold it (`gate.tensors.rules`), so that it makes no difference in which order or in
how many rules a manifest says the same. A rule that ends is asked on the day after its last one, too.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from gate.position import Position
from gate.tensors.dtypes import dtype_name, is_floating
from gate.tensors.rules import Expect, Expectation, Rule, Rules, StatisticBound
from gate.tensors.tolerance import EXACT, Tolerance, published_tolerance
from gate.tensors.weightset import Tensor

_ASSUMED = np.dtype(np.float32)
_MOST_DAYS = 16


@dataclass(frozen=True)
class Kind:
    """What is known of a tensor: nothing where the files were not read."""

    dtypes: tuple[np.dtype[Any], ...] = ()
    """Of the file's own and of the reference's, as far as they have it."""
    of_reference: tuple[str, tuple[int, ...]] | None = None
    """Dtype and shape."""

    @property
    def may_be_in_both(self) -> bool:
        """Whether the file and the reference have it, or nobody knows."""
        return not self.dtypes or (self.of_reference is not None and len(self.dtypes) > 1)

    @property
    def published(self) -> Tolerance:
        return published_tolerance(*(self.dtypes or (_ASSUMED,)))


def kind_of(ours: Tensor | None, theirs: Tensor | None) -> Kind:
    """Of a tensor of the file and the reference's; None where one has none of that name."""
    both = tuple(tensor.dtype for tensor in (ours, theirs) if tensor is not None)
    return Kind(both, (dtype_name(theirs.dtype), theirs.shape) if theirs is not None else None)


@dataclass(frozen=True)
class Side:
    """All that a manifest says of the tensors of one model."""

    rules: tuple[Rule, ...]
    tolerance: Tolerance | None
    has_reference: bool

    def on(self, day: date) -> Rules:
        """The rules as they hold on one day."""
        return Rules(self.rules, day, self.tolerance)

    def matching(self, name: str) -> tuple[int, ...]:
        """Which rules match a name."""
        return tuple(number for number, rule in enumerate(self.rules) if rule.matches(name))


@dataclass(frozen=True)
class Looser:
    """One key of one tensor that lets more through: where that stands now, and where it stood."""

    kind: str
    key: str
    reason: str
    at: Position | None
    was: Position | None


def days(today: date, *sides: Iterable[date | None]) -> tuple[date, ...]:
    """The days on which what is asked may become another: this one, and the one after each end that is to come."""
    ends = {end for side in sides for end in side if end is not None and end >= today}
    return (today, *(end + timedelta(days=1) for end in sorted(ends) if end < date.max))


def has_too_many_ends(*sides: Side) -> bool:
    """Whether waivers end on more days than are looked at."""
    return len({rule.until for side in sides for rule in side.rules if rule.until is not None}) >= _MOST_DAYS


def looser(before: Side, after: Side, names: Iterable[tuple[str, Kind]], today: date) -> Iterator[tuple[str, Looser]]:
    """By the tensor's name, what lets more through than before; each key once, on the first day on which it does."""
    every = days(today, (rule.until for rule in before.rules), (rule.until for rule in after.rules))[:_MOST_DAYS]
    known: dict[object, tuple[Looser, ...]] = {}
    folded = [(day, before.on(day), after.on(day)) for day in every]
    for name, kind in names:
        key = (before.matching(name), after.matching(name), kind)
        if key not in known:
            known[key] = tuple(_over_time(name, kind, folded, today, before, after))
        for each in known[key]:
            yield name, each


def _over_time(
    name: str, kind: Kind, folded: Sequence[tuple[date, Rules, Rules]], today: date, before: Side, after: Side
) -> Iterator[Looser]:
    told: set[str] = set()
    for day, earlier, later in folded:
        pair = _Pair(earlier.expectation(name), later.expectation(name), kind, before, after)
        for each in pair.looser():
            if each.key in told:
                continue
            told.add(each.key)
            if day == today:
                yield each
            else:
                yield Looser("waiver-longer", each.key, f"from {day} on: {each.reason}", each.at, each.was)


class _Pair:
    """What was expected of a tensor, and what is."""

    def __init__(self, was: Expectation, now: Expectation, kind: Kind, before: Side, after: Side) -> None:
        self.was, self.now, self.kind = was, now, kind
        self.expected_before = self._effective(was, before)
        self.expected_now = self._effective(now, after)
        self.both_compare = before.has_reference and after.has_reference

    @staticmethod
    def _effective(said: Expectation, side: Side) -> Expect:
        """Without a reference, values are compared with none."""
        return said.expect if side.has_reference or said.expect == Expect.IGNORED else Expect.ANY

    def looser(self) -> Iterator[Looser]:
        before, now = self.expected_before, self.expected_now
        if before == Expect.IGNORED:
            return  # whatever it is, it was let through
        if (
            now == Expect.IGNORED
            or (now == Expect.REMOVED and before != Expect.REMOVED)
            or (self.both_compare and now in _LOOSER[before])
            or (self.both_compare and before == Expect.REMOVED != now and self.kind.may_be_in_both)
        ):
            reason = f"`expect` was {before} and is {now}" + self._more(now)
            yield self._found("expect-weaker", "expect", reason)
        if now in (Expect.IGNORED, Expect.REMOVED):
            return
        yield from self._tolerance()
        for key, word in (("nan", "NaN"), ("inf", "infinity")):
            if getattr(self.now, key) and not getattr(self.was, key):
                yield self._found("not-finite-allowed", key, f"{word} is allowed now")
        yield from self._stated()
        yield from self._values()
        for key in self.was.statistics:
            yield from self._statistic(key)

    def _more(self, now: Expect) -> str:
        if now == Expect.CLOSE:
            return f", within {self._of(self.now)}"
        reason = self.now.reason if now in (Expect.IGNORED, Expect.ANY) else ""
        return f" ({reason})" if reason else ""

    def _found(self, kind: str, key: str, reason: str, *others: str) -> Looser:
        at = next((found for each in (key, *others) if (found := self.now.position(each))), None)
        was = next((found for each in (key, *others) if (found := self.was.position(each))), None)
        return Looser(kind, key, reason, at, was)

    def _tolerance(self) -> Iterator[Looser]:
        was, now = self._of(self.was), self._of(self.now)
        compared = {self.expected_before, self.expected_now} if self.both_compare else set()
        if compared == {Expect.CHANGED}:  # more has to change where the tolerance is wider
            if _is_wider(was, now):
                reason = f"`changed` was beyond {was} and is beyond {now}: a smaller change is enough"
                yield self._found("tolerance-wider", "tolerance", reason)
                return
        elif compared == {Expect.CLOSE} and _is_wider(now, was):
            yield self._wider(was, now)
            return
        if self.was.values is not None and self.was.values == self.now.values and _is_wider(now, was):
            yield self._wider(was, now)

    def _wider(self, was: Tolerance, now: Tolerance) -> Looser:
        def told(said: Expectation, tolerance: Tolerance) -> str:
            return f"{tolerance}" if said.tolerance else f"{tolerance} (the published one)"

        reason = f"the tolerance was {told(self.was, was)} and is {told(self.now, now)}"
        return self._found("tolerance-wider", "tolerance", reason)

    def _of(self, said: Expectation) -> Tolerance:
        if self.kind.dtypes and not any(map(is_floating, self.kind.dtypes)):
            return EXACT  # whatever the manifest says
        return said.tolerance or self.kind.published

    def _stated(self) -> Iterator[Looser]:
        reference = self.kind.of_reference if self.both_compare else None
        dtype, shape = reference or (None, None)
        for key, of_reference in (("dtype", dtype), ("shape", shape)):
            was, now = getattr(self.was, key), getattr(self.now, key)
            asked = was if was is not None else of_reference
            asks = now if now is not None else of_reference
            if was is None and now is None:
                continue
            if was is None and self.both_compare and not self.kind.dtypes:
                reason = f"`{key}` is {_shown(now)}, in place of the reference's, which nobody read"
                yield self._found("kind-dropped", key, reason)
                continue
            if asked is not None and asks != asked:
                told = "is no longer asked for" if asks is None else f"is {_shown(asks)}"
                yield self._found("kind-dropped", key, f"`{key}` was {_shown(asked)} and {told}")

    def _values(self) -> Iterator[Looser]:
        if self.was.values is not None and not _same(self.was.values, self.now.values):
            gone = self.now.values is None
            reason = "`values` were given and are no longer" if gone else "`values` are others than they were"
            yield self._found("values-dropped", "values", reason)

    def _statistic(self, key: str) -> Iterator[Looser]:
        was = interval(self.was.statistics[key], self._of_file(self.was))
        bound = self.now.statistics.get(key)
        if bound is None:
            yield self._found("statistics-wider", key, f"`{key}` was within {_span(was)} and is no longer asked for")
            return
        now = interval(bound, self._of_file(self.now))
        if now[0] < was[0] or now[1] > was[1]:
            reason = f"`{key}` was within {_span(was)} and is within {_span(now)}"
            yield self._found("statistics-wider", key, reason, "tolerance")

    def _of_file(self, said: Expectation) -> Tolerance:
        return said.tolerance or published_tolerance(*(self.kind.dtypes[:1] or (_ASSUMED,)))


# What lets a file through that the first one refuses. `new` that goes for `close` or `identical`, once the reference
# has what it speaks of, does not: the tensor is compared from then on. A file that has again what had to be removed
# is let through by all the others, where the reference has it too.
_LOOSER: dict[Expect, frozenset[Expect]] = {
    Expect.IDENTICAL: frozenset({Expect.CLOSE, Expect.CHANGED, Expect.ANY, Expect.NEW, Expect.REMOVED}),
    Expect.CLOSE: frozenset({Expect.CHANGED, Expect.ANY, Expect.NEW, Expect.REMOVED}),
    Expect.CHANGED: frozenset({Expect.IDENTICAL, Expect.CLOSE, Expect.ANY, Expect.NEW, Expect.REMOVED}),
    Expect.ANY: frozenset({Expect.NEW, Expect.REMOVED}),
    Expect.NEW: frozenset({Expect.CHANGED, Expect.ANY, Expect.REMOVED}),
    Expect.REMOVED: frozenset({Expect.CHANGED, Expect.ANY, Expect.NEW}),
    Expect.IGNORED: frozenset(),
}


def interval(bound: StatisticBound, default: Tolerance) -> tuple[float, float]:
    """The smallest and the largest number that hold, as `gate.checks.statistics` judges them."""
    low = -math.inf if bound.at_least is None else bound.at_least
    high = math.inf if bound.at_most is None else bound.at_most
    if bound.value is not None:
        stated = bound.rtol is not None or bound.atol is not None
        tolerance = Tolerance(bound.rtol or 0.0, bound.atol or 0.0) if stated else default
        allowed = tolerance.atol + tolerance.rtol * abs(bound.value)
        low, high = max(low, bound.value - allowed), min(high, bound.value + allowed)
    return low, high


def _is_wider(one: Tolerance, other: Tolerance) -> bool:
    """Whether `one` lets through what `other` does not."""
    return one.rtol > other.rtol or one.atol > other.atol


def _same(one: Any, other: Any) -> bool:
    """Whether nested values are equal, NaN and NaN too."""
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN


def _shown(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _span(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:g} to {high:g}"
