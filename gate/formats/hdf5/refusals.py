"""What is refused in a sound file, in words: the same whoever reads it."""

from typing import Any

import numpy as np

from gate.errors import GateError, UnreadableError, UnsafeFileError
from gate.formats.dtypes import EXTENDED, extended
from gate.formats.limits import Limits
from gate.formats.seam import DAMAGED
from gate.formats.text import quoted, size

# Identifiers of § IV.A.2.l; 32000 is h5py's LZF.
DEFLATE, SHUFFLE, FLETCHER32, LZF = 1, 2, 3, 32000
FILTERS = {
    DEFLATE: "deflate",
    SHUFFLE: "shuffle",
    FLETCHER32: "fletcher32",
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    LZF: "lzf",
}


def link(where: str, what: str) -> GateError:
    """A name that is not an object's own."""
    return UnsafeFileError(
        f"{where} is {what}", "weight files have no links: save the model again, or do not trust the file"
    )


def neither(where: str) -> GateError:
    """An object that is no group and no dataset."""
    return UnreadableError(f"{where} is neither a group nor a dataset", "save the model again")


def user_block(shown: str) -> GateError:
    """HDF5 that starts later in the file."""
    return UnreadableError(
        f"{shown} is HDF5 with a block of other data in front, as MATLAB writes it", "save the weights with Keras"
    )


def external_storage(where: str, name: str | bytes) -> GateError:
    """Data in another file."""
    return UnsafeFileError(
        f"{where} keeps its data in another file, {quoted(name)}",
        "save the model again with its data inside, or do not trust the file",
    )


def virtual(where: str) -> GateError:
    """Data in other files, or in other datasets."""
    return UnsafeFileError(
        f"{where} is a virtual dataset, made of other files' data",
        "save the model again with its data inside, or do not trust the file",
    )


def never_written(where: str) -> GateError:
    """Data that is declared and not there."""
    return UnreadableError(
        f"{where} was declared and never written, or only in part", "the save was cut short: save the model again"
    )


def cut_short(where: str, length: int, offset: int, end: int) -> GateError:
    """Data that would lie beyond the file."""
    return UnreadableError(
        f"{where} should hold {size(length)} at byte {offset}, and the file ends at {end}",
        "the file is cut short: fetch it again",
    )


def too_large_to_be_compact(where: str) -> GateError:
    """The format's own bound is 64 KiB less a header."""
    return UnreadableError(f"{where} is too large for the compact layout it declares", DAMAGED)


def refuse_big_chunks(where: str, chunk_bytes: int, limits: Limits) -> None:
    """A chunk is decoded whole, in memory."""
    if chunk_bytes > limits.max_chunk_bytes:
        raise UnsafeFileError(
            f"{where} is stored in chunks of {size(chunk_bytes)}; {size(limits.max_chunk_bytes)} is the limit",
            "save the model again without compression or with smaller chunks",
        )


def refuse_grown_chunk(where: str, stored: int, chunk_bytes: int) -> None:
    """Filters but deflate grow nothing by much; the stored form of a chunk is never far above the chunk."""
    if stored > chunk_bytes + chunk_bytes // 8 + 65536:
        raise UnsafeFileError(f"{where} stores a chunk of {size(chunk_bytes)} in {size(stored)}", DAMAGED)


def bomb(where: str, chunk_bytes: int) -> GateError:
    """A chunk that inflates beyond its size."""
    return UnsafeFileError(
        f"{where}: a compressed chunk expands beyond its declared {size(chunk_bytes)}",
        "this is a decompression bomb: do not trust the file",
    )


def refuse_odd_filters(where: str, filters: list[int]) -> None:
    """Only filters that are built in, each once, and nothing but a checksum after compression."""
    for number in filters:
        if number not in FILTERS:
            raise UnsafeFileError(
                f"{where} needs filter {number}, which is not built into HDF5",
                "save the model again uncompressed or with gzip",
            )
    after = filters[filters.index(DEFLATE) + 1 :] if DEFLATE in filters else []
    if len(set(filters)) != len(filters) or any(number != FLETCHER32 for number in after):
        raise UnsafeFileError(
            f"{where} stacks filters as no program does: {', '.join(FILTERS[number] for number in filters)}",
            "save the model again uncompressed or with gzip",
        )


def variable_or_reference(where: str) -> GateError:
    """Elements that point elsewhere."""
    return UnsafeFileError(
        f"{where} holds references or values of variable length, which tensors never do",
        "save the model again, or do not trust the file",
    )


def odd_elements(where: str, what: str) -> GateError:
    """Elements that are no numbers."""
    return UnreadableError(f"{where} has elements of type {quoted(what)}", "only numbers can be compared")


def odd_number(where: str) -> GateError:
    """Numbers that are not numpy's."""
    return UnreadableError(
        f"{where} is stored in a number type that numpy does not have", "save the model again as float32"
    )


def opaque(width: int, name: str | None, where: str) -> tuple[np.dtype[Any], bool]:
    """What opaque bytes are: h5py writes every ml_dtypes type so, and Keras names it in an attribute, or nowhere."""
    if name is None and width == 2:
        return extended("bfloat16"), True  # the only two-byte type that numpy lacks
    if name not in EXTENDED or EXTENDED[name] != width:
        said = f"says {quoted(name)}" if name else "does not say which type they are"
        raise UnreadableError(
            f"{where} holds opaque elements of {width} bytes and {said}",
            "save the model again as .weights.h5 or safetensors, which name the type",
        )
    return extended(name), False


def attribute_too_large(shown: str, name: str, path: str) -> GateError:
    """More text than any model needs."""
    return UnreadableError(f"{shown}: attribute {quoted(name)} of {quoted(path)} is too large", DAMAGED)


def attribute_no_text(shown: str, name: str, path: str) -> GateError:
    """An attribute of a type that nobody asks for."""
    return UnreadableError(f"{shown}: attribute {quoted(name)} of {quoted(path)} is not text", DAMAGED)
