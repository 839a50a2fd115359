"""From an object graph to names: docs/names.md in code for TF2 checkpoints and SavedModels.

What holds a variable is a layer. What it is called is told by `full_name`, which ends in the layer's name and the
variable's, and by the attribute or list that leads there. A full name lacks the layers around where Keras built the
layer before them, and is that of the layer around where Keras built it inside `call`; so each name is taken for the
layer that it fits, and what fits none stays unknown. Attributes have no order; lists have the model's.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gate.errors import UnreadableError
from gate.formats.tensorflow.object_graph import ROOT, VARIABLE_VALUE, Attribute, Edge, Graph, reach
from gate.formats.tensorflow.object_roles import Roles, is_optimizer, roles
from gate.tensors.model_order import Order
from gate.tensors.weightset import Group, Layer, Step

_LISTS = frozenset(["_operations", "_layers", "layers", "_self_tracked_trackables"])
"""Lists that are the model's own: they stand in the order of its layers."""
_SAME = frozenset(["_functional"])
"""What a `Sequential` is inside: the same layer once more."""
_NUMBERED = re.compile(r"layer-(\d{1,9})", re.ASCII)
_ITEM = re.compile(r"\d{1,9}", re.ASCII)
_UNNAMED = re.compile(r"Variable(?:_\d+)?")
MOST_HELD = 16
"""What holds more than this is a model, and no `tf.train.Checkpoint`."""
SEED_STATE = "seed_generator_state"
MOST_LEVELS = 256
"""More layers around a variable than this are no model."""


@dataclass(frozen=True)
class Named:
    """One value of a checkpoint: its key, its names (the first is wanted, the others are longer), its place."""

    key: str
    names: tuple[str, ...]
    group: Group
    layer: Layer
    variable: str
    index: int | None = None
    copy: bool = False
    """Whether it is Keras 3's second copy of a variable that has its own place."""


@dataclass(frozen=True)
class _Way:
    """The way to an object: its steps, and its place in the model's order."""

    steps: tuple[tuple[int, str | None], ...] = ()
    """(object, attribute); the attribute is None for an item of a list."""
    order: Order | None = ()


class _Votes:
    """What full names and scopes say of the layers: the last name of a full name, and those before it."""

    def __init__(self) -> None:
        self.sure: dict[int, str] = {}
        self.own: dict[int, Counter[str]] = defaultdict(Counter)
        self.around: dict[int, Counter[str]] = defaultdict(Counter)
        self.root: Counter[str] = Counter()
        self.repeated: set[int] = set()
        """Layers of full names that end in one name twice."""

    def count(
        self, attribute: Attribute, steps: tuple[tuple[int, str | None], ...], told: tuple[str, ...] | None
    ) -> None:
        """Take one variable into account; `told` is the scope in which a function reads it."""
        chain = scope_of(attribute)
        if not steps:
            self.root.update(chain[-1:])
        elif told is not None and len(told) == len(steps):
            self.sure |= {object_: name for (object_, _), name in zip(steps, told, strict=True)}
        elif chain:
            last = steps[-1][0]
            self.own[last][chain[-1]] += 1
            if chain[-1:] == chain[-2:-1]:
                self.repeated.add(last)
            if len(chain) >= len(steps):
                for (object_, _), name in list(zip(reversed(steps), reversed(chain), strict=False))[1:]:
                    self.around[object_][name] += 1
        elif _UNNAMED.fullmatch(_plain_name(attribute.full_name)) and steps[-1][1]:
            self.own[steps[-1][0]][steps[-1][1]] += 1


