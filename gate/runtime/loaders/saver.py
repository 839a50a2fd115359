"""TF1 checkpoints with their graph: `PREFIX.meta` and `tf.compat.v1.train.Saver`, in a session.

Variables go by the names under which the saver stores them: the parts of a partitioned variable are one, as in the
file. Inputs and outputs are tensors of the graph, by name.
"""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gate.formats.tensorflow.graph_names import group_of_keys
from gate.runtime.held import Held
from gate.runtime.loaders.interface import How, Loaded, Refused, Sentinel, first_line
from gate.tensors.model_inputs import InputSpec, fit
from gate.tensors.weightset import Array, Group, layer_of

META = ".meta"
_PLACEHOLDERS = ("Placeholder", "PlaceholderV2")
_OPTIONAL = "PlaceholderWithDefault"
_TOGETHER = 64 * 1024 * 1024
"""Bytes of variables that are read in one run: each run of a large graph costs time, and what is read is held."""
# What a saver says where the checkpoint has not what the graph asks for.
_OF_THE_WEIGHTS = re.compile(
    r"Key \S+ not found in checkpoint"
    r"|Assign requires shapes of both tensors to match\. lhs shape= ?\[[\d,]*\] rhs shape= ?\[[\d,]*\]"
    r"|Cannot update variable with shape \[[\d,]*\] using a Tensor with shape \[[\d,]*\]"
    r"|tensor_name = \S+; (?:shape in shape_and_slice spec|expected dtype)[^\n]*"
)
_AROUND = ("Graph execution error", "Detected at node", "Node:", "[[", "Original stack trace", "(0) ", "2 root error")
_ANOTHER = "the graph in .meta is not the one that the checkpoint was saved from"
_UNFED = re.compile(r"You must feed a value for placeholder tensor '([^']+)'")


def load_saver(how: How, path: str, sentinel: Sentinel) -> Loaded:  # noqa: ARG001 - restored right after it is built
    """Imports the graph and restores all that its own saver restores; what is left is initialised as when training."""
    import tensorflow as tf

    graph, saver = _imported(path)
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph, config=_settings())
    loaded = SessionLoaded(graph, session, saver, path)
    try:
        with graph.as_default():
            saver.restore(session, path)
    except Exception as error:
        said = _OF_THE_WEIGHTS.search(str(error))
        raise Refused(
            f"the saver of its graph could not restore it: {said[0] if said else _said(error)}",
            _ANOTHER,
            verdict=said is not None,
        ) from error
    loaded.refuse_other_shapes()
    loaded.initialise_the_rest()
    return loaded


def _imported(path: str) -> tuple[Any, Any]:
    """The graph of a .meta file and its saver."""
    import tensorflow as tf

    meta = f"{path}{META}"
    try:
        try:
            graph, saver = _built(meta)
        except ValueError as error:
            if "_output_shapes" not in str(error):
                raise
            graph, saver = _built(_without_hints(meta))
    except OSError:
        raise
    except Exception as error:
        raise Refused(
            f"TensorFlow {tf.__version__} could not import the graph in .meta: "
            f"{type(error).__name__}: {first_line(error)}",
            "export the model again with a TensorFlow of today, or have `load: {code: …}` build it and restore it",
        ) from error
    if saver is None:
        raise Refused("its graph has no saver that could restore it", "write it with tf.compat.v1.train.Saver")
    return graph, saver


def _built(meta: Any) -> tuple[Any, Any]:
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        return graph, tf.compat.v1.train.import_meta_graph(meta, clear_devices=True)


def _without_hints(meta: str) -> Any:
    """The graph without the shapes that its author's TensorFlow inferred.

    What a graph computes does not depend on them, and TensorFlow infers others today: it refuses a whole graph of TF
    1.12 for those of the gradients of `FusedBatchNorm`.
    """
    import tensorflow as tf

    found = tf.compat.v1.MetaGraphDef.FromString(Path(meta).read_bytes())
    functions = (node for function in found.graph_def.library.function for node in function.node_def)
    for node in (*found.graph_def.node, *functions):
        if "_output_shapes" in node.attr:
            del node.attr["_output_shapes"]
    return found


