"""The two checksums of HDF5, against their authors' examples and against files."""

import random
from pathlib import Path

import h5py
import numpy as np
import pytest

from gate.errors import UnreadableError
from gate.formats.hdf5.checksum import Checksums, fletcher32, lookup3
from gate.formats.hdf5.signals import Damaged
from support.hdf5_trees import root


def test_jenkins_own_example() -> None:
    """`driver5` of lookup3.c."""
    assert lookup3(b"Four score and seven years ago") == 0x17770551
    assert lookup3(b"") == 0xDEADBEEF


def test_many_at_once_are_as_one_by_one() -> None:
    dice = random.Random(0)
    for length in (1, 11, 12, 13, 24, 50, 271):
        for damaged in (None, 0, 17):
            checksums = Checksums()
            for number in range(20):
                data = dice.randbytes(length)
                found = lookup3(data) ^ (number == damaged)
                checksums.expect(data + found.to_bytes(4, "little"), number)
            if damaged is None:
                checksums.verify()
            else:
                with pytest.raises(Damaged, match=f"at byte {damaged} "):
                    checksums.verify()


def plain_fletcher32(data: bytes) -> int:
    first = second = 0
    for at in range(0, len(data), 2):
        first += data[at] << 8 | (data[at + 1] if at + 1 < len(data) else 0)
        first = (first & 0xFFFF) + (first >> 16)
        second += first
        second = (second & 0xFFFF) + (second >> 16)
    return second << 16 | first


def test_fletchers_sum_is_that_of_the_plain_loop() -> None:
    dice = np.random.default_rng(0)
    for length in (0, 1, 2, 3, 719, 720, 721, 131_072, 131_075, 400_001):
        for data in (dice.bytes(length), bytes(length), b"\xff" * length):
            assert fletcher32(memoryview(data)) == plain_fletcher32(data)


def test_a_flipped_bit_in_a_chunk_is_found(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("d", data=np.arange(1000), chunks=(1000,), fletcher32=True)
        at = file["d"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[at + 17] ^= 4
    path.write_bytes(data)
    stored = root(path).at("d")
    assert stored is not None
    with pytest.raises(UnreadableError, match="a chunk does not have its checksum"):
        stored.data.read()  # type: ignore[union-attr]


def test_a_flipped_bit_in_new_metadata_is_found(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver="latest") as file:
        for number in range(50):
            file[f"g/{number}"] = np.arange(3.0)
        address = h5py.h5o.get_info(file["g/17"].id).addr
    data = bytearray(path.read_bytes())
    data[address + 30] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnreadableError):
        root(path)
