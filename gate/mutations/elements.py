"""One element that is off: by so many times what its rule allows, by one bit, or no number at all."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from gate.mutations.interface import Base, Damage, Mutation, Site
from gate.mutations.numbers import flipped, layout, like, neighbour, shifted
from gate.mutations.overlay import Overlay, flat, one_element
from gate.tensors.compare import Criterion, compare
from gate.tensors.dtypes import is_floating, is_number, widen
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Array

_TRIES = 8  # elements, where one cannot be changed so
_NUDGES = 64  # neighbours, until rounding is made up for


def numbers(base: Base) -> Iterator[Site]:
    """Every tensor that holds numbers."""
    return ((name,) for name, tensor in base.tensors.items() if tensor.size and is_number(tensor.dtype))


def floats(base: Base) -> Iterator[Site]:
    """Every tensor of floats."""
    return ((name,) for name, tensor in base.tensors.items() if tensor.size and is_floating(tensor.dtype))


def off_by(factor: float, base: Base, site: Site, random: np.random.Generator) -> Mutation | None:
    """One element that is `factor` times what its rule allows away from what it should be.

    For more than once, it is just beyond as the dtype can have it, and never within; for less, the other way round.
    """
    (name,) = site
    tensor = base.tensors[name]
    expected = flat(base.expected(name))
    for index in random.integers(0, tensor.size, _TRIES):
        value = _away(expected[index : index + 1], tensor.dtype, base.allowed(name), factor, bool(random.integers(2)))
        if value is not None:
            return _changed(base, name, int(index), value, f"{factor:g} x what is allowed")
    return None


def _away(expected: Array, dtype: Any, tolerance: Tolerance, factor: float, up: bool) -> Array | None:
    """An element that is as far from the expected one, in the tensor's own dtype; None where it has none."""
    with np.errstate(all="ignore"):
        right = widen(expected)
        if not np.isfinite(right).all():
            return None
        if not is_floating(dtype):
            step = max(1, round(factor)) if factor > 1 else 0
            return _first(shifted(like(int(expected[0]), dtype), sign * step) for sign in ((1, -1) if up else (-1, 1)))
        allowed = tolerance.atol + tolerance.rtol * float(np.abs(right[0]))
        return _first(
            _near(expected, right, dtype, tolerance, sign * factor * allowed, factor > 1)
            for sign in ((1, -1) if up else (-1, 1))
        )


def _near(
    expected: Array, right: Array, dtype: Any, tolerance: Tolerance, distance: float, beyond: bool
) -> Array | None:
    """`expected + distance`, moved by as few neighbours as it takes to be beyond the tolerance, or within."""
    value = like(right[0] + distance, dtype)
    outwards = float(np.real(right[0])) * distance >= 0  # away from zero is away from what is expected
    if distance == 0:
        outwards = True
    for _ in range(_NUDGES):
        if not np.isfinite(widen(value)).all():
            return None
        violates = bool(compare(value, expected, Criterion(tolerance)).violating)
        if violates == beyond:
            return value
        moved = _nudged(value, outwards == beyond)
        if moved is None:
            return None
        if beyond and not outwards and float(np.real(widen(value)[0])) == 0:
            outwards = True
        value = moved
    return None


def _nudged(value: Array, away: bool) -> Array | None:
    """The neighbour; of a complex number, that of its real part. Below zero lies the smallest number."""
    if value.dtype.kind == "c":
        parts = value.view(value.real.dtype).copy()
        real = _nudged(parts[:1], away)
        if real is None:
            return None
        parts[:1] = real
        return parts.view(value.dtype)
    if not away and float(widen(value)[0]) == 0:
        away = True
    return neighbour(value, away)


def _first(found: Iterator[Array | None]) -> Array | None:
    return next((value for value in found if value is not None), None)


def bit(part: str, base: Base, site: Site, random: np.random.Generator) -> Mutation | None:
    """One bit of one element the other way."""
    (name,) = site
    tensor = base.tensors[name]
    parts = layout(tensor.dtype)
    if parts is None:
        return None
    chosen = {
        "sign": [parts.mantissa + parts.exponent] if parts.sign else [],
        "exponent": [parts.mantissa + each for each in range(parts.exponent)],
        "high": [parts.mantissa - 1] if parts.mantissa else [],
        "low": [0] if parts.mantissa else [],
    }[part]
    if not chosen:
        return None
    index = int(random.integers(tensor.size))
    which = int(random.choice(chosen))
    value = flipped(flat(tensor)[index : index + 1].copy(), which)
    return _changed(base, name, index, value, f"bit {which}")


def special(number: float, base: Base, site: Site, random: np.random.Generator) -> Mutation | None:
    """One element that is NaN or infinite; None where the dtype has none such."""
    (name,) = site
    tensor = base.tensors[name]
    value = like(number, tensor.dtype)
    with np.errstate(all="ignore"):
        kept = np.isnan(widen(value)) if np.isnan(number) else np.isinf(widen(value))
    if not kept.all():
        return None
    return _changed(base, name, int(random.integers(tensor.size)), value, "")


def _changed(base: Base, name: str, index: int, value: Array, how: str) -> Mutation:
    tensor = base.tensors[name]
    place = [int(at) for at in np.unravel_index(index, tensor.shape)]
    before, after = flat(tensor)[index].item(), value[0].item()
    told = f"{place}: {before!r} became {after!r}"
    overlay = Overlay(tensor, one_element(index, value[0]))
    return Mutation("", {name: overlay}, told=told + (f" ({how})" if how else ""))


DAMAGES = {
    "element-0.99x": Damage("one element off by 0.99 of what is allowed", numbers, partial(off_by, 0.99)),
    "element-1.01x": Damage("one element off by 1.01 of what is allowed", numbers, partial(off_by, 1.01)),
    "element-10x": Damage("one element off by 10 times what is allowed", numbers, partial(off_by, 10.0)),
    "element-100x": Damage("one element off by 100 times what is allowed", numbers, partial(off_by, 100.0)),
    "bit-sign": Damage("the sign bit of one element flipped", floats, partial(bit, "sign")),
    "bit-exponent": Damage("a bit of one element's exponent flipped", floats, partial(bit, "exponent")),
    "bit-mantissa-high": Damage("the highest bit of one mantissa flipped", floats, partial(bit, "high")),
    "bit-mantissa-low": Damage("the lowest bit of one mantissa flipped", floats, partial(bit, "low")),
    "nan": Damage("one element is NaN", floats, partial(special, float("nan"))),
    "inf": Damage("one element is infinite", floats, partial(special, float("inf"))),
}
