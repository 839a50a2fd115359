"""Tolerances narrower than a rule's own by which every tensor that the rule speaks of still passes as it is."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gate.covering import covering
from gate.globs import literal
from gate.manifest.yaml_writing import flow
from gate.mutations.interface import Base
from gate.mutations.measure import distance
from gate.mutations.overlay import Overlay
from gate.tensors.compare import Criterion, Measurement
from gate.tensors.rules import Expect, Rule
from gate.tensors.smallest import next_above, rounded_up
from gate.tensors.survey import Job, measure
from gate.tensors.tolerance import Tolerance, published_tolerance

_TRIES = 3


@dataclass(frozen=True)
class Tighter:
    """What is found is kept, since much of what slips is of one rule."""

    base: Base
    threads: int = 1
    _found: dict[tuple[str, ...], tuple[Tolerance, ...]] = field(default_factory=dict)

    def cure(self, overlay: Overlay, name: str) -> str:
        """What to write so that the damage is caught and the file still passes; empty where no tolerance does it."""
        rule = self._rule(name)
        together = self._together(rule)
        if found := self._catching(overlay, name, together):
            return self._written(found, rule, together)
        if found := self._catching(overlay, name, (name,)):
            return f"`- {flow({'match': literal(name), 'tolerance': _plain(found)})}`, a rule of its own, would"
        return ""

    def close(self, name: str) -> str:
        """A rule that holds a tensor, of which none does, to the reference; empty where it would be red."""
        if name not in self.base.subject.pairing.reference:
            return ""
        if self.base.readable(name) and any(
            each.violating for each in self._measured((name,), self.base.allowed(name))
        ):
            return ""
        return f"`- {flow({'match': literal(name), 'expect': 'close'})}` would"

    def _rule(self, name: str) -> Rule | None:
        return self.base.subject.expectations[name].sources.get("tolerance")

    def _together(self, rule: Rule | None) -> tuple[str, ...]:
        """The tensors that one line of the manifest gives its tolerance to."""
        subject = self.base.subject
        return tuple(
            name
            for name in subject.compared
            if self._rule(name) is rule
            and subject.expectations[name].expect is Expect.CLOSE
            and self.base.readable(name)
        )

    def _written(self, found: Tolerance, rule: Rule | None, together: Sequence[str]) -> str:
        tolerance = flow({"tolerance": _plain(found)})[1:-1]
        passing = "the tensor passes by it" if len(together) == 1 else f"all {len(together):,} tensors of it pass"
        if rule is not None:
            return f"`{tolerance}` there would: {passing}"
        meant = frozenset(together)  # by `defaults`, which other models have too
        globs = covering(together, (each for each in self.base.tensors if each not in meant))
        rules = " and ".join(f"`- {flow({'match': each, 'tolerance': _plain(found)})}`" for each in globs)
        return f"{rules} would"

    def _catching(self, overlay: Overlay, name: str, names: tuple[str, ...]) -> Tolerance | None:
        if not names:
            return None
        if names not in self._found:
            self._found[names] = tuple(self._passing(names))
        expected, given = self.base.expected(name), self.base.subject.criterion(name)
        for tolerance in self._found[names]:
            criterion = Criterion(tolerance, nan=given.nan, inf=given.inf)
            if distance(overlay, expected, criterion).violating:
                return tolerance
        return None

    def _passing(self, names: tuple[str, ...]) -> Iterator[Tolerance]:
        """Those by which all of them pass, the narrowest first; none is wider than the given one anywhere."""
        given = self.base.allowed(names[0])
        sides = [(self.base.tensors[name].dtype, self.base.reference(name).dtype) for name in names]
        published = max((published_tolerance(*both) for both in sides), key=lambda each: each.rtol)
        least = Tolerance(min(published.rtol, given.rtol), min(published.atol, given.atol))
        seen = {given}
        for way in (least, *self._widened(names, least, least), *self._widened(names, given, Tolerance(0, 0))):
            inside = way.rtol <= given.rtol and way.atol <= given.atol
            if inside and way not in seen and not any(each.violating for each in self._measured(names, way)):
                yield way
            seen.add(way)

    def _widened(self, names: tuple[str, ...], fixed: Tolerance, least: Tolerance) -> Iterator[Tolerance]:
        """One half as it is, and of the other as much as it takes."""
        by_rtol = Tolerance(fixed.rtol, least.atol)
        if math.isfinite(atol := _most(each.needed_atol for each in self._measured(names, by_rtol))):
            yield from (Tolerance(fixed.rtol, max(each, least.atol)) for each in _upwards(atol))
        by_atol = Tolerance(least.rtol, fixed.atol)
        if math.isfinite(rtol := _most(each.needed_rtol for each in self._measured(names, by_atol))):
            yield from (Tolerance(max(each, least.rtol), fixed.atol) for each in _upwards(rtol))

    def _measured(self, names: Iterable[str], tolerance: Tolerance) -> Iterable[Measurement]:
        subject = self.base.subject
        jobs = []
        for name in names:
            expectation = subject.expectations[name]
            criterion = Criterion(tolerance, nan=expectation.nan, inf=expectation.inf)
            jobs.append(Job(self.base.tensors[name], self.base.reference(name), criterion, name))
        return [each for each in measure(jobs, self.threads).values() if isinstance(each, Measurement)]


def _most(values: Iterable[float]) -> float:
    return max(values, default=0.0)


def _upwards(value: float) -> Iterator[float]:
    """With two digits: the least is not always enough, once it is rounded."""
    found = rounded_up(value)
    for _ in range(_TRIES):
        yield found
        found = next_above(found)


def _plain(tolerance: Tolerance) -> dict[str, float]:
    return {"rtol": tolerance.rtol, "atol": tolerance.atol}
