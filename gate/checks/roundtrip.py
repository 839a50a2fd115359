"""Is the model the same once more: loaded again, built again, saved and loaded again? Bit for bit, predictions too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gate.checks.evidence import Again, Evidence, NotLoaded, NotSaved
from gate.checks.framework_warnings import warnings_of
from gate.checks.interface import UNCHECKABLE, Subject, result, unreadable
from gate.checks.wording import kind_of, number, place
from gate.errors import GateError, UnreadableError
from gate.position import Position
from gate.results import CheckResult, Finding
from gate.tensors.compare import EVERY_BIT, Criterion, Measurement, compare
from gate.tensors.dtypes import dtype_name, finite, is_floating
from gate.tensors.survey import Job, measure
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array
from gate.wording import counted

NOT_RESTORED = "not-restored"
DIFFER, LOST = "loads-differ", "roundtrip-mismatch"
PREDICTIONS = "prediction-mismatch"
_OTHER_GRAPH = Criterion(Tolerance(1e-5, 1e-6), nan=True, inf=True)
"""Of two graphs that compute the same in another order (docs/tolerances.md)."""
_OTHERWISE = "equal weights that predict otherwise: a layer has state that is not saved, or draws at random"
_LONG = 80
"""More characters than that are not said twice."""
_SILENT = "save what it is called with too, or mend what is built when it is loaded"


def check_roundtrip(subject: Subject) -> CheckResult:
    """Loads once more, from another path and by a second build; then saves and loads in each format."""
    at = subject.positions.get("roundtrip") or subject.positions.get("weights")
    asked, predictions = subject.loading.roundtrip, subject.loading.predictions
    made_up = not predictions or predictions[0].inputs is None
    seen = _Seen(subject.threads, at, in_words=asked is not None, made_up=made_up)
    seen.repeats(subject.loaded)
    if asked is None:
        seen.own_format(subject.loaded)
    for each in asked or ():
        seen.format(subject.loaded, each)
    seen.findings += [_stranger(name, at) for name in subject.loaded.strangers]
    return result("roundtrip", seen.summary, seen.findings, seen.checked, at)


def _stranger(name: str, at: Position | None) -> Finding:
    return Finding(
        NOT_RESTORED,
        "the model computes with this variable, which is none of its own: no file holds it, and no load writes it",
        tensor=name,
        hint="hold its layer in an attribute, a list or a dict of a Keras layer, so that Keras finds it",
        severity=3.0,
        position=at,
    )


@dataclass
class _Seen:
    """What was found so far, and what there is to tell."""

    threads: int
    at: Position | None
    findings: list[Finding] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    """What was said, and before it of which load or format."""
    checked: int = 0
    in_words: bool = False
    made_up: bool = False
    """Whether nobody gave inputs: what the model makes of those is no fault of its own."""

    @property
    def summary(self) -> str:
        """All of it; a long text that several have is said once."""
        ways: dict[tuple[str, str], list[str]] = {}
        for called, text in self.told:
            ways.setdefault(("" if len(text) > _LONG else called, text), []).append(called)
        return "; ".join(
            ", ".join(filter(None, called)) + ": " * any(called) + text for (_, text), called in ways.items()
        )

    def repeats(self, evidence: Evidence) -> None:
        """Loads of the same file; there is one at least."""
        loads = 0
        try:
            for again in evidence.repeats():
                loads += 1
                self._compare(again, DIFFER, again.how)
        except NotLoaded as error:
            self._refused(DIFFER, f"a second load was refused: {error.reason}", error)
        except GateError as error:
            self._refused(UNCHECKABLE, f"a second load: {error.reason}", error)
        else:
            if not loads:
                self.findings.append(Finding(UNCHECKABLE, "the file was not loaded again", position=self.at))

    def own_format(self, evidence: Evidence) -> None:
        """The file's own format, which nobody asked for in words: that it cannot be saved is said, and no error."""
        if not evidence.own_format:
            self.told.append(("", f"not saved again: {evidence.not_saved}"))
            return
        try:
            self.format(evidence, evidence.own_format, unsaved=NotSaved)
        except NotSaved as error:
            self.told.append((evidence.own_format, f"not saved ({error.reason})"))

    def format(self, evidence: Evidence, format: str, unsaved: type[NotSaved] | tuple[()] = ()) -> None:
        """Saved in one format and loaded again; raises `unsaved` errors."""
        try:
            with evidence.roundtrip(format) as again:
                self.findings += warnings_of(again.said, self.at)
                self._compare(again, LOST, format)
        except unsaved:
            raise
        except NotLoaded as error:
            self._refused(LOST, f"saved as {format}, it does not load: {error.reason}", error)
        except GateError as error:
            self._refused(UNCHECKABLE, f"{format}: {error.reason}", error)

    def _refused(self, kind: str, reason: str, error: GateError) -> None:
        self.told.append(("", reason))
        self.findings.append(Finding(kind, reason, hint=error.hint, position=self.at))

    def _compare(self, again: Again, kind: str, called: str) -> None:
        asked_for = self.in_words and kind == LOST
        mute = _mute(again)
        found = [*_variables(again, kind, self.threads, self.at), *_predictions(again, kind, self.at)]
        if asked_for or not self.made_up:
            found += [_says_nothing(again, name, self.at) for name in mute]
        if asked_for and again.predicted is None and again.unpredicted and not found:
            found.append(
                Finding(
                    UNCHECKABLE,
                    f"{again.how}: predictions were not compared: {again.unpredicted}",
                    hint="give it inputs that it takes, under `predictions`",
                    position=self.at,
                )
            )
        self.findings += found
        self.checked += len(again.before)
        self.told.append((called, counted(len(found), "difference") if found else _alike(again, mute)))


