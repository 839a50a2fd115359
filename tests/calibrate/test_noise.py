"""Runs of one model in, noise and a proposal out: by the formula, with the margin, and never what a constant meets."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.calibrate.noise import FLOAT32_ULP, Runs, needed, propose, used
from gate.tensors.tolerance import Tolerance

RANDOM = np.random.default_rng(7)


def outputs(samples: int = 8, classes: int = 5, scale: float = 1.0) -> np.ndarray[Any, Any]:
    return RANDOM.normal(0, scale, (samples, classes)).astype(np.float32)


def runs_of(first: Any, *others: Any, samples: int = 8) -> Runs:
    runs = Runs({"y": np.asarray(first)}, samples)
    for other in others:
        runs.add("again", [{"y": np.asarray(other)}])
    return runs


def up(value: float) -> float:
    """Two digits, up, by decimal text."""
    digits, power = f"{value:.15e}".split("e")
    return float(f"{np.ceil(float(digits) * 10 - 1e-9) / 10:.1f}e{power}")


def test_the_formula() -> None:
    first = np.array([[3.0, -4.0], [0.0, 5.0]])
    other = first + np.array([[0.0, 0.1], [0.2, 0.0]])
    scale = np.sqrt((9 + 16 + 0 + 25) / 4)
    both_ways = [0.1 / (scale + 4), 0.1 / (scale + 3.9), 0.2 / scale, 0.2 / (scale + 0.2)]
    found = needed([first, other])
    assert found is not None
    assert found.rtol == pytest.approx(max(both_ways))
    assert found.atol == pytest.approx(max(both_ways) * scale)


def test_the_margin_and_two_digits() -> None:
    first = outputs()
    other = first + np.float32(1e-4)
    proposal = propose(runs_of(first, other), 10)
    assert proposal.tolerance is not None
    assert proposal.noise is not None
    assert proposal.tolerance.rtol == up(10 * proposal.noise.rtol)
    assert proposal.tolerance.atol == up(10 * proposal.noise.atol)
    assert used(runs_of(first, other), proposal.tolerance) <= 0.1


def test_never_tighter_than_a_unit_in_the_last_place() -> None:
    first = outputs(scale=100.0)
    proposal = propose(runs_of(first, first), 1)
    rms = float(np.sqrt(np.mean(first.astype(np.float64) ** 2)))
    assert proposal.tolerance == Tolerance(up(FLOAT32_ULP), up(FLOAT32_ULP * rms))
    assert proposal.noise == Tolerance(0.0, 0.0)
    half = propose(runs_of(first.astype(np.float16)), 1).tolerance
    assert half is not None
    assert half.rtol >= 2.0**-10


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-8, -4), st.integers(1, 5), st.floats(1, 30))
def test_all_runs_are_within_what_is_proposed(seed: int, power: float, count: int, margin: float) -> None:
    random = np.random.default_rng(seed)
    first = random.normal(0, 10.0 ** random.integers(-3, 4), (8, 5)).astype(np.float32)
    others = [first * (1 + random.normal(0, 10**power, first.shape)).astype(np.float32) for _ in range(count)]
    found = propose(runs_of(first, *others), margin).tolerance
    if found is None:
        return
    for actual in (first, *others):
        for expected in (first, *others):
            a, e = actual.astype(np.float64), expected.astype(np.float64)
            assert (np.abs(a - e) <= (found.atol + found.rtol * np.abs(e)) / margin * (1 + 1e-12)).all()
    rows = first.astype(np.float64)
    assert not any((np.abs(row - rows) <= found.atol + found.rtol * np.abs(rows)).all() for row in rows)  # one answer
    assert not (np.abs(rows) <= found.atol + found.rtol * np.abs(rows)).all()  # zeros


@pytest.mark.parametrize(
    ("first", "others", "samples", "words"),
    [
        (np.ones((8, 3)), [], 8, "one answer for all samples would pass"),
        (np.zeros((8, 3)), [], 8, "zeros would pass"),
        (outputs(1), [], 1, "there is one answer"),
        (outputs(), [outputs()], 8, "would pass"),
        (np.array([[1.0], [np.nan]]), [], 2, "NaN or infinities"),
        (outputs(), [np.full((8, 5), np.nan, np.float32)], 8, "differs by NaN"),
        (np.arange(8), [np.arange(8) + 1], 8, "compared exactly"),
        (np.arange(8), [], 8, "no output is a float"),
        (outputs(), [outputs(4)], 8, "of another shape"),
        (1 + 1e-7 * np.arange(8.0)[:, None], [], 8, "one answer for all samples would pass"),
    ],
    ids=["constant", "zeros", "one", "random", "nan", "to nan", "integers", "no float", "shape", "nearly constant"],
)
def test_no_proposal(first: Any, others: list[Any], samples: int, words: str) -> None:
    proposal = propose(runs_of(first, *others, samples=samples), 10)
    assert proposal.tolerance is None
    assert words in proposal.why_not


def test_several_outputs_have_one_tolerance() -> None:
    runs = Runs({"small": outputs(scale=1e-3), "large": outputs(scale=1e3), "label": np.arange(8)}, 8)
    again = {name: array + np.float32(1e-5) if name != "label" else array for name, array in runs.first.items()}
    runs.add("again", [again])
    found = propose(runs, 2).tolerance
    assert found is None or used(runs, found) <= 0.5
    assert [row.equal for row in runs.rows] == [0, 0, 1]


def test_another_device_is_shown_and_not_allowed_for() -> None:
    first = outputs()
    runs = runs_of(first)
    runs.add("on the CPU", [{"y": first + np.float32(1e-2)}], counts=False)
    assert runs.rows[-1].largest == pytest.approx(1e-2, rel=1e-3)
    assert propose(runs, 1).noise == Tolerance(0.0, 0.0)
