"""Keras 1 and 2 `.h5`/`.hdf5`, which Keras 3 still writes: whole models and weights alone.

Groups by layer name with a list `weight_names` each (`keras.src.legacy.saving.legacy_h5_format`): the order of layers
and weights is the file's own. Lists too long for one attribute go on as `weight_names0`, `weight_names1`, …
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gate.errors import UnreadableError
from gate.formats.hdf5.tree import Folder, Stored, is_hdf5
from gate.formats.interface import Reader
from gate.formats.keras_config import LayerConfig, chains_below, layer_config, places_below, snake_case
from gate.formats.keras_names import GUESSED_BFLOAT16, distinct
from gate.formats.source import Source
from gate.formats.strict_json import parsed
from gate.formats.text import quoted, text_of, texts_of
from gate.tensors.weightset import Group, Layer, Step, Tensor, WeightSet, layer_of

MODEL, OPTIMIZER, TOP = "model_weights", "optimizer_weights", "top_level_model_weights"
OPTIMIZER_LAYER = Layer((Step("optimizer", OPTIMIZER),))
UNLISTED = "the file holds tensors that its lists of layers and weights leave out: Keras would not load them"


class KerasLegacy(Reader):
    """`model.save("m.h5")`, and Keras 2's `model.save_weights("m.h5")`."""

    key = "h5"
    title = "Keras .h5"

    def recognises(self, source: Source) -> bool:
        if not is_hdf5(source.head):
            return False
        root = source.hdf5
        return root.folder(MODEL) is not None or _names(root, "layer_names") is not None

    def read(self, source: Source) -> WeightSet:
        reading = _Reading(source)
        reading.run()
        names = distinct([found.names for found in reading.found])
        tensors = {}
        for name, found in zip(names, reading.found, strict=True):
            data = found.stored.data
            tensors[name] = Tensor(
                name,
                data.dtype,
                data.shape,
                data.read,
                found.group,
                found.stored.path,
                layer=found.layer,
                variable=found.names[0].rpartition("/")[2],
                index=found.index,
            )
        alone = text_of(source.hdf5.attribute("model_config")) is not None
        weights = WeightSet(source.shown, self.key, tensors, tuple(reading.notes), source.close, alone=alone)
        weights.made_with = lambda: _versions(source.hdf5)
        return weights


def _versions(root: Folder) -> Mapping[str, str]:
    """The version of Keras that wrote the file, which of a whole model stands beside its weights or above them."""
    for folder in (root, root.folder(MODEL)):
        version = text_of(folder.attribute("keras_version")) if folder is not None else None
        if version is not None:
            return {"keras": version}
    return {}


@dataclass(frozen=True)
class _Found:
    names: tuple[str, ...]
    group: Group
    stored: Stored
    layer: Layer | None = None
    index: int | None = None


@dataclass
class _Reading:
    source: Source
    found: list[_Found] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    members: dict[tuple[tuple[Step, ...], int], dict[str, None]] = field(default_factory=dict)

    def run(self) -> None:
        root = self.source.hdf5
        config = self._config(root)
        layers = {layer.name: layer for layer in config.sublayers} if config else {}
        top = root.folder(MODEL) or root
        for place, name in enumerate(self._required(top, "layer_names")):
            self._layer(top, name, layers.get(name), place)
        extra = top.folder(TOP)
        if extra is not None:
            for path, stored in self._weights(extra):
                parts = _without_zero(path).split("/")
                chain = parts[1:] if len(parts) > 1 else parts  # without the model's own name
                steps = () if len(chain) == 1 else layer_of("/".join(chain)).steps
                self._add(("/".join(chain),), Group.WEIGHTS, stored, Layer(steps))
        optimizer = root.folder(OPTIMIZER)
        if optimizer is not None:
            for path, stored in self._weights(optimizer):
                self._add((f"optimizer/{_optimizer_name(path)}",), Group.OPTIMIZER, stored, OPTIMIZER_LAYER)
        self._unlisted(root)

    def _config(self, root: Folder) -> LayerConfig | None:
        text = text_of(root.attribute("model_config"))
        if text is None:
            return None
        limit = self.source.limits.max_config_bytes
        return layer_config(
            parsed(text.encode("utf-8", "replace"), f"{self.source.shown}: model_config", limit, duplicates=True)
        )

    def _layer(self, top: Folder, name: str, config: LayerConfig | None, place: int) -> None:
        folder = top.at(name)
        if not isinstance(folder, Folder):
            raise UnreadableError(
                f"{self.source.shown} lists the layer {quoted(name)}, which it does not hold",
                "the save was cut short: save the model again",
            )
        below = chains_below(config) if config else {}
        places = places_below(config) if config else {}
        for path, stored in self._weights(folder):
            parts = _without_zero(path).split("/")
            names = _choices(name, parts, below, leaf=config is not None and not below)
            inner = names[0][len(name) + 1 :].rpartition("/")[0]
            chain = tuple(inner.split("/")) if inner else ()
            # In a nested model trainable weights come first, so only the outermost order is the model's.
            order = places[chain][0] if chain in places else chain
            kinds = [snake_case(config.class_name) if config else None]
            kinds += [
                places[chain[: depth + 1]][1] if chain[: depth + 1] in places else None for depth in range(len(chain))
            ]
            self._add(names, Group.WEIGHTS, stored, Layer(_steps((name, *chain), kinds), (place, *order)))

    def _weights(self, folder: Folder) -> Iterator[tuple[str, Stored]]:
        for path in self._required(folder, "weight_names"):
            stored = folder.at(path)
            if not isinstance(stored, Stored):
                raise UnreadableError(
                    f"{self.source.shown}: {quoted(folder.path)} lists {quoted(path)}, which it does not hold",
                    "the save was cut short: save the model again",
                )
            yield path, stored

    def _required(self, folder: Folder, attribute: str) -> list[str]:
        names = _names(folder, attribute)
        if names is None:
            raise UnreadableError(
                f"{self.source.shown}: {quoted(folder.path or '/')} has no {attribute}", "save the model again"
            )
        return names

    def _add(self, names: tuple[str, ...], group: Group, stored: Stored, layer: Layer | None = None) -> None:
        if stored.address in self.taken:
            raise UnreadableError(f"{self.source.shown} lists {quoted(stored.path)} twice", "save the model again")
        self.taken.add(stored.address)
        if stored.data.guessed:
            self.notes[GUESSED_BFLOAT16] = None
        self.found.append(_Found((*names, stored.path), group, stored, *self._same_layer(layer, names)))

    def _same_layer(self, layer: Layer | None, names: tuple[str, ...]) -> tuple[Layer | None, int | None]:
        """The layer, one object for all its variables, and the number of this variable in it.

        Two layers may go by one name; a variable that is there already belongs to the next.
        """
        if layer is None:
            return None, None
        variable = names[0].rpartition("/")[2]
        copy = 0
        while variable in self.members.setdefault((layer.steps, copy), {}):
            copy += 1
        members = self.members[layer.steps, copy]
        members[variable] = None
        if copy and layer.steps:
            last = layer.steps[-1]
            layer = Layer((*layer.steps[:-1], Step(last.name, f"{last.node}~{copy + 1}")), layer.order)
        return layer, len(members) - 1

    def _unlisted(self, root: Folder) -> None:
        for stored in root.datasets():
            if stored.address not in self.taken:
                self.notes[UNLISTED] = None
                group = Group.OPTIMIZER if stored.path.startswith(f"{OPTIMIZER}/") else Group.WEIGHTS
                self._add((), group, stored)


