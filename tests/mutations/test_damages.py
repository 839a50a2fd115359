"""What each kind of damage does to a known small model, computed by hand."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gate.mutations import DAMAGES
from gate.mutations.numbers import neighbour, shifted
from gate.mutations.verdict import Fate
from mutations.mutating import damaged, score_of, small, written

F = np.float32


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return written(tmp_path, small(), small())


def differing(changed: Any, name: str) -> list[tuple[float, float]]:
    """Each element that is another one: before, after."""
    before, after = small()[name].reshape(-1), changed.reshape(-1)
    return [(float(b), float(a)) for b, a in zip(before, after, strict=True) if b.tobytes() != a.tobytes()]


@pytest.mark.parametrize(("kind", "factor"), [("element-1.01x", 1.01), ("element-10x", 10), ("element-100x", 100)])
def test_one_element_is_off_by_so_many_times_what_is_allowed(manifest: Path, kind: str, factor: float) -> None:
    verdict, _, arrays = damaged(manifest, kind, "head/kernel")
    ((before, after),) = differing(arrays["head/kernel"], "head/kernel")
    allowed = 1e-8 + 1e-6 * abs(before)  # docs/tolerances.md
    assert abs(after - before) > allowed
    assert abs(after - before) == pytest.approx(factor * allowed, abs=float(np.spacing(F(before))))
    assert verdict.fate is Fate.CAUGHT
    assert [catch.check for catch in verdict.by] == ["values"]


def test_just_less_than_what_is_allowed_passes(manifest: Path) -> None:
    verdict, _, arrays = damaged(manifest, "element-0.99x", "head/kernel")
    ((before, after),) = differing(arrays["head/kernel"], "head/kernel")
    allowed = 1e-8 + 1e-6 * abs(before)
    assert 0.8 * allowed < abs(after - before) <= allowed
    assert verdict.fate is Fate.WITHIN


def test_bits(manifest: Path) -> None:
    for kind, mask in (
        ("bit-sign", 0x80000000),
        ("bit-exponent", 0x7F800000),
        ("bit-mantissa-high", 0x00400000),
        ("bit-mantissa-low", 0x00000001),
    ):
        _, _, arrays = damaged(manifest, kind, "conv/kernel")
        flipped = arrays["conv/kernel"].view(np.uint32) ^ small()["conv/kernel"].view(np.uint32)
        (bits,) = flipped[flipped != 0]
        assert int(bits).bit_count() == 1, kind
        assert int(bits) & mask, kind


def test_no_numbers(manifest: Path) -> None:
    for kind, test in (("nan", np.isnan), ("inf", np.isinf)):
        verdict, _, arrays = damaged(manifest, kind, "bn/gamma")
        assert test(arrays["bn/gamma"]).sum() == 1
        assert [catch.check for catch in verdict.by] == ["finite", "values"]


def test_filled(manifest: Path) -> None:
    for kind, value in (("zeroed", 0), ("constant", 1)):
        verdict, _, arrays = damaged(manifest, kind, "conv/bias")
        assert arrays["conv/bias"].tolist() == [value, value]
        assert verdict.fate is Fate.CAUGHT


def test_a_layer_built_anew(manifest: Path) -> None:
    _, _, arrays = damaged(manifest, "reinitialised", "conv/kernel", "conv/bias")
    limit = np.sqrt(6 / (9 * 2 + 9 * 2))  # a window of 3 x 3, two channels in, two out
    assert arrays["conv/bias"].tolist() == [0, 0]
    drawn = arrays["conv/kernel"]
    assert np.abs(drawn).max() <= limit
    assert len(np.unique(drawn)) == drawn.size
    assert drawn.std() == pytest.approx(limit / np.sqrt(3), rel=0.3)


def test_statistics_of_no_training(manifest: Path) -> None:
    _, _, arrays = damaged(manifest, "stale-batchnorm")
    assert {name: values.tolist() for name, values in arrays.items()} == {
        "bn/moving_mean": [0, 0],
        "bn/moving_variance": [1, 1],
    }


def test_noise_everywhere(manifest: Path) -> None:
    _, _, arrays = damaged(manifest, "stale-noise")
    assert arrays.keys() == small().keys()
    for name, values in arrays.items():
        size = np.sqrt(np.mean(small()[name].astype(np.float64) ** 2))
        assert 0 < np.abs(values - small()[name]).max() < 0.05 * size, name


def test_the_reference_and_half_of_it(tmp_path: Path) -> None:
    old = {name: values + F(1) for name, values in small().items()}
    manifest = written(tmp_path, small(), old, [{"match": "**", "expect": "changed"}])
    verdict, _, arrays = damaged(manifest, "stale-reference")
    assert all((arrays[name] == old[name]).all() for name in old)
    assert verdict.by[0].reason.startswith("identical to the reference")
    verdict, _, arrays = damaged(manifest, "stale-blend")
    assert all((arrays[name] == small()[name] + F(0.5)).all() for name in old)
    assert verdict.fate is Fate.SLIPPED


def test_exchanged(manifest: Path) -> None:
    verdict, _, arrays = damaged(manifest, "swapped", "conv/bias", "bn/gamma")
    assert arrays["conv/bias"].tolist() == [1.5, 0.5]
    assert arrays["bn/gamma"].tolist() == [0.5, -0.25]
    assert verdict.fate is Fate.CAUGHT


def test_transposed(manifest: Path) -> None:
    _, _, arrays = damaged(manifest, "transposed", "head/kernel")
    assert arrays["head/kernel"].tolist() == [[1, 4, 7], [2, 5, 8], [3, 6, 10]]


def test_channels(manifest: Path) -> None:
    _, mutation, arrays = damaged(manifest, "channel-with-bias", "conv/kernel", "conv/bias")
    assert mutation.told in {"channels 0 and 1", "channels 1 and 0"}
    assert arrays["conv/bias"].tolist() == [-0.25, 0.5]
    assert (arrays["conv/kernel"] == small()["conv/kernel"][..., ::-1]).all()
    _, mutation, _ = damaged(manifest, "channel", "conv/kernel")
    assert mutation.names == ("conv/kernel",)


def test_dropped_and_added(manifest: Path) -> None:
    verdict, mutation, _ = damaged(manifest, "dropped", "bn/beta")
    assert mutation.dropped == {"bn/beta"}
    assert [(catch.check, catch.kind) for catch in verdict.by] == [("structure", "missing-tensor")]
    verdict, mutation, _ = damaged(manifest, "added", "bn/beta")
    assert list(mutation.added) == ["bn/beta_copy"]
    assert [(catch.check, catch.kind) for catch in verdict.by] == [("structure", "unexpected-tensor")]


def test_rounded(manifest: Path) -> None:
    values = small()["head/kernel"]
    values[0, 0] = 1 + 2**-9 + 2**-12
    manifest = written(manifest.parent, {"a/kernel": values}, {"a/kernel": values})
    for kind, dtype in (("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)):
        for name in (kind, f"{kind}-all"):
            verdict, _, arrays = damaged(manifest, name, "a/kernel")
            assert (arrays["a/kernel"] == values.astype(dtype).astype(F)).all()
            assert verdict.fate is Fate.CAUGHT
    _, _, arrays = damaged(manifest, "int8", "a/kernel")
    step = 10 / 127
    assert arrays["a/kernel"] == pytest.approx(np.round(values / step) * step, rel=1e-6)


def test_another_dtype(manifest: Path) -> None:
    verdict, mutation, arrays = damaged(manifest, "dtype", "head/bias")
    assert mutation.told == "float32 became float64"
    assert arrays["head/bias"].dtype == np.float64
    assert arrays["head/bias"].tolist() == small()["head/bias"].tolist()
    assert [(catch.check, catch.kind) for catch in verdict.by] == [("structure", "dtype-mismatch")]


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, -1, 0, 127, -128], np.int8),
        np.array([2**63 - 1, -(2**63)], np.int64),
        np.array([0, 255], np.uint8),
        np.array([True, False, True]),
        np.array([0.5, -240], ml_dtypes.float8_e4m3fn),
        np.array([0.0, 57344], ml_dtypes.float8_e5m2),
        np.array([0.0, -1.0, 3e38], ml_dtypes.bfloat16),
        np.array([65504, 6e-8, 0], np.float16),
        np.array([1 + 2j, 0], np.complex64),
        np.array([1e308, 5e-324, 0.0]),
    ],
    ids=lambda values: values.dtype.name,
)
def test_one_element_of_any_dtype(tmp_path: Path, values: Any) -> None:
    manifest = written(tmp_path, {"a": values}, {"a": values}, format="safetensors")
    for kind in ("element-1.01x", "element-10x", "element-100x"):
        for seed in range(4):
            verdict, _, arrays = damaged(manifest, kind, "a", seed=seed)
            assert arrays["a"].dtype == values.dtype
            assert verdict.fate is Fate.CAUGHT, (kind, seed, arrays)


def test_texts_change_places_and_nothing_else_is_done_to_them(tmp_path: Path) -> None:
    arrays = {"a": np.array(["x", "y"]), "b": np.array(["z", "y"]), "c": np.array(["z", "y"])}
    manifest = written(tmp_path, arrays, arrays)
    verdict, _, changed = damaged(manifest, "swapped", "a", "b")
    assert changed["a"].tolist() == ["z", "y"]
    assert [catch.check for catch in verdict.by] == ["values"]
    verdict, _, _ = damaged(manifest, "swapped", "b", "c")
    assert verdict.fate is Fate.EQUIVALENT
    assert {verdict.kind for verdict in score_of(manifest).verdicts} == {
        "swapped", "dropped", "added", "stale-reference", "stale-blend",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "step", "expected"),
    [
        (np.array([7], ml_dtypes.int4), 1, None),
        (np.array([-8], ml_dtypes.int4), 1, -7),
        (np.array([15], ml_dtypes.uint4), 1, None),
        (np.array([2**64 - 1], np.uint64), -1, 2**64 - 2),
        (np.array([2**63 - 1], np.int64), 1, None),
    ],
)
def test_whole_numbers_end(value: Any, step: int, expected: int | None) -> None:
    found = shifted(value, step)
    assert (None if found is None else int(found[0])) == expected


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"]
)
def test_neighbours_are_those_of_the_dtype(dtype: str) -> None:
    """Every number of the narrow ones; `np.nextafter` knows the wide ones."""
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    if kind.itemsize == 1:
        every = np.arange(256, dtype=np.uint8).view(kind)
        numbers = np.unique(every[np.isfinite(every.astype(F))].astype(F))
        for at, number in enumerate(numbers):
            away = numbers[at + 1 : at + 2] if number >= 0 else numbers[max(0, at - 1) : at]
            found = neighbour(np.array([number + 0.0]).astype(kind), away=True)
            assert (None if found is None else float(found[0])) == (float(away[0]) if away.size else None)
    else:
        for number in (0.0, 1.0, -2.5, 1e-6):
            value = np.array([number]).astype(kind)
            found = neighbour(value, away=True)
            assert found is not None
            further = np.array([np.inf if number >= 0 else -np.inf]).astype(kind)
            assert found[0] == np.nextafter(value, further)[0]


def test_every_kind_of_damage_can_be_done_to_the_small_model(manifest: Path) -> None:
    for kind in DAMAGES:
        verdict, mutation, _ = damaged(manifest, kind)
        assert mutation.names, kind
        harmless = {"element-0.99x", "bit-mantissa-low", "stale-reference", "stale-blend"}
        exact = {"float16", "float16-all", "bfloat16", "bfloat16-all"}  # of these numbers
        assert (verdict.fate is Fate.CAUGHT) != (kind in harmless | exact), (kind, verdict)
