"""Why a tensor is wrong, where its data tells: found under another name, transposed, reordered, rounded, never set.

Looks only at tensors that failed already, and only says what it has verified on every element, within the same
criterion as the comparison. Pairing never uses it: content explains a failure, it never repairs one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice, pairwise, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gate.errors import UnreadableError
from gate.tensors.compare import BLOCK_BYTES, EVERY_BIT, Criterion, compare
from gate.tensors.digest import digest_of
from gate.tensors.dtypes import dtype_name, is_number, widen
from gate.tensors.tolerance import Tolerance, published_tolerance
from gate.tensors.weightset import Tensor

_Array = NDArray[Any]
SWAPPED = "swapped-tensor"
CONSTANT = "constant-tensor"
"""The kind of what is one value throughout, where the reference is not."""
_SAMPLES = 64
_MAX_AXES = 5  # 120 permutations; convolution kernels have at most five axes
_MAX_SLICES = 8192
_REORDER_BYTES = 64 * 1024 * 1024
_NAMED = 3
_TRIED = 12  # tensors compared in full because their samples agree; all samples of sparse tensors do

DIAGNOSES = frozenset(
    {CONSTANT, SWAPPED, "misplaced-tensor", "renamed-tensor", "reshaped-tensor", "transposed-tensor",
     "reordered-tensor", "rounded-tensor"}
)  # fmt: skip
"""Every kind of `Diagnosis`."""


@dataclass(frozen=True)
class Diagnosis:
    """What is certain about a failed tensor: a stable kebab-case `kind` of finding, and one line of text.

    `names` are the tensors that the text speaks of, where it is missing and its values have other names, or where it is
    swapped with another.
    """

    kind: str
    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Shelf:
    """All tensors of one shape and dtype: their names, and a row of sampled values for each."""

    names: tuple[str, ...]
    samples: NDArray[Any]


class Library:
    """The tensors of one file, searchable by content."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors
        self._shelves: dict[tuple[tuple[int, ...], str], _Shelf] = {}
        self._digests: dict[str, str] = {}

    def find(self, wanted: _Array, criterion: Criterion, without: str) -> list[str]:
        """The names, other than `without`, whose tensors hold the values `wanted`; at most a few."""
        shelf = self._shelf(wanted.shape, wanted.dtype)
        sample = _sample(wanted)
        with np.errstate(all="ignore"):
            allowed = criterion.tolerance.atol + criterion.tolerance.rtol * np.abs(shelf.samples)
            near = (np.abs(shelf.samples - sample) <= allowed).all(axis=1)
        found: list[str] = []
        for row in np.flatnonzero(near)[:_TRIED]:
            name = shelf.names[row]
            if name != without and _holds(wanted, self.tensors[name].read(), criterion):
                found.append(name)
            if len(found) == _NAMED:
                break
        return found

    def of_digest(self, digest: str, like: Tensor, without: str) -> list[str]:
        """The names, other than `without`, whose tensors have that digest, and so are `like` it; at most a few."""
        kind = (dtype_name(like.dtype), like.shape)
        alike = (name for name, tensor in self.tensors.items() if (dtype_name(tensor.dtype), tensor.shape) == kind)
        return list(islice((name for name in alike if name != without and self._digest(name) == digest), _NAMED))

    def _digest(self, name: str) -> str:
        """Empty where the tensor cannot be read."""
        tensor = self.tensors[name]
        if tensor.locked is not None:
            return tensor.locked.digest
        if name not in self._digests:
            try:
                self._digests[name] = digest_of(tensor.read())
            except UnreadableError:
                self._digests[name] = ""
        return self._digests[name]

    def _shelf(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> _Shelf:
        key = (shape, dtype.name)
        if key not in self._shelves:
            alike = [t for t in self.tensors.items() if t[1].shape == shape and t[1].dtype == dtype]
            readable = [(name, sample) for name, tensor in alike if (sample := _try_sample(tensor)) is not None]
            rows = np.array([sample for _, sample in readable]) if readable else np.empty((0, 1))
            self._shelves[key] = _Shelf(tuple(name for name, _ in readable), rows)
        return self._shelves[key]


def explain_value(
    name: str,
    actual: Tensor,
    expected: Tensor,
    criterion: Criterion,
    candidate: Library,
    reference: Library,
) -> Diagnosis | None:
    """What can be said of a tensor whose values are not the reference's; nothing where nothing is certain."""
    if not (is_number(actual.dtype) and actual.size > 1 and actual.dtype == expected.dtype):
        return None
    criterion = _narrow(criterion, actual)
    a, e = actual.read(), expected.read()
    if _holds(a, e, EVERY_BIT):
        return None
    if (value := constant(a)) is not None:
        if constant(e) is not None:
            return None
        return constant_tensor(value)
    elsewhere = reference.find(a, criterion, without=name)
    if elsewhere:
        return _elsewhere(e, elsewhere, criterion, candidate)
    return _rearranged(a, e, criterion) or _rounded(a, e)


def explain_shape(actual: Tensor, expected: Tensor, criterion: Criterion) -> Diagnosis | None:
    """What can be said of two tensors whose shapes differ."""
    if not (is_number(actual.dtype) and actual.size == expected.size and actual.dtype == expected.dtype):
        return None
    criterion = _narrow(criterion, actual)
    a, e = actual.read(), expected.read()
    if constant(a) is not None:
        return None
    if _holds(a.reshape(-1), e.reshape(-1), criterion):
        return Diagnosis("reshaped-tensor", "the same values in the same order: only the shape differs")
    return _rearranged(a, e, criterion)


def explain_missing(name: str, missing: Tensor, criterion: Criterion, others: Library) -> Diagnosis | None:
    """Where the values of a tensor that one file lacks are found in the other's surplus tensors."""
    if not (is_number(missing.dtype) and missing.size > 1):
        return None
    criterion = _narrow(criterion, missing)
    wanted = missing.read()
    if constant(wanted) is not None:
        return None
    found = others.find(wanted, criterion, without=name)
    return found_under(found) if found else None


def constant_tensor(value: object) -> Diagnosis:
    """What is said of a tensor all elements of which are `value`."""
    text = f"every element is {value!r}: it looks like an initial value, never trained or never loaded"
    return Diagnosis(CONSTANT, text)


def found_under(names: list[str]) -> Diagnosis:
    """What is said of a tensor that is missing, and whose values have these names."""
    return Diagnosis("renamed-tensor", f"its values are found under {listed(names)}: renamed?", tuple(names))


def _narrow(criterion: Criterion, tensor: Tensor) -> Criterion:
    """At most the dtype's own tolerance: under a wide one, anything is anything's twin."""
    own = published_tolerance(tensor.dtype)
    given = criterion.tolerance
    return replace(criterion, tolerance=Tolerance(min(own.rtol, given.rtol), min(own.atol, given.atol)))


def _elsewhere(expected: _Array, found: list[str], criterion: Criterion, candidate: Library) -> Diagnosis:
    if len(found) == 1 and found[0] in candidate.tensors:
        other = candidate.tensors[found[0]].read()
        if _holds(other, expected, criterion):
            text = f"swapped: it holds what the reference has as {found[0]}, and {found[0]} holds what belongs here"
            return Diagnosis(SWAPPED, text, tuple(found))
    return Diagnosis("misplaced-tensor", f"it holds what the reference has as {listed(found)}")


def _rearranged(a: _Array, e: _Array, criterion: Criterion) -> Diagnosis | None:
    """Whether `a` is `e` with its axes exchanged, or with the slices along one axis in another order."""
    if 2 <= a.ndim == e.ndim <= _MAX_AXES:
        for axes in permutations(range(e.ndim)):
            turned = e.transpose(axes)
            if axes != tuple(range(e.ndim)) and turned.shape == a.shape and _holds_turned(a, turned, criterion):
                how = "transposed" if e.ndim == 2 else f"with its axes permuted to {axes}"
                return Diagnosis("transposed-tensor", f"equal to the reference {how}")
    if a.shape == e.shape and a.nbytes <= _REORDER_BYTES and _same_range(a, e):
        for axis in range(a.ndim):
            order = _reordered(a, e, axis)
            if order is not None:
                shown = f": {order}" if len(order) <= 16 else ""
                text = f"equal to the reference with axis {axis} in another order{shown}"
                return Diagnosis("reordered-tensor", text)
    return None


def _same_range(a: _Array, e: _Array) -> bool:
    """Whether both have one smallest and one largest value, as in any order; quick, and rarely so by chance."""
    return bool(a.min() == e.min() and a.max() == e.max())


def _reordered(a: _Array, e: _Array, axis: int) -> list[int] | None:
    """The order in which `a` has the slices of `e` along `axis`, if it has just those and each is unlike the others."""
    if not 2 <= a.shape[axis] <= _MAX_SLICES:
        return None
    places = {slice_: i for i, slice_ in enumerate(_slices(e, axis))}
    if len(places) < e.shape[axis]:
        return None
    order = [places.get(slice_, -1) for slice_ in _slices(a, axis)]
    return order if -1 not in order and len(set(order)) == len(order) else None


def _slices(array: _Array, axis: int) -> Iterable[bytes]:
    return (part.tobytes() for part in np.moveaxis(array, axis, 0))


def _rounded(a: _Array, e: _Array) -> Diagnosis | None:
    """Whether `a` is what is left of `e` after a narrower dtype."""
    if a.dtype.kind != "f" or a.dtype.itemsize < 4:
        return None
    import ml_dtypes  # noqa: PLC0415 - ten milliseconds that a green run need not spend

    narrower = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
    if a.dtype.itemsize == 8:
        narrower.insert(0, np.dtype(np.float32))
    flat_a, flat_e = a.reshape(-1), e.reshape(-1)
    step = BLOCK_BYTES // a.dtype.itemsize
    for dtype in narrower:
        with np.errstate(all="ignore"):
            if all(
                flat_e[i : i + step].astype(dtype).astype(a.dtype).tobytes() == flat_a[i : i + step].tobytes()
                for i in range(0, a.size, step)
            ):
                text = f"equal to the reference rounded to {dtype.name}: cast on the way?"
                return Diagnosis("rounded-tensor", text)
    return None


def _holds(a: _Array, e: _Array, criterion: Criterion) -> bool:
    """Whether all elements hold; looks at a sample first."""
    if a.shape != e.shape or a.dtype != e.dtype:
        return False
    step = max(1, BLOCK_BYTES // max(1, a.dtype.itemsize))
    if compare(_sampled(a), _sampled(e), criterion).violating:
        return False
    return not any(compare(a, e, criterion, i, min(i + step, a.size)).violating for i in range(0, a.size, step))


def _holds_turned(a: _Array, turned: _Array, criterion: Criterion) -> bool:
    """The same where `turned` is a view with other strides: copied a few rows at a time."""
    if compare(_sampled(a), _sampled(turned), criterion).violating:
        return False
    rows = max(1, BLOCK_BYTES * a.shape[0] // max(1, a.nbytes))
    edges = [*range(0, a.shape[0], rows), a.shape[0]]
    return not any(compare(a[i:j], np.ascontiguousarray(turned[i:j]), criterion).violating for i, j in pairwise(edges))


def constant(array: _Array) -> Any | None:
    """The one value that all elements share, if there are at least two and they do."""
    flat = array.reshape(-1)
    if flat.size < 2:
        return None
    step = max(1, BLOCK_BYTES // array.dtype.itemsize)
    if all(bool((flat[i : i + step] == flat[0]).all()) for i in range(0, flat.size, step)):
        return flat[0].item()
    return None


def _sampled(array: _Array) -> _Array:
    """Up to `_SAMPLES` elements, evenly spread, in C order."""
    at = np.unique(np.linspace(0, array.size - 1, num=min(_SAMPLES, array.size)).astype(np.int64))
    return np.ascontiguousarray(array[np.unravel_index(at, array.shape)]) if array.ndim else array.reshape(1)


def _sample(array: _Array) -> _Array:
    return widen(_sampled(array))


def _try_sample(tensor: Tensor) -> _Array | None:
    try:
        return _sample(tensor.read())
    except UnreadableError:
        return None


def listed(names: list[str]) -> str:
    """`a and b`."""
    return " and ".join(names)
