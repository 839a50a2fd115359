"""No mutation whose elementwise change exceeds the tolerance slips through a default manifest.

Which elements exceed it is told here by the formula and the table of docs/tolerances.md, not by the gate.
"""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gate.checks.interface import Subject
from gate.mutations import DAMAGES
from gate.mutations.choose import Plan
from gate.mutations.interface import Base, Mutation
from gate.mutations.judge import DATA_CHECKS, Judge
from gate.mutations.verdict import Fate, Verdict
from mutations.mutating import judged, written

PUBLISHED = {
    "float64": (1e-9, 1e-12), "float32": (1e-6, 1e-8), "float16": (2e-3, 1e-6), "bfloat16": (1.6e-2, 1e-6),
    "complex64": (1e-6, 1e-8),
}  # fmt: skip
DTYPES = [
    *map(np.dtype, ("float64", "float32", "float16", "complex64", "int8", "int32", "int64", "uint8", "bool")),
    *map(np.dtype, (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)),
]
NAMES = [
    "conv/kernel", "conv/bias", "bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance", "a/b/kernel", "a/b/bias",
    "head/kernel", "head/bias",
]  # fmt: skip
SHAPES = [(), (1,), (3,), (2, 2), (3, 3), (2, 3), (3, 3, 2, 2), (0,), (5, 1)]


def drawn(dtype: Any, shape: tuple[int, ...], seed: int, scale: float) -> NDArray[Any]:
    """Finite numbers, some of them zero."""
    random = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        values = random.standard_normal(shape) * scale * (random.random(shape) < 0.8)
        if dtype.kind == "b":
            return np.asarray(values > 0)
        if dtype.kind in "iu":
            return np.clip(np.round(values), 0 if dtype.kind == "u" else -128, 127).astype(dtype)
        made = np.asarray(values).astype(dtype)
        wide = made.astype(np.complex128 if dtype.kind == "c" else np.float64)
        return np.where(np.isfinite(wide), made, np.zeros((), dtype)).astype(dtype).reshape(shape)


def exceeds(actual: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether any element is farther off than docs/tolerances.md allows."""
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        return True
    rtol, atol = PUBLISHED.get(expected.dtype.name, (0.0, 0.0))
    if expected.dtype.kind in "biu":
        return bool((actual != expected).any())
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    a, e = actual.astype(wide), expected.astype(wide)
    with np.errstate(all="ignore"):
        return bool((~(np.abs(a - e) <= atol + rtol * np.abs(e))).any())


models = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.sampled_from(DTYPES), st.sampled_from(SHAPES)), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(models, st.integers(0, 10**6), st.sampled_from([1e-6, 1.0, 1.0, 1e4]), st.booleans())
def test_nothing_slips_through_a_default_manifest(
    kinds: dict[str, tuple[Any, tuple[int, ...]]], seed: int, scale: float, drifted: bool
) -> None:
    reference = {name: drawn(dtype, shape, seed + at, scale) for at, (name, (dtype, shape)) in enumerate(kinds.items())}
    candidate = {name: drift(values, seed) if drifted else values for name, values in reference.items()}

    def do(subject: Subject, checks: tuple[str, ...]) -> list[tuple[Mutation, Verdict, bool]]:
        base = Base(subject, seed)
        judge = Judge(base, tuple(check for check in DATA_CHECKS if check in checks))
        found = []
        for mutation in Plan(base, tuple(DAMAGES), 80).mutations():
            off = bool(mutation.dropped or mutation.added)
            off = off or any(exceeds(each.read(), reference[name]) for name, each in mutation.changed.items())
            found.append((mutation, judge.verdict(mutation), off))
        return found

    with tempfile.TemporaryDirectory() as folder:
        manifest = written(Path(folder), candidate, reference, format="safetensors")
        result, found = judged(manifest, do)
    if not found or result.exit_code:  # nothing to compare: a model of empty tensors
        assert all(values.size == 0 for values in reference.values())
        return
    for mutation, verdict, off in found[0]:
        assert verdict.fate is not Fate.SLIPPED, (mutation, verdict)
        if off:
            assert verdict.fate is Fate.CAUGHT, (mutation, verdict)


def drift(values: NDArray[Any], seed: int) -> NDArray[Any]:
    """Other values, all within the published tolerance."""
    if values.dtype.name not in PUBLISHED:
        return values
    rtol, _ = PUBLISHED[values.dtype.name]
    random = np.random.default_rng(seed)
    moved = (values * (1 + rtol * random.uniform(-0.4, 0.4, values.shape))).astype(values.dtype)
    return values if exceeds(moved, values) else moved


def test_the_property_is_about_something(tmp_path: Path) -> None:
    """Of a model of every dtype, every kind of damage exceeds the tolerance somewhere, but those that never do."""
    arrays = {f"{dtype.name}/kernel": drawn(dtype, (3, 3), 5, 1.0) for dtype in DTYPES}
    arrays |= {f"{dtype.name}_2/kernel": drawn(dtype, (3, 3), 6, 1.0) for dtype in DTYPES}
    arrays |= {f"float32/{part}": drawn(np.dtype("float32"), (3,), 7, 1.0) for part in NAMES[2:6]}
    arrays = {name.replace("float32/gamma", "float32/bias"): values for name, values in arrays.items()}
    arrays = {(f"bn/{name.rpartition('/')[2]}" if "bn/" in name else name): values for name, values in arrays.items()}
    arrays["float32/bias"] = drawn(np.dtype("float32"), (3,), 8, 1.0)

    def do(subject: Subject, checks: tuple[str, ...]) -> Counter[str]:
        base = Base(subject, 1)
        judge = Judge(base, tuple(check for check in DATA_CHECKS if check in checks))
        verdicts = [judge.verdict(mutation) for mutation in Plan(base, tuple(DAMAGES), 400).mutations()]
        assert not [verdict for verdict in verdicts if verdict.fate is Fate.SLIPPED]
        return Counter(verdict.kind for verdict in verdicts if verdict.fate is Fate.CAUGHT)

    _, (caught,) = judged(written(tmp_path, arrays, arrays, format="safetensors"), do)
    never = {"element-0.99x", "stale-reference", "stale-blend"}
    assert set(DAMAGES) - set(caught) <= never


@pytest.mark.parametrize("seed", range(3))
def test_the_score_of_a_default_manifest_is_one(tmp_path: Path, seed: int) -> None:
    from mutations.mutating import score_of, small

    assert score_of(written(tmp_path, small(), small()), seed).value == 1.0
