"""What a group holds: symbol tables (§ III.A.1, § III.B) and link messages (§ IV.A.2.g)."""

from struct import Struct, error
from typing import NoReturn

from gate.errors import UnreadableError
from gate.formats.hdf5 import refusals
from gate.formats.hdf5.btree2 import records
from gate.formats.hdf5.checksum import Checksums
from gate.formats.hdf5.fractal import FractalHeap
from gate.formats.hdf5.headers import LINK_INFO, SYMBOLS, Header
from gate.formats.hdf5.heaps import local_heap, name_at
from gate.formats.hdf5.image import UNDEFINED, Image, number
from gate.formats.hdf5.signals import Damaged
from gate.formats.hdf5.superblock import Superblock
from gate.formats.seam import DAMAGED
from gate.formats.text import decoded_text, quoted

# A version 1 header of one message, the symbol table, and how long that is.
_PLAIN = bytes.fromhex("01 00 01 00 01 00 00 00 18 00 00 00 00 00 00 00 11 00 10 00 00 00 00 00")
_PLAIN_BYTES = 40
_TABLE = Struct("<QQ")
_ADDRESS = Struct("<Q")
_CHILD = Struct("<8xQ")
_ENTRY = Struct("<QQI4x4x12x")
_SOFT = 2
_HARD_LINK, _SOFT_LINK, _EXTERNAL_LINK = 0, 1, 64
_BY_NAME, _NAME_RECORD = 5, 11

Entries = list[tuple[bytes, int]]


