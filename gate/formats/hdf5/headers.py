"""Object headers (§ IV.A.1): an object is a list of messages, in one block or several."""

from struct import Struct
from typing import NamedTuple

from gate.formats.hdf5.checksum import Checksums
from gate.formats.hdf5.image import Image, number
from gate.formats.hdf5.signals import Damaged, Unsupported

# Types of messages (§ IV.A.2) that modules of this package read.
DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL = 0x01, 0x02, 0x03, 0x06, 0x07
LAYOUT, FILTERS, ATTRIBUTE, CONTINUATION, SYMBOLS, K_VALUES, ATTRIBUTE_INFO = 0x08, 0x0B, 0x0C, 0x10, 0x11, 0x13, 0x15
_LAST = 0x18
_READ = {DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE, SYMBOLS, K_VALUES, ATTRIBUTE_INFO}
_SHAREABLE = {DATASPACE, DATATYPE, FILTERS}
_UNREAD = frozenset(range(_LAST + 1)) - _READ
_SHARED = 0x02

_PREFIX = Struct("<BxHII4x")
_OLD = Struct("<HHB")
_NEW = Struct("<BHB")
_TWO = Struct("<QQ")
_HEAD = 16
USUAL = 512
"""Most headers are shorter, so one read has them."""


class Message(NamedTuple):
    """One message: its data, where that lies in the file, and its flags."""

    body: bytes
    position: int
    flags: int

    @property
    def own(self) -> bytes:
        """The data, of a message that is not kept elsewhere for several objects."""
        if self.flags & _SHARED:
            raise Unsupported("a shared message")
        return self.body


class Header:
    """The messages of one object: `single` by type, and the two types of which there may be many.

    `kinds` has a bit for every type that was met: what is not read may matter by being there. `length` is that of the
    first block, and `continued` says that there are more.
    """

    __slots__ = ("attributes", "continued", "kinds", "length", "links", "single")

    def __init__(self, length: int) -> None:
        self.kinds = 0
        self.length = length
        self.continued = False
        self.single: dict[int, Message] = {}
        self.links: list[Message] = []
        self.attributes: list[Message] = []

    def add(self, kind: int, body: bytes, position: int, flags: int) -> None:
        """Keep one message that is read."""
        if kind == ATTRIBUTE:
            self.attributes.append(Message(body, position, flags))
        elif kind == LINK:
            self.links.append(Message(body, position, flags))
        elif kind > _LAST:
            raise Damaged(f"a message is of type {kind}, which the format does not have")
        elif kind in self.single:
            raise Damaged(f"the message of type {kind} is there twice")
        elif flags & _SHARED and kind not in _SHAREABLE:
            raise Damaged(f"a message of type {kind} is shared, which it cannot be")
        else:
            self.single[kind] = Message(body, position, flags)


def header(image: Image, address: int, checksums: Checksums | None, head: bytes | None = None) -> Header:
    """The messages of the object at `address`.

    `checksums` is None when they were verified before; `head` is the first `USUAL` bytes, where they were read.
    """
    if head is None:
        head = image.peek(address, USUAL)
    if len(head) < _HEAD:
        raise Damaged(f"its header should be at byte {address}, and the file ends at {image.length}")
    if head[0] == 1:
        return _old(image, address, head)
    if head.startswith(b"OHDR\x02"):
        return _new(image, address, head, checksums)
    raise Damaged(f"there is no object header at byte {address}")


def _old(image: Image, address: int, head: bytes) -> Header:
    """Version 1 (§ IV.A.1.a). The count of messages is not looked at: old programs wrote it wrong."""
    size = _PREFIX.unpack_from(head)[3]
    found = Header(_HEAD + size)
    blocks = [(address + _HEAD, size)]
    starts = {address + _HEAD}
    for start, length in blocks:
        if start == address + _HEAD and size + _HEAD <= len(head):
            image.spend(size + _HEAD, "its header")
            data = head[_HEAD : _HEAD + size]
        else:
            data = image.block(start, length, "its header")
        at = 0
        while at < length:
            if at + 8 > length:
                raise Damaged(f"its header at byte {address} ends within a message")
            kind, size_here, flags = _OLD.unpack_from(data, at)
            at += 8
            stop = at + size_here
            if stop > length or size_here & 7:
                raise Damaged(f"its header at byte {address} has a message of {size_here} bytes, which does not fit")
            if kind == CONTINUATION:
                more = _TWO.unpack_from(data, at)
                if more[0] in starts:
                    raise Damaged(f"its header at byte {address} goes on in itself")
                starts.add(more[0])
                blocks.append(more)
                found.continued = True
            elif kind not in _UNREAD:
                found.add(kind, data[at:stop], start + at, flags)
            found.kinds |= 1 << kind
            at = stop
    return found


def _new(image: Image, address: int, head: bytes, checksums: Checksums | None) -> Header:
    """Version 2 (§ IV.A.1.b), with its continuations, each with a checksum."""
    flags = head[5]
    at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    size = head[at] if width == 1 else number(head, at, width)
    at += width
    found = Header(at + size + 4)
    blocks = [(address, found.length)]
    starts = {address}
    tracked = bool(flags & 0x04)
    for start, length in blocks:
        if start == address and length <= len(head):
            image.spend(length, "its header")
            data = head[:length]
        else:
            data = image.block(start, length, "its header")
        if start != address:
            at = 4
            if length < 8 or not data.startswith(b"OCHK"):
                raise Damaged(f"its header at byte {address} does not go on at byte {start}")
        if checksums is not None:
            checksums.expect(data, start)
        for start_more, length_more in _messages(found, data, at, start, tracked):
            if start_more in starts:
                raise Damaged(f"its header at byte {address} goes on in itself")
            starts.add(start_more)
            blocks.append((start_more, length_more))
    return found


def _messages(found: Header, data: bytes, at: int, start: int, tracked: bool) -> list[tuple[int, int]]:
    """Keep the messages of one block; where the header goes on."""
    end = len(data) - 4
    step = 6 if tracked else 4
    more: list[tuple[int, int]] = []
    while at + step <= end:  # less than a message's head is a gap
        kind, size, flags = _NEW.unpack_from(data, at)
        at += step
        stop = at + size
        if stop > end:
            raise Damaged(f"its header at byte {start} has a message of {size} bytes, which does not fit")
        if kind == CONTINUATION:
            if size < 16:
                raise Damaged(f"its header at byte {start} goes on nowhere")
            more.append(_TWO.unpack_from(data, at))
            found.continued = True
        elif kind not in _UNREAD:
            found.add(kind, data[at:stop], start + at, flags)
        found.kinds |= 1 << kind
        at = stop
    return more
