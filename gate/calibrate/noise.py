"""Outputs of one model on the same inputs in, noise out: how far apart they are, and the tolerance that follows.

The noise of an output is `n = max(|a - e| / (scale + |e|))` over its elements and over all pairs of runs, both ways
round; its scale is the root of the mean square of its elements. So `rtol = n` and `atol = n * scale` are what these
runs need, by the one formula of docs/tolerances.md: `|a - e| <= atol + rtol * |e|`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gate.tensors.dtypes import is_floating, is_number, widen
from gate.tensors.leniency import Expected, passes_constant
from gate.tensors.smallest import next_above, rounded_up
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array

MOST_KEPT = 12
"""Different outputs that are compared with one another; a model that gives more of them draws at random."""
FLOAT32_ULP = 2.0**-23
_ULPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclass(frozen=True)
class Row:
    """One condition and one output, compared with the first run."""

    condition: str
    output: str
    runs: int
    equal: int  # runs that were the same to the bit
    largest: float  # difference
    needed: Tolerance | None  # None: no tolerance makes them equal


class Runs:
    """All runs of one entry of `predictions`, as far as they were made; `first` is what others are compared with."""

    def __init__(self, first: Mapping[str, Array], samples: int) -> None:
        self.first = {name: np.array(array) for name, array in first.items()}
        self.samples = samples
        self.kept = {name: [array] for name, array in self.first.items()}
        self.rows: list[Row] = []
        self.skipped: list[tuple[str, str]] = []
        """Conditions that the model does not allow, and why."""
        self.strange = ""
        """Why runs cannot be compared, in words."""

    def add(self, condition: str, runs: Sequence[Mapping[str, Array]], counts: bool = True) -> None:
        """Takes what one condition gave. `counts`: whether a tolerance has to allow for it."""
        for name, first in self.first.items():
            arrays = [run[name] for run in runs if name in run]
            alike = [each for each in arrays if (each.shape, each.dtype) == (first.shape, first.dtype)]
            if len(alike) < len(runs):
                self.strange = self.strange or f"{condition}: output {name} is not there, or of another shape or dtype"
                continue
            other = [each for each in alike if not same(each, first)]
            largest = max((_largest(each, first) for each in other), default=0.0)
            self.rows.append(
                Row(condition, name, len(alike), len(alike) - len(other), largest, _needed_by_all(first, other))
            )
            for each in other if counts else ():
                kept = self.kept[name]
                if len(kept) < MOST_KEPT and not any(same(each, known) for known in kept):
                    kept.append(np.array(each))


def _needed_by_all(first: Array, others: Sequence[Array]) -> Tolerance | None:
    """What makes each of `others` equal to `first`."""
    found = [needed([first, each]) for each in others]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    return max(known, key=lambda each: each.rtol, default=Tolerance(0.0, 0.0))


def same(a: Array, e: Array) -> bool:
    """Equal to the bit."""
    return a.tolist() == e.tolist() if a.dtype == object else a.tobytes() == e.tobytes()


def needed(runs: Sequence[Array]) -> Tolerance | None:
    """What makes all runs of one output equal, two by two; None where nothing does."""
    if len(runs) < 2:
        return Tolerance(0.0, 0.0)
    first = runs[0]
    if not is_floating(first.dtype):
        return None
    scale = Expected(first).rms
    noise = max((_noise(a, e, scale) for a, e in permutations(runs, 2)), default=0.0)
    return Tolerance(noise, noise * scale) if math.isfinite(noise) else None


def _noise(a: Array, e: Array, scale: float) -> float:
    with np.errstate(all="ignore"):
        wide_a, wide_e = widen(a), widen(e)
        apart = np.abs(wide_a - wide_e)
        size = scale + np.abs(wide_e)
        parts = np.where(apart == 0, 0.0, apart / size)
        return float(np.max(parts, initial=0.0)) if np.isfinite(parts).all() else math.inf


def _largest(a: Array, e: Array) -> float:
    if not is_number(a.dtype):
        return math.inf
    with np.errstate(all="ignore"):
        found = np.max(np.abs(widen(a) - widen(e)), initial=0.0)
    return float(found) if np.isfinite(found) else math.inf


@dataclass(frozen=True)
class Proposal:
    """The tolerance for one entry, or why there is none."""

    tolerance: Tolerance | None
    why_not: str = ""
    noise: Tolerance | None = None
    """What the runs needed, without a margin."""


def propose(runs: Runs, margin: float) -> Proposal:
    """`margin` times the noise, or `margin` units in the last place of a float32 of the output's scale if that is more.

    None where one answer for all inputs would pass, or zeros, or anything that is like the outputs.
    """
    if runs.strange:
        return Proposal(None, runs.strange)
    found: list[Tolerance] = []
    wanted: list[Tolerance] = []
    for name, kept in runs.kept.items():
        if not is_floating(kept[0].dtype):
            if len(kept) > 1:
                return Proposal(None, f"output {name} differs, and {kept[0].dtype.name} is compared exactly")
            continue
        noise = needed(kept)
        if not np.isfinite(widen(kept[0])).all():
            return Proposal(None, f"output {name} has NaN or infinities, which hold at no tolerance")
        if noise is None:
            return Proposal(None, f"output {name} differs by NaN or infinities, which hold at no tolerance")
        found.append(noise)
        wanted.append(_with_margin(noise, kept[0], margin))
    if not wanted:
        return Proposal(None, "no output is a float, and all others are compared exactly")
    tolerance = Tolerance(max(each.rtol for each in wanted), max(each.atol for each in wanted))
    noise = Tolerance(max(each.rtol for each in found), max(each.atol for each in found))
    if why := next(_too_wide(runs, tolerance), ""):
        return Proposal(None, why, noise)
    return Proposal(_proved(runs, tolerance), noise=noise)


def _with_margin(noise: Tolerance, array: Array, margin: float) -> Tolerance:
    ulp = max(FLOAT32_ULP, _ULPS.get(array.dtype.name, 0.0))
    scale = Expected(array).rms
    return Tolerance(rounded_up(margin * max(noise.rtol, ulp)), rounded_up(margin * max(noise.rtol, ulp) * scale))


def _too_wide(runs: Runs, tolerance: Tolerance) -> Iterator[str]:
    """What the tolerance would take for the model's outputs though it is none of them."""
    for name, array in runs.first.items():
        if not is_floating(array.dtype):
            continue
        if runs.samples < 2 or not array.ndim or len(array) < 2:
            yield f"of output {name} there is one answer, which a model that ignores its inputs gives too: add samples"
        elif Expected(array).passes_as_zeros(tolerance):
            yield f"at {tolerance} zeros would pass as output {name}"
        elif passes_constant(array, tolerance):
            yield f"at {tolerance} one answer for all samples would pass as output {name}: give inputs that differ more"
        elif Expected(array).is_swamped(tolerance):
            yield f"output {name} differs from run to run as much as from sample to sample"


def _proved(runs: Runs, tolerance: Tolerance) -> Tolerance:
    """Every run within it of every other; rounding may have taken a last bit."""
    while used(runs, tolerance) > 1:
        tolerance = Tolerance(next_above(tolerance.rtol), next_above(tolerance.atol))
    return tolerance


def used(runs: Runs, tolerance: Tolerance) -> float:
    """Which part of a tolerance the runs take up: more than 1 is beyond it, and infinite what is beyond any."""
    return max((_used(a, e, tolerance) for a, e in _pairs(runs.kept.values())), default=0.0)


def _pairs(outputs: Iterable[Sequence[Array]]) -> Iterator[tuple[Array, Array]]:
    for kept in outputs:
        yield from permutations(kept, 2)


def _used(a: Array, e: Array, tolerance: Tolerance) -> float:
    if not is_floating(a.dtype):
        return math.inf
    with np.errstate(all="ignore"):
        apart = np.abs(widen(a) - widen(e))
        allowed = tolerance.atol + tolerance.rtol * np.abs(widen(e))
        parts = np.where(apart == 0, 0.0, apart / allowed)
        return float(np.max(parts, initial=0.0)) if not np.isnan(parts).any() else math.inf
