"""Random models, and what files of several formats tell of them. The identity of a tensor is known to the test alone.

A `Variable` is one object; two files of one model hold `Held` tensors that point to it. Nothing of the code under test
takes part but the types `Tensor`, `Layer` and `Step`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np

from gate.tensors.weightset import Layer, Step, Tensor

KERAS = {
    "dense": ("kernel", "bias"),
    "conv2d": ("kernel", "bias"),
    "embedding": ("embeddings",),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "layer_normalization": ("gamma", "beta"),
}
MODELS = ("sequential", "functional")
OWN = ("block", "encoder_unit", "mixer")
GIVEN = ("stem", "head", "proj", "left", "right", "stage_1", "conv_a", "dense_a")
SHAPES = ((4,), (4, 4), (4, 4), (2, 4), ())


@dataclass(eq=False)
class Variable:
    """One variable: a name within its layer, a shape, a dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(eq=False)
class Node:
    """One layer. `given` is its name where a person gave one; `place` is None where it is held in an attribute."""

    kind: str
    given: str | None = None
    attribute: str | None = None
    variables: list[Variable] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)
    built: float = 0.0
    """When it was made: default names count in this order."""

    def below(self) -> Iterator["Node"]:
        yield self
        for child in self.children:
            yield from child.below()


def random_model(random: Random, depth: int = 3) -> Node:
    """A model of up to some twenty layers."""
    root = Node(random.choice((*MODELS, OWN[0])))
    _fill(root, random, depth)
    nodes = [node for node in root.below() if node is not root]
    shuffled = random.random() < 0.3
    for number, node in enumerate(nodes):
        node.built = random.random() if shuffled else float(number)
    return root


def _fill(node: Node, random: Random, depth: int) -> None:
    taken: set[str] = set()
    for place in range(random.randint(1, 4)):
        child = Node(random.choice((*KERAS, *KERAS, *OWN, *MODELS)) if depth else random.choice(tuple(KERAS)))
        free = [name for name in GIVEN if name not in taken]
        if random.random() < 0.4 and free:
            child.given = random.choice(free)
            taken.add(child.given)
        if node.kind in OWN and random.random() < 0.7:
            child.attribute = f"part_{place}" if random.random() < 0.5 else ("words", "norm", "first", "second")[place]
        if child.kind in KERAS:
            names = KERAS[child.kind]
            if random.random() < 0.2:
                names = names[:1]
            shape = random.choice(SHAPES)
            child.variables = [_variable(name, shape if i == 0 else shape[-1:], random) for i, name in enumerate(names)]
        else:
            _fill(child, random, depth - 1)
            if child.kind in OWN:
                names = ("scale", "offset", "state")[: random.randint(0, 3)]
                child.variables = [_variable(name, random.choice(SHAPES), random) for name in names]
        node.children.append(child)


def _variable(name: str, shape: tuple[int, ...], random: Random) -> Variable:
    return Variable(name, shape, "float32" if random.random() < 0.9 else "float16")


def layer_names(root: Node, shift: int = 0) -> dict[Node, str]:
    """The names that Keras gives when `shift` layers of each class were made before in the process."""
    counts: Counter[str] = Counter()
    names = {}
    for node in sorted((node for node in root.below() if node is not root), key=lambda node: node.built):
        number = shift + counts[node.kind]
        counts[node.kind] += 1
        names[node] = node.given or (f"{node.kind}_{number}" if number else node.kind)
    return names


@dataclass
class File:
    """What one file tells: its tensors by name, and which variable each is."""

    tensors: dict[str, Tensor]
    variables: dict[str, Variable]


@dataclass(eq=False)
class _Level:
    node: Node
    step: Step
    order: tuple[int | str, ...] | None


Format = Callable[[Node, dict[Node, str], Random], list[tuple[list[_Level], Variable, str, int | None]]]


def _walk(
    root: Node, step_of: Callable[[Node, str], Step], order_of: Callable[[Node, int, Any], Any]
) -> Iterator[list[_Level]]:
    """Every layer with its line of levels."""

    def down(node: Node, line: list[_Level], path: str, order: Any) -> Iterator[list[_Level]]:
        for place, child in enumerate(node.children):
            here = f"{path}/{place}"
            below = order_of(child, place, order)
            level = [*line, _Level(child, step_of(child, here), below)]
            yield level
            yield from down(child, level, here, below)

    yield from down(root, [], "", ())


def keras(root: Node, names: dict[Node, str], random: Random) -> Any:
    """`.keras` and `.weights.h5`: all names, attributes, numbers for variables of own classes."""
    all_classes = random.random() < 0.5  # with the architecture, classes of layers in attributes are told too
    unnamed = random.random() < 0.2  # a layer without variables of its own, in an attribute, of an older release

    def step(node: Node, path: str) -> Step:
        name: str | None = names[node]
        if unnamed and node.attribute and not node.variables:
            name = None
        return Step(name, path, node.attribute, node.kind if node.attribute is None or all_classes else None)

    for line in _walk(root, step, lambda node, place, order: (*order, *_held(node), place)):
        node = line[-1].node
        numbers = node.kind in OWN or random.random() < 0.1
        for index, variable in enumerate(node.variables):
            yield line, variable, str(index) if numbers else variable.name, index


