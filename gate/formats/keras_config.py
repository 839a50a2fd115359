"""The architecture that Keras stores beside weights (`config.json`, the attribute `model_config`), as plain data.

Nothing is instantiated: classes are names. Used for the names and the order of layers only.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from gate.formats.limits import Limits


@dataclass(frozen=True, eq=False)
class LayerConfig:
    """One layer of the architecture. `sublayers` are those of a nested model, in the model's order."""

    class_name: str
    name: str | None
    settings: Mapping[str, Any] = field(repr=False)
    sublayers: "tuple[LayerConfig, ...]" = ()
    builtin: bool = True
    """Whether the class is one of Keras' own, not a user's of the same name."""

    renamed: bool = False
    """The layer around gives it another name (`forward_lstm` for `lstm`), so `name` proves nothing."""

    def attribute(self, key: str) -> "LayerConfig | None":
        """The layer held in attribute `key`, where the settings of the layer around tell."""
        inner = self.settings.get(key.lstrip("_"))
        if self.class_name == "Bidirectional" and key in _DIRECTIONS:
            inner = self.settings.get(key) or self.settings.get("layer")
            found = layer_config(inner, 1)
            front = _DIRECTIONS[key]
            if found is None or found.name is None:
                return found
            name = found.name if found.name.startswith(front) else front + found.name.removeprefix("forward_")
            return replace(found, name=name, renamed=True)
        return layer_config(inner, 1)

    def listed(self, key: str) -> "tuple[LayerConfig, ...]":
        """The layers held in the list or dict `key`."""
        if key in {"layers", "_layer_checkpoint_dependencies"} and self.sublayers:
            return self.sublayers
        inner = self.settings.get(key)
        if isinstance(inner, dict):
            inner = list(inner.values())
        return _layers(inner, 1) if isinstance(inner, list) else ()


_DIRECTIONS = {"forward_layer": "forward_", "backward_layer": "backward_"}


def by_stored_key(layers: Iterable[LayerConfig]) -> dict[str, LayerConfig]:
    """Layers under the keys of `keras.src.saving.saving_lib._save_container_state`: class names with a count."""
    counts: Counter[str] = Counter()
    found: dict[str, LayerConfig] = {}
    for layer in layers:
        key = snake_case(layer.class_name)
        number = counts[key]
        counts[key] += 1
        found[f"{key}_{number}" if number else key] = layer
    return found


@lru_cache(maxsize=4096)
def snake_case(name: str) -> str:
    """`keras.src.utils.naming.to_snake_case`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def layer_config(value: Any, depth: int = 0) -> LayerConfig | None:
    """A layer's config as Keras 1, 2 and 3 write it, or None for anything else."""
    if not isinstance(value, dict) or depth > Limits.max_depth or not isinstance(value.get("class_name"), str):
        return None
    settings = value.get("config")
    class_name = value["class_name"].rsplit(">", 1)[-1]  # "package>Class" of registered classes
    if isinstance(settings, list):  # Keras 1 and early 2: a Sequential's config is its layers
        settings = {"layers": settings}
    if not isinstance(settings, dict):
        settings = {}
    name = settings.get("name") or value.get("name")
    module = value.get("module")
    builtin = value.get("registered_name") in {None, value["class_name"]} and (
        module is None or (isinstance(module, str) and module.split(".")[0] in {"keras", "tf_keras", "builtins"})
    )
    layers = settings.get("layers")
    return LayerConfig(
        class_name,
        name if isinstance(name, str) else None,
        settings,
        _layers(layers, depth + 1) if isinstance(layers, list) else (),
        builtin,
    )


def _layers(values: list[Any], depth: int) -> tuple[LayerConfig, ...]:
    found = []
    for value in values:
        layer = layer_config(value, depth)
        if layer is None:
            continue
        if layer.name is None and isinstance(value.get("name"), str):
            layer = replace(layer, name=value["name"])
        found.append(layer)
    return tuple(found)


def chains_below(layer: LayerConfig) -> dict[str, list[tuple[str, ...]]]:
    """Every layer of a nested model by its own name: the chains of names, without the outermost, that lead to it."""
    found: dict[str, list[tuple[str, ...]]] = {}
    pending: list[tuple[LayerConfig, tuple[str, ...]]] = [(layer, ())]
    while pending:
        current, chain = pending.pop()
        for inner in (*current.sublayers, *_wrapped(current)):
            if inner.name is not None:
                below = (*chain, inner.name)
                found.setdefault(inner.name, []).append(below)
                pending.append((inner, below))
    return found


def places_below(layer: LayerConfig) -> dict[tuple[str, ...], tuple[tuple[int, ...], str]]:
    """Every layer of a nested model by its chain of names, without the outermost: its places in lists, its class."""
    found: dict[tuple[str, ...], tuple[tuple[int, ...], str]] = {}
    pending: list[tuple[LayerConfig, tuple[str, ...], tuple[int, ...]]] = [(layer, (), ())]
    while pending:
        current, chain, places = pending.pop()
        for place, inner in enumerate((*current.sublayers, *_wrapped(current))):
            if inner.name is not None:
                found[*chain, inner.name] = ((*places, place), snake_case(inner.class_name))
                pending.append((inner, (*chain, inner.name), (*places, place)))
    return found


def _wrapped(layer: LayerConfig) -> tuple[LayerConfig, ...]:
    """The layer inside a TimeDistributed and the like; a Bidirectional renames its own, so it is left out."""
    if layer.class_name == "Bidirectional":
        return ()
    inner = layer.attribute("layer")
    return (inner,) if inner is not None else ()
