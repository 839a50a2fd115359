"""Keras 3 sharded weights: `m.weights.json` maps groups to `m_00000.weights.h5`, `m_00001.weights.h5`, …

The layout is `keras.src.saving.saving_lib.ShardedH5IOStore`. A layer may lie in two shards, and its name in one.
"""

from pathlib import Path

from gate.errors import MissingFileError, UnreadableError, UnsafeFileError
from gate.formats.hdf5.tree import Folder, is_hdf5
from gate.formats.interface import Reader
from gate.formats.keras_weights import weight_set
from gate.formats.mapping import MappedFile, Window
from gate.formats.pointers import refuse_pointer
from gate.formats.source import HEAD_BYTES, Source
from gate.formats.strict_json import parsed
from gate.formats.text import natural, quoted
from gate.tensors.weightset import WeightSet


class KerasSharded(Reader):
    """`model.save_weights("m.weights.json", max_shard_size=…)`."""

    key = "weights.json"
    title = "Keras sharded .weights.json"

    def recognises(self, source: Source) -> bool:
        return source.head.lstrip().startswith(b"{") and b'"weight_map"' in source.mapping.bytes_at(
            0, source.limits.max_config_bytes
        )

    def read(self, source: Source) -> WeightSet:
        limit = source.limits.max_config_bytes
        data = source.mapping.bytes_at(0, limit + 1)
        groups = shard_map(data, source.shown, limit)
        files = {name: self._opened(source, name) for name in shard_files(groups)}
        refuse_missing_groups(groups, files, source.shown)
        weights = weight_set(self.key, source.shown, list(files.values()), None, source.limits, source.close)
        weights.files = (source.path, *(source.path.with_name(name) for name in files))
        return weights

    def _opened(self, source: Source, name: str) -> Folder:
        path = source.path.with_name(name)
        shown = str(Path(source.shown).with_name(name))
        if not path.is_file():
            raise MissingFileError(f"shard {shown} of {source.shown} is not there", "fetch all shards of the model")
        mapping = MappedFile(path, shown)
        source.on_close(mapping.close)
        head = mapping.bytes_at(0, HEAD_BYTES)
        refuse_pointer(head, shown)
        if not is_hdf5(head):
            raise UnreadableError(f"shard {shown} is not HDF5", "fetch all shards of the model again")
        return source.open_hdf5(Window(mapping), shown)


def shard_map(data: bytes, shown: str, limit: int) -> dict[str, list[str]]:
    """The JSON index: for each group the shards that hold parts of it."""
    value = parsed(data, shown, limit)
    groups = value.get("weight_map") if isinstance(value, dict) else None
    if not isinstance(groups, dict):
        raise UnreadableError(f"{shown} has no weight_map", "save the weights again")
    found: dict[str, list[str]] = {}
    for group, names in groups.items():
        listed = [names] if isinstance(names, str) else names
        if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
            raise UnreadableError(f"{shown}: the shards of {quoted(group)} are not a list of names", "save it again")
        for name in listed:
            if not name or "/" in name or "\\" in name or "\0" in name or name in {".", ".."}:
                raise UnsafeFileError(
                    f"{shown} names the shard {quoted(name)}, which is not beside it", "do not trust the file"
                )
        found[group] = listed
    return found


def shard_files(groups: dict[str, list[str]]) -> list[str]:
    """Every shard once, in the order of their numbers."""
    return sorted({name for names in groups.values() for name in names}, key=natural)


def refuse_missing_groups(groups: dict[str, list[str]], files: dict[str, Folder], shown: str) -> None:
    """Refuse shards that lack what the index says they hold: they are of another save, or not all of one."""
    for group, names in groups.items():
        for name in names:
            held = files[name].at(group)
            if not isinstance(held, Folder) or not any(True for _ in held.datasets()):
                raise UnreadableError(
                    f"{shown} says that {quoted(group)} is in {quoted(name)}, and it is not",
                    "the shards are of different saves: fetch or save them all again",
                )
