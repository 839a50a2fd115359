"""Whole Keras models: `.keras` and `.h5`, by Keras 3 or, where the manifest says so, by tf-keras."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gate.runtime.held import Held
from gate.runtime.keras_variables import NO_KEYS, Keys, keras_variables
from gate.runtime.loaders.interface import How, Loaded, Refused, Sentinel, first_line
from gate.tensors.model_inputs import InputSpec
from gate.tensors.weightset import Array

# What Keras says when the weights do not fit the model, of all that loading may fail for.
_OF_THE_WEIGHTS = re.compile(
    r"shape|mismatch|could not be loaded|expected \d+ variables|received \d+ variables|\d+ (?:saved )?layers|"
    r"was never built|expects? \d+ weight|weight count|cannot assign",
    re.IGNORECASE,
)
NO_BFLOAT16 = "No cast function available"
SAVE_BFLOAT16 = "legacy HDF5 has no bfloat16, and Keras cannot read what it wrote: save it as .keras or .weights.h5"
_DEFAULT_INPUT = re.compile(r"keras_tensor\w*|input(?:_layer)?(?:_\d+)?")


def load_keras_model(how: How, path: str, sentinel: Sentinel) -> Loaded:  # noqa: ARG001 - built and loaded in one
    """By `keras.saving.load_model`, in safe mode."""
    return KerasLoaded(read_keras_file(path, how.compile))


def read_keras_file(path: str, compile: bool) -> Any:
    """The model in a `.keras` or `.h5` file."""
    import keras

    try:
        return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except Exception as error:
        raise not_loaded("Keras", error) from error


def load_tf_keras_model(how: How, path: str, sentinel: Sentinel) -> Loaded:  # noqa: ARG001
    """By tf-keras, which is Keras 2."""
    if find_spec("tf_keras") is None:
        raise Refused(
            "`load: {keras: 2}` needs the package tf-keras, which is not installed",
            "pip install 'weight-gate[legacy]'",
        )
    import tf_keras

    try:
        return KerasLoaded(tf_keras.models.load_model(path, compile=how.compile))
    except Exception as error:
        raise not_loaded("tf-keras", error) from error


def not_loaded(who: str, error: Exception) -> Refused:
    """What a failed load says: of the weights, or of what the loader lacks."""
    said = f"{who} could not load it: {type(error).__name__}: {first_line(error)}"
    text = str(error)
    if NO_BFLOAT16 in text:
        return Refused(said, SAVE_BFLOAT16, verdict=True)
    if _OF_THE_WEIGHTS.search(text) and not isinstance(error, TypeError | OSError):
        return Refused(said, "the weights in the file do not fit the model that is built for them", verdict=True)
    if re.search(r"lambda|safe_mode|unsafe|arbitrary code", text, re.IGNORECASE):
        return Refused(
            said, "it holds code, which the gate never runs: build the model by `architecture: {code: …}` instead"
        )
    if re.search(r"custom object|register_keras_serializable|Unknown layer|Could not locate class", text):
        return Refused(said, "it has classes of your own: build the model by `architecture: {code: …}`")
    older = "" if who == "tf-keras" else ", or `load: {keras: 2}` with weight-gate[legacy] for a file of Keras 2"
    return Refused(said, f"load it by hand to see why; `architecture: {{code: …}}` builds the model by code{older}")


def is_keras_model(found: Any) -> bool:
    """Whether it is a model of Keras 3 or tf-keras."""
    kinds = {f"{each.__module__.split('.')[0]}.{each.__name__}" for each in type(found).__mro__}
    return bool(kinds & {"keras.Model", "tf_keras.Model", "keras.Layer", "tf_keras.Layer"})


class KerasLoaded(Loaded):
    """A Keras model. `keys` are what a checkpoint that it is loaded from calls its variables."""

    what = "the model"

    def __init__(self, model: Any, keys: Keys = NO_KEYS) -> None:
        self.model = model
        self._keys = keys
        self._function: Any = None
        self._graph: Any = None
        self._variables: list[Held] | None = None

    @property
    def variables(self) -> list[Held]:
        if self._variables is None:
            self._variables = keras_variables(self.model, self._keys)
        return self._variables

    def inputs(self, signature: str | None) -> list[InputSpec]:  # noqa: ARG002 - a model has one
        given = getattr(self.model, "inputs", None)
        if not given:
            return self._called_with or super().inputs(None)
        names = list(getattr(self.model, "input_names", None) or [each.name for each in given])
        shown = [_input_name(name, place, len(names)) for place, name in enumerate(names)]
        return [
            InputSpec(called, _dtype_name(each.dtype), tuple(each.shape), "" if called == name else str(name))
            for called, name, each in zip(shown, names, given, strict=True)
        ]

    @property
    def _called_with(self) -> list[InputSpec]:
        """What a model that declares no inputs was called with when it was built; other lengths may do as well."""
        leaves = list(_leaves(_called_with(self.model), "input"))
        shapes = [None if spec.shape.rank is None else tuple(spec.shape) for _, spec in leaves]
        free = [(None, *shape[1:]) if shape else shape for shape in shapes]
        return [
            InputSpec(name, _dtype_name(spec.dtype), shape) for (name, spec), shape in zip(leaves, free, strict=True)
        ]

    def fitted(
        self, arrays: Mapping[str, Array], signature: str | None, labels: bool
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        if not getattr(self.model, "inputs", None):
            return dict(arrays), {}  # nothing says what it takes but one call: it is given all there is
        return super().fitted(arrays, signature, labels)

    def strangers(self) -> list[str]:
        if self._graph is None:
            return []
        owners = (getattr(held.assign, "__self__", None) for held in self.variables)
        known = {id(_plain_of(owner)) for owner in owners}
        return [str(each.name).removesuffix(":0") for each in self._graph.variables if id(each) not in known]

    def predict(self, inputs: Mapping[str, Array], signature: str | None, outputs: Sequence[str]) -> dict[str, Array]:  # noqa: ARG002
        import tensorflow as tf

        if self._function is None:
            model, keys = self.model, _training(self.model)
            self._function = tf.function(lambda given: model(given, **keys), reduce_retracing=False)
        try:
            tensors = self._given(inputs)
            found = self._function(tensors)
            self._graph = self._function.get_concrete_function(tensors).graph
        except tf.errors.FailedPreconditionError as error:
            if "not initialized" not in str(error):
                raise
            raise Refused(
                f"it cannot predict, since a part of it is empty: {first_line(error)}",
                "the file holds no vocabulary of a lookup table: save it as .keras or as a SavedModel, which do",
                verdict=True,
            ) from error
        return chosen(named_outputs(found, self._output_names), outputs)

    def predict_eagerly(
        self,
        inputs: Mapping[str, Array],
        signature: str | None,  # noqa: ARG002 - a model has one
        outputs: Sequence[str],
    ) -> dict[str, Array]:
        found = self.model(self._given(inputs), **_training(self.model))
        return chosen(named_outputs(found, self._output_names), outputs)

    @property
    def _output_names(self) -> list[str]:
        """What the model calls its outputs: the layers that make them."""
        return list(getattr(self.model, "output_names", None) or ())

    def save(self, format: str, folder: Path) -> Path:
        import tensorflow as tf

        try:
            if format == "keras":
                self.model.save(folder / "model.keras")
                return folder / "model.keras"
            if format == "weights.h5":
                self.model.save_weights(folder / "model.weights.h5")
                return folder / "model.weights.h5"
            if format == "h5":
                self.model.save(folder / "model.h5")
                return folder / "model.h5"
            if format == "saved_model":
                if hasattr(self.model, "export") and not type(self.model).__module__.startswith("tf_keras"):
                    self.model.export(folder / "saved_model", verbose=False)
                else:
                    tf.saved_model.save(self.model, folder / "saved_model")
                return folder / "saved_model"
            if format == "checkpoint":
                return Path(tf.train.Checkpoint(model=self.model).write(str(folder / "model.ckpt")))
        except OSError:
            raise
        except Exception as error:
            raise Refused(
                f"Keras could not save it as {format}: {type(error).__name__}: {first_line(error)}",
                f"mend the model, or take {format} out of `roundtrip`",
                unsavable=True,
            ) from error
        return super().save(format, folder)

    def activations(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        found: dict[str, Array] = {}
        layers = [each for each in self.model._flatten_layers(include_self=False) if hasattr(each, "call")]  # noqa: SLF001
        plain = [(layer, layer.call) for layer in layers]
        try:
            for layer, call in plain:
                # Not through Keras' own `__setattr__`, which would take it for a part of the layer.
                object.__setattr__(layer, "call", _listening(call, str(layer.name), found))
            self.model(self._given(inputs), **_training(self.model))
        except Exception:  # noqa: BLE001 - a model that cannot be listened to is no reason to fail: its outputs told
            return {}
        finally:
            for layer, _ in plain:
                vars(layer).pop("call", None)
        return found

    def _given(self, inputs: Mapping[str, Array]) -> Any:
        """The inputs in the structure that the model's call takes."""
        import tensorflow as tf

        tensors = {name: tf.convert_to_tensor(value) for name, value in inputs.items()}
        if len(tensors) == 1 and not isinstance(getattr(self.model, "input", None), dict):
            return next(iter(tensors.values()))
        if getattr(self.model, "inputs", None):
            ordered = [tensors[spec.name] for spec in self.inputs(None)]
            structure = self.model.input
            return tf.nest.pack_sequence_as(structure, ordered) if tf.nest.is_nested(structure) else ordered[0]
        structure = _called_with(self.model)
        names = [name for name, _ in _leaves(structure, "input")]
        if {*names} == {*tensors}:
            return _packed(structure, (tensors[name] for name in names))
        return tensors


