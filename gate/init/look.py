"""What one file is: weights, as far as they can be told without reading any values, or why it is none."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gate.errors import GateError, MissingFileError, UnreadableError
from gate.formats import READERS, Limits, open_weights
from gate.formats.hdf5.tree import is_hdf5
from gate.formats.keras_archive import CONFIG
from gate.formats.keras_config import LayerConfig, layer_config
from gate.formats.pointers import LFS, TABLE_MAGIC
from gate.formats.source import HEAD_BYTES, Source
from gate.formats.strict_json import parsed
from gate.formats.tensorflow.find import INDEX, SAVED_MODEL, STATE
from gate.formats.zip_members import SIGNATURES
from gate.init.walk import is_called_so
from gate.tensors.dtypes import dtype_name
from gate.tensors.weightset import Group, WeightSet

_SHARD = re.compile(r"(.*)\.data-\d{5,}-of-\d{5,}", re.DOTALL)
_FOREIGN = {
    ".onnx": "ONNX",
    ".tflite": "TensorFlow Lite",
    ".pt": "PyTorch",
    ".pth": "PyTorch",
    ".gguf": "GGUF",
    ".pkl": "a pickle",
    ".joblib": "a pickle",
}
CKPT = ".ckpt"
"""What PyTorch calls its checkpoints too; those of TensorFlow have their index beside them."""
_POINTED = re.compile(r"(.+)\.dvc", re.DOTALL)


@dataclass(frozen=True)
class Sight:
    """One tensor, unread."""

    name: str
    group: Group
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Weights:
    """A file, or several that are one, with tensors in it. `path` is what a manifest names."""

    path: Path
    format: str
    alone: bool
    tensors: tuple[Sight, ...]
    files: tuple[Path, ...]
    frozen: frozenset[str] = frozenset()
    """Weights of layers that the file's own architecture does not train."""
    inputs: tuple[tuple[str, tuple[int | None, ...]], ...] = ()
    """What it takes, as the file's own architecture says."""

    @property
    def title(self) -> str:
        return READERS[self.format].title

    @cached_property
    def weights(self) -> tuple[Sight, ...]:
        """Those of the model itself."""
        return tuple(each for each in self.tensors if each.group is Group.WEIGHTS)

    @cached_property
    def kinds(self) -> frozenset[tuple[tuple[str, tuple[int, ...]], int]]:
        """How many tensors there are of each dtype and shape: the same in every format of one model."""
        return frozenset(Counter((each.dtype, each.shape) for each in self.weights).items())

    @property
    def stem(self) -> str:
        """What the model is called by default."""
        return self.path.name.lstrip(".").split(".")[0] or self.path.name

    def count(self, group: Group) -> int:
        return sum(1 for each in self.tensors if each.group is group)


@dataclass(frozen=True)
class Broken:
    """A file that should be weights and cannot be read, or a pointer in its place."""

    path: Path
    error: UnreadableError


@dataclass(frozen=True)
class Other:
    """A file that looks like weights, and is something else."""

    path: Path
    why: str


Looked = Weights | Broken | Other


def look(path: Path, shown: str) -> Looked | None:
    """What a file is; None for one that has nothing to do with weights. `shown` is what messages call it."""
    if os.path.isdir(path):  # noqa: PTH112 - says no where one may not look
        return _read(path, shown)
    if (pointed := _POINTED.fullmatch(path.name)) and is_called_so(Path(pointed[1])):
        return _pointed(path.with_name(pointed[1]), shown.removesuffix(".dvc"))
    if part := _SHARD.fullmatch(path.name):
        index = path.with_name(part[1] + INDEX)
        if os.path.lexists(index) or ".data-00000-of-" not in path.name:
            return None
        reason = f"{shown} is part of a checkpoint without its index, {index.name}"
        return Broken(path, MissingFileError(reason, "fetch all files of the checkpoint"))
    if path.name == STATE:
        return None
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - len(TABLE_MAGIC)))
            tail = file.read(len(TABLE_MAGIC))
    except OSError as error:
        why = UnreadableError(f"{shown} cannot be read: {error.strerror}", "check its permissions")
        return Broken(path, why) if is_called_so(path) else None
    if foreign := _FOREIGN.get(path.suffix.lower()):
        return Other(path, f"{foreign}, which is not read")
    if not _may_be(path, head, tail):
        return Other(path, "no checkpoint that is read") if path.suffix.lower() == CKPT else None
    return _read(path, shown)


