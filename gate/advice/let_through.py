"""What else than the expected values a wider tolerance would pass, in words with numbers."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from gate.checks.interface import Subject
from gate.checks.wording import share
from gate.errors import UnreadableError
from gate.tensors.compare import Criterion, compare
from gate.tensors.dtypes import is_floating
from gate.tensors.leniency import Expected, passes_constant
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array
from gate.wording import counted

_NARROWER = {"float64": ("float32", "float16", "bfloat16"), "float32": ("float16", "bfloat16")}
_LOOKED_UP = 50
_FIRST = 64
"""Elements that tell most tensors apart."""


class Failed(Protocol):
    """A tensor, by its name, and what was expected of it."""

    @property
    def name(self) -> str: ...

    @property
    def expected(self) -> Expected: ...


def let_through(tensors: Sequence[Failed], tolerance: Tolerance, subject: Subject) -> Iterator[str]:
    """One line: zeros, tensors that were never loaded, rounding, other tensors of the same shape."""
    expected = [each.expected for each in tensors]
    told = [_zeros(expected, tolerance)]
    told.append(f"a tensor that was never loaded (all zeros): {_of(_never_loaded(expected, tolerance), expected)}")
    told += _rounded(expected, tolerance)
    if others := list(_others(tensors, tolerance, subject)):
        told.append(f"another tensor of the same shape in place of {_listed(others)}")
    else:
        told.append("another tensor of the same shape: none")
    yield f"it would let through: {'; '.join(told)}"


def outputs_let_through(outputs: Sequence[tuple[str, Array, Array]], tolerance: Tolerance) -> Iterator[str]:
    """The same of outputs: zeros, and a model that answers all samples alike."""
    floating = [(name, expected) for name, _, expected in outputs if is_floating(expected.dtype)]
    expected = [Expected(array) for _, array in floating]
    constant = [name for name, array in floating if passes_constant(array, tolerance)]
    alike = f"one answer for all samples: {', '.join(constant) or 'no output'}"
    yield f"it would let through: {_zeros(expected, tolerance)}; {alike}"


def _zeros(expected: Sequence[Expected], tolerance: Tolerance) -> str:
    count = sum(each.zeros(tolerance) for each in expected)
    size = sum(each.values.size for each in expected)
    about = "" if all(each.is_whole for each in expected) else "about "
    return f"{about}{share(count, size) if count else 'none'} of the elements as zeros"


def _never_loaded(expected: Sequence[Expected], tolerance: Tolerance) -> int:
    # Of a tensor that is all zeros, another one is no mistake.
    return sum(1 for each in expected if each.rms and each.passes_as_zeros(tolerance))


def _rounded(expected: Sequence[Expected], tolerance: Tolerance) -> Iterator[str]:
    for narrow in ("float32", "float16", "bfloat16"):
        wide = [each for each in expected if narrow in _NARROWER.get(each.array.dtype.name, ())]
        if wide:
            passing = sum(1 for each in wide if each.passes_rounded(narrow, tolerance))
            yield f"rounding to {narrow}: {_of(passing, wide)}"


def _others(tensors: Sequence[Failed], tolerance: Tolerance, subject: Subject) -> Iterator[str]:
    for each in tensors[:_LOOKED_UP]:
        if each.name not in subject.pairing.reference:
            continue
        if other := next(_like(each, tolerance, subject), None):
            yield f"{each.name} ({other})"


def _like(failed: Failed, tolerance: Tolerance, subject: Subject) -> Iterator[str]:
    """The tensors of the reference that would pass in its place."""
    expected = np.ascontiguousarray(failed.expected.array)
    for name, tensor in subject.pairing.reference.items():
        if name != failed.name and (tensor.shape, tensor.dtype) == (expected.shape, expected.dtype):
            try:
                values = tensor.read()
            except UnreadableError:
                continue
            first = compare(values, expected, Criterion(tolerance), 0, min(_FIRST, expected.size))
            if not first.violating and not compare(values, expected, Criterion(tolerance)).violating:
                yield name


def _of(count: int, expected: Sequence[Expected]) -> str:
    if not count:
        return "no"
    return "yes" if count == len(expected) else f"{count:,} of {counted(len(expected), 'tensor')}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
