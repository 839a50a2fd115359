"""Files that no program writes, made by hand from those that h5py does: each is refused, in words that say why."""

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gate.errors import UnreadableError, UnsafeFileError
from gate.formats import Limits
from support.hdf5_trees import root

Write = Callable[[Any], None]


def made(path: Path, write: Write, **options: Any) -> bytearray:
    with h5py.File(path, "w", **options) as file:
        write(file)
    return bytearray(path.read_bytes())


def refused(path: Path, data: bytes | bytearray, match: str, kind: type[UnreadableError] = UnreadableError) -> None:
    path.write_bytes(data)
    start = time.perf_counter()
    with pytest.raises(kind, match=match) as caught:
        root(path)
    assert type(caught.value) is kind
    assert caught.value.hint
    assert time.perf_counter() - start < 5


def word(number: int) -> bytes:
    return struct.pack("<Q", number)


def nodes(data: bytearray, kind: int, level: int) -> list[int]:
    """Where the nodes of version 1 B-trees are."""
    found: list[int] = []
    at = data.find(b"TREE")
    while at >= 0:
        if data[at + 4] == kind and data[at + 5] == level:
            found.append(at)
        at = data.find(b"TREE", at + 1)
    return found


def children(file: Any) -> None:
    for number in range(600):
        file.create_group(f"group/child {number}")


def biggest(data: bytearray, found: list[int]) -> int:
    return max(found, key=lambda at: struct.unpack_from("<H", data, at + 6)[0])


