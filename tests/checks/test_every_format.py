"""Every way in which one tensor goes wrong, in every format: detected, located, explained; a fitting rule allows it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.results import Outcome
from support.files import WRITERS
from support.judging import check_of, findings_of, judge, sample

Arrays = dict[str, Any]


def one_bit(arrays: Arrays, name: str, index: int, bit: int) -> None:
    bits = arrays[name].copy()
    bits.view(np.uint32).reshape(-1)[index] ^= np.uint32(1 << bit)
    arrays[name] = bits


def flipped_bit(arrays: Arrays) -> None:
    one_bit(arrays, "conv_a/kernel", 6, 22)  # the mantissa's highest bit


def one_ulp(arrays: Arrays) -> None:
    one_bit(arrays, "conv_a/kernel", 6, 0)


def one_nan(arrays: Arrays) -> None:
    arrays["head/bias"] = arrays["head/bias"].copy()
    arrays["head/bias"][1] = np.nan


def missing(arrays: Arrays) -> None:
    del arrays["head/bias"]


def extra(arrays: Arrays) -> None:
    arrays["adapter/kernel"] = np.full((2, 2), 0.5, np.float32)


def swapped(arrays: Arrays) -> None:
    arrays["conv_a/kernel"], arrays["conv_b/kernel"] = arrays["conv_b/kernel"], arrays["conv_a/kernel"]


def transposed(arrays: Arrays) -> None:
    arrays["conv_a/kernel"] = np.ascontiguousarray(arrays["conv_a/kernel"].T)


def other_dtype(arrays: Arrays) -> None:
    arrays["head/kernel"] = arrays["head/kernel"].astype(np.float64)


def other_shape(arrays: Arrays) -> None:
    arrays["head/kernel"] = arrays["head/kernel"].T.copy()


@dataclass
class Case:
    """`kinds` maps each tensor that has to be named to the kind of its finding; `says` has to stand in its story."""

    change: Callable[[Arrays], None]
    kinds: dict[str, str]
    says: str
    allowed: list[dict[str, Any]]
    asked: list[dict[str, Any]] = field(default_factory=list)


CASES = [
    Case(
        one_ulp,
        {"conv_a/kernel": "not-identical"},
        "worst at [1, 2]",
        allowed=[],
        asked=[{"match": "**", "expect": "identical"}],
    ),
    Case(
        flipped_bit,
        {"conv_a/kernel": "value-mismatch"},
        "1 of 16 elements differs",
        allowed=[{"match": "conv_a/kernel", "expect": "changed"}],
    ),
    Case(
        one_nan,
        {"head/bias": "nan-found"},
        "first at [1]",
        allowed=[{"match": "head/bias", "nan": "allowed", "expect": "any"}],
    ),
    Case(
        missing,
        {"head/bias": "missing-tensor"},
        "the reference has it (float32 [3]), the file does not",
        allowed=[{"match": "head/bias", "expect": "removed"}],
    ),
    Case(
        extra,
        {"adapter/kernel": "unexpected-tensor"},
        "the file has it (float32 [2, 2]), the reference does not",
        allowed=[{"match": "adapter/**", "expect": "new"}],
    ),
    Case(
        swapped,
        {"conv_a/kernel": "swapped-tensor", "conv_b/kernel": "swapped-tensor"},
        "swapped: it holds what the reference has as",
        allowed=[{"match": "conv_?/kernel", "expect": "changed"}],
    ),
    Case(
        transposed,
        {"conv_a/kernel": "transposed-tensor"},
        "equal to the reference transposed",
        allowed=[{"match": "conv_a/kernel", "expect": "any"}],
    ),
    Case(
        other_dtype,
        {"head/kernel": "dtype-mismatch"},
        "dtype float64, the reference has float32",
        allowed=[{"match": "head/kernel", "dtype": "float64"}],
    ),
    Case(
        other_shape,
        {"head/kernel": "shape-mismatch"},
        "shape [3, 4], the reference has [4, 3]",
        allowed=[{"match": "head/kernel", "shape": [3, 4], "expect": "changed"}],
    ),
]


@pytest.mark.parametrize("format", list(WRITERS))
def test_equal_files_hold(format: str, tmp_path: Path) -> None:
    model = judge(tmp_path, sample(), sample(), format)
    assert model.outcome == Outcome.PASSED
    assert model.coverage.compared == model.coverage.identical == model.coverage.tensors == 10


@pytest.mark.parametrize("format", list(WRITERS))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.change.__name__)
def test_found_and_explained(case: Case, format: str, tmp_path: Path) -> None:
    changed = sample()
    case.change(changed)
    model = judge(tmp_path, changed, sample(), format, tensors=case.asked or None)
    assert model.outcome == Outcome.FAILED
    found = findings_of(model)
    assert {finding.tensor for finding in found} == set(case.kinds)
    for name, kind in case.kinds.items():
        stories = [finding for finding in found if (finding.tensor, finding.kind) == (name, kind)]
        assert len(stories) == 1
        text = "\n".join([stories[0].reason, *stories[0].details])
        assert case.says in text
        assert stories[0].position is not None
        assert Path(stories[0].position.file).name == "weight-gate.yml"


@pytest.mark.parametrize("format", list(WRITERS))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.change.__name__)
def test_allowed_by_a_rule(case: Case, format: str, tmp_path: Path) -> None:
    changed = sample()
    case.change(changed)
    model = judge(tmp_path, changed, sample(), format, tensors=case.allowed or None)
    assert findings_of(model) == []
    assert model.outcome == Outcome.PASSED


@pytest.mark.parametrize("format", list(WRITERS))
def test_what_holds_within_tolerance_is_said_all_the_same(format: str, tmp_path: Path) -> None:
    changed = sample()
    one_ulp(changed)
    model = judge(tmp_path, changed, sample(), format)
    assert model.outcome == Outcome.PASSED
    summary = check_of(model, "values").summary
    assert "9 identical bit for bit" in summary
    assert "1 tensor within tolerance" in summary
    assert "conv_a/kernel" in summary
