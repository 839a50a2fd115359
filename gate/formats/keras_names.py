"""From the groups of a Keras 3 weight file to names: docs/names.md in code.

In: the trees of one HDF5 file or of several shards, and, where there is one, the architecture. Out: tensors under the
chain of layer names that contain them. The layout is that of `keras.src.saving.saving_lib`: a layer is a group with a
child `vars`; its name is that child's attribute `name`; a group without `vars` is a list, tuple or dict of layers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gate.errors import UnreadableError
from gate.formats.hdf5.tree import Folder, Stored
from gate.formats.keras_config import LayerConfig, by_stored_key, snake_case
from gate.formats.keras_variables import class_of_key, known_class, made_by, variable_names
from gate.formats.limits import Limits
from gate.formats.text import natural, quoted, text_of
from gate.tensors.model_order import Order
from gate.tensors.weightset import Group, Layer, Step, Tensor

VARS = "vars"
LAYERS = ("layers", "_layer_checkpoint_dependencies")  # the second in Keras 2.12 and 2.13
_METRICS = {"metrics", "_metrics", "compile_metrics", "_compile_metrics", "loss_tracker", "_loss_tracker"}
_SEED = "seed_generator"

NO_LAYER_NAMES = "the file holds no layer names: layers are called by class and position, as the file stores them"
GUESSED_CLASS = "the classes of some layers were told by their default names, to name their variables"
GUESSED_BFLOAT16 = "two-byte opaque elements were read as bfloat16: the file does not name their type"


@dataclass(eq=False, slots=True)
class Node:
    """A group of the file, after shards are merged and backslash paths split."""

    path: str
    folders: "dict[str, Node]" = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    attributes: list[Callable[[str], Any]] = field(default_factory=list)
    place: tuple[int, int] = (1 << 62, 0)
    """(shard, address) of the first dataset in or below: files are written front to back, so this is the order."""

    def attribute(self, name: str) -> str | None:
        """The first text that any shard has for it."""
        for read in self.attributes:
            found = text_of(read(name))
            if found is not None:
                return found
        return None


def merged(roots: Iterable[Folder], shown: str, limits: Limits) -> Node:
    """One tree of all shards. A backslash, which Keras wrote on Windows, divides like a slash."""
    top = Node("")
    for shard, root in enumerate(roots):
        pending: list[tuple[Folder, tuple[Node, ...]]] = [(root, (top,))]
        while pending:
            folder, line = pending.pop()
            line[-1].attributes.append(folder.attribute)
            for key, child in folder.children.items():
                parts = [key] if "\\" not in key else [part for part in key.split("\\") if part] or [key]
                below = line
                for part in parts[:-1] if isinstance(child, Stored) else parts:
                    below = (*below, _descend(below[-1], part))
                if len(below) > limits.max_depth + 1:
                    raise UnreadableError(f"{shown}: groups nest too deep at {quoted(key)}", "save the model again")
                if isinstance(child, Folder):
                    pending.append((child, below))
                else:
                    _put(below, parts[-1], child, shard, shown)
    return top


def _descend(node: Node, part: str) -> Node:
    found = node.folders.get(part)
    if found is None:
        found = node.folders[part] = Node(f"{node.path}/{part}" if node.path else part)
    return found


def _put(line: tuple[Node, ...], key: str, stored: Stored, shard: int, shown: str) -> None:
    if key in line[-1].stored:
        raise UnreadableError(
            f"{shown} holds {quoted(stored.path)} twice", "the shards are of different saves: save the model again"
        )
    line[-1].stored[key] = stored
    place = (shard, stored.address)
    for node in line:
        node.place = min(node.place, place)


class _Where(NamedTuple):
    """Where the walk stands: names so far, short and with containers, and what is known of the layer."""

    chain: tuple[str, ...] = ()
    long: tuple[str, ...] = ()
    group: Group = Group.WEIGHTS
    owner: str | None = None
    """Snake-case class of the layer around, None where unknown."""
    config: LayerConfig | None = None
    """Settings of the layer around."""
    listed: dict[str, LayerConfig] | None = None
    """Inside a container: its layers' settings by stored key, empty when unknown; None outside."""
    steps: tuple[Step, ...] = ()
    order: Order | None = ()


class _Found(NamedTuple):
    stored: Stored
    where: _Where
    variable: str
    layer: Layer
    number: int | None

    @property
    def name(self) -> str:
        return "/".join((*self.where.chain, self.variable))

    @property
    def names(self) -> tuple[str, ...]:
        """The name, then the longer ones it falls back to when another tensor has the same."""
        path = self.stored.path.replace("\\", "/")
        full = [part for part in path.split("/")[:-1] if part != VARS]
        return (self.name, "/".join((*self.where.long, self.variable)), "/".join((*full, self.variable)), path)


