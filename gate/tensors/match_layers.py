"""Which layer of one file is which of another: by names and place, never by content, which would hide a swap.

The rules, in this order; each looks only at what those before left over, and 2 to 5 start again after every find:

1. Equal chains: the same names from the model down to the layer, and one layer of that chain on either side.
2. The same last name, one chain a part of the other in the same order (a file may not know all names of a chain), the
   same shapes and dtypes, the same names of variables where both sides have names; unique both ways, or the only one
   that is held in the same attributes. Layers around that were paired before have to agree. Not where `block` around
   one of several could be the `block_7` of the other file. A default name that was counted anew (`dense 1/2`) means
   something only in the layer where it was counted, unless either file has one layer of the class at all.
3. The same attribute of layers that are paired (`words` of the model, `proj` of `block`), with the same shapes and
   dtypes.
4. A layer whose own name one file does not know: the only one left over with these shapes and dtypes on both sides,
   where none that is left over has those and more, or some of those and no others.
5. Several that could be each other by rule 2: in the order of the model, where both files record it, there are
   equally many on both sides, and each pair fits and has no such rival. The report calls them "paired by position".
6. What could still be several, by its name or because one file has no name for it, is uncertain: no verdict, and a
   `names` rule has to settle it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gate.tensors.default_names import numbered
from gate.tensors.match_variables import is_numbered, variable_of
from gate.tensors.model_order import certain, sort_key
from gate.tensors.weightset import Layer, Step, Tensor

MOST_ALIKE = 500
"""More layers than this that could all be each other are not looked at one by one: they are uncertain."""


class How(StrEnum):
    """The rule that paired two layers."""

    CHAIN = "name"
    PART = "part of the name"
    ATTRIBUTE = "attribute"
    SHAPES = "shapes"
    POSITION = "position"


@dataclass(frozen=True, eq=False)
class Group:
    """A layer with its variables, under the names that it is to be matched by."""

    layer: Layer
    tensors: tuple[Tensor, ...]
    names: tuple[str | None, ...]
    only: frozenset[str] = frozenset()
    """Layers around, by node, whose counted names mean the same wherever they are."""
    kinds: tuple[Hashable, ...] = field(init=False)
    variables: frozenset[str] | None = field(init=False)

    def __post_init__(self) -> None:
        kinds = tuple(sorted((str(tensor.dtype), tensor.shape) for tensor in self.tensors))
        numbered = any(map(is_numbered, self.tensors))
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "variables", None if numbered else frozenset(map(variable_of, self.tensors)))

    @property
    def last(self) -> str | None:
        """The layer's own name; None where it is unknown or where these are the model's own variables."""
        return self.names[-1] if self.names else None


@dataclass(frozen=True)
class Match:
    """Two layers that are one."""

    ours: Group
    theirs: Group
    how: How


@dataclass(frozen=True)
class Matches:
    """What was paired, and what could be paired in more than one way: each of the reference, with its candidates."""

    pairs: tuple[Match, ...]
    uncertain: tuple[tuple[Group, Sequence[Group]], ...] = ()
    doubtful: tuple[Group, ...] = ()
    """The candidate's layers that would be uncertain, were it the reference."""


def match_layers(ours: Sequence[Group], theirs: Sequence[Group]) -> Matches:
    """Pair the layers of a candidate (`ours`) with those of its reference (`theirs`)."""
    return _Matching(ours, theirs).matches()


