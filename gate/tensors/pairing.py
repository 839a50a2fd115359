"""Which tensor of a file belongs to which of its reference. Never by content: that would hide a swap.

Names that the manifest's `names` rules made pair with exactly those names. All others go by layers:

1. Where both files have the same names, and know the same of them, those are it.
2. Else layers are paired as `gate.tensors.match_layers` says: equal chains, then chains of which one is a part of the
   other, attributes, shapes where one file lacks the name, the order of the model; and within each pair of layers the
   variables as `gate.tensors.match_variables` says.
3. Where that leaves layers over, the same is tried with default names counted anew (`gate.tensors.default_names`),
   and by places (`gate.tensors.match_places`), and taken if it pairs more. Where both sides have a default name of one
   class under one parent, but not all of them, or both files the same of a class of Keras' own, names mean something
   and nothing is counted anew. `block_2` counts as the default name of a class that no file tells only where every
   layer finds its counterpart (by places: every layer of the smaller file) and layers of Keras' own were counted too.
4. Tensors that are left over and have the same full name pair, where it is whole (a file that does not know the name
   of a layer leaves it out) and one layer's, or all of the way to the value, and neither could be another; a number in
   it only as within a pair of layers.
5. What could be paired in more than one way is `uncertain`: no check can judge it. So are tensors of a lock that would
   trade names (`a/kernel` for `b/kernel` and that for the first), since what a lock says of layers is words in a text
   that anybody may edit.

The reference's tensors then go by the candidate's names.
"""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, pairwise

from gate.errors import GateError
from gate.position import Position
from gate.tensors.default_names import Members, Trust, default_names, may_count, only_ones, renumbered, stem_of
from gate.tensors.match_layers import Group, How, Match, Matches, grouped, match_layers
from gate.tensors.match_places import aligned
from gate.tensors.match_variables import kind_of, match_variables, variable_of
from gate.tensors.weightset import Layer, Tensor, layer_of

_THIRD = "elsewhere"
"""What a name may be called while it changes places with another."""


@dataclass(frozen=True)
class Rename:
    """`re.sub(pattern, replacement, name)` on every name of the reference."""

    pattern: str
    replacement: str
    position: Position | None = None


@dataclass(frozen=True)
class Uncertain:
    """A tensor of the reference, by its name in `Pairing.reference`, and those of the candidate that it could be."""

    reference: str
    candidates: tuple[str, ...]