class Namer:
    """Names all tensors of one tree. `notes` say what was guessed."""

    def __init__(self, top: Node, config: LayerConfig | None = None) -> None:
        self._found: list[_Found] = []
        self._layers: dict[str, Layer] = {}
        self._notes: dict[str, None] = {}
        self._layer(top, "", _Where(config=config), root=True)
        self.tensors = self._resolved()

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def _layer(self, node: Node, key: str, where: _Where, root: bool = False) -> None:
        """A group with `vars`, or the root."""
        variables = node.folders.get(VARS)
        said = variables.attribute("name") if variables else None
        config = where.config if root else self._config_of(key, where, said)
        made = made_by(where.owner or "", key) if where.listed is None else None
        class_name = self._class_of(key, where, config, made, said)
        owner = _snake(config) if config else snake_case(class_name) if class_name else class_of_key(key)
        inner = where._replace(owner=owner, config=config, listed=None)
        if not root:
            known = said or (config.name if config else None) or (made[1] if made else None)
            name = known or key
            if known is None and where.group is Group.WEIGHTS:
                self._notes[NO_LAYER_NAMES] = None
            attribute = key if where.listed is None else None
            kind = snake_case(config.class_name) if config else class_of_key(key) if attribute is None else None
            steps = (*where.steps, Step(known, node.path, attribute, kind))
            if class_of_key(said or key) == _SEED:
                chain, long = ("rng", *where.chain), ("rng", *where.long, key)
                inner = inner._replace(chain=chain, long=long, steps=steps, group=Group.RNG)
                class_name = "SeedGenerator"
            else:
                part = key if where.group is Group.OPTIMIZER else name
                inner = inner._replace(chain=(*where.chain, part), long=(*where.long, part), steps=steps)
        if variables is not None:
            self._variables(variables, inner, class_name)
        self._children(node, inner, root)

    def _children(self, node: Node, where: _Where, root: bool = False) -> None:
        for key in sorted(node.stored, key=natural):  # nothing that Keras writes, and not to be lost
            self._add(node.stored[key], where, key)
        children, certain = _ordered(node, where)
        for place, (key, child) in enumerate(children):
            here = where._replace(order=_beneath(where.order, place if certain else key))
            if root and key == "optimizer":
                self._optimizer(child)
            elif root and key in _METRICS:
                self._metrics(child, key)
            elif _is_layer(key, child, where):
                self._layer(child, key, here)
            else:
                self._container(child, key, here)

    def _container(self, node: Node, key: str, where: _Where) -> None:
        listed: dict[str, LayerConfig] = {}
        if where.config is not None and where.listed is None:
            listed = by_stored_key(where.config.listed(key))
        long = where.long if key in LAYERS else (*where.long, key)
        self._children(node, where._replace(long=long, listed=listed))

    def _optimizer(self, node: Node) -> None:
        steps = (Step("optimizer", node.path),)
        where = _Where(("optimizer",), ("optimizer",), Group.OPTIMIZER, steps=steps)
        variables = node.folders.get(VARS)
        if variables is not None:
            self._variables(variables, where, None)
        self._children(node, where)

    def _metrics(self, node: Node, key: str) -> None:
        steps = (Step("metrics", node.path),)
        where = _Where(("metrics",), ("metrics", key), Group.METRICS, steps=steps)
        if VARS in node.folders:
            self._layer(node, key, where)
        else:
            self._children(node, where._replace(listed={}))

    def _variables(self, node: Node, where: _Where, class_name: str | None) -> None:
        keys = sorted(node.stored, key=natural)
        names: Iterable[str] = keys
        numbered = keys == [str(index) for index in range(len(keys))]
        if numbered and where.group is Group.OPTIMIZER:
            names = self._optimizer_names(node, keys)
        elif numbered and class_name is not None:
            names = variable_names(class_name, len(keys), where.config.settings if where.config else None) or keys
        for index, (key, name) in enumerate(zip(keys, names, strict=True)):
            self._add(node.stored[key], where, name, index if numbered else None)
        for key, child in node.folders.items():  # nothing that Keras writes, and not to be lost
            steps = (*where.steps, Step(key, child.path))
            below = where._replace(chain=(*where.chain, key), long=(*where.long, key), steps=steps)
            if VARS in child.folders:
                self._variables(child.folders[VARS], below, None)
            self._children(child, below)

    def _optimizer_names(self, node: Node, keys: list[str]) -> list[str]:
        """Keras 3 creates `iteration` first, an integer scalar; the rest depends on the optimizer."""
        first = node.stored.get("0")
        certain = first is not None and first.data.shape == () and first.data.dtype.kind == "i"
        return ["iteration", *keys[1:]] if certain and node.attribute("name") else keys

    def _config_of(self, key: str, where: _Where, said: str | None) -> LayerConfig | None:
        """The settings of the layer at `key`; none when its name says that they are another's."""
        if where.listed is not None:
            found = where.listed.get(key)
        else:
            found = where.config.attribute(key) if where.config else None
        if found is None or said is None or found.name in {None, said} or found.renamed:
            return found
        return None

    def _class_of(
        self, key: str, where: _Where, config: LayerConfig | None, made: tuple[str, str] | None, said: str | None
    ) -> str | None:
        if config is not None:
            return config.class_name if config.builtin else None
        if made is not None:
            return made[0]
        if where.listed is not None:
            return known_class(class_of_key(key))
        # An attribute's key is the author's word; a default layer name gives the class away.
        guess = known_class(class_of_key(said)) if said else None
        if guess is not None:
            self._notes[GUESSED_CLASS] = None
        return guess

    def _add(self, stored: Stored, where: _Where, name: str, index: int | None = None) -> None:
        if stored.data.guessed:
            self._notes[GUESSED_BFLOAT16] = None
        node = where.steps[-1].node if where.steps else ""
        layer = self._layers.get(node)
        if layer is None:
            layer = self._layers[node] = Layer(where.steps, where.order)
        self._found.append(_Found(stored, where, name, layer, index))

    def _resolved(self) -> dict[str, Tensor]:
        tensors = {}
        names = [found.name for found in self._found]
        if len(set(names)) < len(names):
            names = distinct([found.names for found in self._found])
        for name, found in zip(names, self._found, strict=True):
            data = found.stored.data
            tensors[name] = Tensor(
                name,
                data.dtype,
                data.shape,
                data.read,
                found.where.group,
                found.stored.path,
                layer=found.layer,
                variable=found.variable,
                index=found.number,
            )
        return tensors


