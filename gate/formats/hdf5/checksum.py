"""The two checksums of HDF5: Jenkins' lookup3 over metadata, Fletcher's over filtered chunks."""

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gate.formats.hdf5.signals import Damaged

_MASK = 0xFFFFFFFF
_START = 0xDEADBEEF
_MANY = 8
"""From so many blocks of one length on, numpy is quicker than Python."""
_TOGETHER = 4096
_WORDS = 1 << 16


class Checksums:
    """Checksums to be verified, together: one by one they would cost more than all other reading."""

    def __init__(self) -> None:
        self._waiting: defaultdict[int, list[tuple[bytes, int]]] = defaultdict(list)
        self._held = 0

    def expect(self, block: bytes, address: int) -> None:
        """Have a block verified whose last four bytes are its checksum; `address` says where it is."""
        length = len(block)
        self._waiting[length].append((block, address))
        self._held += length
        if self._held > 1 << 22:
            self.verify()

    def verify(self) -> None:
        """Raise `Damaged` for the first block that is not what its checksum says."""
        waiting, self._waiting, self._held = self._waiting, defaultdict(list), 0
        for length, blocks in waiting.items():
            for start in range(0, len(blocks), _TOGETHER):
                _verify(blocks[start : start + _TOGETHER], length)


def _verify(blocks: list[tuple[bytes, int]], length: int) -> None:
    if len(blocks) < _MANY:
        sums = [lookup3(block[:-4]) for block, _ in blocks]
    else:
        joined = np.frombuffer(b"".join(block for block, _ in blocks), np.uint8).reshape(len(blocks), length)
        sums = [int(each) for each in _lookup3(joined[:, :-4])]
    for (block, address), found in zip(blocks, sums, strict=True):
        if found != int.from_bytes(block[-4:], "little"):
            raise Damaged(f"the {length} bytes of metadata at byte {address} do not have their checksum")


def lookup3(data: bytes) -> int:
    """Jenkins' `hashlittle` with the initial value 0, over plain integers."""
    length = len(data)
    a = b = c = (_START + length) & _MASK
    words: list[int] = np.frombuffer(data + bytes(-length % 12), "<u4").tolist()
    last = len(words) - 3
    for at in range(0, last, 3):
        a, b, c = _mixed((a + words[at]) & _MASK, (b + words[at + 1]) & _MASK, (c + words[at + 2]) & _MASK)
    if length == 0:
        return c
    a, b, c = (a + words[last]) & _MASK, (b + words[last + 1]) & _MASK, (c + words[last + 2]) & _MASK
    c = ((c ^ b) - (b << 14 & _MASK | b >> 18)) & _MASK
    a = ((a ^ c) - (c << 11 & _MASK | c >> 21)) & _MASK
    b = ((b ^ a) - (a << 25 & _MASK | a >> 7)) & _MASK
    c = ((c ^ b) - (b << 16 & _MASK | b >> 16)) & _MASK
    a = ((a ^ c) - (c << 4 & _MASK | c >> 28)) & _MASK
    b = ((b ^ a) - (a << 14 & _MASK | a >> 18)) & _MASK
    return ((c ^ b) - (b << 24 & _MASK | b >> 8)) & _MASK


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    a = (a - c) & _MASK ^ (c << 4 & _MASK | c >> 28)
    c = (c + b) & _MASK
    b = (b - a) & _MASK ^ (a << 6 & _MASK | a >> 26)
    a = (a + c) & _MASK
    c = (c - b) & _MASK ^ (b << 8 & _MASK | b >> 24)
    b = (b + a) & _MASK
    a = (a - c) & _MASK ^ (c << 16 & _MASK | c >> 16)
    c = (c + b) & _MASK
    b = (b - a) & _MASK ^ (a << 19 & _MASK | a >> 13)
    a = (a + c) & _MASK
    c = (c - b) & _MASK ^ (b << 4 & _MASK | b >> 28)
    b = (b + a) & _MASK
    return a, b, c


def _lookup3(rows: NDArray[np.uint8]) -> NDArray[Any]:
    """The same over the rows of a matrix, all at once; 32-bit numbers wrap around as they should."""
    count, length = rows.shape
    padded = np.zeros((count, length + -length % 12), np.uint8)
    padded[:, :length] = rows
    words: NDArray[np.uint32] = np.ascontiguousarray(padded.view("<u4").astype(np.uint32).T)
    a: NDArray[Any] = np.full(count, (_START + length) & _MASK, np.uint32)
    b: NDArray[Any] = a.copy()
    c: NDArray[Any] = a.copy()
    last = len(words) - 3
    for at in range(0, last, 3):
        a, b, c = a + words[at], b + words[at + 1], c + words[at + 2]
        for turn, (low, high) in enumerate(((4, 28), (6, 26), (8, 24), (16, 16), (19, 13), (4, 28))):
            # Three steps of one kind: the roles of a, b and c change in a ring.
            if turn % 3 == 0:
                a, c = (a - c) ^ (c << low | c >> high), c + b
            elif turn % 3 == 1:
                b, a = (b - a) ^ (a << low | a >> high), a + c
            else:
                c, b = (c - b) ^ (b << low | b >> high), b + a
    a, b, c = a + words[last], b + words[last + 1], c + words[last + 2]
    c = (c ^ b) - (b << 14 | b >> 18)
    a = (a ^ c) - (c << 11 | c >> 21)
    b = (b ^ a) - (a << 25 | a >> 7)
    c = (c ^ b) - (b << 16 | b >> 16)
    a = (a ^ c) - (c << 4 | c >> 28)
    b = (b ^ a) - (a << 14 | a >> 18)
    found: NDArray[Any] = (c ^ b) - (b << 24 | b >> 8)
    return found


def fletcher32(data: memoryview) -> int:
    """Fletcher's checksum as HDF5 has it: over big-endian words, a last single byte the upper half of one.

    Sums are modulo 65535 with the zero written as 65535, as end-around carries leave it, and 0 for zeros alone.
    """
    first = second = 0
    even = len(data) & ~1
    words = np.frombuffer(data[:even], ">u2")
    for start in range(0, len(words), _WORDS):
        piece = words[start : start + _WORDS].astype(np.uint64)
        second += len(piece) * first + int(piece @ np.arange(len(piece), 0, -1, dtype=np.uint64))
        first += int(piece.sum())
    if even < len(data):
        first += data[even] << 8
        second += first
    return _folded(second) << 16 | _folded(first)


def _folded(total: int) -> int:
    return (total - 1) % 65535 + 1 if total else 0