class ObjectNames:
    """Names all values of one graph.

    `chains` has the whole chain of a variable's layers, where a function tells it; `containers` are the objects that
    are known to be lists and dicts; `whole` are the keys of single integers.
    """

    def __init__(
        self,
        graph: Graph,
        chains: Mapping[int, tuple[str, ...]] | None = None,
        containers: Collection[int] = (),
        shown: str = "the checkpoint",
        whole: Collection[str] = (),
    ) -> None:
        self.graph = graph
        self.shown = shown
        self.lists = frozenset(number for number in range(len(graph)) if self._is_list(number))
        self.chains = chains or {}
        self.containers = containers
        self.roles: Roles = roles(graph, whole)
        self.start = self._model()
        edge = self.roles.model.get(self.start)
        self.held_as = edge[1] if edge else ""
        """What the root calls the model, where it is not the root itself: no part of any name."""
        self.ways: dict[int, _Way] = {}
        self.names = self._layer_names()
        self.found: list[Named] = []
        for number, edge in self.roles.model.items():
            for attribute in graph[number].attributes:
                self._weight(number, edge, attribute)
        for number, edge in self.roles.copies.items():
            for attribute in graph[number].attributes:
                self._copy(attribute, edge)
        self._optimizer()
        for number, edge in self.roles.metrics.items():
            for attribute in graph[number].attributes:
                self._plain(attribute, edge, Group.METRICS)

    # The model's own.

    def _model(self) -> int:
        """The model: the root, or the only thing but optimizers and counters that a `tf.train.Checkpoint` holds."""
        node = self.graph[ROOT]
        if "root" in node.names or "signatures" in node.names or node.attributes:
            return ROOT
        held = {child for _, child in node.children if child in self.roles.model and child != ROOT}
        if len(held) > MOST_HELD:
            return ROOT
        held = {child for child in held if not is_optimizer(self.graph[child].names)}
        full = {child for child in held if self._holds_values(child)}
        return full.pop() if len(full) == 1 and not any(self.graph[child].attributes for child in full) else ROOT

    def _holds_values(self, number: int) -> bool:
        """Whether any value lies in or below an object."""
        below: dict[int, Edge | None] = {}
        reach(self.graph, number, lambda _, held: held in self.roles.model, below)
        return any(self.graph[each].attributes for each in below)

    def _way(self, number: int) -> _Way:
        """The layers from the model down to an object, itself included."""
        known = self.ways.get(number)
        if known is None:
            known = self.ways[number] = self._walked(number)
        return known

    def _walked(self, number: int) -> _Way:
        path: list[tuple[int, str, int]] = []
        here = number
        while here not in {self.start, ROOT}:
            edge = self.roles.model.get(here)
            if edge is None:
                break
            if len(path) == MOST_LEVELS:
                raise UnreadableError(
                    f"{self.shown}: its object graph has more than {MOST_LEVELS} objects, one in the other",
                    "no model needs that",
                )
            path.append((edge[0], edge[1], here))
            here = edge[0]
        steps: list[tuple[int, str | None]] = []
        order: list[int | str] = []
        for holder, name, held in reversed(path):
            place = _NUMBERED.fullmatch(name)
            if name in _SAME:
                continue
            if place or _ITEM.fullmatch(name):
                order.append(int(place[1]) if place else int(name))
                steps.append((held, None))
            elif held in self.containers or held in self.lists:
                if name not in _LISTS:
                    order.append(name)
            elif holder in self.containers:  # an item of a dict
                order.append(name)
                steps.append((held, None))
            else:
                order.append(name)
                steps.append((held, name))
        return _Way(tuple(steps), tuple(order))

    def _is_list(self, number: int) -> bool:
        node = self.graph[number]
        return bool(node.children) and not node.attributes and all(name.isdecimal() for name, _ in node.children)

    def _layer_names(self) -> dict[int, str]:
        """The name of every layer that a full name or a function's scope tells, by object."""
        votes = _Votes()
        for number, edge in self.roles.model.items():
            for attribute in self.graph[number].attributes:
                if attribute.name == VARIABLE_VALUE and edge is not None:
                    votes.count(attribute, self._way(edge[0]).steps, self.chains.get(number))
        return self._elected(votes)

    def _elected(self, votes: "_Votes") -> dict[int, str]:
        names = dict(votes.sure)
        model = _most(votes.root)
        by_depth = sorted(
            (number for number in votes.own if number not in names), key=lambda n: len(self._way(n).steps)
        )
        shared = Counter((self._parent(number), _most(votes.own[number])) for number in by_depth)
        for number in by_depth:
            name = _most(votes.own[number]) or ""
            named = [names[each] for each, _ in self._way(number).steps[:-1] if each in names]
            above = named[-1] if named else model
            if (name == above and number not in votes.repeated) or shared[self._parent(number), name] > 1:
                continue  # the layer around was being built: this is its name
            names[number] = name
        for number, told in votes.around.items():
            names.setdefault(number, _most(told) or "")
        return names

    def _parent(self, number: int) -> int | None:
        steps = self._way(number).steps
        return steps[-2][0] if len(steps) > 1 else None

    def _weight(self, number: int, edge: Edge | None, attribute: Attribute) -> None:
        holder, held_as = edge or (ROOT, "")
        variable = _variable(attribute, held_as)
        chain = self.chains.get(number)
        way = self._way(holder)
        if self._listed(holder) and _ITEM.fullmatch(held_as):
            layer = self._layer_of_list(attribute, chain, int(held_as))
        else:
            layer = Layer(
                tuple(Step(self.names.get(object_), str(object_), held) for object_, held in way.steps), way.order
            )
        shown = [step.name or (step.attribute or "").lstrip("_") for step in layer.steps]
        group = Group.WEIGHTS
        if variable == SEED_STATE:
            group, shown = Group.RNG, ["rng", *shown]
        name = "/".join((*(part for part in shown if part), variable))
        self._found(attribute, (name,), group, layer, variable)

    def _listed(self, holder: int) -> bool:
        """Whether an object is a flat list of all the model's variables, as `model.export` writes it."""
        edge = self.roles.model.get(holder)
        return edge is not None and edge[0] in {self.start, ROOT} and edge[1] in {"variables", "_variables"}

    def _layer_of_list(self, attribute: Attribute, chain: tuple[str, ...] | None, place: int) -> Layer:
        told = scope_of(attribute) if chain is None else chain
        return Layer(tuple(Step(name, "/".join(told[: at + 1])) for at, name in enumerate(told)), (place,))

    def _found(
        self, attribute: Attribute, names: tuple[str, ...], group: Group, layer: Layer, variable: str,
        index: int | None = None, copy: bool = False,
    ) -> None:  # fmt: skip
        if attribute.name != VARIABLE_VALUE:
            variable = attribute.name
            names = ("/".join((*names[0].split("/")[:-1], variable)),)
        path = attribute.key.split("/.ATTRIBUTES/")[0]
        within = path.removeprefix(f"{self.held_as}/") if self.held_as else path
        others = [within, path, attribute.key]
        if group is not Group.WEIGHTS:
            others = [f"{group}/{other.removeprefix('keras_api/').removeprefix(f'{group}/')}" for other in others]
        self.found.append(Named(attribute.key, (*names, *others), group, layer, variable, index, copy))

    # The rest: no layers, and compared only when asked for.

    def _copy(self, attribute: Attribute, edge: Edge | None) -> None:
        """What only the list of copies holds."""
        path = attribute.key.split("/.ATTRIBUTES/")[0]
        variable = _variable(attribute, edge[1] if edge else "")
        self._found(attribute, (path,), Group.WEIGHTS, Layer(), variable, copy=True)

    def _plain(self, attribute: Attribute, edge: Edge | None, group: Group) -> None:
        variable = "/".join((*scope_of(attribute), _variable(attribute, edge[1] if edge else "")))
        layer = Layer((Step(group.value, group.value),))
        self._found(attribute, (f"{group.value}/{variable}",), group, layer, variable)

    def _optimizer(self) -> None:
        """`optimizer/NAME`, with the number that the optimizer's own list of variables gives it."""
        layer = Layer((Step("optimizer", "optimizer"),))
        places: dict[int, int] = {}
        lists: dict[int, None] = {}
        for number, node in enumerate(self.graph):
            if number in self.roles.optimizer or is_optimizer(node.names):
                lists |= {child: None for name, child in node.children if name == "_variables"}
        for held in lists:
            places |= {item: int(at) for at, item in self.graph[held].children if _ITEM.fullmatch(at)}
        done: set[str] = set()
        slots = {variable: name for node in self.graph for name, _, variable in node.slots}
        for number in [*self.roles.optimizer, *(each for each in slots if each not in self.roles.optimizer)]:
            for attribute in self.graph[number].attributes:
                if attribute.key in done:
                    continue
                done.add(attribute.key)
                variable = _optimizer_variable(attribute)
                if number in slots and not attribute.full_name:
                    variable = slots[number]
                self._found(attribute, (f"optimizer/{variable}",), Group.OPTIMIZER, layer, variable, places.get(number))


def _most(votes: Counter[str]) -> str | None:
    return votes.most_common(1)[0][0] if votes else None


def scope_of(attribute: Attribute) -> tuple[str, ...]:
    """What a full name says of the layers around; nothing where it cannot mean them."""
    name = _plain_name(attribute.full_name)
    return tuple(name.split("/")[:-1]) if name.count("/") <= MOST_LEVELS else ()


def _plain_name(full_name: str) -> str:
    return full_name.removesuffix(":0")


def _variable(attribute: Attribute, held_as: str) -> str:
    """The variable's own name; where it was given none, the attribute's."""
    name = _plain_name(attribute.full_name).rpartition("/")[2]
    if not name or (_UNNAMED.fullmatch(name) and held_as and not held_as.isdecimal()):
        return held_as.lstrip("_") or name or "value"
    return name


def _optimizer_variable(attribute: Attribute) -> str:
    """`adam/iteration` and `training/Adam/conv/kernel/m` without the optimizer's own name."""
    parts = _plain_name(attribute.full_name).split("/")
    if parts[0] == "training" and len(parts) > 2:
        parts = parts[1:]
    return "/".join(parts[1:] if len(parts) > 1 else parts) or attribute.key.split("/.ATTRIBUTES/")[0]