def distinct(choices: Sequence[tuple[str, ...]]) -> list[str]:
    """One name each: the first choice; for those that share it, all of them, the next; a suffix as the last resort."""
    level = [0] * len(choices)
    for _ in range(max(map(len, choices), default=0)):
        names = [options[at] for options, at in zip(choices, level, strict=True)]
        counts = Counter(names)
        for index, name in enumerate(names):
            if counts[name] > 1 and level[index] + 1 < len(choices[index]):
                level[index] += 1
    names = [options[at] for options, at in zip(choices, level, strict=True)]
    taken = Counter(names)
    used: set[str] = set()
    numbers: Counter[str] = Counter()
    for index, plain in enumerate(names):
        name, number = plain, numbers[plain] or 1
        while name in used or (number > 1 and name in taken):
            number += 1
            name = f"{plain}~{number}"
        numbers[plain] = number  # those before are taken: thousands of one name are not tried anew for each
        used.add(name)
        names[index] = name
    return names


def _is_layer(key: str, node: Node, where: _Where) -> bool:
    """Some releases of Keras wrote no `vars` for a layer without variables of its own, so a group alone may be one."""
    if VARS in node.folders:
        return True
    if where.listed is not None:
        return class_of_key(key) != "container"
    held = where.config is not None and where.config.attribute(key) is not None
    return held or made_by(where.owner or "", key) is not None


def _ordered(node: Node, where: _Where) -> tuple[list[tuple[str, Node]], bool]:
    """Children in the model's order: the architecture's, else as written, else by number; and whether it is certain.

    Certain is the order of a list, from the architecture or as Keras writes it. Attributes have none.
    """
    items = [(key, child) for key, child in node.folders.items() if key != VARS]
    if not items:
        return items, False
    if where.listed:
        position = {key: index for index, key in enumerate(where.listed)}
        if all(key in position for key, _ in items):
            return sorted(items, key=lambda item: position[item[0]]), True
    numbered = sorted(items, key=lambda item: natural(item[0]))
    written = sorted(numbered, key=lambda item: item[1].place)
    if _rises(written):
        return written, where.listed is not None
    return numbered, False


def _beneath(order: Order | None, place: int | str) -> Order | None:
    return None if order is None else (*order, place)


def _rises(items: list[tuple[str, Node]]) -> bool:
    """Whether `dense`, `dense_1`, … stand in that order: a rewritten file keeps the keys and loses the order."""
    last: dict[str, int] = {}
    for key, _ in items:
        stem = class_of_key(key)
        number = int(key[len(stem) + 1 :][:18] or 0)
        if number < last.get(stem, -1):
            return False
        last[stem] = number
    return True


def _snake(config: LayerConfig) -> str | None:
    return snake_case(config.class_name) if config.builtin else None
