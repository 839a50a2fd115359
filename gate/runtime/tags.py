"""Tags: what the copy of a file is filled with, so that a variable tells which tensor of the file it was loaded from.

In come the dtypes of the file's tensors and what variables hold after loads of the copy; out goes which tensor each is.
Each tensor has a code word: one small whole number per round (per copy that is loaded). Numbers are small enough for
the tensor's dtype, and dtypes of unlike capacity use numbers of their own, so that a cast to a wider dtype keeps them.
The last digit of a word differs from its first: no constant over all rounds, as initialisers leave it, is a word.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_BLOCK = 1 << 18
"""Elements that are looked at together."""
MOST_PARTS = 4
"""Distinct values of one variable that `mixture` lists."""
_MOST_WORDS = 4096
"""Combinations of values that `Codebook.parts` tries."""


# From the narrowest to the widest; no number is in two of them. The count of each is even, which the last digit needs.
_BITS, _TINY, _POWERS, _BYTE, _HALF, _WIDE = range(6)
_VALUES: tuple[Sequence[int], ...] = (
    (0, 1),
    (2, 3, 4, 6),  # 5 is none of float4_e2m1fn's
    (8, 16, 128, 256),  # float8_e8m0fnu has powers of two only
    range(32, 96),  # int8 ends at 127, bfloat16 has whole numbers up to 256
    range(1 << 10, 1 << 11),
    range(1 << 19, 1 << 20),
)
_KINDS = {
    "bool": _BITS, "int2": _BITS, "uint2": _BITS, "int4": _TINY, "uint4": _TINY, "float8_e8m0fnu": _POWERS,
    "int8": _BYTE, "uint8": _BYTE, "bfloat16": _BYTE, "float16": _HALF, "int16": _HALF, "uint16": _HALF,
    **dict.fromkeys(
        ("float32", "float64", "int32", "int64", "uint32", "uint64", "complex64", "complex128", "longdouble",
         "clongdouble", "float128", "complex256"), _WIDE,
    ),
}  # fmt: skip
_TINY_FLOATS = ("float8_", "float6_", "float4_")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one variable holds after one round.

    `value` is the number that all of its elements are; None where there is no such one: they differ (`mixed`), are NaN
    or infinite, are texts, or there are none.
    """

    value: int | float | None
    mixed: bool = False


class Codebook:
    """The code words of one file's tensors, whose dtypes are given in the file's order.

    `through` are the dtypes of variables that tensors may be loaded into: where floats among them are narrower than a
    tensor's own dtype, the tensor's word is one that they hold too. It costs rounds in files of very many tensors.
    """

    def __init__(self, dtypes: Sequence[np.dtype[Any]], through: Sequence[np.dtype[Any]] = ()) -> None:
        narrowest = min((kind for each in through if (kind := _narrowing(each)) is not None), default=_WIDE)
        self._places: list[tuple[int, int] | None] = []
        self._members: list[list[int]] = [[] for _ in _VALUES]
        for index, dtype in enumerate(dtypes):
            kind = _kind(dtype)
            if kind is None:
                self._places.append(None)
                continue
            kind = min(kind, narrowest)
            self._places.append((kind, len(self._members[kind])))
            self._members[kind].append(index)
        pairs = zip(self._members, _VALUES, strict=True)
        self.rounds = 1 + max(_digits(len(members), len(values)) for members, values in pairs)
        """How many copies have to be loaded: two or more."""

    def taggable(self, index: int) -> bool:
        """Whether the tensor has a word: it is one of numbers."""
        return self._places[index] is not None

    def value(self, index: int, round: int) -> int:
        """What every element of a tensor is in one round; 0 and 1 for booleans."""
        place = self._places[index]
        if place is None or not 0 <= round < self.rounds:
            raise ValueError(f"tensor {index} has no value in round {round}")
        kind, number = place
        return _VALUES[kind][self._digit(number, len(_VALUES[kind]), round)]

    def decode(self, seen: Sequence[Seen]) -> int | None:
        """The tensor that a variable was loaded from, by what was seen of it in each round; None if that is no word."""
        if len(seen) != self.rounds:
            raise ValueError(f"{len(seen)} rounds of {self.rounds}")
        return self._decoded([None if each.mixed else each.value for each in seen])

    def parts(self, mixtures: Sequence[Sequence[int | float]]) -> tuple[int, ...]:
        """The tensors that a variable of several values may hold parts of, given the `mixture` of each round."""
        if len(mixtures) != self.rounds:
            raise ValueError(f"{len(mixtures)} rounds of {self.rounds}")
        words: Iterator[tuple[int | float, ...]]
        if len({len(values) for values in mixtures}) == 1:
            words = zip(*mixtures, strict=True)  # in the order of their places, which is the same in each round
        else:  # two tensors share a number in some round
            words = islice(product(*mixtures), _MOST_WORDS)
        found = (self._decoded(word) for word in words)
        return tuple(dict.fromkeys(index for index in found if index is not None))

    def _digit(self, number: int, base: int, round: int) -> int:
        first = number % base
        return base - 1 - first if round == self.rounds - 1 else number // base**round % base

    def _decoded(self, word: Sequence[int | float | None]) -> int | None:
        whole = [int(each) for each in word if each is not None and float(each).is_integer()]
        kind = next((kind for kind, values in enumerate(_VALUES) if all(each in values for each in whole)), None)
        if kind is None or len(whole) != len(word):
            return None
        values = _VALUES[kind]
        digits = [values.index(each) for each in whole]
        if digits[-1] != len(values) - 1 - digits[0]:
            return None
        number = sum(digit * len(values) ** place for place, digit in enumerate(digits[:-1]))
        members = self._members[kind]
        return members[number] if number < len(members) else None


