"""File formats: `open_weights` turns a path into a `WeightSet`, or raises an error of `gate.errors`.

The format is decided by content. A new one is a module with a `Reader` and a line in `READERS`.
"""

from pathlib import Path
from typing import IO

from gate.errors import GateError, UnreadableError, UnsafeFileError
from gate.formats import numpy_array
from gate.formats.hdf5.tree import is_hdf5
from gate.formats.interface import Reader
from gate.formats.keras_archive import KerasArchive
from gate.formats.keras_legacy import KerasLegacy
from gate.formats.keras_sharded import KerasSharded
from gate.formats.keras_weights import KerasWeights
from gate.formats.limits import Limits
from gate.formats.numpy_archive import NumpyArchive
from gate.formats.pointers import folder, missing, refuse_pointer
from gate.formats.safetensors import Safetensors
from gate.formats.seam import guard
from gate.formats.source import HEAD_BYTES, Source
from gate.formats.tensorflow.checkpoint import Checkpoint
from gate.formats.tensorflow.find import INDEX, SAVED_MODEL, checkpoint_index
from gate.formats.tensorflow.saved_model import SavedModelReader
from gate.formats.text import printable, quoted
from gate.tensors.locked import LOCK_MARK
from gate.tensors.weightset import WeightSet

__all__ = ["READERS", "Limits", "Reader", "Source", "open_weights"]

READERS: dict[str, Reader] = {
    reader.key: reader
    for reader in (
        KerasArchive(),
        KerasWeights(),
        KerasSharded(),
        KerasLegacy(),
        SavedModelReader(),
        Checkpoint(),
        NumpyArchive(),
        Safetensors(),
    )
}


def open_weights(path: Path, *, shown: str | None = None, limits: Limits = Limits()) -> WeightSet:  # noqa: B008 -- frozen
    """The tensors of the file at `path`, unread; `shown` is what messages call it.

    Close the result when done. Raises `MissingFileError` when the weights are not there, `UnsafeFileError` when the
    file asks for more than its data, `UnreadableError` for everything else that is wrong with it, and nothing else.
    """
    shown = printable(str(path) if shown is None else shown)
    with guard(f"{shown} cannot be read", "check the path and its permissions"):
        path, shown, taken = _file(path, shown)
        source = Source(path, shown, limits, _head(path, shown))
    try:
        with guard(f"{shown} cannot be read as weights"):
            refuse_pointer(source.head, shown)
            for reader in READERS.values():
                if reader.recognises(source):
                    weights = reader.read(source)
                    weights.files = weights.files or (path,)
                    weights.notes = (*taken, *weights.notes)
                    return weights
            raise _unknown(source)
    except GateError:
        source.close()
        raise


def _file(path: Path, shown: str) -> tuple[Path, str, tuple[str, ...]]:
    """The file to begin with, what to call it, and why this one: a path may mean a folder or a checkpoint's prefix."""
    if path.is_dir() and (path / SAVED_MODEL).is_file():
        return path / SAVED_MODEL, str(Path(shown) / SAVED_MODEL), ()
    return checkpoint_index(path, shown) or (path, shown, ())


def _head(path: Path, shown: str) -> bytes:
    if path.is_dir():
        raise folder(path, shown)
    if not path.exists():
        raise missing(path, shown)
    if not path.is_file():
        raise UnreadableError(f"{shown} is not a regular file", "give the path of a weight file")
    file: IO[bytes]
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise UnreadableError(f"{shown} is empty", "the file was never written or its download failed")
    return head


def _unknown(source: Source) -> UnreadableError:
    shown, head = source.shown, source.head
    readable = ", ".join(reader.title for reader in READERS.values())
    if head.startswith(numpy_array.MAGIC):
        return _single_array(source)
    if head.startswith(LOCK_MARK.encode()):
        return UnreadableError(
            f"{shown} is a lock of weight-gate, which holds no values",
            "name it under `reference: {lock: …}`, and the weight file under `weights`",
        )
    if source.path.name.endswith(INDEX):
        return UnreadableError(
            f"{shown} is called as the index of a TensorFlow checkpoint is, and does not end as one",
            "the file is damaged or was cut short: fetch all files of the checkpoint again",
        )
    if is_hdf5(head):
        return UnreadableError(f"{shown} is HDF5, but not as Keras lays weights out", f"readable are {readable}")
    if head.startswith(b"PK\x03\x04"):
        return UnreadableError(
            f"{shown} is a zip archive of neither a Keras model nor NumPy arrays", f"readable are {readable}"
        )
    if head.startswith(b"\x80") and head[1:2] in b"\x02\x03\x04\x05":
        return UnsafeFileError(f"{shown} is a Python pickle, which runs code when read", f"readable are {readable}")
    return UnreadableError(
        f"{shown} is of no known format: it starts with {quoted(head[:16])}", f"readable are {readable}"
    )


def _single_array(source: Source) -> UnreadableError:
    numpy_array.header(source.mapping.bytes_at(0, numpy_array.HEADER_LIMIT), source.shown)
    return UnreadableError(
        f"{source.shown} is one NumPy array without a name", "save it with np.savez, under the name of its tensor"
    )
