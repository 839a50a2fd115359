"""What a loaded model must predict: entries that went, other inputs, and bounds that let more through."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gate.checks.predictions import ON_CPU, ON_GPU
from gate.loosening.entries import Entry
from gate.loosening.said import loosened
from gate.manifest.loading import DifferenceEntry, MetricEntry, PredictionEntry
from gate.manifest.part import ToleranceEntry
from gate.results import Finding
from gate.tensors.tolerance import Tolerance

_MOST_ALIKE = 20


@dataclass(frozen=True)
class _Asked:
    """One entry of `predictions`, and which of them it is."""

    number: int
    said: PredictionEntry


@dataclass(frozen=True)
class _Own:
    """The device's own tolerance, then and now."""

    was: Tolerance
    now: Tolerance


def looser_predictions(before: Entry, after: Entry) -> Iterator[Finding]:
    """What the later entry's predictions let through that the earlier one's do not."""
    if after.said.load is False:
        return  # said of that
    own = _Own(_own(before), _own(after))
    left = defaultdict[object, list[_Asked]](list)
    for number, said in enumerate(after.said.predictions):
        left[_inputs(said)].append(_Asked(number, said))
    unpaired = []
    for asked in (_Asked(number, said) for number, said in enumerate(before.said.predictions)):
        if same := left[_inputs(asked.said)]:
            best = _strictest(asked, same[:_MOST_ALIKE], own)
            same.remove(best)
            yield from (_found(before, after, asked, reason, best) for reason in _looser(asked.said, best.said, own))
        else:
            unpaired.append(asked)
    others = (each for group in left.values() for each in group)
    for asked in unpaired:
        other = next(others, None)
        if other is None:
            yield _found(before, after, asked, "it is no longer asked for", None)
            continue
        reasons = ("the inputs are others than they were", *_looser(asked.said, other.said, own))
        yield from (_found(before, after, asked, reason, other) for reason in reasons)


def _own(entry: Entry) -> Tolerance:
    """What holds where none is given, as far as the manifest tells where it runs."""
    return ON_GPU if entry.loaded.manifest.defaults.device == "gpu" else ON_CPU


def _inputs(said: PredictionEntry) -> tuple[object, ...]:
    """What is predicted: entries that agree in it are the same one."""
    return (said.inputs, said.seed if said.inputs is None else 0, said.signature)


def _strictest(asked: _Asked, same: Sequence[_Asked], own: _Own) -> _Asked:
    """Of several with the same inputs, the one that lets least more through."""
    return min(same, key=lambda other: sum(1 for _ in _looser(asked.said, other.said, own)))


def _found(before: Entry, after: Entry, asked: _Asked, reason: str, now: _Asked | None) -> Finding:
    at = after.at("predictions") if now is None else after.at("predictions", now.number)
    which = f"prediction {asked.number + 1}: {reason}"
    was = before.at("predictions", asked.number)
    return loosened("predictions-weaker", after.called, which, at, was=was)


def _looser(was: PredictionEntry, now: PredictionEntry, own: _Own) -> Iterator[str]:
    """In words, what lets more through."""
    if was.inputs is None and now.inputs is None and now.samples < was.samples:
        yield f"`samples` were {was.samples} and are {now.samples}"
    if now.outputs and (not was.outputs or set(was.outputs) - set(now.outputs)):
        yield "fewer outputs are compared"
    if was.expected is not None and now.expected != was.expected:
        yield "nothing is expected of the outputs" if now.expected is None else "the expected outputs are others"
    if was.expected is not None and now.expected is not None:
        yield from _elementwise(was, now, own)
        yield from _agreement(was, now)
        yield from _bound("cosine.at_least", _least(was), _least(now), upwards=False)
        yield from _difference(was.difference, now.difference)
    yield from _metric(was.metric, now.metric)


def _elementwise(was: PredictionEntry, now: PredictionEntry, own: _Own) -> Iterator[str]:
    if not was.is_elementwise:
        return
    if not now.is_elementwise:
        yield "outputs are no longer compared element by element"
        return
    before, after = was.tolerance or own.was, now.tolerance or own.now
    if after.rtol > before.rtol or after.atol > before.atol:
        yield f"`tolerance` was {_shown(was.tolerance)} and is {_shown(now.tolerance)}"


def _agreement(was: PredictionEntry, now: PredictionEntry) -> Iterator[str]:
    before, after = was.agreement, now.agreement
    if before is None:
        return
    if after is None:
        yield f"`agreement` by {before.metric} is no longer asked for"
    elif (after.metric, after.k, after.threshold) != (before.metric, before.k, before.threshold):
        yield f"`agreement` was by {before.metric} and is by {after.metric}, or by another number"
    elif after.at_least < before.at_least:
        yield f"`agreement.at_least` was {before.at_least:g} and is {after.at_least:g}"


def _least(said: PredictionEntry) -> float | None:
    return said.cosine.at_least if said.cosine else None


def _difference(was: DifferenceEntry | None, now: DifferenceEntry | None) -> Iterator[str]:
    if was is None:
        return
    for key in ("max", "mean"):
        yield from _bound(f"difference.{key}", getattr(was, key), getattr(now, key, None), upwards=True)
    before, after = was.quantile, now.quantile if now else None
    if before is not None:
        if after is not None and after.q < before.q:
            yield f"`difference.quantile.q` was {before.q:g} and is {after.q:g}"
        yield from _bound("difference.quantile", before.at_most, after.at_most if after else None, upwards=True)


def _metric(was: MetricEntry | None, now: MetricEntry | None) -> Iterator[str]:
    if was is None:
        return
    if now is None:
        yield f"the metric {was.code} is no longer asked for"
        return
    if now.code != was.code:
        yield f"the metric was {was.code} and is {now.code}"
    yield from _bound("metric.at_least", was.at_least, now.at_least, upwards=False)
    yield from _bound("metric.at_most", was.at_most, now.at_most, upwards=True)
    yield from _bound("metric.max_drop", was.max_drop, now.max_drop, upwards=True)


def _bound(key: str, was: float | None, now: float | None, *, upwards: bool) -> Iterator[str]:
    """A bound that went, or that moved to where more is within it: `upwards`, or down."""
    if was is None:
        return
    if now is None:
        yield f"`{key}` was {was:g} and is no longer asked for"
    elif (now > was) if upwards else (now < was):
        yield f"`{key}` was {was:g} and is {now:g}"


def _shown(said: ToleranceEntry | None) -> str:
    return f"rtol={said.rtol:g}, atol={said.atol:g}" if said else "the device's own"
