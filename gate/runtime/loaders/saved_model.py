"""SavedModels, by `tf.saved_model.load`, and any other object that TensorFlow tracks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gate.formats.text import natural
from gate.runtime.held import Held
from gate.runtime.keras_variables import dtype_of, numpy_of
from gate.runtime.loaders.interface import How, Loaded, Refused, Sentinel, first_line
from gate.runtime.loaders.keras_model import chosen, named_outputs
from gate.runtime.trackables import END, keys_of
from gate.tensors.model_inputs import InputSpec
from gate.tensors.weightset import Array, Group, Step

DEFAULT = "serving_default"


def load_saved_model(how: How, path: str, sentinel: Sentinel) -> Loaded:  # noqa: ARG001 - built and loaded in one
    """Runs the operations that restore it; the process is confined for that."""
    import tensorflow as tf

    try:
        return TrackableLoaded(tf.saved_model.load(path))
    except OSError:
        raise
    except Exception as error:
        raise Refused(
            f"TensorFlow could not load it: {type(error).__name__}: {first_line(error)}",
            "load it by hand to see why; export it again with the TensorFlow that serves it",
        ) from error


def is_trackable(found: Any) -> bool:
    """Whether TensorFlow tracks what it holds."""
    import tensorflow as tf

    return isinstance(found, tf.Module) or hasattr(found, "_trackable_children")


class TrackableLoaded(Loaded):
    """What `tf.saved_model.load` returns, or a `tf.Module`."""

    what = "the SavedModel"

    def __init__(self, root: Any) -> None:
        self.root = root
        self._variables: list[Held] | None = None

    @property
    def variables(self) -> list[Held]:
        if self._variables is None:
            found = keys_of(self.root)
            for each in self._of_signatures():
                found.setdefault(id(each), (each, []))
            self._variables = [_held(variable, keys) for variable, keys in found.values()]
        return self._variables

    def inputs(self, signature: str | None) -> list[InputSpec]:
        named = self._function(signature).structured_input_signature[1]
        return [
            InputSpec(
                name,
                np.dtype(spec.dtype.as_numpy_dtype).name if spec.dtype.name != "string" else "string",
                _shape(spec),
            )
            for name, spec in sorted(named.items())
        ]

    def predict(self, inputs: Mapping[str, Array], signature: str | None, outputs: Sequence[str]) -> dict[str, Array]:
        import tensorflow as tf

        function = self._function(signature)
        given = {name: tf.convert_to_tensor(value) for name, value in inputs.items()}
        found = named_outputs(function(**given))
        return chosen({name: found[name] for name in sorted(found, key=natural)}, outputs)

    def save(self, format: str, folder: Path) -> Path:
        import tensorflow as tf

        if format == "saved_model":
            signatures = dict(getattr(self.root, "signatures", {}))
            tf.saved_model.save(self.root, str(folder / "saved_model"), signatures=signatures or None)
            return folder / "saved_model"
        if format == "checkpoint":
            return Path(tf.train.Checkpoint(self.root).write(str(folder / "model.ckpt")))
        return super().save(format, folder)

    def _function(self, name: str | None) -> Any:
        signatures = getattr(self.root, "signatures", {})
        names = sorted(signatures)
        if not names:
            raise Refused("it has no signature, so nothing can be predicted", "export it with one")
        wanted = name or (DEFAULT if DEFAULT in names else names[0] if len(names) == 1 else "")
        if wanted not in names:
            raise Refused(
                f"it has no signature {name or DEFAULT}", f"name one of its own under `signature`: {', '.join(names)}"
            )
        return signatures[wanted]

    def _of_signatures(self) -> list[Any]:
        """Of a TF1 SavedModel some variables are held by its functions alone."""
        import tensorflow as tf

        found = []
        for function in getattr(self.root, "signatures", {}).values():
            found += [each for each in getattr(function, "variables", ()) if isinstance(each, tf.Variable)]
        return [*found, *(each for each in getattr(self.root, "variables", ()) if isinstance(each, tf.Variable))]


def _held(variable: Any, keys: list[str]) -> Held:
    name = str(variable.name).removesuffix(":0")
    path = (keys[0].removesuffix(END) if keys else name).split("/")
    steps = tuple(Step(part, "/".join(path[: depth + 1])) for depth, part in enumerate(path[:-1]))
    return Held(
        path[-1],
        np.dtype(object) if variable.dtype == "string" else dtype_of(variable),
        tuple(int(size) for size in variable.shape),
        lambda: numpy_of(variable),
        variable.assign,
        steps,
        group=Group.RNG if "seed_generator_state" in {path[-1], name.rpartition("/")[2]} else Group.WEIGHTS,
        keys=(*keys, name),
    )


def _shape(spec: Any) -> tuple[int | None, ...] | None:
    return None if spec.shape.rank is None else tuple(spec.shape)