@dataclass(frozen=True)
class Pairing:
    """Both files' tensors by the name they are compared under, each in its own file's order."""

    candidate: Mapping[str, Tensor]
    reference: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()
    """What the report has to say of how names were paired."""
    uncertain: tuple[Uncertain, ...] = ()
    ways: Mapping[str, str] = field(default_factory=dict)
    """How a tensor was paired, where it was not by its name."""

    @property
    def both(self) -> tuple[str, ...]:
        return tuple(name for name in self.candidate if name in self.reference)

    @property
    def only_candidate(self) -> tuple[str, ...]:
        return tuple(name for name in self.candidate if name not in self.reference)

    @property
    def only_reference(self) -> tuple[str, ...]:
        return tuple(name for name in self.reference if name not in self.candidate)

    @cached_property
    def doubtful(self) -> frozenset[str]:
        """What is uncertain, on either side."""
        return names_in(self.uncertain)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of either side: what rules are matched against."""
        return (*self.candidate, *self.only_reference)


def names_in(uncertain: Iterable[Uncertain]) -> frozenset[str]:
    """All names in them. Thousands may share one tuple of candidates, which is looked at once."""
    uncertain = tuple(uncertain)
    candidates = {id(each.candidates): each.candidates for each in uncertain}.values()
    return frozenset((*(each.reference for each in uncertain), *(name for names in candidates for name in names)))


def pair(
    candidate: Mapping[str, Tensor],
    reference: Mapping[str, Tensor],
    renames: Sequence[Rename] = (),
    new: Callable[[str], bool] = lambda _: False,
    removed: Callable[[str], bool] = lambda _: False,
) -> Pairing:
    """Pair two files. `new` and `removed` tell the names of either side that have no counterpart, by the manifest.

    Raises `GateError` where a rename matches no name, or where two tensors would get one name.
    """
    renamed = rewrite(reference, renames)
    settled = {new for new, tensor in renamed.items() if any(re.search(r.pattern, tensor.name) for r in renames)}
    settled |= {new for new, tensor in renamed.items() if new != tensor.name}
    if candidate.keys() == renamed.keys() and all(_told_alike(candidate[name], renamed[name]) for name in candidate):
        return Pairing(candidate, renamed)
    ours = [tensor for name, tensor in candidate.items() if name not in settled and not new(name)]
    theirs = [tensor for name, tensor in renamed.items() if name not in settled and not removed(name)]
    found = _Found()
    for kind in {tensor.group for tensor in ours} & {tensor.group for tensor in theirs}:
        found.add([t for t in ours if t.group == kind], [t for t in theirs if t.group == kind])
    if any(tensor.locked is not None for tensor in theirs):
        found.refuse_trades()
    found.nameless(ours, theirs)
    return _assembled(candidate, renamed, found)


def rewrite(tensors: Mapping[str, Tensor], renames: Sequence[Rename]) -> Mapping[str, Tensor]:
    """The reference's tensors under their new names.

    Raises `GateError` where a rename matches no name, or where two tensors would get one name.
    """
    names = {name: name for name in tensors}
    for rename in renames:
        pattern = re.compile(rename.pattern)
        if not any(pattern.search(new) for new in names.values()):
            raise GateError(
                f"the `names` rule `{rename.pattern}` matches no tensor of the reference",
                "list its names with `weight-gate list` and correct the rule, or remove it",
                rename.position,
            )
        names = {old: pattern.sub(rename.replacement, new) for old, new in names.items()}
    taken: dict[str, str] = {}
    for old, new in names.items():
        if new in taken:
            raise GateError(
                f"`names` makes one name of two tensors of the reference: {taken[new]} and {old} both become {new}",
                _three_steps(tensors, renames) or "make the pattern narrower",
                renames[-1].position if renames else None,
            )
        taken[new] = old
    return {new: tensors[old] for old, new in names.items()}


def _three_steps(names: Collection[str], renames: Sequence[Rename]) -> str:
    """What to say where two rules would have names change places, `left/` and `right/`: it takes a third name.

    Empty where they would not, or where that would not do.
    """
    for there, back in combinations(renames, 2):
        if not (re.search(back.pattern, there.replacement) and re.search(there.pattern, back.replacement)):
            continue
        third = _THIRD + "/" * there.replacement.endswith("/")
        last = Rename("^" * there.pattern.startswith("^") + re.escape(third), there.replacement)
        steps = (Rename(there.pattern, third), back, last)
        made = names
        for each in steps:
            made = [re.sub(each.pattern, each.replacement, name) for name in made]
        if set(made) == set(names) and not any(_THIRD in name for name in names):
            rules = ", ".join(f"{{from: '{each.pattern}', to: '{each.replacement}'}}" for each in steps)
            return f"where names change places, a third one stands in between: `names: [{rules}]`"
    return ""


class _Found:
    """What the layers gave: the candidate's name for each of the reference's, and what to say of it."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.ways: dict[str, str] = {}
        self.uncertain: list[Uncertain] = []
        self.doubtful: set[str] = set()
        """The candidate's tensors that would be uncertain, were it the reference."""
        self.counted: dict[str, None] = {}
        self.told: dict[How, dict[str, None]] = {how: {} for how in (How.ATTRIBUTE, How.SHAPES, How.POSITION)}

    def add(self, ours: list[Tensor], theirs: list[Tensor]) -> None:
        """Pair the tensors of one group (weights, optimizer, …)."""
        matches = _matched(ours, theirs)
        for match in matches.pairs:
            self._add_layer(match)
        self.doubtful.update(tensor.name for group in matches.doubtful for tensor in group.tensors)
        shared: dict[tuple[int, object], tuple[str, ...]] = {}  # thousands may have the same thousands
        for group, candidates in matches.uncertain:
            for tensor in group.tensors:
                key = (id(candidates), kind_of(tensor))
                if key not in shared:
                    shared[key] = tuple(t.name for c in candidates for t in c.tensors if kind_of(t) == key[1])
                self.uncertain.append(Uncertain(tensor.name, shared[key]))

    def refuse_trades(self) -> None:
        """Take back the pairs in which some tensors go by one another's names."""
        heads = deque(self.names.keys() - self.names.values())
        traded = {theirs: mine for theirs, mine in self.names.items() if theirs != mine}
        while heads:  # a row of names that ends somewhere, as where all default names count on by one
            following = traded.pop(heads.popleft(), None)
            if following is not None:
                heads.append(following)
        for theirs, mine in sorted(traded.items()):
            del self.names[theirs]
            self.ways.pop(mine, None)
            self.doubtful.add(mine)
            self.uncertain.append(Uncertain(theirs, (theirs, mine)))

    def nameless(self, ours: list[Tensor], theirs: list[Tensor]) -> None:
        """What is left over has one name on both sides: refuse that as a reason to pair it, where it is none.

        It is none where the name lacks a layer's, where two layers of a file have it, where either could be another
        tensor, and where it ends in a number that counts other variables, because one side has more of them.
        """
        paired, told = set(self.names.values()), {each.reference for each in self.uncertain}
        left = {tensor.name: tensor for tensor in ours if tensor.name not in paired}
        shared = _shared_chains(ours) | _shared_chains(theirs)
        layers: dict[tuple[object, object], None] = {}
        for tensor in theirs:
            if tensor.name in self.names or tensor.name in told or tensor.name not in left:
                continue
            if tensor.name not in self.doubtful and _same_place(tensor, left[tensor.name], shared):
                layers[_key(left[tensor.name]), _key(tensor)] = None
            else:
                self._refuse((tensor,), (tensor.name,), told)
        mine, yours = _by_layer(left.values()), _by_layer(each for each in theirs if each.name not in self.names)
        for one, other in layers:
            variables = match_variables(mine[one], yours[other])
            for mine_left, yours_left in variables.uncertain:
                self._refuse(yours_left, tuple(tensor.name for tensor in mine_left), told)
            for mine_one, yours_one in variables.pairs:
                if mine_one.name != yours_one.name and yours_one.name in left:
                    self._refuse((yours_one,), (mine_one.name,), told)

    def _refuse(self, theirs: Iterable[Tensor], candidates: tuple[str, ...], told: set[str]) -> None:
        """Say of each, once, that it could be any of these."""
        for tensor in theirs:
            if tensor.name not in told:
                told.add(tensor.name)
                self.uncertain.append(Uncertain(tensor.name, candidates))

    def _add_layer(self, match: Match) -> None:
        variables = match_variables(match.ours.tensors, match.theirs.tensors)
        for mine, yours in variables.pairs:
            self.names[yours.name] = mine.name
            if match.how is not How.CHAIN:
                self.ways[mine.name] = match.how.value
            elif match.ours.layer.chain != match.theirs.layer.chain:
                self.ways[mine.name] = "default name"
        for mine_left, yours_left in variables.uncertain:
            names = tuple(tensor.name for tensor in mine_left)
            self.doubtful.update(names)
            self.uncertain += [Uncertain(tensor.name, names) for tensor in yours_left]
        if match.how in self.told:
            ours, theirs = (_prefix(group) for group in (match.ours, match.theirs))
            self.told[match.how][f"{theirs} as {ours}" if ours != theirs else ours] = None
        elif len(match.ours.names) == len(match.theirs.names):
            for one, other in zip(match.ours.layer.steps, match.theirs.layer.steps, strict=True):
                if one.name != other.name and one.name and other.name:
                    self.counted[f"{other.name} as {one.name}"] = None

    @property
    def notes(self) -> tuple[str, ...]:
        notes = []
        if self.counted:
            notes.append(f"default layer names, paired in order: the reference's {', '.join(self.counted)}")
        notes += [f"paired by {how}: the reference's {', '.join(names)}" for how, names in self.told.items() if names]
        return tuple(notes)