def test_a_list_of_names_met_twice(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", children)
    node = biggest(data, nodes(data, 0, 0))
    data[node + 48 : node + 56] = data[node + 32 : node + 40]
    refused(tmp_path / "m.h5", data, "'group': a node of names is there twice")


def test_a_node_of_names_below_itself(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", children)
    (top,) = nodes(data, 0, 1)
    data[top + 32 : top + 40] = word(top)
    refused(tmp_path / "m.h5", data, "'group': a node of names is there twice")


def test_siblings_are_not_followed(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", children)
    for node in nodes(data, 0, 0):
        data[node + 16 : node + 24] = word(node)
    (tmp_path / "m.h5").write_bytes(data)
    group = root(tmp_path / "m.h5").folder("group")
    assert group is not None
    assert len(group.children) == 600


def chunks(file: Any) -> None:
    file.create_dataset("d", data=np.arange(1000), chunks=(2,))


def test_a_chunk_index_that_leads_back(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", chunks)
    (top,) = nodes(data, 1, 1)
    place = top + 24 + 24  # after the first key: size, mask, two offsets
    data[place : place + 8] = word(top)
    refused(tmp_path / "m.h5", data, "'d': its chunk index leads twice to byte")
    data[place : place + 8] = data[place + 32 : place + 40]
    refused(tmp_path / "m.h5", data, "'d': its chunk index leads twice to byte")


def test_chunks_on_the_same_bytes(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", chunks)
    leaf = nodes(data, 1, 0)[0]
    data[leaf + 48 + 32 : leaf + 56 + 32] = data[leaf + 48 : leaf + 56]
    refused(tmp_path / "m.h5", data, "'d' and 'd' claim the same bytes", UnsafeFileError)


def test_a_chunk_twice_and_another_never(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", chunks)
    leaf = nodes(data, 1, 0)[0]
    data[leaf + 32 + 32 : leaf + 40 + 32] = data[leaf + 32 : leaf + 40]
    refused(tmp_path / "m.h5", data, "'d' was declared and never written, or only in part")


def test_a_chunk_beside_the_grid(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", chunks)
    leaf = nodes(data, 1, 0)[0]
    data[leaf + 32 : leaf + 40] = word(1)
    refused(tmp_path / "m.h5", data, "'d': its chunk index has a chunk that is not in its grid")


def named(file: Any) -> None:
    file.create_group("group").attrs["name"] = "x"
    file["other"] = np.arange(3.0)


def test_a_header_that_goes_on_in_itself(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", named)
    with h5py.File(tmp_path / "m.h5") as file:
        address = h5py.h5o.get_info(file["group"].id).addr
    at = data.index(bytes.fromhex("1000100000000000"), address)
    start, length = struct.unpack_from("<QQ", data, at + 8)
    assert start + length <= len(data)
    data[at + 8 : at + 16] = word(address + 16)
    data[at + 16 : at + 24] = word(24)
    refused(tmp_path / "m.h5", data, "'group': its header at byte .* goes on in itself")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"other\0", b"group\0", "'group': the name 'group' is not one that it can have there|same name|not one that"),
        (b"other\0", b"a\0her\0", "'/': the name 'a' is not one that it can have there"),
        (b"other\0", b"z/her\0", "'/': the name 'z/her' is not one that it can have there"),
        (b"group\0", b"\0roup\0", "'/': the name '' is not one that it can have there"),
        (b"HEAP\0", b"HEAP\1", "there is no heap of names at byte"),
        (b"SNOD\1", b"SNOD\2", "there is no list of names at byte"),
        (b"TREE\0", b"TREE\1", "there is no node of names at byte"),
    ],
)
def test_names(tmp_path: Path, old: bytes, new: bytes, match: str) -> None:
    data = made(tmp_path / "m.h5", named)
    assert old in data
    refused(tmp_path / "m.h5", data.replace(old, new), match)


def test_a_name_outside_its_heap(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", named)
    leaf = data.index(b"SNOD")
    data[leaf + 8 : leaf + 16] = word(1 << 40)
    refused(tmp_path / "m.h5", data, "a name at 1099511627776 of its heap of 88 bytes does not end")


def test_a_message_that_does_not_exist(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", named)
    at = data.index(bytes.fromhex("0800180000000000 0301"))
    data[at : at + 2] = b"\x77\0"
    refused(tmp_path / "m.h5", data, "'other': a message is of type 119, which the format does not have")
    data[at : at + 2] = b"\x03\0"
    refused(tmp_path / "m.h5", data, "'other': the message of type 3 is there twice")


def test_a_layout_that_is_shared(tmp_path: Path) -> None:
    """No way around the gate's own reader."""
    data = made(tmp_path / "m.h5", named)
    at = data.index(bytes.fromhex("0800180000000000 0301"))
    data[at + 4] = 2
    refused(tmp_path / "m.h5", data, "'other': a message of type 8 is shared, which it cannot be")


def test_damage_that_looks_like_a_rare_part(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", named, libver="latest")
    with h5py.File(tmp_path / "m.h5") as file:
        address = h5py.h5o.get_info(file["other"].id).addr
    at = data.index(b"\x01\x14\0\0\2\1", address)  # the dataspace: type, size, flags; version, rank
    data[at + 3] |= 2
    refused(tmp_path / "m.h5", data, "do not have their checksum")


def test_a_dataset_that_is_a_group_too(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", named)
    at = data.index(bytes.fromhex("0500080001000000"))
    data[at : at + 2] = b"\x11\0"
    refused(tmp_path / "m.h5", data, "'other': it is two kinds of object at once")


def test_data_of_another_size(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", named)
    at = data.index(bytes.fromhex("0800180000000000 0301"))
    data[at + 18 : at + 26] = word(16)
    refused(tmp_path / "m.h5", data, "'other': it declares 24 bytes and has 16")
    data[at + 10 : at + 18] = word((1 << 64) - 1)
    refused(tmp_path / "m.h5", data, "'other' was declared and never written")


def test_one_text_said_a_thousand_times(tmp_path: Path) -> None:
    """A small attribute may not become a large one."""
    path = tmp_path / "m.h5"
    data = made(path, lambda file: file.attrs.create("name", ["x" * 30_000, *["y"] * 3_000], dtype=h5py.string_dtype()))
    first = data.index(struct.pack("<I", 30_000))
    pointer = bytes(data[first : first + 16])
    data[first : first + 16 * 3_001] = pointer * 3_001
    path.write_bytes(data)
    top = root(path, Limits(max_attribute_bytes=1 << 20))
    with pytest.raises(UnreadableError, match="attribute 'name' of '/' is too large"):
        top.attribute("name")


def test_paths_that_are_longer_than_the_file(tmp_path: Path) -> None:
    def write(file: Any) -> None:
        group = file.create_group("x" * 60_000)
        for number in range(1_500):
            group.create_group(str(number))

    refused(tmp_path / "m.h5", made(tmp_path / "m.h5", write), "far more letters", UnsafeFileError)


def test_a_file_that_was_not_closed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w", libver="latest") as file:
        file["d"] = np.arange(3)
        file.flush()
        data = (tmp_path / "m.h5").read_bytes()
    refused(tmp_path / "copy.h5", data, "was not closed by the program that wrote it")


def test_addresses_that_count_from_elsewhere(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", named)
    data[24:32] = word(512)
    refused(tmp_path / "m.h5", data, "its addresses count from byte 512")
    refused(tmp_path / "m.h5", bytes(512) + bytes(data), "a block of other data in front")


def test_a_root_that_is_no_group(tmp_path: Path) -> None:
    data = made(tmp_path / "m.h5", named)
    with h5py.File(tmp_path / "m.h5") as file:
        address = h5py.h5o.get_info(file["other"].id).addr
    data[64:72] = word(address)
    refused(tmp_path / "m.h5", data, "its root is no group")


@pytest.mark.parametrize("signature", [b"FRHP", b"BTHD", b"BTLF", b"FHDB"])
def test_dense_groups_are_verified(tmp_path: Path, signature: bytes) -> None:
    data = made(tmp_path / "m.h5", children, libver=("v108", "latest"))
    at = data.index(signature)
    data[at + 20] ^= 1
    refused(tmp_path / "m.h5", data, "do not have their checksum|of another heap|is none of its kind")