def seen(array: Array) -> Seen:
    """What a variable holds, looked at block by block; an array that is not contiguous is copied."""
    flat = np.asarray(array).ravel("K")
    if not flat.size or flat.dtype.kind in "OSUmM":
        return Seen(None)
    first = flat[:1]
    same = _nothing if first != first else _equal  # noqa: PLR0124 -- NaN
    if not all(same(block, first) for block in _blocks(flat)):
        return Seen(None, mixed=True)
    return Seen(_number(first))


def mixture(array: Array, most: int = MOST_PARTS) -> tuple[int | float, ...]:
    """The first `most` distinct finite values of a variable, in the order of their places."""
    flat = np.asarray(array).ravel("K")
    if flat.dtype.kind in "OSUmM":
        return ()
    found: list[Array] = []
    for block in _blocks(flat):
        rest = block[block == block]  # noqa: PLR0124 -- without NaN
        for known in found:
            rest = rest[rest != known]
        while rest.size and len(found) < most:
            found.append(rest[:1])
            rest = rest[rest != rest[:1]]
        if len(found) == most:
            break
    numbers = (_number(each) for each in found)
    return tuple(number for number in numbers if number is not None)


def _kind(dtype: np.dtype[Any]) -> int | None:
    return _TINY if dtype.name.startswith(_TINY_FLOATS) and dtype.name not in _KINDS else _KINDS.get(dtype.name)


def _narrowing(dtype: np.dtype[Any]) -> int | None:
    """What a tensor loses when it is cast to a float of fewer digits."""
    return _kind(dtype) if dtype.kind == "f" or dtype.name.startswith(("bfloat", *_TINY_FLOATS)) else None


def _digits(count: int, base: int) -> int:
    """How many digits tell `count` numbers apart: one at least."""
    digits = 1
    while base**digits < count:
        digits += 1
    return digits


def _blocks(flat: Array) -> Iterator[Array]:
    for start in range(0, flat.size, _BLOCK):
        yield flat[start : start + _BLOCK]


def _equal(block: Array, first: Array) -> bool:
    return bool((block == first).all())


def _nothing(block: Array, _first: Array) -> bool:
    return bool((block != block).all())  # noqa: PLR0124 -- NaN


def _number(one: Array) -> int | float | None:
    """The one element as a plain number, None where it is not finite; of a complex one the real part."""
    value = one[0]
    if one.dtype.kind in "biu" or one.dtype.name.startswith(("int", "uint")):
        return int(value)
    if one.dtype.kind == "c":
        value = value.real if value.imag == 0 else np.nan
    number = float(value)
    return number if np.isfinite(number) else None
