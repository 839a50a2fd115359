"""Keras 3 `.weights.h5`, and what is inside a `.keras`: one HDF5 file of numbered variables.

Keras 2.12 to 2.15 write the same groups without layer names. The layout is `keras.src.saving.saving_lib`.
"""

from collections.abc import Callable, Iterable

from gate.formats.hdf5.tree import Folder, is_hdf5
from gate.formats.interface import Reader
from gate.formats.keras_config import LayerConfig
from gate.formats.keras_names import LAYERS, VARS, Namer, merged
from gate.formats.limits import Limits
from gate.formats.source import Source
from gate.tensors.weightset import WeightSet


class KerasWeights(Reader):
    """`model.save_weights("m.weights.h5")`."""

    key = "weights.h5"
    title = "Keras .weights.h5"

    def recognises(self, source: Source) -> bool:
        return is_hdf5(source.head) and is_keras_layout(source.hdf5)

    def read(self, source: Source) -> WeightSet:
        return weight_set(self.key, source.shown, [source.hdf5], None, source.limits, source.close)


def is_keras_layout(root: Folder) -> bool:
    """Whether the groups are those of `saving_lib`: `vars` at the root, a container of layers, or `vars` anywhere.

    Not where lists of layers say that it is a legacy file, one of whose layers may have any name.
    """
    if any(each is not None and _has_list(each) for each in (root, root.folder("model_weights"))):
        return False
    pending = [root]
    while pending:
        folder = pending.pop()
        for key, child in folder.children.items():
            if isinstance(child, Folder):
                if key.rsplit("\\", 1)[-1] == VARS or (folder is root and key.split("\\")[0] in LAYERS):
                    return True
                pending.append(child)
    return False


def _has_list(folder: Folder) -> bool:
    return any(folder.attribute(name) is not None for name in ("layer_names", "layer_names0"))


def weight_set(
    key: str,
    shown: str,
    roots: Iterable[Folder],
    config: LayerConfig | None,
    limits: Limits,
    close: Callable[[], None],
    notes: tuple[str, ...] = (),
) -> WeightSet:
    """All tensors of the files, one model together."""
    namer = Namer(merged(roots, shown, limits), config)
    return WeightSet(shown, key, namer.tensors, (*notes, *namer.notes), close)
