"""One damaged copy before the checks of its manifest: the same plan, the same checks, the same rules.

Only what the damage touches is judged anew; of everything else the run knows that it is green.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain

from gate.checks import CHECKS
from gate.checks.evidence import Evidence, NotLoaded
from gate.checks.interface import Subject
from gate.errors import GateError
from gate.mutations.interface import Base, Mutation
from gate.mutations.measure import Change, Task, distance, measure_all
from gate.mutations.slips import OR_PREDICTIONS, Slip, explain
from gate.mutations.tighter import Tighter
from gate.mutations.verdict import Catch, Fate, Verdict
from gate.results import CheckResult, Outcome
from gate.tensors.compare import Criterion
from gate.tensors.diagnose import Diagnosis
from gate.tensors.pairing import Pairing
from gate.tensors.rules import Expect
from gate.tensors.survey import Measured
from gate.tensors.tolerance import published_tolerance
from gate.tensors.weightset import Array, Tensor, WeightSet

DATA_CHECKS = ("rules", "structure", "finite", "values", "statistics")
"""The checks that see a damaged copy. That of a pinned digest sees every damage, and says nothing of the rules."""
PAIRING, PREDICTIONS = "pairing", "predictions"
NOTHING_COMPARED = "nothing-compared"
Damaged = Callable[[Mapping[str, Array]], AbstractContextManager[Evidence]]
"""Loads a copy of the file in which tensors, by `Tensor.stored_as`, hold other values."""
_GREEN = (Outcome.PASSED, Outcome.WAIVED)


@dataclass(frozen=True)
class _Copy(Subject):
    """What checks may look at of a damaged copy: the tensors that the damage touches."""

    made: Mapping[str, Measured] | None = None

    @cached_property
    def measurements(self) -> Mapping[str, Measured]:
        """As they were made, block by block."""
        return self.made if self.made is not None else super().measurements

    def diagnose(self, explain: object) -> Diagnosis | None:  # noqa: ARG002
        """Nothing: what is wrong is known."""
        return None


@dataclass(frozen=True)
class Judge:
    """Judges damaged copies of one model by `checks`, those of `DATA_CHECKS` that its plan has."""

    base: Base
    checks: tuple[str, ...]
    threads: int = 1

    @cached_property
    def _tighter(self) -> Tighter:
        return Tighter(self.base, self.threads)

    def verdict(self, mutation: Mutation) -> Verdict:
        """What became of it."""
        if mutation.structural:
            found = tuple(self._structural(mutation))
            return self._caught(mutation, found) if found else self._slipped(mutation, mutation.names)
        changes = self._measured(mutation)
        touched = [name for name, change in changes.items() if change.unequal]
        if not touched:
            return Verdict(mutation.kind, mutation.names, mutation.told, Fate.EQUIVALENT)
        found = tuple(self._catches(self._subject(mutation, touched, changes)))
        if found:
            return self._caught(mutation, found)
        beyond = [name for name in touched if self._beyond(mutation, name)]
        if not beyond:
            return Verdict(mutation.kind, mutation.names, mutation.told, Fate.WITHIN)
        return self._slipped(mutation, beyond)

    def predicted(self, mutation: Mutation, verdict: Verdict, damaged: Damaged) -> Verdict:
        """The same of a copy that slipped, once it was loaded and its predictions were asked.

        Only predictions that do not hold have caught it, and a framework that refuses it: what fails otherwise proves
        nothing.
        """
        values = {overlay.original.stored_as: overlay.read() for overlay in mutation.changed.values()}
        asked = replace(verdict, predicted=True)
        try:
            with damaged(values) as copy:
                found = CHECKS[PREDICTIONS](replace(self.base.subject, evidence=copy))
        except NotLoaded as error:
            return replace(asked, fate=Fate.CAUGHT, by=(Catch(PREDICTIONS, error.reason),), why="", cure="")
        except GateError as error:
            return replace(verdict, why=f"{verdict.why}; predictions could not be asked: {error.reason}")
        if found.outcome is Outcome.FAILED:
            return replace(asked, fate=Fate.CAUGHT, by=tuple(_caught_by(found)), why="", cure="", position=None)
        if found.outcome is Outcome.PASSED:
            cure = verdict.cure.removesuffix(OR_PREDICTIONS)
            return replace(asked, why=f"{verdict.why}, and predictions hold", cure=cure)
        return replace(verdict, why=f"{verdict.why}; predictions could not be asked: {found.summary}")

    def _measured(self, mutation: Mutation) -> Mapping[str, Change]:
        subject = self.base.subject
        tasks = []
        for name, overlay in mutation.changed.items():
            compared = name in subject.comparable and subject.expectations[name].expect != Expect.ANY
            expected = subject.pairing.reference[name] if compared else None
            tasks.append(Task(name, overlay, expected, subject.criterion(name)))
        return measure_all(tasks, self.threads)

    def _subject(self, mutation: Mutation, touched: list[str], changes: Mapping[str, Change]) -> _Copy:
        pairing = self.base.subject.pairing
        ours = {name: mutation.changed[name].tensor for name in touched}
        theirs = {name: pairing.reference[name] for name in touched if name in pairing.reference}
        made = {name: changes[name].measured for name in touched}
        return self._damaged(Pairing(ours, theirs), _empty(self.base.subject.candidate), made)

    def _damaged(self, pairing: Pairing, candidate: WeightSet, made: Mapping[str, Measured] | None = None) -> _Copy:
        same = {each.name: getattr(self.base.subject, each.name) for each in fields(Subject)}
        return _Copy(**{**same, "pairing": pairing, "candidate": candidate, "made": made})

    def _structural(self, mutation: Mutation) -> Iterator[Catch]:
        """Names or dtypes are others: what belongs to what is found out anew, as for a file."""
        subject = self.base.subject
        file = _overlaid(subject.candidate, mutation)
        try:
            pairing = subject.pair_again(file)
        except GateError as error:
            yield Catch(PAIRING, error.reason, error.position or subject.positions.get("reference"))
            return
        if "rules" in self.checks:
            yield from _caught_by(CHECKS["rules"](self._damaged(pairing, file)))
        touched = _touched(pairing, subject.pairing)
        others = any(name not in touched.candidate for name in subject.compared)
        for catch in self._catches(self._damaged(touched, _empty(file))):
            if not (others and catch.kind == NOTHING_COMPARED):  # of all tensors, some still are
                yield catch

    def _catches(self, damaged: _Copy) -> Iterator[Catch]:
        for check in self.checks:
            if check == "rules":
                continue
            # With none of them among the tensors that are touched, this check would say that it had nothing to do.
            if check == "statistics" and not any(damaged.has_statistics(name) for name in damaged.judged):
                continue
            try:
                yield from _caught_by(CHECKS[check](damaged))
            except GateError as error:
                yield Catch(check, error.reason, error.position)

    def _beyond(self, mutation: Mutation, name: str) -> bool:
        """Whether an element of it is farther from what it should be than the published tolerance allows."""
        overlay, expected = mutation.changed[name], self.base.expected(name)
        tolerance = published_tolerance(overlay.original.dtype, expected.dtype)
        return distance(overlay, expected, Criterion(tolerance, nan=True, inf=True)).violating > 0

    def _caught(self, mutation: Mutation, found: tuple[Catch, ...]) -> Verdict:
        return Verdict(mutation.kind, mutation.names, mutation.told, Fate.CAUGHT, found)

    def _slipped(self, mutation: Mutation, names: "list[str] | tuple[str, ...]") -> Verdict:
        slip: Slip = explain(self._tighter, mutation, names[0])
        said = (slip.why, slip.cure, slip.position, names[0])
        return Verdict(mutation.kind, mutation.names, mutation.told, Fate.SLIPPED, (), *said)


def _caught_by(found: CheckResult) -> Iterator[Catch]:
    if found.outcome in _GREEN:
        return
    worst = max(found.findings, key=lambda finding: finding.severity, default=None)
    reason = worst.reason if worst else found.summary
    yield Catch(found.check, reason, (worst.position if worst else None) or found.position, worst.kind if worst else "")


def _empty(weights: WeightSet) -> WeightSet:
    """The same file, of which no tensor is left to be compared with its checksum."""
    return WeightSet(weights.path, weights.format, {}, files=weights.files)


def _overlaid(weights: WeightSet, mutation: Mutation) -> WeightSet:
    """The file as it would be."""
    changed = {name: overlay.tensor for name, overlay in mutation.changed.items()}
    kept = ((name, changed.get(name, tensor)) for name, tensor in weights.tensors.items())
    tensors = dict(chain((each for each in kept if each[0] not in mutation.dropped), mutation.added.items()))
    return WeightSet(weights.path, weights.format, tensors, files=weights.files)


def _touched(pairing: Pairing, before: Pairing) -> Pairing:
    """What is paired otherwise than before, on either side, and what is in doubt now."""
    doubtful = set(pairing.doubtful) - set(before.doubtful)
    names = {*pairing.names, *before.names}
    other = {
        name
        for name in names
        if name in doubtful
        or not _same(pairing.candidate.get(name), before.candidate.get(name))
        or not _same(pairing.reference.get(name), before.reference.get(name))
    }
    return Pairing(
        {name: tensor for name, tensor in pairing.candidate.items() if name in other},
        {name: tensor for name, tensor in pairing.reference.items() if name in other},
        uncertain=tuple(each for each in pairing.uncertain if each.reference in other),
    )


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.name, one.stored_as, one.dtype) == (other.name, other.stored_as, other.dtype)
