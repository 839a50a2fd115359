"""The LevelDB table that a `.index` is (leveldb doc/table_format.md; tensorflow/core/lib/io/table*.cc).

Data blocks, an empty metaindex block, an index block and a footer, one after another without a gap. Every checksum,
length and order is checked, so that a damaged table gives an error and never other records. Nothing is compressed:
TensorFlow writes no compressed index.
"""

import struct
from collections.abc import Iterator

from gate.errors import UnreadableError
from gate.formats.limits import Limits
from gate.formats.pointers import TABLE_MAGIC
from gate.formats.tensorflow.checksum import crc32c, masked
from gate.formats.tensorflow.wire import WireError, varint
from gate.formats.text import quoted, size

FOOTER_BYTES = 48
_TRAILER = struct.Struct("<BI")
_COUNT = struct.Struct("<I")
_HINT = "the index is damaged or was cut short: fetch or save the checkpoint again"


def records(file: memoryview, shown: str, limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each record of the table that `file` is, keys ascending; `shown` names it in messages."""
    return _Table(file, shown, limits).records()


class _Table:
    def __init__(self, file: memoryview, shown: str, limits: Limits) -> None:
        self.file = file
        self.shown = shown
        self.limits = limits
        self.key_bytes = 0
        self.count = 0

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        try:
            yield from self._records()
        except (WireError, IndexError, struct.error) as error:
            raise self._damaged("a length in it cannot be right") from error

    def _records(self) -> Iterator[tuple[bytes, bytes]]:
        metaindex, index = self._footer()
        end = 0  # of the data blocks so far
        last: bytes | None = None
        upper: bytes | None = None  # no key of a block is above its key in the index
        for separator, value in self._block(*index):
            start, length = _handle(value)
            if start != end:
                raise self._damaged("its blocks do not follow one another")
            first = True
            for record in self._block(start, length):
                key = record[0]
                if last is not None and key <= last:
                    raise self._damaged(f"the key {quoted(key)} is out of order")
                if first and upper is not None and key <= upper:
                    raise self._damaged(f"the key {quoted(key)} is in the wrong block")
                first, last = False, key
                yield record
            if first or (last is not None and separator < last):
                raise self._damaged(f"the block before {quoted(separator)} does not hold what the index says")
            upper = separator
            end = start + length + _TRAILER.size
        if (metaindex[0], metaindex[0] + metaindex[1] + _TRAILER.size) != (end, index[0]):
            raise self._damaged("its blocks do not follow one another")
        if any(True for _ in self._block(*metaindex)):
            raise self._damaged("it has a part that TensorFlow does not write")

    def _footer(self) -> tuple[tuple[int, int], tuple[int, int]]:
        footer = bytes(self.file[-FOOTER_BYTES:])
        if len(footer) < FOOTER_BYTES or not footer.endswith(TABLE_MAGIC):
            raise UnreadableError(f"{self.shown} is not the index of a TensorFlow checkpoint, or was cut short", _HINT)
        numbers = []
        at = 0
        for _ in range(4):
            number, end = varint(footer, at)
            if end - at > 1 and not footer[end - 1]:
                raise self._damaged("its footer cannot be right")
            numbers.append(number)
            at = end
        metaindex, index = (numbers[0], numbers[1]), (numbers[2], numbers[3])
        if at > FOOTER_BYTES - len(TABLE_MAGIC) or any(footer[at : -len(TABLE_MAGIC)]):
            raise self._damaged("its footer cannot be right")
        if index[0] + index[1] + _TRAILER.size != len(self.file) - FOOTER_BYTES:
            raise self._damaged("its footer does not follow its index block")
        return metaindex, index

    def _contents(self, start: int, length: int) -> bytes:
        """The bytes of a block, verified."""
        end = start + length
        if end + _TRAILER.size > len(self.file) - FOOTER_BYTES:
            raise self._damaged(f"a block should end at byte {end}")
        if length > self.limits.max_directory_bytes:
            raise UnreadableError(
                f"{self.shown} has a block of {size(length)}; {size(self.limits.max_directory_bytes)} is the limit",
                "it was not written by TensorFlow",
            )
        compression, stored = _TRAILER.unpack_from(self.file, end)
        if masked(crc32c(self.file[start : end + 1])) != stored:
            raise self._damaged(f"the checksum of the block at byte {start} does not match")
        if compression:
            what = "Snappy" if compression == 1 else f"method {compression}"
            raise UnreadableError(
                f"{self.shown} is compressed ({what}), which TensorFlow's indexes are not",
                "load the checkpoint with TensorFlow and save it again",
            )
        return bytes(self.file[start:end])

    def _block(self, start: int, length: int) -> Iterator[tuple[bytes, bytes]]:
        block = self._contents(start, length)
        (restarts,) = _COUNT.unpack_from(block, length - _COUNT.size) if length >= _COUNT.size else (0,)
        end = length - _COUNT.size * (1 + restarts)
        if end < 0 or not restarts:
            raise self._damaged(f"the block at byte {start} has no restarts")
        # TensorFlow searches keys through the restarts: they must lead to whole keys.
        points = struct.unpack_from(f"<{restarts}I", block, end)
        if points[0] != 0 or (restarts > 1 and not end):
            raise self._damaged(f"the block at byte {start} does not start with a restart")
        pending = iter((*points[1:], -1))
        restart = 0
        key = b""
        at = 0
        while at < end:
            begin = at
            shared, unshared, width = block[at], block[at + 1], block[at + 2]
            at += 3
            if (shared | unshared | width) & 0x80:
                shared, at = varint(block, begin)
                unshared, at = varint(block, at)
                width, at = varint(block, at)
            if begin == restart:
                restart = next(pending)
                if shared:
                    raise self._damaged(f"the block at byte {start} has a restart inside a key")
            middle = at + unshared
            stop = middle + width
            if shared > len(key) or stop > end:
                raise self._damaged(f"a record of the block at byte {start} ends beyond it")
            if shared + unshared > self.limits.max_name_bytes:
                raise UnreadableError(
                    f"{self.shown} has a name of {size(shared + unshared)}; "
                    f"{size(self.limits.max_name_bytes)} is the limit",
                    "it was not written by TensorFlow",
                )
            key = key[:shared] + block[at:middle]
            self._count(len(key))
            yield key, block[middle:stop]
            at = stop
        if end and restart != -1:
            raise self._damaged(f"the block at byte {start} has a restart outside its records")

    def _count(self, length: int) -> None:
        self.count += 1
        self.key_bytes += length
        if self.count > self.limits.max_objects or self.key_bytes > self.limits.max_directory_bytes:
            raise UnreadableError(
                f"{self.shown} has more than {self.limits.max_objects:,} records, "
                f"or more than {size(self.limits.max_directory_bytes)} of names",
                "it was not written by TensorFlow",
            )

    def _damaged(self, what: str) -> UnreadableError:
        return UnreadableError(f"{self.shown} is damaged: {what}", _HINT)


def _handle(value: bytes) -> tuple[int, int]:
    start, at = varint(value, 0)
    length, at = varint(value, at)
    if at != len(value):
        raise WireError("bytes after a block handle")
    return start, length
