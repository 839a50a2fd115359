"""TF1 checkpoints with their graph: `PREFIX.meta` and `tf.compat.v1.train.Saver`, in a session."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gate.runtime.held import Held
from gate.runtime.loaders.interface import How, Loaded, Refused, Sentinel, first_line
from gate.tensors.model_inputs import InputSpec
from gate.tensors.weightset import Array, Step


def load_saver(how: How, path: str, sentinel: Sentinel) -> Loaded:  # noqa: ARG001 - restored right after it is built
    """Imports the graph and restores all that its own saver restores; what is left is initialised as when training."""
    import tensorflow as tf

    graph = tf.Graph()
    try:
        with graph.as_default():
            saver = tf.compat.v1.train.import_meta_graph(f"{path}.meta", clear_devices=True)
            session = tf.compat.v1.Session(graph=graph)
            if saver is None:
                raise Refused("its graph has no saver that could restore it", "write it with tf.compat.v1.train.Saver")
            saver.restore(session, path)
            _initialise_the_rest(session)
    except (Refused, OSError):
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {first_line(error)}"
        raise Refused(
            f"the saver of its graph could not restore it: {said}",
            "the graph in .meta is not the one that the checkpoint was saved from, or needs an older TensorFlow",
            verdict="not found in checkpoint" in str(error) or "shape" in str(error),
        ) from error
    return SessionLoaded(graph, session)


class SessionLoaded(Loaded):
    """A graph of TF1 with its session."""

    what = "the graph"

    def __init__(self, graph: Any, session: Any) -> None:
        self.graph = graph
        self.session = session
        self._all = _variables(graph)

    @property
    def variables(self) -> list[Held]:
        return [self._held(each) for each in self._all]

    def inputs(self, signature: str | None) -> list[InputSpec]:  # noqa: ARG002 - a graph has none
        found = [each for each in self.graph.get_operations() if each.type in {"Placeholder", "PlaceholderV2"}]
        return [InputSpec(each.name, each.outputs[0].dtype.name, _shape(each.outputs[0])) for each in found]

    def predict(self, inputs: Mapping[str, Array], signature: str | None, outputs: Sequence[str]) -> dict[str, Array]:  # noqa: ARG002
        if not outputs:
            raise Refused(
                "a TF1 graph does not say which of its tensors are outputs",
                f"name them under `outputs`; its last operations are {', '.join(self._last())}",
            )
        fetched = [self._tensor(name) for name in outputs]
        found = self.session.run(fetched, {self._tensor(name): value for name, value in inputs.items()})
        return {name: np.asarray(value) for name, value in zip(outputs, found, strict=True)}

    def save(self, format: str, folder: Path) -> Path:
        import tensorflow as tf

        if format != "checkpoint":
            return super().save(format, folder)
        with self.graph.as_default():
            saver = tf.compat.v1.train.Saver(self._all)
            return Path(saver.save(self.session, str(folder / "model.ckpt"), write_state=False))

    def _held(self, variable: Any) -> Held:
        name = str(variable.op.name)
        parts = name.split("/")
        steps = tuple(Step(part, "/".join(parts[: depth + 1])) for depth, part in enumerate(parts[:-1]))
        dtype = variable.dtype.base_dtype
        return Held(
            parts[-1],
            np.dtype(object) if dtype.name == "string" else np.dtype(dtype.as_numpy_dtype),
            tuple(int(size) for size in variable.shape),
            partial(self._value, variable),
            None,
            steps,
            keys=(name, *_whole(variable)),
        )

    def _value(self, variable: Any) -> Array:
        return np.ascontiguousarray(self.session.run(variable)).reshape(tuple(int(size) for size in variable.shape))

    def _tensor(self, name: str) -> Any:
        try:
            return self.graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
        except (KeyError, ValueError) as error:
            raise Refused(f"the graph has no tensor {name}", "name one of its own, as `scope/operation`") from error

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


def _variables(graph: Any) -> list[Any]:
    import tensorflow as tf

    with graph.as_default():
        return list(tf.compat.v1.global_variables())


def _initialise_the_rest(session: Any) -> None:
    import tensorflow as tf

    known = _variables(session.graph)
    ready = session.run([tf.compat.v1.is_variable_initialized(each) for each in known])
    session.run([each.initializer for each, is_ready in zip(known, ready, strict=True) if not is_ready])


def _whole(variable: Any) -> tuple[str, ...]:
    """The name of the variable that this one is a part of, under which a checkpoint has them together."""
    info = getattr(variable, "_save_slice_info", None)
    return (str(info.full_name),) if info is not None else ()


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return (None,) if tensor.shape.rank is None else tuple(tensor.shape)
