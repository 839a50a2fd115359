"""One read-only mapping per file, and windows on it. Arrays are views: nothing is copied, nothing is read early."""

import io
import mmap
import os
import stat
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np

from gate.errors import UnreadableError
from gate.formats.text import size
from gate.tensors.weightset import Array


class MappedFile:
    """A whole file, mapped. Lives as long as arrays on it do, whatever `close` says."""

    def __init__(self, path: Path, shown: str) -> None:
        self.shown = shown
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise UnreadableError(f"{shown} is not a regular file", "give the path of a weight file")
                self.size = status.st_size
                self._map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            raise UnreadableError(f"{shown} cannot be read: {error}", "check the file and its permissions") from error

    @classmethod
    def of(cls, mapped: mmap.mmap, shown: str) -> Self:
        """What is mapped already."""
        self = cls.__new__(cls)
        self.shown = shown
        self.size = len(mapped)
        self._map = mapped
        return self

    @property
    def raw(self) -> mmap.mmap:
        """The mapping itself, for who reads it many thousand times and keeps to his part of it."""
        return self._map

    def bytes_at(self, offset: int, length: int) -> bytes:
        """A copy of `length` bytes, fewer at the end of the file."""
        return self._map[offset : offset + length]

    def find_last(self, wanted: bytes, start: int) -> int:
        """Where `wanted` last occurs from `start` on, or -1."""
        return self._map.rfind(wanted, start)

    def array(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """A read-only view of the bytes at `offset`."""
        count = prod(shape)
        if count == 0:
            return empty(dtype, shape)
        length = count * dtype.itemsize
        if offset < 0 or offset + length > self.size:
            raise UnreadableError(
                f"{self.shown} is cut short: {size(length)} should be at byte {offset} of {self.size}",
                "fetch the file again",
            )
        if self._map.closed:
            raise UnreadableError(f"{self.shown} was closed before its data was read", "open it again")
        return np.frombuffer(self._map, dtype, count, offset).reshape(shape)

    def close(self) -> None:
        """Let go of the file; arrays that still show it keep it until they are gone."""
        with suppress(BufferError):
            self._map.close()


class Window(io.RawIOBase):
    """Part of a mapped file as a read-only file object: what h5py and zipfile read metadata through."""

    def __init__(self, mapping: MappedFile, start: int = 0, length: int | None = None) -> None:
        super().__init__()
        self.mapping = mapping
        self.start = start
        self.length = mapping.size - start if length is None else length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.length}[whence]
        if base + offset < 0:
            raise OSError("seek before the start of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        with memoryview(buffer).cast("B") as target:
            piece = self.bytes_at(self._position, len(target))
            target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Bytes of the window, fewer at its end."""
        length = max(0, min(length, self.length - offset))
        return self.mapping.bytes_at(self.start + offset, length)

    def array(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """A read-only view of the bytes at `offset` of the window."""
        return self.mapping.array(self.start + offset, dtype, shape)


def empty(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """An array without elements, read-only like the others."""
    array = np.empty(shape, dtype)
    array.flags.writeable = False
    return array