class Groups:
    """Lists the groups of one file."""

    def __init__(self, image: Image, superblock: Superblock, checksums: Checksums, shown: str) -> None:
        self.image = image
        self.checksums = checksums
        self.shown = shown
        self._leaf_bytes = 8 + 2 * superblock.leaf_k * _ENTRY.size
        self._node_bytes = 24 + 2 * superblock.internal_k * _CHILD.size

    def usual(self, head: bytes) -> bytes | None:
        """The quick way for a group without attributes: where its names are, when its header is one such message."""
        if head.startswith(_PLAIN) and len(head) >= _PLAIN_BYTES:
            self.image.spend(_PLAIN_BYTES, "its header")
            return head[len(_PLAIN) : _PLAIN_BYTES]
        return None

    def place(self, found: Header) -> bytes | Header:
        """Where the names of a group are: no more is kept of it until its turn comes."""
        return found.single[SYMBOLS].own if SYMBOLS in found.single else found

    def entries(self, place: bytes | Header, path: str) -> Entries:
        """Names and addresses of the objects in a group, by name; any link that is not a plain one is refused."""
        if isinstance(place, bytes):
            entries = self._symbols(place, path)
        else:
            entries = self._links(place, path)
            entries.sort()
        last = None
        for name, _ in entries:
            # Ascending names are distinct ones. A path in place of a name would lead elsewhere.
            if (last is not None and name <= last) or name in {b"", b"."} or b"/" in name:
                raise Damaged(f"the name {quoted(decoded_text(name))} is not one that it can have there")
            last = name
        return entries

    def _symbols(self, body: bytes, path: str) -> Entries:
        tree, heap_address = _TABLE.unpack_from(body)
        image = self.image
        heap = local_heap(image, heap_address)
        found: Entries = []
        for leaf in self._leaves(tree):
            data = image.peek(leaf, self._leaf_bytes)
            used = data[6] | data[7] << 8 if data.startswith(b"SNOD\x01") and len(data) >= 8 else 0xFFFF
            end = 8 + used * _ENTRY.size
            if end > len(data):
                raise Damaged(f"there is no list of names at byte {leaf}")
            image.spend(end, "a list of names")
            for offset, address, cache in _ENTRY.iter_unpack(data[8:end]):
                stop = heap.find(b"\0", offset, offset + 256)
                if stop >= 0:
                    name = heap[offset:stop]
                else:
                    name = name_at(heap, offset)
                    image.spend(len(name), "a name")
                if cache > 1:
                    self._refuse_symbol(name, cache, address, data[8:end], heap, path)
                found.append((name, address))
        return found

    def _leaves(self, root: int) -> list[int]:
        """Addresses of the leaves' lists, in order. Levels fall and no node is met twice, so it ends.

        Siblings of nodes are not followed: all are children of the level above.
        """
        image = self.image
        here, level = [root], -1
        seen = {root}
        while True:
            below: list[int] = []
            for address in here:
                data = image.peek(address, self._node_bytes)
                if not data.startswith(b"TREE\0") or len(data) < 24 or level not in {-1, data[5]}:
                    raise Damaged(f"there is no node of names at byte {address}")
                level = data[5]
                end = 24 + (data[6] | data[7] << 8) * _CHILD.size
                if end > len(data):
                    raise Damaged(f"the node of names at byte {address} has too many entries")
                image.spend(end, "a node of names")
                below += [child for (child,) in _CHILD.iter_unpack(data[24:end])]
            if len(below) > 1 or level:
                before = len(seen)
                seen.update(below)
                if len(seen) != before + len(below):
                    raise Damaged("a node of names is there twice")
            if level == 0:
                return below
            here, level = below, level - 1

    def _refuse_symbol(self, name: bytes, cache: int, address: int, data: bytes, heap: bytes, path: str) -> NoReturn:
        if cache != _SOFT:
            raise Damaged(f"the name {quoted(decoded_text(name))} is of type {cache}, which the format does not have")
        at = next(at for at in range(0, len(data), _ENTRY.size) if number(data, at + 8, 8) == address
                  and number(data, at + 16, 4) == cache)  # fmt: skip
        target = name_at(heap, number(data, at + 24, 4))
        raise refusals.link(self._where(path, name), f"a soft link to {quoted(decoded_text(target))}")

    def _links(self, found: Header, path: str) -> Entries:
        body = found.single[LINK_INFO].own
        version, flags = number(body, 0, 1), number(body, 1, 1)
        if version or flags > 3:
            raise Damaged(f"its list of links has version {version}")
        at = 2 + (8 if flags & 1 else 0)
        heap, tree = number(body, at, 8), number(body, at + 8, 8)
        if heap == UNDEFINED:
            return [self._link(message.own, path) for message in found.links]
        if found.links:
            raise Damaged("its links are in two places")
        fractal = FractalHeap(self.image, heap, self.checksums)
        return [
            self._link(fractal.object(record[4:]), path)
            for record in records(self.image, tree, _BY_NAME, _NAME_RECORD, self.checksums)
        ]

    def _link(self, body: bytes, path: str) -> tuple[bytes, int]:
        try:
            if body[0] == 1 and body[1] == 0:  # as nearly all are: a hard link with a short name
                end = 3 + body[2]
                name = body[3:end]
                if b"\0" not in name:
                    return name, _ADDRESS.unpack_from(body, end)[0]
            version, flags = body[0], body[1]
            if version != 1 or flags > 31:
                raise Damaged(f"a link has version {version}")
            at = 2
            kind = _HARD_LINK
            if flags & 8:
                kind = body[at]
                at += 1
            at += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
            width = 1 << (flags & 3)
            length = number(body, at, width)
            at += width
            name = body[at : at + length]
            at += length
            if len(name) != length or b"\0" in name:
                raise Damaged("the name of a link is cut short")
            if kind != _HARD_LINK:
                raise self._other_link(name, kind, body[at + 2 : at + 2 + number(body, at, 2)], path)
            return name, number(body, at, 8)
        except (error, IndexError) as problem:
            raise Damaged("a link is cut short") from problem

    def _other_link(self, name: bytes, kind: int, value: bytes, path: str) -> Exception:
        where = self._where(path, name)
        if kind == _SOFT_LINK:
            return refusals.link(where, f"a soft link to {quoted(decoded_text(value))}")
        if kind == _EXTERNAL_LINK:
            file, target = (*value[1:].split(b"\0"), b"", b"")[:2]
            said = f"an external link to {quoted(decoded_text(target))} in {quoted(decoded_text(file))}"
            return refusals.link(where, said)
        if kind > _EXTERNAL_LINK:
            return refusals.link(where, "a user-defined link")
        return UnreadableError(f"{where} is a link of a type that the format does not have", DAMAGED)

    def _where(self, path: str, name: bytes) -> str:
        shown = f"{path}/{decoded_text(name)}" if path else decoded_text(name)
        return f"{self.shown}: {quoted(shown)}"