def _matched(ours: list[Tensor], theirs: list[Tensor]) -> Matches:
    """The layers of both sides, by their names or, if that pairs more, by default names counted anew or by places."""
    first, second = _groups(ours, {}), _groups(theirs, {})
    best = match_layers(first, second)
    known = _step_names(first) & _step_names(second)
    fewest = min(len(first), len(second))
    trials = (
        (_counted, max(len(first), len(second))),
        (_placed, fewest),
    )
    for trust in Trust:
        for trial, enough in trials:
            if len(best.pairs) == fewest:
                return best
            found = _consistent(trial(first, second, trust, known))
            if trust is Trust.ANY and not (len(found.pairs) == enough and any(map(_was_counted, found.pairs))):
                continue
            best = found if len(found.pairs) > len(best.pairs) else best
    return best


_Names = Mapping[str, str]
_NONE: _Names = {}


def _counted(
    ours: list[Group],
    theirs: list[Group],
    trust: Trust,
    known: Collection[str],
    more: tuple[_Names, _Names] = (_NONE, _NONE),
) -> Matches:
    """By default names counted anew, and by `more` names. Where both files have the same of a class, they stay."""
    mine, yours = (default_names(group.layer for group in side) for side in (ours, theirs))
    kept = frozenset(stem for stem, names in mine.items() if names == yours.get(stem))

    def again(groups: list[Group], names: _Names) -> list[Group]:
        layers, members = [group.layer for group in groups], _members(groups)
        tensors = [tensor for group in groups for tensor in group.tensors]
        counted = renumbered(layers, trust, known, members, kept)
        return _groups(tensors, {**counted, **names}, only_ones(layers, members))

    return match_layers(again(ours, more[0]), again(theirs, more[1]))


