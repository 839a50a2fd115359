"""Which tensor of a file belongs to which of its reference. Never by content: that would hide a swap.

Names that the manifest's `names` rules made pair with exactly those names. All others go by layers:

1. Where both files have the same names, those are it, unless a file has no names and calls layers by their places.
2. Else layers are paired as `gate.tensors.match_layers` says: equal chains, then chains of which one is a part of the
   other, attributes, shapes where one file lacks the name, the order of the model; and within each pair of layers the
   variables as `gate.tensors.match_variables` says.
3. Where that leaves layers over, the same is tried with default names counted anew (`gate.tensors.default_names`),
   and taken if it pairs more. Where both sides have a default name of one class under one parent, but not all of
   them, names mean something and nothing is counted anew. `block_2` counts as the default name of a class that no
   file tells only where every layer of both files finds its counterpart and layers of Keras' own were counted too.
4. Tensors that are left over and have the same full name pair.
5. What could be paired in more than one way is `uncertain`: no check can judge it.

The reference's tensors then go by the candidate's names.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gate.errors import GateError
from gate.position import Position
from gate.tensors.default_names import Trust, renumbered, stem_of
from gate.tensors.match_layers import Group, How, Match, Matches, grouped, match_layers
from gate.tensors.match_variables import match_variables
from gate.tensors.weightset import Step, Tensor, layer_of


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

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of either side: what rules are matched against."""
        return (*self.candidate, *self.only_reference)


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
    settled = {new for new, tensor in renamed.items() if new != tensor.name}
    if candidate.keys() == renamed.keys() and all(_same_name(candidate[name], renamed[name]) for name in candidate):
        return Pairing(candidate, renamed)
    ours = [tensor for name, tensor in candidate.items() if name not in settled and not new(name)]
    theirs = [tensor for name, tensor in renamed.items() if name not in settled and not removed(name)]
    found = _Found()
    for kind in {tensor.group for tensor in ours} & {tensor.group for tensor in theirs}:
        found.add([t for t in ours if t.group == kind], [t for t in theirs if t.group == kind])
    return _assembled(candidate, renamed, found, settled)


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
                "make the pattern narrower",
                renames[-1].position if renames else None,
            )
        taken[new] = old
    return {new: tensors[old] for old, new in names.items()}


class _Found:
    """What the layers gave: the candidate's name for each of the reference's, and what to say of it."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.ways: dict[str, str] = {}
        self.uncertain: list[Uncertain] = []
        self.counted: dict[str, None] = {}
        self.told: dict[How, dict[str, None]] = {
            how: {} for how in (How.ATTRIBUTE, How.WRAPPER, How.SHAPES, How.POSITION)
        }

    def add(self, ours: list[Tensor], theirs: list[Tensor]) -> None:
        """Pair the tensors of one group (weights, optimizer, …)."""
        matches = _matched(ours, theirs)
        for match in matches.pairs:
            self._add_layer(match)
        for group, candidates in matches.uncertain:
            for tensor in group.tensors:
                alike = [t.name for c in candidates for t in c.tensors if (t.shape, t.dtype) == _kind(tensor)]
                self.uncertain.append(Uncertain(tensor.name, tuple(alike)))

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
    """The layers of both sides, by their names or, if that pairs more, by default names counted anew."""
    first, second = _groups(ours, {}), _groups(theirs, {})
    best = match_layers(first, second)
    known = _step_names(first) & _step_names(second)
    for trust in Trust:
        if len(best.pairs) == min(len(first), len(second)):
            break
        counted = [
            _groups(side, renumbered((group.layer for group in groups), trust, known))
            for side, groups in ((ours, first), (theirs, second))
        ]
        other = _consistent(match_layers(*counted))
        if trust is Trust.ANY and not (
            len(other.pairs) == len(first) == len(second) and any(map(_was_counted, other.pairs))
        ):
            break
        best = other if len(other.pairs) > len(best.pairs) else best
    return best


def _groups(tensors: Iterable[Tensor], names: Mapping[str, str]) -> list[Group]:
    tensors = list(tensors)
    return grouped(tensors, {tensor.name: tensor.layer or layer_of(tensor.name) for tensor in tensors}, names)


def _step_names(groups: Iterable[Group]) -> set[str]:
    return {step.name for group in groups for step in group.layer.steps if step.name is not None}


def _consistent(matches: Matches) -> Matches:
    """Without the pairs whose default names, under one parent, give no reason to count them anew."""
    found: dict[tuple[str, str], set[tuple[Step, Step]]] = defaultdict(set)
    pairs_at: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, match in enumerate(matches.pairs):
        if len(match.ours.names) != len(match.theirs.names):
            continue
        parent = ""
        for one, other in zip(match.ours.layer.steps, match.theirs.layer.steps, strict=True):
            stem = stem_of(one, Trust.ANY)
            if stem is not None and stem_of(other, Trust.ANY) == stem:
                found[parent, stem].add((one, other))
                pairs_at[parent, stem].append(number)
            parent = one.node
    wrong = {number for key, steps in found.items() if not _may_count(steps) for number in pairs_at[key]}
    pairs = tuple(match for number, match in enumerate(matches.pairs) if number not in wrong)
    return Matches(pairs, matches.uncertain)


def _may_count(steps: Collection[tuple[Step, Step]]) -> bool:
    """Whether the names under one parent are the same, or are default ones of which both sides share none."""
    if all(one.name == other.name for one, other in steps):
        return True
    return not {one.name for one, _ in steps} & {other.name for _, other in steps}


def _was_counted(match: Match) -> bool:
    """Whether a layer of a class that is known goes by two default names: a sign that Keras counted."""
    steps = zip(match.ours.layer.steps, match.theirs.layer.steps, strict=False)
    return any(
        one.name != other.name and stem_of(one) is not None and stem_of(other) is not None for one, other in steps
    )


def _assembled(
    candidate: Mapping[str, Tensor], renamed: Mapping[str, Tensor], found: _Found, settled: Collection[str]
) -> Pairing:
    """The reference under the candidate's names; what is left keeps its own, unless that is taken."""
    paired = set(found.names.values())
    uncertain = {each.reference for each in found.uncertain}
    names: dict[str, str] = {}
    for name, tensor in renamed.items():
        names[name] = found.names.get(tensor.name, name)
    taken = {new for name, new in names.items() if renamed[name].name in found.names}

    def meant(own: str, tensor: Tensor) -> bool:
        return own in settled or (tensor.name not in uncertain and _same_name(candidate[own], tensor))

    for name, tensor in renamed.items():
        if tensor.name in found.names:
            continue
        own = name
        # A name that means another tensor here, or could: never pair by accident.
        while own in taken or (own in candidate and (own in paired or not meant(own, tensor))):
            own = f"{own} (reference)"
        names[name] = own
        taken.add(own)
    reference = {names[name]: tensor for name, tensor in renamed.items()}
    told = {tensor.name: name for name, tensor in reference.items()}
    uncertain_now = tuple(Uncertain(told[each.reference], each.candidates) for each in found.uncertain)
    return Pairing(candidate, reference, found.notes, uncertain_now, found.ways)


def _same_name(ours: Tensor, theirs: Tensor) -> bool:
    """Whether equal names of two tensors mean something: not where one file only has a place to call it by."""
    layers = (ours.layer, theirs.layer)
    return all(layer is None or layer.named for layer in layers) or ours.stored_as == theirs.stored_as


def _kind(tensor: Tensor) -> tuple[object, object]:
    return (tensor.shape, tensor.dtype)


def _prefix(group: Group) -> str:
    return group.tensors[0].name.rpartition("/")[0] or group.tensors[0].name