def _mute(again: Again) -> list[str]:
    """Outputs that are NaN and infinities alone, and the same ones again: they are so whatever was loaded."""
    if again.predicted is None or len(again.predicted[0].arrays) != len(again.predicted[1].arrays):
        return []
    return [
        name
        for name, before, after in _paired(*(each.arrays for each in again.predicted))
        if all(_is_mute(each) for each in (before, after))
    ]


def _is_mute(array: Array) -> bool:
    return is_floating(array.dtype) and array.size > 0 and not finite(np.ascontiguousarray(array)).any()


def _says_nothing(again: Again, name: str, at: Position | None) -> Finding:
    return Finding(
        UNCHECKABLE,
        f"{again.how}: the output {name} is all NaN and infinities, which are alike whatever was loaded",
        hint="give inputs under `predictions` for which the model computes numbers",
        position=at,
    )


def _alike(again: Again, mute: Sequence[str]) -> str:
    text = f"{counted(len(again.before) - len(again.constants), 'variable')} identical"
    if again.predicted is None:
        return f"{text}, predictions not compared ({again.unpredicted})"
    if again.constants:
        text += f", {counted(len(again.constants), 'constant')} in the graph, which predictions show"
    before, after = again.predicted
    if not (before.arrays or after.arrays):
        return f"{text}, predictions not compared (it has no outputs)"
    nothing = f"{', '.join(mute)} of made-up inputs: NaN and infinities alone" if mute else ""
    if len(mute) == len(before.arrays):
        return f"{text}, predictions not compared ({nothing})"
    close = "within tolerance" if again.other_graph else "identical"
    return f"{text}, predictions of {counted(before.samples, 'sample')} {close}" + (f" ({nothing})" if nothing else "")


def _variables(again: Again, kind: str, threads: int, at: Position | None) -> Iterator[Finding]:
    for name, what, severity, details in (*_one_sided(again), *_changed(again, threads)):
        if isinstance(what, UnreadableError):
            yield unreadable(name, what, at)
        else:
            yield Finding(kind, f"{again.how}: {what}", name, details, again.hint, severity, at)


_Difference = tuple[str, str | UnreadableError, float, tuple[str, ...]]


def _one_sided(again: Again) -> Iterator[_Difference]:
    for name in again.before:
        shown = name in again.constants and again.predicted is not None
        if again.paired.get(name) not in again.after and not shown:
            yield name, "the variable is not there any more", 2.0, ()
    if again.other_graph:
        return  # a SavedModel has variables twice, and some that its functions alone hold
    paired = {other for name, other in again.paired.items() if name in again.before}
    for name in sorted(set(again.after) - paired):
        yield name, "this variable was not there before", 1.0, ()


def _changed(again: Again, threads: int) -> Iterator[_Difference]:
    jobs = []
    for name, other in again.paired.items():
        before, after = again.before.get(name), again.after.get(other)
        if before is None or after is None:
            continue  # told as one-sided
        if (before.shape, dtype_name(before.dtype)) != (after.shape, dtype_name(after.dtype)):
            yield name, f"it was {kind_of(before)}, and is {kind_of(after)}", 1.0, ()
        else:
            jobs.append(Job(after, before, EVERY_BIT, name))
    for name, found in measure(jobs, threads).items():
        if isinstance(found, UnreadableError):
            yield name, found, 0.0, ()
        elif found.violating:
            yield name, _differ(found), 2.0, _worst(found, again.before[name].shape)


def _differ(found: Measurement) -> str:
    verb = "differs" if found.violating == 1 else "differ"
    return f"{found.violating:,} of {counted(found.elements, 'element')} {verb}"


def _worst(found: Measurement, shape: tuple[int, ...]) -> tuple[str, ...]:
    if found.worst is None:
        return ()
    where = place(found.worst.index, shape)
    return (f"worst at {where}: {number(found.worst.actual)}, before {number(found.worst.expected)}",)


def _predictions(again: Again, kind: str, at: Position | None) -> Iterator[Finding]:
    kind = DIFFER if kind == DIFFER else PREDICTIONS

    def finding(what: str, details: tuple[str, ...] = (), hint: str = _OTHERWISE) -> Finding:
        return Finding(kind, f"{again.how}: {what}", details=details, hint=hint, severity=1.0, position=at)

    if again.silent:
        yield finding(f"it does not predict any more: {again.silent}", hint=_SILENT)
    if again.predicted is None:
        return
    before, after = again.predicted
    ours, theirs = list(before.arrays), list(after.arrays)
    if len(ours) != len(theirs):
        yield finding(f"the outputs were {_listed(ours)}, and are {_listed(theirs)}")
        return
    for name, expected, actual in _paired(before.arrays, after.arrays):
        if (expected.shape, dtype_name(expected.dtype)) != (actual.shape, dtype_name(actual.dtype)):
            yield finding(f"the output {name} was {_kind(expected)}, and is {_kind(actual)}")
            continue
        found = compare(
            np.ascontiguousarray(actual).reshape(actual.shape),
            np.ascontiguousarray(expected).reshape(expected.shape),
            _OTHER_GRAPH if again.other_graph else EVERY_BIT,
        )
        if found.violating:
            yield finding(f"{_differ(found)} in the output {name}", _worst(found, expected.shape))


def _paired(before: Mapping[str, Array], after: Mapping[str, Array]) -> Iterator[tuple[str, Array, Array]]:
    """Outputs of both, by name; names are counted anew where nobody gave one, and then the order decides."""
    names = list(before) if before.keys() == after.keys() else list(after)
    return ((name, before[name], after[other]) for name, other in zip(before, names, strict=True))


def _kind(array: Array) -> str:
    return f"{dtype_name(array.dtype)} {list(array.shape)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
