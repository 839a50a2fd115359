"""The variables of a Keras model, each with the chain of layers that leads to it: docs/names.md for what is in memory.

Works on Keras 3 and on tf-keras. Layers are found as `keras.src.saving.saving_lib` finds them (a model's own list, then
attributes, lists and dicts), and further: also in containers inside containers, which saving leaves out. What the model
counts among its variables and no layer leads to is listed all the same, under the path that Keras gives it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gate.formats.keras_config import snake_case
from gate.runtime.held import Held
from gate.tensors.model_order import Order
from gate.tensors.weightset import Array, Group, Step

_OWN = ("_trainable_variables", "_non_trainable_variables")  # Keras 3
_OWN_2 = ("_trainable_weights", "_non_trainable_weights")  # tf-keras
_NOT_LAYERS = frozenset(
    [
        "optimizer",
        "_optimizer",
        "_functional",
        "_inbound_nodes",
        "_outbound_nodes",
        "_losses",
        "_loss",
        "loss",
        "_tracker",
    ]
)
_MOST_LEVELS = 64


def keras_variables(model: Any) -> list[Held]:
    """All variables of `model`, each once: weights, states of random generators, and the optimizer's if any."""
    walk = _Walk()
    walk.layer(model, (), (), 0)
    walk.rest(model)
    walk.optimizer(getattr(model, "optimizer", None))
    return walk.found


class _Walk:
    def __init__(self) -> None:
        self.found: list[Held] = []
        self._variables: set[int] = set()
        self._layers: set[int] = set()

    def layer(self, layer: Any, steps: tuple[Step, ...], order: Order, depth: int) -> None:
        if id(layer) in self._layers or depth > _MOST_LEVELS:
            return
        self._layers.add(id(layer))
        if _is_seed_generator(layer):
            self._add([layer.state], steps, order, Group.RNG)
            return
        self._add(_own(layer), steps, order, Group.WEIGHTS)
        for place, held in enumerate(_listed(layer)):
            self.layer(held, (*steps, _step(held, steps, f"layers/{place}", None)), (*order, place), depth + 1)
        for attribute, value in _attributes(layer):
            self._value(value, attribute, steps, order, depth + 1)
        for place, held in enumerate(getattr(layer, "_layers", ())):
            if _is_layer(held):
                self.layer(held, (*steps, _step(held, steps, f"_layers/{place}", None)), (*order, place), depth + 1)

    def rest(self, model: Any) -> None:
        """What the model counts among its variables, and no layer led to."""
        for each in getattr(model, "variables", ()):
            if id(each) not in self._variables:
                path = str(getattr(each, "path", "") or each.name).removesuffix(":0").split("/")
                steps = tuple(Step(part, "/".join(("?", *path[: depth + 1]))) for depth, part in enumerate(path[:-1]))
                group = Group.RNG if path[-1] == "seed_generator_state" else Group.WEIGHTS
                self._add([each], steps, None, group)

    def optimizer(self, optimizer: Any) -> None:
        variables = getattr(optimizer, "variables", None) if optimizer is not None else None
        if callable(variables):  # tf-keras' older optimizers
            variables = variables()
        if variables:
            self._add(variables, (Step("optimizer", "optimizer"),), None, Group.OPTIMIZER)

    def _value(self, value: Any, attribute: str, steps: tuple[Step, ...], order: Order, depth: int) -> None:
        if depth > _MOST_LEVELS:
            return
        if _is_layer(value) or _is_seed_generator(value):
            self.layer(value, (*steps, _step(value, steps, attribute, attribute)), (*order, attribute), depth)
        elif _is_plain_variable(value) and id(value) not in self._variables:
            self._add([value], steps, order, Group.WEIGHTS, attribute)
        elif isinstance(value, Mapping | Sequence) and not isinstance(value, str | bytes):
            for place, item in enumerate(_items(value)):
                at = f"{attribute}/{place}"
                if _is_layer(item) or _is_seed_generator(item):
                    self.layer(item, (*steps, _step(item, steps, at, None)), (*order, attribute, place), depth)
                elif isinstance(item, Mapping | list | tuple):
                    self._value(item, at, steps, order, depth + 1)

    def _add(
        self, variables: Iterable[Any], steps: tuple[Step, ...], order: Order | None, group: Group, called: str = ""
    ) -> None:
        for index, each in enumerate(variables):
            if id(each) in self._variables:
                continue
            self._variables.add(id(each))
            self.found.append(
                Held(
                    variable=called or _plain(each),
                    dtype=dtype_of(each),
                    shape=tuple(int(size) for size in each.shape),
                    read=lambda each=each: numpy_of(each),  # type: ignore[misc]
                    assign=each.assign,
                    steps=steps,
                    order=order,
                    index=None if called else index,
                    group=group,
                )
            )


def numpy_of(variable: Any) -> Array:
    """The value of a variable of Keras or TensorFlow, C-contiguous, in its own dtype."""
    value = getattr(variable, "value", variable)  # a Keras 3 variable wraps one of TensorFlow
    if callable(value):
        value = value()
    return np.ascontiguousarray(value.numpy()).reshape(tuple(int(size) for size in variable.shape))


def dtype_of(variable: Any) -> np.dtype[Any]:
    """The numpy dtype of a variable of Keras or TensorFlow; bfloat16 and 8-bit floats are those of ml_dtypes."""
    dtype = variable.dtype
    if hasattr(dtype, "as_numpy_dtype"):
        found: np.dtype[Any] = np.dtype(dtype.as_numpy_dtype)
        return found
    import ml_dtypes

    name = str(dtype)
    known: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name, name))
    return known


def _own(layer: Any) -> list[Any]:
    names = _OWN if hasattr(layer, _OWN[0]) else _OWN_2
    return [variable for name in names for variable in getattr(layer, name, ()) if hasattr(variable, "assign")]


def _listed(layer: Any) -> list[Any]:
    """The layers of a functional or sequential model, in its own order."""
    kinds = {each.__name__ for each in type(layer).__mro__}
    return list(layer.layers) if kinds & {"Functional", "Sequential"} else []


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    held = vars(layer)
    for name in sorted(held):
        if name not in _NOT_LAYERS and name not in (*_OWN, *_OWN_2) and not name.startswith("__"):
            yield name, held[name]


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value


def _is_layer(value: Any) -> bool:
    kinds = {each.__name__ for each in type(value).__mro__}
    return "Layer" in kinds and hasattr(value, "weights") and hasattr(value, "name")


def _is_seed_generator(value: Any) -> bool:
    return type(value).__name__ == "SeedGenerator" and hasattr(value, "state")


def _is_plain_variable(value: Any) -> bool:
    """A `tf.Variable` that a layer holds without having made it by `add_weight`: Keras 3 saves none of these."""
    return any(each.__name__ in {"ResourceVariable", "BaseResourceVariable"} for each in type(value).__mro__)


def _step(layer: Any, steps: tuple[Step, ...], key: str, attribute: str | None) -> Step:
    node = f"{steps[-1].node}/{key}" if steps else key
    return Step(str(layer.name), node, attribute, snake_case(type(layer).__name__))


def _plain(variable: Any) -> str:
    return str(variable.name).removesuffix(":0").rpartition("/")[2]
