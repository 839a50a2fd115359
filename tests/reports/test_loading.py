import math
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.reports.loading import loaded_with, memory, merged, stepwise
from gate.results import Step
from reports.samples import RUNTIME, STEPS
from reports.strategies import runtimes, steady, steps

VERSIONS = "TensorFlow 2.21.0, Keras 3.15.1"
LEVEL = "confined by no_new_privs, Landlock ABI 7 (files, TCP, signals), seccomp (no sockets)"
ON_GPU = {**RUNTIME, "threads": "1", "device": "NVIDIA H100", "tf32": "on", "confinement": "seccomp; missing: Landlock"}
NOT_CONFINED = "not confined; missing: no_new_privs, Landlock"


@pytest.mark.parametrize(
    ("runtime", "told"),
    [
        (RUNTIME, f"{VERSIONS} on cpu, 2 threads; oneDNN on, TF32 off; {LEVEL}"),
        (ON_GPU, f"{VERSIONS} on NVIDIA H100, 1 thread; oneDNN on, TF32 on; confined by seccomp; missing: Landlock"),
        ({"tensorflow": "2.21.0", "confinement": NOT_CONFINED}, f"TensorFlow 2.21.0; {NOT_CONFINED}"),
        ({"device": "cpu", "threads": "4", "tf_keras": "2.19.0"}, "cpu, 4 threads; tf_keras 2.19.0"),
        ({"threads": "4"}, "4 threads"),
        ({"keras": "", "threads": ""}, ""),
        ({}, ""),
    ],
)
def test_what_a_model_was_loaded_with(runtime: dict[str, str], told: str) -> None:
    assert loaded_with(runtime) == told


@steady
@given(runtimes)
def test_every_word_of_it_is_told(runtime: dict[str, str]) -> None:
    told = loaded_with(runtime)
    assert all(value in told for value in runtime.values())
    assert bool(told) == any(value or key not in RUNTIME for key, value in runtime.items())


def test_steps_of_one_name_are_one() -> None:
    assert stepwise(STEPS) == [
        "start TensorFlow 2.75 s, 246 MB",
        "load 0.25 s, 612 MB",
        "load tagged copies 0.90 s, 651 MB",
    ]
    assert stepwise([Step("load", math.nan, 0)]) == ["load ? s, ? MB"]
    assert stepwise(()) == []


@steady
@given(steps)
def test_merging_adds_times_and_keeps_the_largest_peak(found: tuple[Step, ...]) -> None:
    seconds: dict[str, list[float]] = defaultdict(list)
    peaks: dict[str, int] = {}
    for step in found:
        seconds[step.what].append(step.seconds)
        peaks[step.what] = max(peaks.get(step.what, 0), step.peak_bytes)
    told = merged(found)
    assert [step.what for step in told] == list(seconds)
    for step in told:
        assert step.peak_bytes == peaks[step.what]
        if all(map(math.isfinite, seconds[step.what])) and math.isfinite(total := sum(seconds[step.what])):
            assert step.seconds == pytest.approx(total)


@steady
@given(st.integers(1, 2**53))
def test_memory_is_never_told_smaller_than_it_was(count: int) -> None:
    number, unit = memory(count).split(" ")
    size = {"MB": 1_000_000, "GB": 1_000_000_000}[unit]
    step = {"MB": 1_000_000, "GB": 10_000_000}[unit]
    shown = round(float(number) * size)
    assert count - 1 <= shown < count + step + 1
    assert number.isdecimal() == (unit == "MB")


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "? MB"), (1, "1 MB"), (612_000_000, "612 MB"), (999_000_001, "1.00 GB"), (2_345_000_000, "2.35 GB")],
)
def test_memory(count: int, told: str) -> None:
    assert memory(count) == told
