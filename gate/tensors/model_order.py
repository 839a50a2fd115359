"""In which order a model has its layers, as far as a file tells.

An order is a tuple of the positions that lead to a layer: a number for a place in a list, a text for an attribute.
Two layers in one list come one after the other; of two attributes nobody knows which comes first.
"""

from collections.abc import Iterable
from itertools import pairwise, zip_longest

Order = tuple[int | str, ...]


def sort_key(order: Order) -> tuple[tuple[bool, int, str], ...]:
    """A key that sorts any orders; only `certain` says whether the result means something."""
    return tuple((True, 0, part) if isinstance(part, str) else (False, part, "") for part in order)


def certain(orders: Iterable[Order | None]) -> bool:
    """Whether each two of these layers first part in a list, so that the file tells which comes first."""
    known = list(orders)
    if any(order is None for order in known):
        return False
    ranked = sorted((order for order in known if order is not None), key=sort_key)
    return all(_certain(one, other) for one, other in pairwise(ranked))


def _certain(one: Order, other: Order) -> bool:
    for mine, yours in zip_longest(one, other):
        if mine != yours:
            return isinstance(mine, int) and isinstance(yours, int)
    return False