def _may_be(path: Path, head: bytes, tail: bytes) -> bool:
    """Whether it is worth opening: a few bytes, or else the name, say so."""
    if path.name.endswith(INDEX):
        prefix = re.sub(r"([*?\[])", r"[\1]", path.name.removesuffix(INDEX))
        return tail == TABLE_MAGIC or any(path.parent.glob(f"{prefix}.data-*-of-*"))
    if is_called_so(path) or is_hdf5(head) or head.startswith(SIGNATURES):
        return True
    return READERS["safetensors"].recognises(Source(path, path.name, Limits(), head)) and not head.startswith(LFS)


def _pointed(path: Path, shown: str) -> Looked | None:
    """What a `.dvc` file stands for is looked at where it is there."""
    if os.path.lexists(path):
        return None
    return Broken(path, MissingFileError(f"{shown} is not there, but {shown}.dvc is", f"run `dvc pull {shown}`"))


def _read(path: Path, shown: str) -> Looked | None:
    try:
        with open_weights(path, shown=shown) as weights:
            return _seen(path, weights)
    except MissingFileError as error:
        return Broken(path, error)
    except UnreadableError as error:
        known = _recognised(path, shown)
        if known is False:
            return _unknown(path, error)
        return Broken(path, error) if known or is_called_so(path) else None


def _unknown(path: Path, error: UnreadableError) -> Looked | None:
    """Of no format that is read: something else by its content, or damaged beyond telling."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if is_hdf5(head):
        return Other(path, "HDF5, but no weights of Keras")
    if head.startswith(SIGNATURES):
        if path.suffix.lower() == CKPT:
            return Other(path, "an archive of another tool, which is not read")
        return Broken(path, error) if path.name.lower().endswith(".keras") else None
    if not is_called_so(path):
        return None
    if not head.strip(b"\0"):  # a file that was never written to its end
        return Broken(path, error)
    return Other(path, "called as weights are, and none by its content")


def _recognised(path: Path, shown: str) -> bool | None:
    """Whether any reader takes the file for its own; None where it cannot be told."""
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        source = Source(path, shown, Limits(), head)
    except OSError:
        return None
    try:
        return any(reader.recognises(source) for reader in READERS.values())
    except (GateError, ValueError):
        return True if is_hdf5(head) else None
    finally:
        source.close()


def _seen(path: Path, weights: WeightSet) -> Weights:
    sights = tuple(Sight(each.name, each.group, dtype_name(each.dtype), each.shape) for each in weights)
    named = path
    if path.name.endswith(INDEX) and path.name != INDEX:
        named = path.with_name(path.name.removesuffix(INDEX))
    frozen = frozenset(_frozen(path, sights)) if weights.format == "keras" else frozenset()
    files = weights.files
    if path.is_dir():
        files = (path / SAVED_MODEL, *files)
    inputs = tuple(_inputs(path)) if weights.format == "keras" else ()
    return Weights(named, weights.format, weights.alone, sights, files, frozen, inputs)


def _frozen(path: Path, sights: tuple[Sight, ...]) -> Iterator[str]:
    """The weights below layers of a `.keras` file's architecture that say `trainable: false`."""
    config = _config(path)
    if config is None:
        return
    chains = {tuple(chain) for chain in _untrained(config, ())}
    for sight in sights:
        parts = tuple(sight.name.split("/"))
        if sight.group is Group.WEIGHTS and any(parts[:length] in chains for length in range(1, len(parts))):
            yield sight.name


def _inputs(path: Path) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    """The name and shape of each input layer of a `.keras` file's architecture."""
    config = _config(path)
    for layer in config.sublayers if config else ():
        shape = layer.settings.get("batch_shape", layer.settings.get("batch_input_shape"))
        if layer.class_name == "InputLayer" and layer.name is not None and isinstance(shape, list):
            yield layer.name, tuple(each if isinstance(each, int) else None for each in shape)


def _untrained(layer: LayerConfig, chain: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for inner in layer.sublayers:
        if inner.name is not None:
            below = (*chain, inner.name)
            if inner.settings.get("trainable") is False:
                yield below
            else:
                yield from _untrained(inner, below)


def _config(path: Path) -> LayerConfig | None:
    limits = Limits()
    with path.open("rb") as file:
        source = Source(path, path.name, limits, file.read(HEAD_BYTES))
    try:
        data = source.members.read(CONFIG, limits.max_config_bytes)
        return layer_config(parsed(data, CONFIG, limits.max_config_bytes, duplicates=True))
    except (GateError, KeyError):
        return None
    finally:
        source.close()
