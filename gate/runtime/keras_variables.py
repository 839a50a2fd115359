"""The variables of a Keras model, each with the chain of layers that leads to it: docs/names.md for what is in memory.

Works on Keras 3 and on tf-keras. Layers are found as `keras.src.saving.saving_lib` finds them when it saves, and in its
order, so that a layer of two names has the same one here and in the file: a model's own list, then attributes by their
names, private ones last, with their lists and dicts. What the model counts among its variables and no layer leads to is
listed all the same, under the path that Keras gives it.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gate.formats.keras_config import snake_case
from gate.runtime.held import Held
from gate.runtime.trackables import is_variable
from gate.tensors.dtypes import dtype_called
from gate.tensors.model_order import Order
from gate.tensors.weightset import Array, Group, Step

_OWN = ("_trainable_variables", "_non_trainable_variables")  # Keras 3
_OWN_2 = ("_trainable_weights", "_non_trainable_weights")  # tf-keras
_TRACKED = ("_layers", "_self_tracked_trackables")
"""Where Keras 3 and tf-keras keep all layers that a layer holds, wherever it holds them: looked at last."""
_BY_TRAINING = ("_loss_tracker", "_compile_metrics", "compiled_metrics", "_metrics")
_NO_LAYERS = ("optimizer", "_optimizer", "loss", "_compile_loss", "_functional", "operations", "_operations")
_LEFT_OUT = frozenset((*_OWN, *_OWN_2, *_TRACKED, *_BY_TRAINING, *_NO_LAYERS))
_COUNTER = "num_documents"
"""What a lookup layer of Keras counts while it is adapted, and never saves."""
_OF_ANOTHER = "idf_weights"
"""What `TextVectorization` saves although its lookup layer holds it, and saves it too."""
_MOST_LEVELS = 64


Keys = Mapping[int, tuple[str, ...]]
NO_KEYS: Keys = {}


def keras_variables(model: Any, keys: Keys = NO_KEYS) -> list[Held]:
    """All variables of `model`, each once: weights, states of random generators, metrics', and the optimizer's.

    `keys` has what a checkpoint calls them, by the `id` of each.
    """
    walk = _Walk(keys)
    walk.layer(model, (), (), 0)
    walk.rest(model)
    walk.optimizer(getattr(model, "optimizer", None))
    walk.states()
    return walk.held()


class _Walk:
    def __init__(self, keys: Keys) -> None:
        self._found: dict[int, Held] = {}
        self._keys = keys
        self._names: dict[int, list[str]] = {}
        """Further names of variables that several layers hold: Keras saves them once for each."""
        self._states: list[tuple[Any, tuple[Step, ...], Order, str]] = []
        """Variables in attributes: those of layers, which are all found, and others."""
        self._seen: dict[int, Any] = {}
        """What was looked into, by its id, and kept alive for it."""

    def held(self) -> list[Held]:
        """The variables, each with all of its keys."""
        return [replace(each, keys=(*self._keys.get(of, ()), *self._further(of))) for of, each in self._found.items()]

    def _further(self, of: int) -> Iterator[str]:
        if of in self._names:
            first = self._found[of]
            yield from _called(first.steps, first.variable, first.index)
            yield from self._names[of]

    def layer(self, layer: Any, steps: tuple[Step, ...], order: Order, depth: int) -> None:
        """A layer or a metric, and what it holds; the model itself first."""
        if depth > _MOST_LEVELS or not self._is_new(layer):
            return
        if _is_seed_generator(layer):
            self._add([layer.state], steps, order, Group.RNG)
            return
        self._add(_own(layer), steps, order, Group.METRICS if _is_metric(layer) else Group.WEIGHTS)
        for place, held in enumerate(_listed(layer)):
            self.layer(held, (*steps, _step(held, steps, f"layers/{place}", None)), (*order, place), depth + 1)
        for attribute, value in _attributes(layer):
            counts = attribute == _COUNTER and "IndexLookup" in _kinds(layer)
            self._value(value, attribute, steps, order, depth + 1, Group.METRICS if counts else Group.WEIGHTS)
        inner = getattr(getattr(layer, "_lookup_layer", None), _OF_ANOTHER, None)
        if inner is not None:
            self._names.setdefault(id(inner), []).extend(_called(steps, _OF_ANOTHER, None))
        for attribute in _TRACKED:
            self._container(getattr(layer, attribute, []), attribute, steps, (*order, attribute), depth + 1)

    def rest(self, model: Any) -> None:
        """What the model counts among its variables, and no layer led to."""
        of_metrics = {id(each) for metric in getattr(model, "metrics", ()) for each in metric.variables}
        for each in getattr(model, "variables", ()):
            if id(each) not in self._found:
                path = str(getattr(each, "path", "") or each.name).removesuffix(":0").split("/")
                steps = tuple(Step(part, "/".join(("?", *path[: depth + 1]))) for depth, part in enumerate(path[:-1]))
                state = Group.RNG if path[-1] == "seed_generator_state" else Group.WEIGHTS
                self._add([each], steps, None, Group.METRICS if id(each) in of_metrics else state)

    def optimizer(self, optimizer: Any) -> None:
        """The optimizer's, under the names that Keras gives them. One around another saves the other's too."""
        if optimizer is None:
            return
        steps = (Step("optimizer", "optimizer"),)
        self._add(_variables(optimizer), steps, None, Group.OPTIMIZER)
        inner = getattr(optimizer, "inner_optimizer", None)
        if inner is not None:
            for place, each in enumerate(_variables(optimizer)):
                self._names.setdefault(id(each), []).extend(_called(steps, _plain(each), place))
            self._add(_variables(inner), (*steps, Step("inner_optimizer", "inner")), None, Group.OPTIMIZER)

    def states(self) -> None:
        """What layers keep from call to call and Keras counts nowhere, such as the state of a recurrent layer."""
        for each, steps, order, called in self._states:
            if id(each) not in self._found:
                self._add([each], steps, order, Group.METRICS, called)

    def _value(
        self, value: Any, attribute: str, steps: tuple[Step, ...], order: Order, depth: int, group: Group
    ) -> None:
        if _is_saved(value):
            self.layer(value, (*steps, _step(value, steps, attribute, attribute)), (*order, attribute), depth)
        elif _is_plain_variable(value):
            self._add([value], steps, order, group, attribute)
        elif is_variable(value):
            self._states.append((value, steps, order, attribute))
        elif isinstance(value, Mapping | list | tuple):
            self._container(value, attribute, steps, (*order, attribute), depth)

    def _container(self, held: Any, at: str, steps: tuple[Step, ...], order: Order, depth: int) -> None:
        """A list, tuple or dict: it is no part of the chain."""
        if depth > _MOST_LEVELS or not self._is_new(held):
            return
        for place, item in enumerate(held.values() if isinstance(held, Mapping) else held):
            key, below = f"{at}/{place}", (*order, place)
            if _is_saved(item):
                self.layer(item, (*steps, _step(item, steps, key, None)), below, depth)
            elif _is_plain_variable(item):
                self._add([item], steps, order, Group.WEIGHTS, key)
            elif is_variable(item):
                self._states.append((item, steps, order, key))
            elif isinstance(item, Mapping | list | tuple):
                self._container(item, key, steps, below, depth + 1)

    def _is_new(self, held: Any) -> bool:
        if id(held) in self._seen:
            return False
        self._seen[id(held)] = held
        return True

    def _add(
        self, variables: Iterable[Any], steps: tuple[Step, ...], order: Order | None, group: Group, called: str = ""
    ) -> None:
        for index, each in enumerate(variables):
            if id(each) in self._found:
                again = _called(steps, called or _plain(each), None if called else index)
                self._names.setdefault(id(each), []).extend(again)
                continue
            self._found[id(each)] = Held(
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
    return dtype_called(str(dtype))


def _own(layer: Any) -> list[Any]:
    names = _OWN if hasattr(layer, _OWN[0]) else _OWN_2
    found = [variable for name in names for variable in getattr(layer, name, ())]
    return [each for each in found or list(getattr(layer, "_variables", ())) if hasattr(each, "assign")]  # a metric's


def _variables(optimizer: Any) -> list[Any]:
    found = optimizer.variables
    return list(found() if callable(found) else found)  # the former of tf-keras' older optimizers


def _listed(layer: Any) -> list[Any]:
    """The layers of a functional or sequential model, in its own order."""
    return list(layer.layers) if _kinds(layer) & {"Functional", "Sequential"} else []


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    """What a user's class adds to those of Keras, by name; private ones last, as Keras saves them."""
    held = vars(layer)
    left_out = _LEFT_OUT | _of_keras(layer.__class__)
    for name in sorted(held, key=lambda name: (name.startswith("_"), name)):
        if name not in left_out and not name.startswith(("__", "_self_")):  # the latter are TensorFlow's
            yield name, held[name]


