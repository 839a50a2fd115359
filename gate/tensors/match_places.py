"""Layers by their place: for those whose names a file does not tell, or tells only in part.

The trees of both files are walked down together, from the model on. Below two layers that are one,

1. what both hold in the same attribute is one;
2. what both have in lists, in an order that both files tell, is one place by place: where there are equally many, and
   none contradicts its counterpart by its name, or where a name is unknown by what it holds.

`aligned` gives both sides the same names for such layers; `gate.tensors.match_layers` then goes by them. It never looks
at values.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from gate.tensors.default_names import Trust, may_count, numbered, stem_of
from gate.tensors.match_layers import Group, How
from gate.tensors.model_order import Order, certain, sort_key
from gate.tensors.weightset import Step


@dataclass(frozen=True)
class Aligned:
    """New names of steps by node, for either side, and by the node of either what told them where no name did."""

    ours: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)
    told: dict[str, How] = field(default_factory=dict)
    """By the candidate's node."""


def aligned(ours: Iterable[Group], theirs: Iterable[Group], trust: Trust) -> Aligned:
    """Walk down both files. `trust` says which names count as default ones."""
    found = Aligned()
    pending = [(_tree(ours), _tree(theirs))]
    while pending:
        for mine, yours, how in _children(*pending.pop(), trust):
            name = f"place {len(found.ours)}"
            found.ours[mine.node] = found.theirs[yours.node] = name
            if mine.step.name is None or yours.step.name is None:
                found.told[mine.node] = how
            pending.append((mine, yours))
    return found


@dataclass(eq=False)
class _Place:
    """A layer in the tree of one file."""

    step: Step
    order: Order | None
    below: "dict[str, _Place]" = field(default_factory=dict)
    kinds: list[Hashable] = field(default_factory=list)
    """Shapes and dtypes of the variables of all layers in and below."""

    @property
    def node(self) -> str:
        return self.step.node

    @property
    def children(self) -> "list[_Place]":
        return list(self.below.values())


_Pair = tuple[_Place, _Place, How]


def _tree(groups: Iterable[Group]) -> _Place:
    top = _Place(Step(None, ""), ())
    for group in groups:
        here, order = top, group.layer.order
        for step in group.layer.steps:
            there = here.below.get(step.node)
            if there is None:
                there = here.below[step.node] = _Place(step, order)
            elif order is None or there.order is None:
                there.order = None
            else:
                there.order = min(there.order, order, key=sort_key)
            there.kinds.append(group.kinds)
            here = there
    return top


def _children(mine: _Place, yours: _Place, trust: Trust) -> list[_Pair]:
    """What the same layer of both files holds, pair by pair."""
    ours, theirs = mine.children, yours.children
    found = _in_order(ours, theirs, trust)
    if not found:
        found = _by_attribute(ours, theirs, trust)
    return found


def _in_order(ours: Sequence[_Place], theirs: Sequence[_Place], trust: Trust) -> list[_Pair]:
    if len(ours) != len(theirs) or not all(certain(each.order for each in side) for side in (ours, theirs)):
        return []
    first, second = (sorted(side, key=lambda place: sort_key(place.order or ())) for side in (ours, theirs))
    pairs = [(one, other, How.POSITION) for one, other in zip(first, second, strict=True)]
    return pairs if _believable(pairs, ours, theirs, trust) else []


def _by_attribute(ours: Sequence[_Place], theirs: Sequence[_Place], trust: Trust) -> list[_Pair]:
    mine, yours = _held(ours), _held(theirs)
    pairs = [(mine[key], yours[key], How.ATTRIBUTE) for key in mine if key in yours]
    return pairs if _believable(pairs, ours, theirs, trust) else []


def _held(places: Iterable[_Place]) -> dict[str, _Place]:
    """By attribute, where one layer is held in it."""
    found: dict[str, list[_Place]] = defaultdict(list)
    for place in places:
        if place.step.attribute is not None:
            found[place.step.attribute.lstrip("_")].append(place)
    return {key: held[0] for key, held in found.items() if len(held) == 1}


def _believable(pairs: Sequence[_Pair], ours: Sequence[_Place], theirs: Sequence[_Place], trust: Trust) -> bool:
    """Whether no name speaks against these pairs."""
    ours_named, theirs_named = ({place.step.name for place in side} - {None} for side in (ours, theirs))
    default: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for mine, yours, _ in pairs:
        one, other = mine.step.name, yours.step.name
        if one is None or other is None:
            # A name that the other side has elsewhere belongs there.
            if (
                one in theirs_named
                or other in ours_named
                or sorted(map(str, mine.kinds)) != sorted(map(str, yours.kinds))
            ):
                return False
        elif one != other:
            stem = _shared_stem(mine.step, yours.step, trust)
            if stem is None:
                return False
            default[stem].append((one, other))
        else:
            default[numbered(one)[0]].append((one, other))
    return all(may_count(names) and _same_pattern(names) for names in default.values())


def _shared_stem(mine: Step, yours: Step, trust: Trust) -> str | None:
    """The class that both names are default names of. That one file tells the class is enough for both."""
    stems = {stem_of(mine, trust), stem_of(yours, trust)} - {None}
    stem = stems.pop() if len(stems) == 1 else None
    both = {numbered(step.name or "")[0] for step in (mine, yours)}
    return stem if stem is not None and both == {stem} else None


def _same_pattern(names: Collection[tuple[str, str]]) -> bool:
    """Whether the numbers of both sides rise and fall in the same places."""
    numbers = sorted((numbered(one)[1], numbered(other)[1]) for one, other in names)
    return all(before[1] < after[1] for before, after in pairwise(numbers))
