"""A model without weights: from a `.keras` file, a JSON config, or a function of the repository."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gate.runtime.loaders.interface import Refused, first_line
from gate.runtime.loaders.keras_model import is_keras_model, read_keras_file
from gate.runtime.loaders.project_code import called, shown_as

_MOST_JSON = 64 * 1024 * 1024


def built(architecture: Mapping[str, Any], compile: bool = False) -> Any:
    """A Keras model whose variables exist; with `compile` its optimizer's too, where the architecture has one."""
    if "code" in architecture:
        file, name = architecture["code"]
        what = f"what {shown_as(file)}:{name} returns"
        model = called(file, name)
    elif "keras" in architecture:
        model, what = _from_keras(Path(architecture["keras"]), compile), "the architecture"
    else:
        model, what = _from_json(Path(architecture["json"])), "the architecture"
    if not is_keras_model(model):
        raise Refused(f"{what} is a {type(model).__name__}, no Keras model", "return the model that was built")
    if not model.built:
        raise Refused(
            f"{what} is not built yet: it has no variables that a file could be loaded into",
            "call it once on an input of the right shape, or call model.build(shape), before it is returned",
        )
    return model


def _from_keras(path: Path, compile: bool) -> Any:
    """With its weights, since vocabularies and the like are only there; that they fit is not what is judged."""
    try:
        return read_keras_file(str(path), compile)
    except Refused as error:
        raise Refused(
            f"the architecture in {path.name}: {error.reason}",
            "name an architecture that loads, or the code that builds the model",
        ) from error


def _from_json(path: Path) -> Any:
    import keras

    if path.stat().st_size > _MOST_JSON:
        raise Refused(f"{path.name} is larger than any architecture", "name the JSON file of the model")
    try:
        return keras.models.model_from_json(path.read_text("utf-8"))
    except Exception as error:
        raise Refused(
            f"{path.name} is no architecture that Keras can build: {type(error).__name__}: {first_line(error)}",
            "write it with model.to_json(), or name the code that builds the model",
        ) from error