def _called_with(model: Any) -> Any:
    """A `tf.TensorSpec` for each tensor that it was called with, as they were nested; `()` where nothing tells.

    Keras 3 remembers no dtypes: floats, as it takes them to be when it exports such a model.
    """
    spec = getattr(model, "_saved_model_inputs_spec", None)  # tf-keras
    if spec is None and hasattr(model, "get_build_config"):
        spec = _specs((model.get_build_config() or {}).get("input_shape", ()))
    return spec if all(hasattr(each, "dtype") for _, each in _leaves(spec, "")) else ()


def _specs(shapes: Any) -> Any:
    import tensorflow as tf

    if isinstance(shapes, Mapping):
        return {key: _specs(each) for key, each in shapes.items()}
    if isinstance(shapes, list | tuple) and not all(each is None or isinstance(each, int) for each in shapes):
        return [_specs(each) for each in shapes]
    return tf.TensorSpec(shapes) if shapes else ()


def named_outputs(found: Any, names: Sequence[str] = ()) -> dict[str, Array]:
    """The outputs by name: keys where there are, else `names`, else `output`, or `output_0`, `output_1`, …

    What is nested has the names of all levels: `output_1/logits`.
    """
    leaves = list(_leaves(found, "output"))
    if not isinstance(found, Mapping) and len(set(names)) == len(leaves):
        leaves = [(name, value) for name, (_, value) in zip(names, leaves, strict=True)]
    return {name: _array(value) for name, value in leaves}


