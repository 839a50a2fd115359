"""A weight file -> its lock."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from gate.errors import UnreadableError
from gate.file_digest import digest_of as file_digest_of
from gate.locks.lock import Lock, LockedTensor, Made
from gate.tensors.digest import digest_of
from gate.tensors.dtypes import dtype_name, is_real
from gate.tensors.locked import defined
from gate.tensors.statistics import statistics
from gate.tensors.weightset import Array, Layer, Tensor, WeightSet

_WHOLE_WAY = "/.ATTRIBUTES/"


def lock_of(weights: WeightSet, made: Made, threads: int) -> Lock:
    """The lock of `weights`, with the versions that the file itself tells of added to `made.tools`.

    Raises `UnreadableError` where a tensor cannot be read, or has a name that no text file can hold.
    """
    if not len(weights):
        raise UnreadableError(f"{weights.path} has no tensors to lock", "give the path of a file with weights")
    for tensor in weights:
        _refuse_half_characters(tensor)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        tensors = tuple(pool.map(partial(_locked, threads=threads), weights))
    made = replace(made, tools={**made.tools, **weights.made_with()})
    return Lock(weights.path, file_digest_of(weights.files), weights.format, made, tensors)


def _locked(tensor: Tensor, threads: int) -> LockedTensor:
    array = tensor.read()
    return locked_as(tensor, digest_of(array, threads), statistics_of(array))


def locked_as(tensor: Tensor, digest: str, statistics: Mapping[str, float]) -> LockedTensor:
    """The tensor of a lock, with its digest and statistics."""
    return LockedTensor(
        name=tensor.name,
        group=tensor.group,
        dtype=dtype_name(tensor.dtype),
        shape=tensor.shape,
        digest=digest,
        statistics=statistics,
        layer=tensor.layer,
        variable=tensor.variable if tensor.variable != tensor.name.rpartition("/")[2] else "",
        index=tensor.index,
        stored_as=tensor.stored_as if _WHOLE_WAY in tensor.stored_as else "",
    )


def statistics_of(array: Array) -> dict[str, float]:
    """The statistics of a lock, those that are defined."""
    if not is_real(array.dtype):
        return {}
    found = statistics(array)
    return {name: value for name in defined(array.size, real=True) if (value := found[name]) is not None}


def _refuse_half_characters(tensor: Tensor) -> None:
    if any("\ud800" <= character <= "\udfff" for text in _texts(tensor) for character in text):
        raise UnreadableError(
            f"the tensor {tensor.name!r} cannot be locked: its name holds half a character",
            "save the weights again with a name that is text, or use the file itself as the reference",
        )


def _texts(tensor: Tensor) -> Iterator[str]:
    """All that a lock has of its names."""
    yield from (tensor.name, tensor.variable, tensor.stored_as)
    layer = tensor.layer or Layer()
    for step in layer.steps:
        yield from (text for text in (step.name, step.attribute, step.kind) if text is not None)
    yield from (part for part in layer.order or () if isinstance(part, str))
