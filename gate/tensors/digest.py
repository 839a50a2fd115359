"""The digest of one tensor: the same wherever, and however, a file keeps it.

BLAKE3 (github.com/BLAKE3-team/BLAKE3-specs) of a line with dtype and shape, `float32 [3, 4]`, and then the elements in
C order, little-endian. Of texts each is its length, eight bytes, and its bytes as UTF-8.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from gate.tensors.dtypes import dtype_name

PREFIX = "blake3:"
_WORTH_THREADS = 8 * 1024 * 1024
_TEXTS = 1024


def digest_of(array: NDArray[Any], threads: int = 1) -> str:
    """`blake3:…` of a C-contiguous array."""
    worth = array.nbytes >= _WORTH_THREADS
    hasher = blake3(max_threads=max(1, threads) if worth else 1)
    hasher.update(f"{dtype_name(array.dtype)} {list(array.shape)}\n".encode())
    if array.dtype.kind in "SUO":
        for part in _texts(array):
            hasher.update(part)
    elif array.size:
        hasher.update(_little(array.reshape(-1)).view(np.uint8).data)
    return f"{PREFIX}{hasher.hexdigest()}"


def _little(flat: NDArray[Any]) -> NDArray[Any]:
    return flat if sys.byteorder == "little" or flat.dtype.itemsize == 1 else flat.byteswap()


def _texts(array: NDArray[Any]) -> Iterator[bytes]:
    flat = array.reshape(-1)
    for low in range(0, flat.size, _TEXTS):
        yield b"".join(map(_text, flat[low : low + _TEXTS].tolist()))


def _text(text: bytes | str) -> bytes:
    """Half characters, which no bytes are, are marked in the length."""
    if isinstance(text, bytes):
        return len(text).to_bytes(8, "little") + text
    try:
        return _text(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
        return (len(data) | 1 << 63).to_bytes(8, "little") + data
