"""Which variable of a layer is which of its counterpart, once the two layers are known to be one.

1. By name.
2. What is left, where one side has numbers for names: by the number among the layer's own variables, where both files
   tell it, both layers have equally many, and shapes and dtypes agree.
3. Else by shape and dtype, where each occurs once on either side.
4. Else not at all: what could be either is told as uncertain.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from gate.tensors.weightset import Tensor


@dataclass(frozen=True)
class Variables:
    """`pairs` are (candidate, reference); `uncertain` could be paired in more than one way."""

    pairs: tuple[tuple[Tensor, Tensor], ...]
    uncertain: tuple[tuple[tuple[Tensor, ...], tuple[Tensor, ...]], ...] = ()


def match_variables(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Variables:
    """Pair the variables of one layer with those of its counterpart."""
    by_name = {variable_of(tensor): tensor for tensor in ours}
    pairs = [(by_name[variable_of(tensor)], tensor) for tensor in theirs if variable_of(tensor) in by_name]
    ours = _without(ours, [ours for ours, _ in pairs])
    theirs = _without(theirs, [theirs for _, theirs in pairs])
    if not ours or not theirs or not (all(map(is_numbered, ours)) or all(map(is_numbered, theirs))):
        return Variables(tuple(pairs))
    more = _by(ours, theirs, lambda tensor: tensor.index)
    if not all(_kind(one) == _kind(other) for one, other in more) or len(ours) != len(theirs):
        more = []
    if not more:
        more = _by(ours, theirs, _kind, partly=True)
    pairs += more
    ours = _without(ours, [ours for ours, _ in more])
    theirs = _without(theirs, [theirs for _, theirs in more])
    kinds = {_kind(tensor) for tensor in ours} & {_kind(tensor) for tensor in theirs}
    uncertain = [
        (tuple(t for t in ours if _kind(t) == kind), tuple(t for t in theirs if _kind(t) == kind)) for kind in kinds
    ]
    return Variables(tuple(pairs), tuple(sorted(uncertain, key=lambda sides: sides[1][0].name)))


def variable_of(tensor: Tensor) -> str:
    """The variable's own name, or its number."""
    return tensor.variable or tensor.name.rpartition("/")[2]


def is_numbered(tensor: Tensor) -> bool:
    """Whether the file has no name for the variable, only a number."""
    name = variable_of(tensor)
    return name.isascii() and name.isdecimal()


def _kind(tensor: Tensor) -> Hashable:
    return (tensor.shape, tensor.dtype)


def _by(
    ours: Sequence[Tensor], theirs: Sequence[Tensor], key: Callable[[Tensor], Hashable], partly: bool = False
) -> list[tuple[Tensor, Tensor]]:
    """Pairs by a key that occurs once on either side; all or none unless `partly`. None is no key."""
    mine, yours = [key(tensor) for tensor in ours], [key(tensor) for tensor in theirs]
    once = {each for each in mine if each is not None and mine.count(each) == 1 and yours.count(each) == 1}
    if not partly and (len(once) != len(ours) or len(once) != len(theirs)):
        return []
    found = dict(zip(yours, theirs, strict=True))
    return [(tensor, found[each]) for tensor, each in zip(ours, mine, strict=True) if each in once]


def _without(tensors: Sequence[Tensor], gone: Sequence[Tensor]) -> list[Tensor]:
    names = {tensor.name for tensor in gone}
    return [tensor for tensor in tensors if tensor.name not in names]
