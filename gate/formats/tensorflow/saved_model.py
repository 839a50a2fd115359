"""SavedModels: `saved_model.pb`, whose objects and functions name the variables, beside a tensor bundle and assets.

Nothing is run. What the graph computes is not compared either; the report says so.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from gate.errors import MissingFileError, UnreadableError, UnsafeFileError
from gate.formats.interface import Reader
from gate.formats.source import Source
from gate.formats.tensorflow.bundle import Bundle, open_bundle
from gate.formats.tensorflow.checkpoint_tensors import Contents, by_keys, by_objects, object_graph
from gate.formats.tensorflow.find import SAVED_MODEL, VARIABLES
from gate.formats.tensorflow.object_graph import ROOT, Graph
from gate.formats.tensorflow.saved_model_proto import SavedModel, parse_saved_model
from gate.formats.tensorflow.scopes import chains
from gate.formats.text import printable, quoted
from gate.tensors.weightset import WeightSet

ASSETS = "assets"
GRAPH = "of a SavedModel only the variables are compared, not what its graph computes nor the constants in it"


class SavedModelReader(Reader):
    """The folder that `model.export`, `tf.saved_model.save` and Estimators write."""

    key = "saved_model"
    title = "TensorFlow SavedModel"

    def recognises(self, source: Source) -> bool:
        return source.path.name == SAVED_MODEL

    def read(self, source: Source) -> WeightSet:
        data = source.mapping.array(0, np.dtype(np.uint8), (source.mapping.size,)).data
        model = parse_saved_model(data, source.shown, source.limits)
        folder, shown = source.path.parent, str(Path(source.shown).parent)
        files = [source.path, *_assets(model, folder, shown)]
        contents = Contents({})
        if (folder / VARIABLES).exists():
            bundle = open_bundle(folder / VARIABLES, str(Path(shown) / VARIABLES), source.limits, source.on_close)
            contents = _contents(bundle, model, source)
            files += bundle.files
        elif model.saver or model.variable_names or any((folder / VARIABLES).parent.glob("variables.data-*")):
            raise MissingFileError(f"{shown} has variables, and no {VARIABLES}", "fetch the whole folder")
        else:
            contents.notes.append("the model has no variables")
        notes = (*contents.notes, GRAPH)
        weights = WeightSet(
            shown, self.key, contents.tensors, notes, source.close, tuple(files), contents.checksums, alone=True
        )
        weights.made_with = lambda: {"tensorflow": model.version} if model.version else {}
        return weights


def _contents(bundle: Bundle, model: SavedModel, source: Source) -> Contents:
    graph = object_graph(bundle, source.limits)
    if graph is None:
        return by_keys(bundle)
    numbers = same_objects(model.graph, graph)
    told = {numbers[number]: chain for number, chain in chains(model).items() if number in numbers}
    containers = {numbers[number] for number in model.containers if number in numbers}
    return by_objects(bundle, graph, told, containers)


def same_objects(saved: Graph, stored: Graph) -> Mapping[int, int]:
    """The objects of a SavedModel, each with its number in the object graph of its bundle: those at the same path."""
    if not saved or not stored:
        return {}
    found = {ROOT: ROOT}
    pending = [ROOT]
    while pending:
        here = pending.pop()
        children = dict(stored[found[here]].children)
        for name, held in saved[here].children:
            if held not in found and name in children:
                found[held] = children[name]
                pending.append(held)
    return found


def _assets(model: SavedModel, folder: Path, shown: str) -> list[Path]:
    """The files that the graph reads when it is loaded; each has to be there, in the folder `assets`."""
    files = []
    for name in model.assets:
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
            raise UnsafeFileError(
                f"{shown} names the asset {quoted(name)}, which is not in its folder {ASSETS}", "do not trust the file"
            )
        file = folder / ASSETS / path
        if not file.exists():
            raise MissingFileError(
                f"{shown}: the asset {printable(name)} is not there", f"fetch the whole folder, with {ASSETS}/"
            )
        if not file.is_file():
            raise UnreadableError(f"{shown}: the asset {printable(name)} is no file", "save the model again")
        files.append(file)
    return files
