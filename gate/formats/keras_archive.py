"""Keras 3 `.keras` (and Keras 2.12 to 2.15): a zip of the architecture as JSON and the weights as HDF5.

The weights member is stored, so it is mapped where it lies; a deflated one is spooled first.
"""

import re
from collections.abc import Iterable, Mapping

from gate.errors import UnreadableError
from gate.formats.hdf5.tree import Folder
from gate.formats.interface import Reader
from gate.formats.keras_config import LayerConfig, layer_config
from gate.formats.keras_sharded import refuse_missing_groups, shard_files, shard_map
from gate.formats.keras_weights import weight_set
from gate.formats.mapping import MappedFile, Window
from gate.formats.source import Source
from gate.formats.spool import spooled
from gate.formats.strict_json import parsed
from gate.formats.text import quoted
from gate.formats.zip_members import SIGNATURES, Member, Members
from gate.tensors.weightset import WeightSet

CONFIG, METADATA, WEIGHTS, SHARDED = "config.json", "metadata.json", "model.weights.h5", "model.weights.json"
_SHARD = re.compile(r"model_\d{5,}\.weights\.h5")


class KerasArchive(Reader):
    """`model.save("m.keras")`."""

    key = "keras"
    title = "Keras .keras"

    def recognises(self, source: Source) -> bool:
        return source.head.startswith(SIGNATURES) and any(
            name in source.members for name in (CONFIG, METADATA, WEIGHTS, SHARDED, "model.weights.npz")
        )

    def read(self, source: Source) -> WeightSet:
        members = source.members
        if "model.weights.npz" in members:
            raise UnreadableError(
                f"{source.shown} keeps its weights as .npz, which Keras has for its own tests",
                'save the model again with model.save("….keras")',
            )
        members.refuse_others(_expected, self.title)
        members.refuse_expansion(iter(members.by_name.values()))
        config = _config(source)
        notes = _asset_notes(members)
        weights = weight_set(self.key, source.shown, list(_files(source)), config, source.limits, source.close, notes)
        weights.checksums = members.checksums()
        weights.alone = True
        weights.made_with = lambda: _versions(source)
        return weights


def _expected(name: str) -> bool:
    return name in {CONFIG, METADATA, WEIGHTS, SHARDED} or name.startswith("assets/") or bool(_SHARD.fullmatch(name))


def _asset_notes(members: Members) -> tuple[str, ...]:
    """Vocabularies and the like: state of the model that is no tensor."""
    assets = [name for name in members.by_name if name.startswith("assets/") and not name.endswith("/")]
    if not assets:
        return ()
    return (f"its {len(assets)} asset files (vocabularies and the like) were not looked at: pin them with `digest`",)


def _config(source: Source) -> LayerConfig | None:
    if CONFIG not in source.members:
        raise UnreadableError(f"{source.shown} has no {CONFIG}", "save the model again")
    limit = source.limits.max_config_bytes
    value = parsed(source.members.read(CONFIG, limit), f"{source.shown}: {CONFIG}", limit, duplicates=True)
    return layer_config(value)


def _versions(source: Source) -> Mapping[str, str]:
    """The version of Keras that saved the model, as its metadata has it."""
    if METADATA not in source.members:
        return {}
    limit = source.limits.max_config_bytes
    said = parsed(source.members.read(METADATA, limit), f"{source.shown}: {METADATA}", limit, duplicates=True)
    version = said.get("keras_version") if isinstance(said, dict) else None
    return {"keras": version} if isinstance(version, str) else {}


def _files(source: Source) -> Iterable[Folder]:
    members = source.members
    if WEIGHTS in members:
        return [opened(source, members.by_name[WEIGHTS])]
    if SHARDED not in members:
        raise UnreadableError(f"{source.shown} has no {WEIGHTS}", "save the model again")
    limit = source.limits.max_config_bytes
    shown = f"{source.shown}: {SHARDED}"
    groups = shard_map(members.read(SHARDED, limit), shown, limit)
    names = shard_files(groups)
    for name in names:
        if name not in members:
            raise UnreadableError(f"{shown} names the shard {quoted(name)}, which is missing", "save the model again")
    files = {name: opened(source, members.by_name[name]) for name in names}
    refuse_missing_groups(groups, files, shown)
    return files.values()


def opened(source: Source, member: Member) -> Folder:
    """A member as HDF5."""
    if member.deflated:
        pieces = source.members.pieces(member)
        mapping = MappedFile.of(spooled(pieces, member.length, source.limits), source.shown)
        source.on_close(mapping.close)
        window = Window(mapping)
    else:
        window = source.members.window(member)
    return source.open_hdf5(window, f"{source.shown}: {member.name}")