def legacy(root: Node, names: dict[Node, str], random: Random) -> Any:
    """`.h5`: names of layers and of variables; nothing of attributes; the order of the outermost layers."""
    kinds = random.random() < 0.5

    def order(node: Node, place: int, above: Any) -> Any:
        return (*above, place) if not above else (*above, names[node])

    def step(node: Node, path: str) -> Step:
        return Step(names[node], path, None, node.kind if kinds else None)

    for line in _walk(root, step, order):
        for index, variable in enumerate(line[-1].node.variables):
            yield line, variable, variable.name, index


def checkpoint(root: Node, names: dict[Node, str], random: Random) -> Any:
    """A TF2 checkpoint: attributes and lists; some names are lost; variables have names."""
    lost = random.choice((0.0, 0.2, 0.5))

    def step(node: Node, path: str) -> Step:
        return Step(None if random.random() < lost else names[node], path, node.attribute, None)

    for line in _walk(root, step, lambda node, place, order: (*order, *_held(node), place)):
        for variable in line[-1].node.variables:
            yield line, variable, variable.name, None


def export(root: Node, names: dict[Node, str], random: Random, levels_lost: bool = True) -> Any:
    """`model.export`: chains that functions tell, some with levels missing; a flat order; equal chains are one node."""
    missing = random.choice((0.0, 0.0, 0.3)) if levels_lost else 0.0
    place = 0
    lines = list(_walk(root, lambda node, path: Step(names[node], path), lambda *_: None))
    whole = {tuple(level.step.name for level in line) for line in lines}
    for line in lines:
        kept = [level for level in line[:-1] if random.random() >= missing] + line[-1:]
        if tuple(level.step.name for level in kept) in whole:
            kept = line  # it would be called as another layer is
        chain = [level.step.name or "" for level in kept]
        first = place
        steps = [
            _Level(level.node, replace(level.step, node="/".join(chain[: at + 1])), None)
            for at, level in enumerate(kept)
        ]
        for index, variable in enumerate(line[-1].node.variables):
            steps[-1] = replace_level(steps[-1], (first,))
            yield list(steps), variable, variable.name, index
            place += 1


def plain(root: Node, names: dict[Node, str], random: Random) -> Any:
    """`.npz` and `.safetensors`: keys."""
    for line in _walk(root, lambda node, path: Step(names[node], path), lambda *_: None):
        for variable in line[-1].node.variables:
            yield line, variable, variable.name, None


def replace_level(level: _Level, order: tuple[int | str, ...]) -> _Level:
    return _Level(level.node, level.step, order)


def _held(node: Node) -> tuple[str, ...]:
    return (node.attribute,) if node.attribute else ("layers",)


FORMATS: dict[str, Any] = {
    "keras": keras, "legacy": legacy, "checkpoint": checkpoint, "export": export, "plain": plain,
}  # fmt: skip


def saved(
    root: Node, format: str, random: Random, shift: int = 0, without: frozenset[Variable] = frozenset(),
    shuffled: bool = True, levels_lost: bool = True,
) -> File:  # fmt: skip
    """The file that `format` makes of the model, without some of its variables, in any storage order."""
    told = {"levels_lost": levels_lost} if format == "export" else {}
    found = list(FORMATS[format](root, layer_names(root, shift), random, **told))
    layers: dict[tuple[str, ...], Layer] = {}
    rows = []
    held: Counter[Node] = Counter()  # numbers count what the file holds
    for line, variable, name, index in found:
        if variable in without:
            continue
        node = line[-1].node
        place = None if index is None else held[node]
        own = str(place) if index is not None and name == str(index) else name
        held[node] += 1
        steps = tuple(level.step for level in line)
        layer = layers.setdefault(tuple(step.node for step in steps), Layer(steps, line[-1].order))
        shown = [step.name or (step.attribute or "").lstrip("_") for step in steps]
        rows.append(("/".join([*(part for part in shown if part), own]), layer, variable, own, place))
    counts = Counter(row[0] for row in rows)
    used: Counter[str] = Counter()
    for at, (name, layer, variable, own, index) in enumerate(rows):
        used[name] += 1
        longer = f"{name}~{used[name]}" if format in {"legacy", "export"} else f"{layer.node}/{own}"
        rows[at] = (longer if counts[name] > 1 else name, layer, variable, own, index)
    if shuffled:
        random.shuffle(rows)
    file = File({}, {})
    for unique, layer, variable, own, index in rows:
        tensor = Tensor(
            unique, np.dtype(variable.dtype), variable.shape, _unread,
            layer=None if format == "plain" else layer,
            variable="" if format == "plain" else own,
            index=None if format == "plain" else index,
        )  # fmt: skip
        file.tensors[unique] = tensor
        file.variables[unique] = variable
    return file


def _unread() -> Any:
    raise AssertionError("pairing looks at no content")