def grouped(
    tensors: Iterable[Tensor], layers: Mapping[str, Layer], names: Mapping[str, str], only: Collection[str] = ()
) -> list[Group]:
    """The tensors by layer. `layers` has each tensor's, by its name; `names` has other names of steps, by node.

    `only` are the nodes that have a class to themselves in their file.
    """
    found: dict[str, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        found[layers[tensor.name].node].append(tensor)
    groups = []
    for members in found.values():
        layer = layers[members[0].name]
        told = tuple(names.get(step.node, step.name) for step in layer.steps)
        alone = frozenset(step.node for step in layer.steps if step.node in only)
        groups.append(Group(layer, tuple(members), told, alone))
    return groups


class _Matching:
    """The state of one matching: what is left on either side, and which layers around are paired already."""

    def __init__(self, ours: Sequence[Group], theirs: Sequence[Group]) -> None:
        self.pairs: list[Match] = []
        self.ours = list(ours)
        self.theirs = list(theirs)
        self.around: dict[str, str] = {"": ""}  # their node -> ours
        self.around_back: dict[str, str] = {"": ""}

    def matches(self) -> Matches:
        self._take(self._equal_chains(), How.CHAIN)
        while self.ours and self.theirs:
            for rule, how in (
                (self._parts, How.PART),
                (self._attributes, How.ATTRIBUTE),
                (self._shapes, How.SHAPES),
                (self._positions, How.POSITION),
            ):
                if self._take(rule(), how):
                    break
            else:
                break
        mine_alike, alike = self._candidates()
        unnamed = self._unnamed()
        # Layers of whole names that both files have pair by these, whatever else they could be.
        whole = set(map(_full_names, self.ours)) & set(map(_full_names, self.theirs))
        uncertain = []
        for yours, ours in alike.items():
            more = [] if _full_names(yours) in whole else unnamed[yours]
            if ours or more:
                uncertain.append((yours, [*ours, *more] if ours and more else ours or more))
        lists = {id(found): found for found in unnamed.values()}.values()
        nameless = {mine for found in lists for mine in found if _full_names(mine) not in whole}
        doubtful = [mine for mine, yours in mine_alike.items() if yours or mine in nameless]
        return Matches(tuple(self.pairs), tuple(uncertain), tuple(doubtful))

    def _take(self, found: Iterable[tuple[Group, Group]], how: How) -> bool:
        """Accept pairs that agree with each other and with all before; whether there were any."""
        taken_ours: set[int] = set()
        taken_theirs: set[int] = set()
        for mine, yours in found:
            if how is not How.CHAIN and not self._around_agrees(mine, yours):
                continue
            self.pairs.append(Match(mine, yours, how))
            taken_ours.add(id(mine))
            taken_theirs.add(id(yours))
            for node, other in self._levels(mine, yours):
                self.around.setdefault(other, node)
                self.around_back.setdefault(node, other)
        self.ours = [group for group in self.ours if id(group) not in taken_ours]
        self.theirs = [group for group in self.theirs if id(group) not in taken_theirs]
        return bool(taken_ours)

    @staticmethod
    def _levels(mine: Group, yours: Group) -> list[tuple[str, str]]:
        """The layers around, level by level, where both files have the same levels."""
        if len(mine.names) != len(yours.names):
            return []
        steps = zip(mine.layer.steps, yours.layer.steps, strict=True)
        return [(one.node, other.node) for one, other in steps]

    def _around_agrees(self, mine: Group, yours: Group) -> bool:
        return all(
            self.around.get(other, node) == node and self.around_back.get(node, other) == other
            for node, other in self._levels(mine, yours)
        )

    def _equal_chains(self) -> list[tuple[Group, Group]]:
        return _once(self.ours, self.theirs, lambda group: None if None in group.names else group.names)

    def _parts(self) -> list[tuple[Group, Group]]:
        ours, theirs = self._candidates(loose=True)
        rivals = _Rivals(self.ours, self.theirs)
        found = self._unrivalled(_mutual(ours, theirs), rivals)
        if not found and sum(map(len, ours.values())) <= MOST_ALIKE**2:
            ours = {mine: [each for each in yours if _same_attributes(mine, each)] for mine, yours in ours.items()}
            theirs = {yours: [each for each in mine if _same_attributes(each, yours)] for yours, mine in theirs.items()}
            found = self._unrivalled(_mutual(ours, theirs), rivals)
        return found

    def _unrivalled(self, pairs: Sequence[tuple[Group, Group]], rivals: "_Rivals") -> list[tuple[Group, Group]]:
        """The pairs of which neither layer could as well be one that only lacks its name, or some variables.

        That two chains end alike says nothing where the name may be a second layer's too, and that layer is left over.
        """
        looked_at: Counter[Hashable] = Counter()
        for mine, yours in pairs:
            looked_at[mine.kinds] += len(rivals.of_ours(mine)) + len(rivals.of_theirs(yours))
        return [
            (mine, yours)
            for mine, yours in pairs
            if looked_at[mine.kinds] <= MOST_ALIKE**2
            and not any(self._may_be(mine, each) for each in rivals.of_ours(mine))
            and not any(self._may_be(each, yours) for each in rivals.of_theirs(yours))
        ]

    def _may_be(self, mine: Group, yours: Group) -> bool:
        return _chains_agree(mine, yours, loose=True) and self._around_agrees(mine, yours)

    def _attributes(self) -> list[tuple[Group, Group]]:
        def held_by(group: Group, parents: Mapping[str, str]) -> Hashable:
            steps = group.layer.steps
            if not steps or steps[-1].attribute is None:
                return None
            parent = parents.get(steps[-2].node if len(steps) > 1 else "")
            return None if parent is None else (parent, _attribute(steps[-1]), group.kinds)

        mine = {node: node for node in self.around_back}
        found = _once_each(
            [(held_by(group, mine), group) for group in self.ours],
            [(held_by(group, self.around), group) for group in self.theirs],
        )
        return [(one, other) for one, other in found if _same_variables(one, other)]

    def _shapes(self) -> list[tuple[Group, Group]]:
        found = [
            (mine, yours)
            for mine, yours in _once(self.ours, self.theirs, lambda group: group.kinds)
            if mine.last is None or yours.last is None
        ]
        if len(found) * max(len(self.ours), len(self.theirs)) > MOST_ALIKE**2:
            return []
        return [
            (mine, yours)
            for mine, yours in found
            if (mine.names and yours.names)
            and _same_variables(mine, yours)
            and _chains_agree(mine, yours)
            and not any(_lacks_some(mine, each) for each in self.theirs)
            and not any(_lacks_some(yours, each) for each in self.ours)
        ]

    def _positions(self) -> list[tuple[Group, Group]]:
        ours, theirs = _buckets(self.ours), _buckets(self.theirs)
        rivals = _Rivals(self.ours, self.theirs)
        for key, mine in ours.items():
            yours = theirs.get(key, [])
            if len(mine) != len(yours) or not all(certain(g.layer.order for g in side) for side in (mine, yours)):
                continue
            pairs = list(zip(_in_order(mine), _in_order(yours), strict=True))
            fits = all(_fit(*pair) and self._around_agrees(*pair) for pair in pairs) and self._one_to_one(pairs)
            if fits and len(self._unrivalled(pairs, rivals)) == len(pairs):
                return pairs
        return []

    def _one_to_one(self, pairs: Sequence[tuple[Group, Group]]) -> bool:
        """Whether no layer around is paired with two."""
        levels = {level for pair in pairs for level in self._levels(*pair)}
        return len({mine for mine, _ in levels}) == len({yours for _, yours in levels}) == len(levels)

    def _unnamed(self) -> dict[Group, list[Group]]:
        """For every layer of the reference left over: those that it could be, where one of the two has no name."""
        buckets: dict[Hashable, list[Group]] = defaultdict(list)
        lacking: dict[Hashable, list[Group]] = defaultdict(list)
        for group in self.ours:
            if group.names:
                buckets[group.kinds].append(group)
                if group.last is None:
                    lacking[group.kinds].append(group)
        found: dict[Group, list[Group]] = {}
        for yours in self.theirs:
            alike = buckets.get(yours.kinds, []) if yours.names else []
            if len(alike) > MOST_ALIKE:
                found[yours] = alike if yours.last is None else lacking[yours.kinds]
                continue
            found[yours] = [
                mine
                for mine in alike
                if (mine.last is None or yours.last is None)
                and _same_variables(mine, yours)
                and _chains_agree(mine, yours)
                and self._around_agrees(mine, yours)
            ]
        return found

    def _candidates(self, loose: bool = False) -> tuple[dict[Group, list[Group]], dict[Group, list[Group]]]:
        """For every layer left over, those of the other side that it could be.

        `loose`: also where a layer around one may only go by another number.
        """
        ours: dict[Group, list[Group]] = {group: [] for group in self.ours}
        theirs: dict[Group, list[Group]] = {group: [] for group in self.theirs}
        buckets = _buckets(self.theirs)
        for key, mine in _buckets(self.ours).items():
            yours = buckets.get(key, [])
            if len(mine) * len(yours) > MOST_ALIKE**2:
                for group in mine:
                    ours[group] = yours
                for group in yours:
                    theirs[group] = mine
                continue
            for one in mine:
                for other in yours:
                    if _fit(one, other, loose) and self._around_agrees(one, other):
                        ours[one].append(other)
                        theirs[other].append(one)
        return ours, theirs


class _Rivals:
    """Which layers left over in one file a layer of the other could be, but for chains, though not by rule 2."""

    def __init__(self, ours: Iterable[Group], theirs: Iterable[Group]) -> None:
        self._of_ours = _OneSide(theirs)
        self._of_theirs = _OneSide(ours)

    def of_ours(self, group: Group) -> Sequence[Group]:
        return self._of_ours.rivals(group)

    def of_theirs(self, group: Group) -> Sequence[Group]:
        return self._of_theirs.rivals(group)


class _OneSide:
    def __init__(self, groups: Iterable[Group]) -> None:
        self._by_last: dict[str | None, dict[Hashable, list[Group]]] = defaultdict(lambda: defaultdict(list))
        self._found: dict[Hashable, list[Group]] = {}
        for group in groups:
            if group.names:
                self._by_last[group.last][group.kinds, group.variables].append(group)

    def rivals(self, group: Group) -> Sequence[Group]:
        """Layers without a name of their own, and of the same name with variables more or less."""
        key = (group.last, group.kinds, group.variables)
        if key not in self._found:
            alike = [
                each
                for last in (None, group.last)
                for each in self._by_last.get(last, {}).values()
                if (last is None or each[0].kinds != group.kinds) and _could_have_lost(group, each[0])
            ]
            self._found[key] = [each for groups in alike for each in groups]
        return self._found[key]


def _mutual(ours: Mapping[Group, list[Group]], theirs: Mapping[Group, list[Group]]) -> list[tuple[Group, Group]]:
    """The pairs that fit, and of which each is the only candidate of the other."""
    pairs = [(mine, yours[0]) for mine, yours in ours.items() if len(yours) == 1 and len(theirs[yours[0]]) == 1]
    return [pair for pair in pairs if _fit(*pair)]


def _fit(mine: Group, yours: Group, loose: bool = False) -> bool:
    """Rule 2, but for uniqueness."""
    return mine.last == yours.last and _same_variables(mine, yours) and _chains_agree(mine, yours, loose)


def _chains_agree(mine: Group, yours: Group, loose: bool = False) -> bool:
    if _held_elsewhere(mine, yours):
        return False
    if loose:
        return _may_agree(mine, yours)
    if len(mine.names) == len(yours.names):
        levels = zip(mine.names, yours.names, strict=True)
        return all(one is None or other is None or one == other for one, other in levels)
    short, long = sorted((_path(mine), _path(yours)), key=len)
    rest = iter(long)
    return all(name in rest for name in short)


def _held_elsewhere(mine: Group, yours: Group) -> bool:
    """Whether a layer around whose name one file lacks is held in another attribute of the same layer there."""
    for one, other in zip(mine.layer.steps, yours.layer.steps, strict=False):
        attributes = (_attribute(one), _attribute(other))
        if one.name is not None and other.name is not None:
            if one.name != other.name:
                return False  # from here on these may be other levels
        elif None not in attributes and attributes[0] != attributes[1]:
            return True
    return False


def _may_agree(mine: Group, yours: Group) -> bool:
    """Whether the chains would agree if a layer around went by another number."""

    def alike(one: tuple[str | None, str], other: tuple[str | None, str]) -> bool:
        counted = one[0] is not None and other[0] is not None
        return one[0] == other[0] if counted else one[1] == other[1]

    ours, theirs = _stems(mine), _stems(yours)
    if len(ours) == len(theirs):
        return all(a is None or b is None or alike(a, b) for a, b in zip(ours, theirs, strict=True))
    short, long = sorted(([each for each in side if each is not None] for side in (ours, theirs)), key=len)
    rest = iter(long)
    return all(any(alike(each, other) for other in rest) for each in short)


def _stems(group: Group) -> list[tuple[str | None, str] | None]:
    """The layers around: the name that was counted anew, if it was, and the name without the number at its end."""
    steps = zip(group.names[:-1], group.layer.steps, strict=False)
    return [
        None if step.name is None else (name if name != step.name else None, numbered(step.name)[0])
        for name, step in steps
    ]


def _path(group: Group) -> list[Hashable]:
    """The names that are known; those that were counted anew with the layer that they were counted in."""
    path: list[Hashable] = []
    around: Hashable = ""
    for at, (name, step) in enumerate(zip(group.names, group.layer.steps, strict=True)):
        if name is None:
            around = (group.layer.node, at)  # like no other
            continue
        counted = name != step.name and step.node not in group.only
        around = (around, name) if counted else name
        path.append(around)
    return path


def _full_names(group: Group) -> frozenset[str]:
    return frozenset(tensor.name for tensor in group.tensors)


def _lacks_some(one: Group, other: Group) -> bool:
    """Whether one of two layers has all variables that the other has, by shapes and dtypes, and more."""
    mine, yours = Counter(one.kinds), Counter(other.kinds)
    return mine != yours and (mine <= yours or yours <= mine)


def _could_have_lost(one: Group, other: Group) -> bool:
    """Whether both have the same variables, or one lacks some of the other's."""
    if not (one.kinds == other.kinds or _lacks_some(one, other)):
        return False
    if one.variables is None or other.variables is None:
        return True
    return one.variables <= other.variables or other.variables <= one.variables


def _same_attributes(mine: Group, yours: Group) -> bool:
    """Whether both files tell in which attribute some layer around is held, and never differ in it."""
    if len(mine.names) != len(yours.names):
        return False
    steps = zip(mine.layer.steps, yours.layer.steps, strict=True)
    both = [(_attribute(one), _attribute(other)) for one, other in steps]
    told = [pair for pair in both if None not in pair]
    return bool(told) and all(one == other for one, other in told)


def _attribute(step: Step) -> str | None:
    """Keras keeps `query_dense` in `_query_dense`, and formats store either. `Bidirectional` tells it in names."""
    if step.attribute in {"forward_layer", "backward_layer"}:
        return step.attribute
    if step.name is not None and step.name.startswith(("forward_", "backward_")):
        return f"{step.name.partition('_')[0]}_layer"
    return None if step.attribute is None else step.attribute.lstrip("_")


def _same_variables(mine: Group, yours: Group) -> bool:
    return mine.variables is None or yours.variables is None or mine.variables == yours.variables


def _buckets(groups: Iterable[Group]) -> dict[Hashable, list[Group]]:
    """By last name, shapes and dtypes; layers without a name of their own are left out."""
    found: dict[Hashable, list[Group]] = defaultdict(list)
    for group in groups:
        if group.last is not None:
            found[group.last, group.kinds].append(group)
    return found


def _once(
    ours: Iterable[Group], theirs: Iterable[Group], key: Callable[[Group], Hashable]
) -> list[tuple[Group, Group]]:
    return _once_each([(key(group), group) for group in ours], [(key(group), group) for group in theirs])


def _once_each(
    ours: Sequence[tuple[Hashable, Group]], theirs: Sequence[tuple[Hashable, Group]]
) -> list[tuple[Group, Group]]:
    """Pairs whose key occurs once on either side. None is no key."""
    mine: dict[Hashable, list[Group]] = defaultdict(list)
    yours: dict[Hashable, list[Group]] = defaultdict(list)
    for side, found in ((ours, mine), (theirs, yours)):
        for key, group in side:
            if key is not None:
                found[key].append(group)
    return [
        (groups[0], yours[key][0]) for key, groups in mine.items() if len(groups) == 1 and len(yours.get(key, ())) == 1
    ]


def _in_order(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: sort_key(group.layer.order or ()))
