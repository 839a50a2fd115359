"""One tensor: what it is compared with, and for every key what holds and which line says so."""

import re
from collections.abc import Iterator
from typing import Any

from gate.checks.interface import Subject
from gate.explaining.lines import Lines
from gate.explaining.rules import matched
from gate.explaining.said import Said, TensorExplained
from gate.explaining.words import (
    BY_LOCK,
    MEANING,
    NO_TOLERANCE,
    allowance,
    bound_value,
    statistic,
    threshold,
    tolerance_value,
    values,
)
from gate.plan import ModelPlan
from gate.tensors.dtypes import dtype_name, is_floating
from gate.tensors.pairing import Rename
from gate.tensors.rules import Expect, Expectation
from gate.tensors.tolerance import published_tolerance
from gate.tensors.weightset import Tensor

_UNKNOWN = "not known: not all files are here"
PUBLISHED = "docs/tolerances.md"
_WITHOUT = (Expect.IGNORED, Expect.REMOVED)
_VALUED = (Expect.CLOSE, Expect.IDENTICAL, Expect.CHANGED)


def explain_tensor(
    name: str, plan: ModelPlan, subject: Subject | None, lines: Lines, alone: Tensor | None = None
) -> TensorExplained:
    """What is expected of the tensor of this name.

    `subject` is None where not both sides are here; `alone` is then the file's tensor, if that is.
    """
    explained = _Tensor(name, plan, subject, lines, alone)
    return TensorExplained(
        name,
        explained.kind(),
        explained.facts(),
        explained.compared(),
        tuple(explained.keys()),
        tuple(matched(plan.rules, name, lines)),
    )


def hidden_tensor(tensor: Tensor, side: str, lines: Lines) -> TensorExplained:
    """A tensor of a group that is not compared."""
    text = f"nothing: {tensor.group} is listed only; `groups: {{{tensor.group}: compare}}` has it compared"
    facts = {**_facts(tensor), "in": side}
    return TensorExplained(tensor.name, kind_of(tensor), facts, Said("compared with", text, lines.of("groups")), (), ())


def kind_of(tensor: Tensor) -> str:
    """`float32 [3, 3], 36 bytes, weights`."""
    return f"{dtype_name(tensor.dtype)} {list(tensor.shape)}, {tensor.nbytes:,} bytes, {tensor.group}"


def _facts(tensor: Tensor) -> dict[str, Any]:
    return {
        "group": str(tensor.group),
        "dtype": dtype_name(tensor.dtype),
        "shape": list(tensor.shape),
        "bytes": tensor.nbytes,
    }


