"""TensorFlow checkpoints, TF1's `tf.train.Saver` and TF2's `tf.train.Checkpoint`: both are tensor bundles."""

from gate.formats.interface import Reader
from gate.formats.pointers import TABLE_MAGIC
from gate.formats.source import Source
from gate.formats.tensorflow.bundle import open_bundle
from gate.formats.tensorflow.checkpoint_tensors import by_keys, by_objects, object_graph
from gate.formats.tensorflow.find import INDEX
from gate.tensors.weightset import WeightSet


class Checkpoint(Reader):
    """`PREFIX.index` and its shards."""

    key = "checkpoint"
    title = "TensorFlow checkpoint"

    def recognises(self, source: Source) -> bool:
        return source.tail(len(TABLE_MAGIC)) == TABLE_MAGIC

    def read(self, source: Source) -> WeightSet:
        bundle = open_bundle(source.path, source.shown, source.limits, source.on_close)
        graph = object_graph(bundle, source.limits)
        contents = by_keys(bundle) if graph is None else by_objects(bundle, graph)
        notes = tuple(contents.notes)
        found = contents.tensors
        meta = source.path.with_name(f"{source.path.name.removesuffix(INDEX)}.meta")
        alone = graph is None and meta.is_file()  # its graph tells TF1 how the model is built
        return WeightSet(source.shown, self.key, found, notes, source.close, bundle.files, contents.checksums, alone)
