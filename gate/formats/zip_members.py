"""The members of a zip archive as windows and streams, each checked before a byte of it is believed.

APPNOTE 6.3.10 (PKWARE) is the format. The data of a member starts after its *local* header, whose name and extra
field may be longer than the central directory says.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from gate.errors import UnreadableError, UnsafeFileError
from gate.formats.crc32 import crc32
from gate.formats.limits import Limits
from gate.formats.mapping import MappedFile, Window
from gate.formats.seam import DAMAGED, guard
from gate.formats.text import printable, quoted, size

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")  # a first member; an archive of none
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_END = struct.Struct("<4sHHHHIIH")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_DO_NOT_TRUST = "do not trust the file"


@dataclass(frozen=True)
class Member:
    """One file in the archive: where its bytes are, and how many come out."""

    name: str
    start: int
    stored: int
    length: int
    deflated: bool
    crc: int


class Members:
    """The members by name, in the archive's order."""

    def __init__(self, mapping: MappedFile, shown: str, limits: Limits) -> None:
        self.mapping = mapping
        self.shown = shown
        self.limits = limits
        self._bound_directory()
        with guard(f"{shown} cannot be read as a zip archive"), zipfile.ZipFile(Window(mapping)) as archive:
            listed = archive.infolist()
        if len(listed) > limits.max_members:
            raise UnsafeFileError(
                f"{shown} has {len(listed)} members; {limits.max_members} is the limit", _DO_NOT_TRUST
            )
        self.by_name: dict[str, Member] = {}
        for info in listed:
            self._add(info)
        self._refuse_overlaps()

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def window(self, member: Member) -> Window:
        """A stored member as part of the mapped file."""
        return Window(self.mapping, member.start, member.length)

    def read(self, name: str, limit: int) -> bytes:
        """A small member whole, its checksum verified."""
        member = self.by_name[name]
        if member.length > limit:
            raise UnreadableError(
                f"{self.shown}: {quoted(name)} is {size(member.length)} long; {size(limit)} is the limit", _DO_NOT_TRUST
            )
        return b"".join(self.pieces(member))

    def pieces(self, member: Member) -> Iterator[bytes]:
        """A member's content piece by piece; wrong length or checksum is an error at the end."""
        crc, total = 0, 0
        with guard(f"{self.shown}: {quoted(member.name)} cannot be decompressed"):
            for piece in self._inflated(member) if member.deflated else self._stored(member):
                total += len(piece)
                if total > member.length:
                    raise UnsafeFileError(
                        f"{self.shown}: {quoted(member.name)} expands beyond its declared {size(member.length)}",
                        _DO_NOT_TRUST,
                    )
                crc = zlib.crc32(piece, crc)
                yield piece
        if total != member.length or crc != member.crc:
            raise UnreadableError(f"{self.shown}: {quoted(member.name)} fails its checksum", DAMAGED)

    def checksums(self) -> dict[str, Callable[[], None]]:
        """For each stored member, which is mapped rather than read: how to compare it with its checksum."""
        stored = [member for member in self.by_name.values() if not member.deflated and member.length]
        return {f"{self.shown}: {printable(member.name)}": partial(self.verify, member) for member in stored}

    def verify(self, member: Member) -> None:
        """Compare a stored member with its checksum, where it lies."""
        data = self.mapping.array(member.start, np.dtype(np.uint8), (member.length,)).data
        crc, step = 0, self.limits.piece_bytes
        for at in range(0, member.length, step):
            crc = crc32(data[at : at + step], crc)
        if crc != member.crc:
            raise UnreadableError(f"{self.shown}: {quoted(member.name)} fails its checksum", DAMAGED)

    def head(self, member: Member, length: int) -> bytes:
        """The first bytes of a member's content, unverified."""
        with guard(f"{self.shown}: {quoted(member.name)} cannot be decompressed"):
            if not member.deflated:
                return self.mapping.bytes_at(member.start, min(length, member.length))
            data = self.mapping.bytes_at(member.start, min(member.stored, length + 65536))
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, length)

    def _stored(self, member: Member) -> Iterator[bytes]:
        step = self.limits.piece_bytes
        for at in range(member.start, member.start + member.length, step):
            yield self.mapping.bytes_at(at, min(step, member.start + member.length - at))

    def _inflated(self, member: Member) -> Iterator[bytes]:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        step = self.limits.piece_bytes
        end = member.start + member.stored
        for at in range(member.start, end, step):
            data = self.mapping.bytes_at(at, min(step, end - at))
            while data and not inflate.eof:
                yield inflate.decompress(data, step)
                data = inflate.unconsumed_tail
        if not inflate.eof:
            yield inflate.flush()

    def _bound_directory(self) -> None:
        """Refuse a directory that would fill memory before zipfile reads it whole."""
        tail = max(0, self.mapping.size - _END.size - 65535)
        at = self.mapping.find_last(b"PK\x05\x06", tail)
        if at < 0 or at + _END.size > self.mapping.size:
            raise UnreadableError(
                f"{self.shown} is a zip archive without its end", "the file is cut short: fetch it again"
            )
        length = _END.unpack(self.mapping.bytes_at(at, _END.size))[5]
        at64 = self.mapping.find_last(b"PK\x06\x06", max(0, at - 65536))
        if length == 0xFFFFFFFF and 0 <= at64 <= self.mapping.size - _END64.size:
            length = _END64.unpack(self.mapping.bytes_at(at64, _END64.size))[8]
        if length > min(self.limits.max_directory_bytes, self.mapping.size):
            raise UnsafeFileError(f"{self.shown} has a zip directory of {size(length)}", _DO_NOT_TRUST)

    def _add(self, info: zipfile.ZipInfo) -> None:
        # What the archive says, not what zipfile makes of it: zipfile cuts names at a NUL.
        name = info.orig_filename
        where = f"{self.shown}: member {quoted(name)}"
        if name in self.by_name:
            raise UnsafeFileError(f"{where} is there twice", _DO_NOT_TRUST)
        self._refuse_name(name, where)
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise UnsafeFileError(f"{where} is a link or a device", _DO_NOT_TRUST)
        if info.flag_bits & _ENCRYPTED:
            raise UnsafeFileError(f"{where} is encrypted", "save the file again without a password")
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise UnreadableError(
                f"{where} is compressed with method {info.compress_type}", "save it stored or deflated"
            )
        deflated = info.compress_type == zipfile.ZIP_DEFLATED
        if not deflated and info.file_size != info.compress_size:
            raise UnreadableError(f"{where} is stored and has two lengths", DAMAGED)
        start = self._start(info, where)
        if start + info.compress_size > self.mapping.size:
            raise UnreadableError(f"{where} ends beyond the file", "the file is cut short: fetch it again")
        member = Member(name, start, info.compress_size, info.file_size, deflated, info.CRC)
        self.by_name[name] = member

    def _refuse_name(self, name: str, where: str) -> None:
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or (parts[0].endswith(":")):
            raise UnsafeFileError(f"{where} points out of the archive", _DO_NOT_TRUST)

    def _start(self, info: zipfile.ZipInfo, where: str) -> int:
        header = self.mapping.bytes_at(info.header_offset, _LOCAL.size) if info.header_offset >= 0 else b""
        if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
            raise UnreadableError(f"{where} has no local header", DAMAGED)
        fields = _LOCAL.unpack(header)
        flags, method, name_length, extra_length = fields[2], fields[3], fields[9], fields[10]
        name = self.mapping.bytes_at(info.header_offset + _LOCAL.size, name_length)
        said = name.decode("utf-8" if flags & 0x800 else "cp437", "replace")
        if said != info.orig_filename or method != info.compress_type:
            raise UnsafeFileError(f"{where} is called {quoted(said)} in its own header", _DO_NOT_TRUST)
        return int(info.header_offset + _LOCAL.size + name_length + extra_length)

    def _refuse_overlaps(self) -> None:
        end, owner = 0, ""
        for member in sorted(self.by_name.values(), key=lambda item: (item.start, item.stored)):
            # Headers lie between members, so data may not even touch.
            if member.start - _LOCAL.size - 1 < end and owner:
                raise UnsafeFileError(
                    f"{self.shown}: members {quoted(owner)} and {quoted(member.name)} overlap", _DO_NOT_TRUST
                )
            end, owner = member.start + member.stored, member.name

    def refuse_expansion(self, members: Iterator[Member]) -> None:
        """Refuse when the deflated ones among `members` would expand beyond the limits, all together."""
        total = sum(member.length for member in members if member.deflated)
        if total > self.limits.may_expand(self.mapping.size):
            raise UnsafeFileError(
                f"{self.shown}: {size(self.mapping.size)} of archive declare {size(total)} of data",
                "this is how a decompression bomb looks; if the file is meant, save it uncompressed",
            )

    def refuse_others(self, expected: Callable[[str], bool], format: str) -> None:
        """Refuse an archive with anything in it that the format does not have."""
        for name in self.by_name:
            if not expected(name):
                raise UnsafeFileError(
                    f"{self.shown}: {quoted(name)} does not belong into a {format} file",
                    "save the model again, and keep other files out of it",
                )