class _Tensor:
    """One name, and what both sides have of it."""

    def __init__(self, name: str, plan: ModelPlan, subject: Subject | None, lines: Lines, alone: Tensor | None) -> None:
        self.name = name
        self.plan = plan
        self.subject = subject
        self.lines = lines
        self.ours = subject.pairing.candidate.get(name) if subject else alone
        self.theirs = subject.pairing.reference.get(name) if subject else None
        self.expected: Expectation = plan.rules.expectation(name)

    def kind(self) -> str:
        if self.ours is not None:
            return kind_of(self.ours)
        return "the file has no such tensor" if self.subject else f"its kind is {_UNKNOWN}"

    def facts(self) -> dict[str, Any]:
        return _facts(self.ours) if self.ours is not None else {}

    def compared(self) -> Said:
        """The counterpart in the reference, and how it was found."""
        key, at = "compared with", self.plan.positions.get("reference")
        if self.plan.reference is None:
            return Said(key, "nothing: there is no reference")
        if self.subject is None:
            return Said(key, _UNKNOWN, at)
        for each in self.subject.pairing.uncertain:
            if self.name == each.reference or self.name in each.candidates:
                could = ", ".join(each.candidates[:5])
                text = f"it cannot be told: {each.reference} of the reference may be {could}; a `names` rule says which"
                return Said(key, text, at, {"reference": each.reference, "paired_by": "uncertain"})
        if self.theirs is None:
            return Said(key, "nothing: the reference has no such tensor", at)
        value = {"reference": self.theirs.name, "paired_by": "name"}
        which = f"{self.theirs.name} of {self.subject.reference.path if self.subject.reference else ''}"
        kind = f"{dtype_name(self.theirs.dtype)} {list(self.theirs.shape)}"
        if self.ours is None:
            return Said(key, f"nothing in the file; the reference has it ({kind})", at, value)
        how = self._how(self.theirs.name)
        if isinstance(how, Rename):
            text = f"{which} ({kind}), renamed by `{how.pattern}`"
            return Said(key, text, how.position, {**value, "paired_by": "names"})
        return Said(key, f"{which} ({kind}), paired by {how}", at, {**value, "paired_by": how})

    @property
    def _is_locked(self) -> bool:
        return self.theirs is not None and self.theirs.locked is not None

    def _how(self, theirs: str) -> str | Rename:
        way = self.subject.pairing.ways.get(self.name) if self.subject else None
        if way is not None:
            return way
        name, last = theirs, None
        for rename in self.plan.renames:
            if re.search(rename.pattern, name):
                name, last = re.sub(rename.pattern, rename.replacement, name), rename
        return last or "name"

    def keys(self) -> Iterator[Said]:
        """What holds, key by key."""
        yield self._expect()
        if self.expected.expect in _WITHOUT:
            return
        yield self._tolerance()
        for key in ("nan", "inf"):
            yield self._allowance(key)
        yield self._shape()
        yield self._dtype()
        yield self._values()
        yield from self._statistics()

    def _of_rule(self, key: str, text: str, value: Any) -> Said:
        return Said(key, text, self.lines.rule(self.expected.sources[key], key), value)

    def _expect(self) -> Said:
        expect = self.expected.expect
        said = "expect" in self.expected.sources
        if not said and self.plan.reference is None:
            return Said("expect", "nothing: there is no reference", value=None)
        why = f": {self.expected.reason}" if expect == Expect.IGNORED and self.expected.reason else ""
        means = BY_LOCK.get(expect, MEANING[expect]) if self._is_locked else MEANING[expect]
        text = f"{expect}: {means}{why}"
        return (
            self._of_rule("expect", text, str(expect))
            if said
            else Said("expect", f"{text} (default)", None, str(expect))
        )

    def _tolerance(self) -> Said:
        key = "tolerance"
        if self.expected.expect == Expect.IDENTICAL:
            return Said(key, "none: bit for bit", self._expect().position, None)
        sides = [each.dtype for each in (self.ours, self.theirs) if each is not None]
        floating = not sides or any(map(is_floating, sides))
        if not floating:
            return Said(key, f"none: {dtype_name(sides[0])} is exact", None, None)
        given = self.expected.tolerance
        if self._is_locked and self.expected.expect == Expect.CLOSE:
            return Said(key, NO_TOLERANCE, self.plan.positions.get("reference"), None)
        if key in self.expected.sources and given:
            return self._of_rule(key, str(given), tolerance_value(given))
        if given:
            return Said(
                key, f"{given} (the manifest's default)", self.lines.top("defaults", key), tolerance_value(given)
            )
        if not sides:
            return Said(key, f"the published one of its dtype ({PUBLISHED})")
        found = published_tolerance(*sides)
        names = " and ".join(dict.fromkeys(map(dtype_name, sides)))
        return Said(key, f"{found} (the published one of {names}, {PUBLISHED})", None, tolerance_value(found))

    def _allowance(self, key: str) -> Said:
        allowed = bool(getattr(self.expected, key))
        if key in self.expected.sources:
            return self._of_rule(key, allowance(allowed), allowance(allowed))
        return Said(key, f"{allowance(allowed)} (default)", None, allowance(allowed))

    def _shape(self) -> Said:
        if self.expected.shape is not None:
            return self._of_rule("shape", str(list(self.expected.shape)), list(self.expected.shape))
        if self.theirs is not None and self.expected.expect != Expect.NEW:
            shape = list(self.theirs.shape)
            return Said("shape", f"{shape} (the reference's)", self.plan.positions.get("reference"), shape)
        return Said("shape", "any: nothing says which")

    def _dtype(self) -> Said:
        if self.expected.dtype is not None:
            return self._of_rule("dtype", self.expected.dtype, self.expected.dtype)
        if self.theirs is not None and self.expected.expect != Expect.NEW:
            dtype = dtype_name(self.theirs.dtype)
            return Said("dtype", f"{dtype} (the reference's)", self.plan.positions.get("reference"), dtype)
        return Said("dtype", "any: nothing says which")

    def _values(self) -> Said:
        if self.expected.values is not None:
            text = values(self.expected.values)
            if self.subject is not None and self.name in self.subject.compared:
                text += "; the reference's too"
            return self._of_rule("values", text, self.expected.values)
        if self.subject is None:
            return Said("values", _UNKNOWN)
        if self.name in self.subject.compared:
            at = self.plan.positions.get("reference")
            how = "by the digest in the lock" if self.theirs and self.theirs.locked else "element by element"
            return Said("values", f"the reference's, {how}", at, "reference")
        return Said("values", f"compared with nothing{self._why_not()}")

    def _why_not(self) -> str:
        if self.plan.reference is None:
            return ": there is no reference, and no rule gives `values`"
        if self.expected.expect not in _VALUED:
            return f": `expect: {self.expected.expect}`"
        if self.ours is not None and self.theirs is not None:
            return ": the reference's has another shape or dtype"
        return ": only one side has it"

    def _statistics(self) -> Iterator[Said]:
        bounds = self.expected.statistics
        for key, bound in bounds.items():
            yield self._of_rule(key, statistic(bound), bound_value(bound))
        if self.subject is not None and self.subject.shares_statistics(self.name):
            for key, given in self.plan.thresholds.items():
                yield Said(key, threshold(given), self.lines.of("statistics", key), tolerance_value(given))
        elif not bounds:
            yield Said("statistics", "none are asked for")
