"""Which variable of a layer is which of its counterpart, once the two layers are known to be one.

1. By name; by number only where both layers have equally many variables, and not each a number that the other lacks.
2. What is left, where one side has numbers for names: by the number among the layer's own variables, where both files
   tell it, both layers have equally many, and shapes and dtypes agree.
3. Else by shape and dtype, where each occurs once on either side, and there are equally many.
4. Else not at all: what could be either is told as uncertain. So is all of a layer that has a name twice: the file
   takes two layers for one, since it calls them alike.
"""

from collections import Counter, defaultdict
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
    if _repeated(ours) or _repeated(theirs):
        return Variables((), _alike(ours, theirs, variable_of))
    by_name = {variable_of(tensor): tensor for tensor in ours}
    if not _count_alike(ours, theirs):
        by_name = {name: tensor for name, tensor in by_name.items() if not is_numbered(tensor)}
    pairs = [(by_name[variable_of(tensor)], tensor) for tensor in theirs if variable_of(tensor) in by_name]
    ours = _without(ours, [ours for ours, _ in pairs])
    theirs = _without(theirs, [theirs for _, theirs in pairs])
    if len(ours) != len(theirs) and any(map(is_numbered, (*ours, *theirs))):
        return Variables(tuple(pairs), _alike(ours, theirs, lambda _: None))
    if not ours or not theirs or not (all(map(is_numbered, ours)) or all(map(is_numbered, theirs))):
        return Variables(tuple(pairs))
    more = _by(ours, theirs, lambda tensor: tensor.index)
    if not all(kind_of(one) == kind_of(other) for one, other in more):
        more = []
    if not more:
        more = _by(ours, theirs, kind_of, partly=True)
    pairs += more
    ours = _without(ours, [ours for ours, _ in more])
    theirs = _without(theirs, [theirs for _, theirs in more])
    return Variables(tuple(pairs), _alike(ours, theirs, kind_of))


def _alike(
    ours: Sequence[Tensor], theirs: Sequence[Tensor], key: Callable[[Tensor], Hashable]
) -> tuple[tuple[tuple[Tensor, ...], tuple[Tensor, ...]], ...]:
    """Those of either side that have one key."""
    mine, yours = _by_key(ours, key), _by_key(theirs, key)
    found = [(tuple(mine[each]), tuple(yours[each])) for each in mine if each in yours]
    return tuple(sorted(found, key=lambda sides: sides[1][0].name))


def _by_key(tensors: Sequence[Tensor], key: Callable[[Tensor], Hashable]) -> dict[Hashable, list[Tensor]]:
    found: dict[Hashable, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        found[key(tensor)].append(tensor)
    return found


def _repeated(tensors: Sequence[Tensor]) -> bool:
    """Whether the file takes two layers for one: a layer has each name once."""
    return len({variable_of(tensor) for tensor in tensors}) < len(tensors)


def variable_of(tensor: Tensor) -> str:
    """The variable's own name, or its number."""
    return tensor.variable or tensor.name.rpartition("/")[2]


def _count_alike(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> bool:
    """Whether a number, which is a position, means the same: not where one has more, or each some that the other lacks.

    The last is so where a rule has settled some of them already.
    """
    mine, yours = ({variable_of(tensor) for tensor in side if is_numbered(tensor)} for side in (ours, theirs))
    return len(ours) == len(theirs) and (mine <= yours or yours <= mine)


def is_numbered(tensor: Tensor) -> bool:
    """Whether the file has no name for the variable, only a number."""
    name = variable_of(tensor)
    return name.isascii() and name.isdecimal()


def kind_of(tensor: Tensor) -> Hashable:
    """What two variables that are one have in common at the least: shape and dtype."""
    return (tensor.shape, tensor.dtype)


def _by(
    ours: Sequence[Tensor], theirs: Sequence[Tensor], key: Callable[[Tensor], Hashable], partly: bool = False
) -> list[tuple[Tensor, Tensor]]:
    """Pairs by a key that occurs once on either side; all or none unless `partly`. None is no key."""
    mine, yours = [key(tensor) for tensor in ours], [key(tensor) for tensor in theirs]
    counts, others = Counter(mine), Counter(yours)
    once = {each for each in mine if each is not None and counts[each] == others[each] == 1}
    if not partly and (len(once) != len(ours) or len(once) != len(theirs)):
        return []
    found = dict(zip(yours, theirs, strict=True))
    return [(tensor, found[each]) for tensor, each in zip(ours, mine, strict=True) if each in once]


def _without(tensors: Sequence[Tensor], gone: Sequence[Tensor]) -> list[Tensor]:
    names = {tensor.name for tensor in gone}
    return [tensor for tensor in tensors if tensor.name not in names]
