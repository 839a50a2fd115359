"""The smallest tolerance that lets certain tensors pass: two digits, and proved to."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Context, Decimal

from gate.tensors.compare import Measurement
from gate.tensors.leniency import Expected
from gate.tensors.tolerance import Tolerance

Measure = Callable[[Tolerance], Iterable[Measurement]]
"""Compares all again, by another tolerance."""
_TRIES = 3


def rounded_up(value: float, digits: int = 2) -> float:
    """The next number of that many digits, from `value` on."""
    found = float(Context(prec=digits, rounding=ROUND_CEILING).plus(Decimal(value)))
    return found if found >= value else math.nextafter(value, math.inf)


def next_above(value: float, digits: int = 2) -> float:
    """The next number of that many digits above `value`."""
    return float(Context(prec=digits, rounding=ROUND_CEILING).next_plus(Decimal(repr(value))))


def smallest(
    given: Tolerance, found: Sequence[Measurement], expected: Sequence[Expected], measure: Measure | None
) -> Tolerance | None:
    """The tolerance, of those with a wider `atol` or a wider `rtol` than `given`, that lets the least through.

    That is the one that is for noise in more of the tensors, of equals the one by which fewer elements could be zero,
    and then the one that allows less on the average.
    None where no tolerance lets all pass: a NaN, an infinity, something other than numbers. Without `measure` it is
    what the measurements say, and not proved.
    """
    ways = list(_ways(given, found))
    best = min(ways, key=lambda each: _let_through(each, expected), default=None)
    if measure is None:
        return best
    for way in [best, *(each for each in ways if each is not best)] if best else []:
        if proved := _proved(way, given, measure):
            return proved
    return None


def _ways(given: Tolerance, found: Sequence[Measurement]) -> Iterator[Tolerance]:
    atol = max((each.needed_atol for each in found), default=math.inf)
    rtol = max((each.needed_rtol for each in found), default=math.inf)
    if math.isfinite(atol):
        yield Tolerance(given.rtol, max(given.atol, rounded_up(atol)))
    if math.isfinite(rtol):
        yield Tolerance(max(given.rtol, rounded_up(rtol)), given.atol)


def _let_through(tolerance: Tolerance, expected: Sequence[Expected]) -> tuple[int, int, float]:
    differences = sum(each.is_no_noise(tolerance) for each in expected)
    zeros = sum(each.zeros(tolerance) for each in expected)
    return differences, zeros, sum(tolerance.atol + tolerance.rtol * each.mean_magnitude for each in expected)


def _proved(tolerance: Tolerance, given: Tolerance, measure: Measure) -> Tolerance | None:
    for _ in range(_TRIES):
        if not any(each.violating for each in measure(tolerance)):
            return tolerance
        if tolerance.atol != given.atol:
            tolerance = replace(tolerance, atol=next_above(tolerance.atol))
        else:
            tolerance = replace(tolerance, rtol=next_above(tolerance.rtol))
    return None