def _said(error: Exception) -> str:
    """What went wrong, without where in the graph, and without what TensorFlow says around it."""
    lines = (line.strip() for line in str(error).rpartition("Original error:")[2].splitlines())
    told = [line for line in lines if line and not line.startswith(_AROUND)]
    return f"{type(error).__name__}: {first_line(Exception(told[0])) if told else first_line(error)}"


def _settings() -> Any:
    """Sessions have settings of their own; these are the process's."""
    import tensorflow as tf

    return tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=tf.config.threading.get_intra_op_parallelism_threads(),
        inter_op_parallelism_threads=tf.config.threading.get_inter_op_parallelism_threads(),
        allow_soft_placement=True,
        gpu_options=tf.compat.v1.GPUOptions(allow_growth=True),
    )


class SessionLoaded(Loaded):
    """A graph of TF1 with its session, and the saver and the prefix that it was restored with."""

    what = "the graph"

    def __init__(self, graph: Any, session: Any, saver: Any, path: str) -> None:
        self.graph = graph
        self.session = session
        self.saver = saver
        self.path = path
        self._all = _variables(graph)
        self._values = _Values(session, self._all.values())
        self._prepared = False

    @property
    def variables(self) -> list[Held]:
        stored: dict[str, list[Any]] = {}
        for each in self._all.values():
            stored.setdefault(_stored_as(each), []).append(each)
        local = {each.op.name for each in _collected(self.graph, "local_variables")}
        groups = group_of_keys({name: self._shape(parts[0]) for name, parts in stored.items()})
        return [
            self._held(name, parts, Group.METRICS if parts[0].op.name in local else groups[name])
            for name, parts in stored.items()
        ]

    def refuse_other_shapes(self) -> None:
        """A saver puts a tensor of any shape into a resource variable, without a word."""
        import tensorflow as tf

        known = [each for each in self._all.values() if hasattr(each, "handle")]
        with self.graph.as_default():
            ready = self._ready(known)
            restored = [each for each, is_ready in zip(known, ready, strict=True) if is_ready]
            shapes = self.session.run([tf.raw_ops.VariableShape(input=each.handle) for each in restored])
        for each, shape in zip(restored, shapes, strict=True):
            if not each.shape.is_compatible_with(shape):
                raise Refused(
                    f"the saver of its graph gave {each.op.name} the shape {shape.tolist()}, "
                    f"and the graph has it as {list(each.shape)}",
                    _ANOTHER,
                    verdict=True,
                )

    def initialise_the_rest(self) -> None:
        """What the saver did not restore: slots that were not saved, counters of metrics."""
        known = list(self._all.values())
        with self.graph.as_default():
            ready = self._ready(known)
        for each in (each for each, is_ready in zip(known, ready, strict=True) if not is_ready):
            try:
                self.session.run(each.initializer)
            except Exception as error:
                raise Refused(
                    f"the saver does not restore {each.op.name}, and its initialiser does not run: {_said(error)}",
                    "save the checkpoint with all variables of the graph",
                    verdict=True,
                ) from error

    def _ready(self, variables: Sequence[Any]) -> Sequence[bool]:
        """Which variables have a value; in the graph."""
        import tensorflow as tf

        found: Sequence[bool] = self.session.run([tf.compat.v1.is_variable_initialized(each) for each in variables])
        return found

    def inputs(self, signature: str | None) -> list[InputSpec]:  # noqa: ARG002 - a graph has none
        found = (each.outputs[0] for each in self.graph.get_operations() if each.type in _PLACEHOLDERS)
        return [_spec(each, each.op.name) for each in found]

    def fitted(
        self, arrays: Mapping[str, Array], signature: str | None, labels: bool
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Placeholders by name, those with a default too, and only those that the file has: outputs need not need all.

        Any other tensor is fed as well, where its name is written to the end: `scope/operation:0`.
        """
        specs = [_spec(tensor, name) for name in arrays if (tensor := self._fed(name)) is not None]
        if not specs:
            return super().fitted(arrays, signature, labels)
        found = fit(arrays, specs)
        if found.rest and not labels:
            raise Refused(
                f"the file of inputs has {', '.join(sorted(found.rest))}, and the graph has no such placeholder",
                f"its placeholders are {', '.join(spec.name for spec in self.inputs(None)) or 'none'}; "
                "any other tensor is named like scope/operation:0",
            )
        return found.inputs, found.rest

    def takes_whole(self, inputs: Mapping[str, Array], signature: str | None) -> bool:  # noqa: ARG002
        shapes = [self._tensor(name).shape for name in inputs]
        return any(shape.rank and shape[0] is not None for shape in shapes)

    def predict(self, inputs: Mapping[str, Array], signature: str | None, outputs: Sequence[str]) -> dict[str, Array]:  # noqa: ARG002
        if not outputs:
            raise Refused(
                "a TF1 graph does not say which of its tensors are outputs",
                f"name them under `outputs`; its last operations are {', '.join(self._last())}",
            )
        self._prepare()
        feeds = {self._tensor(name).name: value for name, value in inputs.items()}
        fetched = [self._tensor(name).name for name in outputs]
        if both := sorted(feeds.keys() & set(fetched)):
            raise Refused(f"{both[0]} is among the inputs and the outputs", "name an output that the graph computes")
        try:
            found = self.session.run(fetched, feeds)
        except Exception as error:
            raise self._not_run(error, outputs) from error
        self._values.forget()
        return {name: np.asarray(value) for name, value in zip(outputs, found, strict=True)}

    def save(self, format: str, folder: Path) -> Path:
        """By its own saver; the graph is the one that was imported, so its file is copied."""
        if format != "checkpoint":
            return super().save(format, folder)
        prefix = str(folder / "model.ckpt")
        saver = self.saver if self.saver.saver_def.version == self.saver.saver_def.V2 else self._saver()
        with self.graph.as_default():
            saver.save(self.session, prefix, write_meta_graph=False, write_state=False)
        shutil.copyfile(f"{self.path}{META}", f"{prefix}{META}")
        return Path(prefix)

    def _saver(self) -> Any:
        """One for checkpoints as they are since 2016, where the graph's own writes older ones."""
        import tensorflow as tf

        with self.graph.as_default():
            return tf.compat.v1.train.Saver(list(self._all.values()))

    def _held(self, name: str, parts: Sequence[Any], group: Group) -> Held:
        dtype = parts[0].dtype.base_dtype
        return Held(
            name.rpartition("/")[2],
            np.dtype(object) if dtype.name == "string" else np.dtype(dtype.as_numpy_dtype),
            self._shape(parts[0]),
            partial(self._value, parts),
            None,
            layer_of(name).steps,
            group=group,
            keys=tuple(dict.fromkeys((name, *(each.op.name for each in parts)))),
        )

    def _shape(self, variable: Any) -> tuple[int, ...]:
        """Of the whole. A graph may leave a variable's shape open, for its value to tell."""
        info = _slice_info(variable)
        if info is not None:
            return tuple(int(size) for size in info.full_shape)
        return tuple(variable.shape) if variable.shape.is_fully_defined() else self._values.of(variable).shape

    def _value(self, parts: Sequence[Any]) -> Array:
        """A variable, put together from its parts."""
        shape = self._shape(parts[0])
        values = [self._values.of(each) for each in parts]
        if _slice_info(parts[0]) is None:
            return np.ascontiguousarray(values[0]).reshape(shape)
        whole = np.zeros(shape, values[0].dtype)
        for part, value in zip(parts, values, strict=True):
            info = _slice_info(part)
            box = zip(info.var_offset, info.var_shape, strict=True)
            whole[tuple(slice(start, start + length) for start, length in box)] = value
        return whole

    def _prepare(self) -> None:
        """Fills lookup tables, once. Where that fails, outputs that need one say so."""
        import tensorflow as tf

        if self._prepared:
            return
        self._prepared = True
        with suppress(tf.errors.OpError):
            for each in self.graph.get_collection(tf.compat.v1.GraphKeys.TABLE_INITIALIZERS):
                self.session.run(each)

    def _not_run(self, error: Exception, outputs: Sequence[str]) -> Refused:
        unfed = _UNFED.search(str(error))
        if unfed:
            return Refused(
                f"{', '.join(outputs)} cannot be computed without the placeholder {unfed[1]}",
                "give an array of this name in the file of `inputs`",
            )
        return Refused(
            f"the graph does not compute {', '.join(outputs)}: {_said(error)}",
            "see that `inputs` and `outputs` name what is served, not what trains it",
        )

    def _tensor(self, name: str) -> Any:
        try:
            return self.graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
        except (KeyError, ValueError) as error:
            raise Refused(f"the graph has no tensor {name}", "name one of its own, as `scope/operation`") from error

    def _fed(self, name: str) -> Any:
        """The tensor that an array of this name is for; None where it is for none."""
        try:
            tensor = self.graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
        except (KeyError, ValueError):
            return None
        return tensor if ":" in name or tensor.op.type in (*_PLACEHOLDERS, _OPTIONAL) else None

    def _last(self) -> list[str]:
        """Float tensors that nothing else takes."""
        kinds = ("float32", "float16", "float64", "int64", "int32")
        free = [
            each.name
            for each in self.graph.get_operations()
            if each.outputs
            and not any(out.consumers() for out in each.outputs)
            and each.outputs[0].dtype.name in kinds
            and not each.name.startswith("save")
        ]
        return free[-5:] or ["none"]


class _Values:
    """Reads variables, several in one run, in the order in which they are asked for."""

    def __init__(self, session: Any, variables: Iterable[Any]) -> None:
        self.session = session
        self._with: dict[str, list[Any]] = {}
        self._read: dict[str, Array] = {}
        together: list[Any] = []
        size = 0
        for each in variables:
            length = each.dtype.base_dtype.size * (each.shape.num_elements() or 1)
            if together and size + length > _TOGETHER:
                together, size = [], 0
            together.append(each)
            size += length
            self._with[each.op.name] = together

    def of(self, variable: Any) -> Array:
        name = variable.op.name
        if name not in self._read:
            together = self._with[name]
            found = self.session.run(together)
            self._read = {each.op.name: np.asarray(value) for each, value in zip(together, found, strict=True)}
        return self._read[name]

    def forget(self) -> None:
        """What was computed may have changed them."""
        self._read = {}


def _variables(graph: Any) -> dict[str, Any]:
    """All variables of the graph that its collections name, each once."""
    keys = ("variables", "trainable_variables", "model_variables", "moving_average_variables", "local_variables")
    found: dict[str, Any] = {}
    for key in keys:
        for each in _collected(graph, key):
            found.setdefault(each.op.name, each)
    return found


def _collected(graph: Any, key: str) -> list[Any]:
    """Older graphs have some variables as plain tensors, which nothing can save or restore."""
    return [each for each in graph.get_collection(key) if hasattr(each, "initializer") and hasattr(each, "op")]


def _stored_as(variable: Any) -> str:
    """The name under which a checkpoint has it: that of the whole, if it is a part of one."""
    info = _slice_info(variable)
    return str(variable.op.name if info is None else info.full_name)


def _slice_info(variable: Any) -> Any:
    """Where a part lies in its whole, as TensorFlow itself tells it; None for a variable that is whole."""
    return getattr(variable, "_save_slice_info", None)


def _spec(tensor: Any, name: str) -> InputSpec:
    shape = None if tensor.shape.rank is None else tuple(tensor.shape)
    return InputSpec(name, tensor.dtype.base_dtype.name, shape)
