"""Inline `values:`: nested lists of one kind, with a shape, as plain Python data."""

from collections.abc import Iterator
from typing import Any

from gate.manifest.text import found, listed, number

# The scalar, or tuples of tuples of scalars.
Values = Any

_KINDS = {bool: "bools", int: "numbers", float: "numbers", str: "texts"}
_EXPECTED = "a number, true or false, a text, or nested lists of them"


def checked_values(data: Any) -> Values:
    """`data` with its lists as tuples; raises `ValueError` where they are ragged or of more than one kind."""
    _shape(data, "values")
    kinds = sorted({_KINDS[type(leaf)] for leaf in leaves(data)})
    if len(kinds) > 1:
        raise ValueError(f"values of one kind only, not {listed(kinds, 'and')} together")
    return _frozen(data)


def _frozen(data: Any) -> Values:
    return tuple(_frozen(item) for item in data) if isinstance(data, list | tuple) else data


def leaves(data: Any) -> Iterator[Any]:
    """The scalars of nested lists, in order."""
    if isinstance(data, list | tuple):
        for item in data:
            yield from leaves(item)
    else:
        yield data


def shape_of(data: Any) -> tuple[int, ...]:
    """The shape of nested lists; raises `ValueError` where they are ragged."""
    return _shape(data, "values")


def _shape(data: Any, where: str) -> tuple[int, ...]:
    if not isinstance(data, list | tuple):
        if type(data) not in _KINDS:
            raise ValueError(f"{where}: expected {_EXPECTED}, found {found(data)}")
        return ()
    first: tuple[int, ...] | None = None
    for index, item in enumerate(data):
        shape = _shape(item, f"{where}[{index}]")
        if first is None:
            first = shape
        elif shape != first:
            raise ValueError(
                f"{where}: lists of equal lengths make a tensor, but {where}[{index}] has the shape "
                f"{list(shape)} and {where}[0] has {list(first)}"
            )
    return (len(data), *(first or ()))


def unfit(data: Any, dtype: str) -> str:
    """Why a tensor of `dtype` can never hold `data`, or nothing."""
    kind = "texts" if dtype == "string" else "bools" if dtype == "bool" else "numbers"
    integer = dtype.removeprefix("u").removeprefix("int") if "int" in dtype else ""
    low, high = 0, 0
    if integer:
        signed = not dtype.startswith("u")
        high = 2 ** (int(integer) - signed) - 1
        low = -high - 1 if signed else 0
    for leaf in leaves(data):
        if _KINDS.get(type(leaf)) != kind:
            return f"{dtype} holds {kind}, not {found(leaf)}"
        if integer and not isinstance(leaf, int):
            return f"{dtype} holds whole numbers, not {number(leaf)}"
        if integer and not low <= leaf <= high:
            return f"{dtype} holds {low} to {high}, not {number(leaf)}"
    return ""