def _names(folder: Folder, attribute: str) -> list[str] | None:
    """A list of names, whole or in numbered parts; None when there is no such list."""
    whole = folder.attribute(attribute)
    if whole is not None:
        return texts_of(whole)
    names: list[str] = []
    number = 0
    while (part := folder.attribute(f"{attribute}{number}")) is not None:
        names.extend(texts_of(part))
        number += 1
    return names if number else None


def _without_zero(path: str) -> str:
    return path.removesuffix(":0")


def _optimizer_name(path: str) -> str:
    """`adam/iteration`, `training/Adam/conv/kernel/m:0` without the optimizer's own name."""
    parts = _without_zero(path).split("/")
    if parts[0] == "training" and len(parts) > 2:
        parts = parts[1:]
    return "/".join(parts[1:] if len(parts) > 1 else parts)


def _choices(
    layer: str, parts: list[str], below: dict[str, list[tuple[str, ...]]], leaf: bool = False
) -> tuple[str, ...]:
    """The name of one weight of `layer`, then the longer one for when another has the same.

    `leaf` says that by the architecture the layer holds no others.
    """
    *scope, variable = parts
    if not scope:
        # Keras 1: `dense_1_W` in layer dense_1
        variable = variable.removeprefix(f"{layer}_") or variable
    own = layer.split("/")
    inner = scope
    for start in range(len(scope) - len(own) + 1):
        if scope[start : start + len(own)] == own:
            inner = scope[start + len(own) :]  # what stands before is the model's name
            break
    chain = _completed(inner, below)
    if chain is None:
        chain = inner[1:] if inner[:1] == own else inner  # Keras repeats a layer's name inside itself
        if leaf and len(chain) == 1 and re.fullmatch(rf"{re.escape(own[-1])}_\d+", chain[0]):
            chain = []  # with a number, where TensorFlow had a scope of this name already
    return "/".join((layer, *chain, variable)), "/".join((layer, *scope, variable))


def _steps(chain: tuple[str, ...], kinds: list[str | None]) -> tuple[Step, ...]:
    """From the model to a layer; each step's node is the chain that far."""
    return tuple(
        Step(name, "/".join(chain[: depth + 1]), None, kind)
        for depth, (name, kind) in enumerate(zip(chain, kinds, strict=True))
    )


def _completed(inner: list[str], below: dict[str, list[tuple[str, ...]]]) -> list[str] | None:
    """The whole chain of a sub-layer, where the architecture has exactly one of its name."""
    for at, name in enumerate(inner):
        chains = below.get(name, [])
        if len(chains) == 1:
            return [*chains[0], *inner[at + 1 :]] if _agrees(chains[0], inner[: at + 1]) else None
    return None


def _agrees(chain: tuple[str, ...], said: list[str]) -> bool:
    """Whether what the path says before the layer's name is part of the architecture's chain."""
    return all(name in chain for name in said)
