"""Fills datasets of HDF5 files, alone (`.weights.h5`, `.h5`), in shards (`.weights.json`) and in zips (`.keras`).

In come copies of files and a value per dataset, or an array of its shape, by the path that `gate.formats.hdf5` gives
it; the files are changed in place, in blocks. Runs in the confined child: libhdf5 is not made for hostile files.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gate.errors import UnreadableError
from gate.formats.hdf5.refusals import opaque
from gate.formats.keras_sharded import shard_files, shard_map
from gate.formats.limits import Limits
from gate.formats.text import decoded_text, text_of

Value = int | float | bool | NDArray[Any]

BLOCK_BYTES = 4 << 20
"""How much is written at a time."""


def shards(path: Path) -> list[Path]:
    """The HDF5 files that a `.weights.json` names, beside it."""
    limit = Limits().max_config_bytes
    return [path.with_name(name) for name in shard_files(shard_map(path.read_bytes(), path.name, limit))]


def fill_archive(path: Path, values: Mapping[str, Value]) -> set[str]:
    """Fill what the HDF5 files in a `.keras` hold; the keys that are not there.

    The archive is written anew, since its checksums and, where datasets are compressed, its lengths change. Members
    keep their order and their names; all are stored. This takes as much of the disk again while it lasts.
    """
    with tempfile.TemporaryDirectory(prefix=".tagged-", dir=path.parent) as folder:
        members: list[tuple[zipfile.ZipInfo, Path]] = []
        with zipfile.ZipFile(path) as archive:
            for number, info in enumerate(archive.infolist()):
                member = Path(folder) / str(number)
                with archive.open(info) as source, member.open("wb") as goal:
                    shutil.copyfileobj(source, goal, BLOCK_BYTES)
                members.append((info, member))
        left = fill_files([member for info, member in members if _is_weights(info.filename)], values)
        with zipfile.ZipFile(path, "w") as archive:
            for info, member in members:
                written = zipfile.ZipInfo(info.filename, info.date_time)
                written.external_attr = info.external_attr
                written.file_size = member.stat().st_size  # decides whether 64 bits are needed
                with member.open("rb") as source, archive.open(written, "w") as target:
                    shutil.copyfileobj(source, target, BLOCK_BYTES)
                member.unlink()
    return left


def _is_weights(name: str) -> bool:
    return name.endswith(".h5") and "/" not in name  # assets are in a folder


def fill_files(paths: Iterable[Path], values: Mapping[str, Value]) -> set[str]:
    """Fill datasets of HDF5 files, which are one model together; the keys that are in none of them."""
    import h5py

    left = set(values)
    for path in paths:
        with h5py.File(path, "r+", locking=False) as file:  # nobody else has the copy
            for key in list(left):
                dataset = _at(file, key)
                if isinstance(dataset, h5py.Dataset):
                    _fill(dataset, values[key], f"{path.name}: {key!r}")
                    left.discard(key)
    return left


def _at(file: Any, path: str) -> Any:
    """What is at a path, None if nothing is. Names are bytes; what is no UTF-8 in them is escaped in the path."""
    here = file
    for part in path.split("/"):
        if not hasattr(here, "keys"):  # a dataset
            return None
        name = part.encode("utf-8", "surrogatepass")
        if name not in here:
            names = (bytes(each) for each in here.id)
            found = next((each for each in names if decoded_text(each) == part), None)
            if found is None:
                return None
            name = found
        here = here[name]
    return here


def _fill(dataset: Any, value: Value, where: str) -> None:
    dtype = dataset.dtype
    if dtype.kind in "SUO" or dataset.shape is None:
        raise UnreadableError(f"{where} holds no numbers to tag", "this is a defect of weight-gate: please report it")
    raw = dtype.kind == "V"
    number = opaque(dtype.itemsize, text_of(dataset.attrs.get("dtype")), where)[0] if raw else dtype
    for box in _boxes(dataset.shape, dataset.chunks, max(1, BLOCK_BYTES // dtype.itemsize)):
        if isinstance(value, np.ndarray):
            block = np.asarray(value[tuple(slice(start, stop) for start, stop in box)])
        else:
            block = np.full([stop - start for start, stop in box], value, number)
        if raw:
            _write_raw(dataset, box, block)
        else:
            dataset[tuple(slice(start, stop) for start, stop in box)] = block


def _write_raw(dataset: Any, box: tuple[tuple[int, int], ...], block: np.ndarray[Any, Any]) -> None:
    """Opaque bytes as they are: HDF5 converts nothing between opaque types of different tags."""
    from h5py import h5s

    identifier = dataset.id
    place = identifier.get_space()
    if box:
        place.select_hyperslab(tuple(start for start, _ in box), block.shape)
    memory = h5s.create_simple(block.shape) if box else h5s.create(h5s.SCALAR)
    identifier.write(memory, place, block.view(f"V{block.dtype.itemsize}"), identifier.get_type())


def _boxes(shape: tuple[int, ...], chunks: tuple[int, ...] | None, most: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Boxes that make up `shape`, of about `most` elements, whole chunks each where there are any."""
    if not prod(shape):
        return
    unit = chunks or (1,) * len(shape)
    steps = list(unit)
    for axis in reversed(range(len(shape))):  # grow along the innermost axes first: what lies together
        room = most // max(1, prod(steps) // steps[axis])
        steps[axis] = min(-(-shape[axis] // unit[axis]), max(1, room // unit[axis])) * unit[axis]
        if steps[axis] < shape[axis]:
            break
    along = [range(0, length, step) for length, step in zip(shape, steps, strict=True)]
    for starts in product(*along):
        yield tuple((at, min(at + step, length)) for at, step, length in zip(starts, steps, shape, strict=True))
