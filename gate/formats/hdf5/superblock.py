"""The superblock (§ II.A): where the root group is, and what holds of the whole file."""

from dataclasses import dataclass
from struct import Struct

from gate.errors import UnreadableError
from gate.formats.hdf5 import headers, refusals
from gate.formats.hdf5.checksum import Checksums
from gate.formats.hdf5.headers import CONTINUATION, K_VALUES
from gate.formats.hdf5.image import UNDEFINED, Image, number
from gate.formats.hdf5.signals import Damaged, Unsupported
from gate.formats.hdf5.tree import MAGIC, USER_BLOCKS

_SPACE = 0x17
_OLD = Struct("<HH")
_ADDRESSES = Struct("<QQQQ")


@dataclass(frozen=True, slots=True)
class Superblock:
    """What the walk needs of it: the address of the root group, and how many entries nodes of groups can have."""

    root: int
    leaf_k: int = 4
    internal_k: int = 16


def superblock(image: Image, shown: str, checksums: Checksums) -> Superblock:
    """Versions 0 to 3."""
    head = image.peek(0, 96)
    if not head.startswith(MAGIC):
        if any(image.peek(at, len(MAGIC)) == MAGIC for at in USER_BLOCKS):
            raise refusals.user_block(shown)
        raise Damaged("it does not start with the signature of HDF5")
    version = number(head, 8, 1)
    if version in {0, 1}:
        return _old(image, head, version)
    if version in {2, 3}:
        return _new(image, head, version, shown, checksums)
    raise Damaged(f"its superblock has version {version}")


def _old(image: Image, head: bytes, version: int) -> Superblock:
    _refuse_other_widths(head[13], head[14])
    leaf_k, internal_k = _OLD.unpack_from(head, 16)
    if head[9] or head[10] or not leaf_k or not internal_k:
        raise Damaged("its superblock makes no sense")
    at = 24 if version == 0 else 28
    base, _, end, driver = _ADDRESSES.unpack_from(head, at)
    _refuse_other_bounds(image, base, end)
    if driver != UNDEFINED:
        raise Unsupported("a file of several parts")
    return Superblock(number(head, at + 40, 8), leaf_k, internal_k)


def _new(image: Image, head: bytes, version: int, shown: str, checksums: Checksums) -> Superblock:
    if len(head) < 48:
        raise Damaged("its superblock is cut short")
    _refuse_other_widths(head[9], head[10])
    checksums.expect(head[:48], 0)
    checksums.verify()
    if version == 3 and head[11] & 5:
        raise UnreadableError(
            f"{shown} was not closed by the program that wrote it", "the save was cut short: save the model again"
        )
    base, extension, end, root = _ADDRESSES.unpack_from(head, 12)
    _refuse_other_bounds(image, base, end)
    if extension == UNDEFINED:
        return Superblock(root)
    found = headers.header(image, extension, checksums)
    if found.kinds & ~(1 | 1 << K_VALUES | 1 << _SPACE | 1 << CONTINUATION):
        raise Unsupported("a superblock extension of another kind")
    if K_VALUES not in found.single:
        return Superblock(root)
    values = found.single[K_VALUES].body
    internal_k, leaf_k = number(values, 3, 2), number(values, 5, 2)
    if not leaf_k or not internal_k:
        raise Damaged("its superblock extension makes no sense")
    return Superblock(root, leaf_k, internal_k)


def _refuse_other_widths(addresses: int, lengths: int) -> None:
    if addresses == lengths == 8:
        return
    if addresses in {2, 4, 8, 16, 32} and lengths in {2, 4, 8, 16, 32}:
        raise Unsupported("addresses that are not of eight bytes")
    raise Damaged(f"its addresses have {addresses} bytes and its lengths {lengths}")


def _refuse_other_bounds(image: Image, base: int, end: int) -> None:
    if base:
        raise Damaged(f"its addresses count from byte {base}")
    if end > image.length:
        raise Damaged(f"it is cut short: it should have {end} bytes and has {image.length}")