@functools.cache
def _of_keras(kind: Any) -> frozenset[str]:
    """The attributes that every layer of the same Keras has, and every model of tf-keras: bookkeeping, and counters."""
    base = next((each for each in reversed(kind.__mro__) if each.__name__ == "Layer"), None)
    if base is None:
        return frozenset()
    found = {*vars(base(name="bare"))}
    if base.__module__.partition(".")[0] == "tf_keras":
        import tf_keras

        found |= {*vars(tf_keras.Model(name="bare"))}
    return frozenset(found)


def _called(steps: tuple[Step, ...], name: str, index: int | None) -> Iterator[str]:
    """What files call a variable: by its name, or by its number."""
    front = [step.name or step.node for step in steps]
    for each in (name, index):
        if each is not None:
            yield "/".join((*front, str(each)))


def _kinds(value: Any) -> set[str]:
    return {each.__name__ for each in type(value).__mro__}


def _is_saved(value: Any) -> bool:
    """Whether Keras saves it on its own: a layer, a metric, the state of a random generator."""
    if {"Layer", "Metric"} & _kinds(value):
        return hasattr(value, "name") and (hasattr(value, "weights") or hasattr(value, "variables"))
    return _is_seed_generator(value)


def _is_metric(value: Any) -> bool:
    """Of Keras: a layer of a user's own may be called so."""
    kinds = {(each.__module__.partition(".")[0], each.__name__) for each in type(value).__mro__}
    return not kinds.isdisjoint({("keras", "Metric"), ("tf_keras", "Metric")})


def _is_seed_generator(value: Any) -> bool:
    return type(value).__name__ == "SeedGenerator" and hasattr(value, "state")


def _is_plain_variable(value: Any) -> bool:
    """A `tf.Variable` that a layer holds without having made it by `add_weight`: Keras 3 saves none of these."""
    return bool({"ResourceVariable", "BaseResourceVariable"} & _kinds(value))


def _step(layer: Any, steps: tuple[Step, ...], key: str, attribute: str | None) -> Step:
    node = f"{steps[-1].node}/{key}" if steps else key
    return Step(str(layer.name), node, attribute, snake_case(type(layer).__name__))


def _plain(variable: Any) -> str:
    return str(variable.name).removesuffix(":0").rpartition("/")[2]