def _leaves(structure: Any, called: str, above: str = "") -> Iterator[tuple[str, Any]]:
    """What is in dicts, lists and tuples, each under its own name; what is called by nothing else is `called`."""
    if isinstance(structure, Mapping):
        for key, value in structure.items():
            yield from _leaves(value, called, f"{above}/{key}" if above else str(key))
    elif isinstance(structure, list | tuple):
        for place, value in enumerate(structure):
            alone = f"{called}_{place}" if len(structure) > 1 else called
            yield from _leaves(value, called, f"{above}/{place}" if above else alone)
    else:
        yield above or called, structure


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    """The same structure with other leaves, in the order of `_leaves`."""
    if isinstance(structure, Mapping):
        return {key: _packed(value, leaves) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [_packed(value, leaves) for value in structure]
    return next(leaves)


def chosen(found: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
    """Only those that were asked for."""
    if not outputs:
        return found
    if missing := [name for name in outputs if name not in found]:
        raise Refused(f"there is no output {missing[0]}", f"it has {', '.join(found)}")
    return {name: found[name] for name in outputs}


def _array(value: Any) -> Array:
    if not hasattr(value, "numpy"):
        raise Refused(f"an output is a {type(value).__name__}", "have the model return dense tensors")
    return np.asarray(value.numpy())


def _plain_of(variable: Any) -> Any:
    """The `tf.Variable` inside a variable of Keras 3."""
    return getattr(variable, "_value", variable)


def _listening(call: Callable[..., Any], name: str, found: dict[str, Array]) -> Callable[..., Any]:
    """`call`, which puts what it returns into `found`: layers inside come before those around them."""

    @wraps(call)
    def listening(*arguments: Any, **more: Any) -> Any:
        made = call(*arguments, **more)
        first = made[0] if isinstance(made, list | tuple) and made else made
        if hasattr(first, "numpy"):
            number, free = 1, name
            while free in found:
                number += 1
                free = f"{name}~{number}"
            found[free] = np.asarray(first.numpy())
        return made

    return listening


def _training(model: Any) -> dict[str, bool]:
    """Calls of one's own may have no such argument."""
    try:
        names = inspect.signature(model.call).parameters
    except (TypeError, ValueError):
        return {"training": False}
    takes = "training" in names or any(each.kind is inspect.Parameter.VAR_KEYWORD for each in names.values())
    return {"training": False} if takes else {}


def _input_name(name: str, place: int, count: int) -> str:
    """An input's own name; default names are counted anew in each process, so their place stands for them."""
    if not _DEFAULT_INPUT.fullmatch(name):
        return name
    return "input" if count == 1 else f"input_{place}"


def _dtype_name(dtype: Any) -> str:
    return str(getattr(dtype, "name", dtype))