def _placed(ours: list[Group], theirs: list[Group], trust: Trust, known: Collection[str]) -> Matches:
    """By the attributes and the places in lists in which both files have layers, and default names counted anew."""
    places = aligned(ours, theirs, trust)
    matches = _counted(ours, theirs, trust, known, (places.ours, places.theirs))
    pairs = []
    for match in matches.pairs:
        told = {places.told[step.node] for step in match.ours.layer.steps if step.node in places.told}
        if match.how is How.CHAIN and told:
            match = replace(match, how=How.POSITION if How.POSITION in told else How.ATTRIBUTE)  # noqa: PLW2901
        pairs.append(match)
    return replace(matches, pairs=tuple(pairs))


def _groups(tensors: Iterable[Tensor], names: Mapping[str, str], only: Collection[str] = ()) -> list[Group]:
    tensors = list(tensors)
    return grouped(tensors, {tensor.name: _layer(tensor) for tensor in tensors}, names, only)


def _layer(tensor: Tensor) -> Layer:
    return tensor.layer or layer_of(tensor.name)


def _key(tensor: Tensor) -> tuple[str, str]:
    """Which layer of its file a tensor belongs to."""
    return tensor.group, _layer(tensor).node


def _by_layer(tensors: Iterable[Tensor]) -> dict[object, list[Tensor]]:
    found: dict[object, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        found[_key(tensor)].append(tensor)
    return found


def _members(groups: Iterable[Group]) -> Members:
    found: dict[str, set[str]] = defaultdict(set)
    for group in groups:
        found[group.layer.node].update(map(variable_of, group.tensors))
        for one, other in pairwise(group.layer.steps):
            found[one.node].add(f"/{other.attribute or ''}")
    return {node: frozenset(held) for node, held in found.items()}


def _step_names(groups: Iterable[Group]) -> set[str]:
    return {step.name for group in groups for step in group.layer.steps if step.name is not None}


def _consistent(matches: Matches) -> Matches:
    """Without the pairs whose default names, under one parent, give no reason to count them anew."""
    found: dict[tuple[str, str], set[tuple[str | None, str | None]]] = defaultdict(set)
    pairs_at: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, match in enumerate(matches.pairs):
        if len(match.ours.names) != len(match.theirs.names):
            continue
        parent = ""
        for one, other in zip(match.ours.layer.steps, match.theirs.layer.steps, strict=True):
            stem = stem_of(one, Trust.ANY)
            if stem is not None and stem_of(other, Trust.ANY) == stem:
                found[parent, stem].add((one.name, other.name))
                pairs_at[parent, stem].append(number)
            parent = one.node
    wrong = {number for key, steps in found.items() if not may_count(steps) for number in pairs_at[key]}
    pairs = tuple(match for number, match in enumerate(matches.pairs) if number not in wrong)
    return replace(matches, pairs=pairs)


def _was_counted(match: Match) -> bool:
    """Whether a layer of a class that is known goes by two default names: a sign that Keras counted."""
    steps = zip(match.ours.layer.steps, match.theirs.layer.steps, strict=False)
    return any(
        one.name != other.name and stem_of(one) is not None and stem_of(other) is not None for one, other in steps
    )


def _assembled(candidate: Mapping[str, Tensor], renamed: Mapping[str, Tensor], found: _Found) -> Pairing:
    """The reference under the candidate's names; what is left keeps its own, unless that is taken."""
    paired = set(found.names.values())
    uncertain = {each.reference for each in found.uncertain}
    names: dict[str, str] = {}
    for name, tensor in renamed.items():
        names[name] = found.names.get(tensor.name, name)
    taken = {new for name, new in names.items() if renamed[name].name in found.names}
    for name, tensor in renamed.items():
        if tensor.name in found.names:
            continue
        own = name
        # A name that means another tensor here, or could: never pair by accident.
        while own in taken or (own in candidate and (own in paired or tensor.name in uncertain)):
            own = f"{own} (reference)"
        names[name] = own
        taken.add(own)
    reference = {names[name]: tensor for name, tensor in renamed.items()}
    told = {tensor.name: name for name, tensor in reference.items()}
    uncertain_now = tuple(Uncertain(told[each.reference], each.candidates) for each in found.uncertain)
    return Pairing(candidate, reference, found.notes, uncertain_now, found.ways)


def _shared_chains(tensors: Iterable[Tensor]) -> set[tuple[str, ...]]:
    """The names from the model down that more than one layer of a file goes by."""
    nodes = {(layer.chain, layer.node) for layer in map(_layer, tensors)}
    return {chain for chain, count in Counter(chain for chain, _ in nodes).items() if count > 1}


def _is_whole(tensor: Tensor) -> bool:
    return tensor.layer is None or tensor.layer.named


def _is_way(tensor: Tensor) -> bool:
    """Whether the name is how a checkpoint calls the value, all objects on the way to it."""
    way, found, _ = tensor.stored_as.partition("/.ATTRIBUTES/")
    return bool(found) and (way == tensor.name or way.endswith(f"/{tensor.name}"))


def _same_place(one: Tensor, other: Tensor, shared: Collection[tuple[str, ...]]) -> bool:
    """Whether one name of two tensors is a reason to pair them.

    It is where it is whole and not `shared` by two layers, where it is all of the way to the value in both files, and
    where both lie in one place of one list.
    """
    if all(_is_whole(each) and _layer(each).chain not in shared for each in (one, other)):
        return True
    if _is_way(one) and _is_way(other):
        return True
    orders = [tensor.layer.order if tensor.layer else None for tensor in (one, other)]
    return orders[0] is not None and orders[0] == orders[1] and _told_alike(one, other)


def _told_alike(one: Tensor, other: Tensor) -> bool:
    """Whether two names that are the same come from all layers' names, or from the same lack of some."""
    if _is_whole(one) and _is_whole(other):
        return True
    sides = [tensor.layer.steps if tensor.layer else () for tensor in (one, other)]
    told = [[(step.name, step.attribute, step.kind) for step in steps] for steps in sides]
    return told[0] == told[1]


def _prefix(group: Group) -> str:
    return group.tensors[0].name.rpartition("/")[0] or group.tensors[0].name
