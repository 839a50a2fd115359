"""Digests against the formula of docs/locks.md, and against what formats make of one array."""

import hashlib
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from blake3 import blake3

from gate.formats import open_weights
from gate.tensors.digest import digest_of
from support.files import SUFFIXES, WRITERS
from support.locks import lock_at


def expected(head: str, data: bytes) -> str:
    return "blake3:" + blake3(head.encode() + b"\n" + data).hexdigest()


@pytest.mark.parametrize(
    ("array", "head", "data"),
    [
        (np.array([1.5, -2], "<f4"), "float32 [2]", bytes.fromhex("0000c03f000000c0")),
        (np.array(258, "<u2"), "uint16 []", b"\x02\x01"),
        (np.array([[True], [False]]), "bool [2, 1]", b"\x01\x00"),
        (np.zeros((0, 3), "<f8"), "float64 [0, 3]", b""),
        (np.array([1, 2], ml_dtypes.bfloat16), "bfloat16 [2]", b"\x80\x3f\x00\x40"),
        (np.array([1 + 2j], "<c8"), "complex64 [1]", bytes.fromhex("0000803f00000040")),
        (np.array([b"a", b"bc\0"], object), "string [2]", b"\1" + bytes(7) + b"a" + b"\3" + bytes(7) + b"bc\0"),
        (np.array(["\u00e4", ""]), "string [2]", b"\2" + bytes(7) + b"\xc3\xa4" + bytes(8)),
    ],
    ids=str,
)
def test_the_formula(array: Any, head: str, data: bytes) -> None:
    assert digest_of(array) == expected(head, data)


def test_texts_are_one_however_they_are_kept() -> None:
    kept = [np.array(["a", "bcd"]), np.array([b"a", b"bcd"]), np.array([b"a", b"bcd"], object)]
    assert len({digest_of(array) for array in kept}) == 1
    assert digest_of(np.array(["ab", "c"])) != digest_of(np.array(["a", "bc"]))
    assert digest_of(np.array(["\udcff"])) == digest_of(np.array([b"\xff"]))
    assert digest_of(np.array(["\ud800"])) != digest_of(np.array([b"\xed\xa0\x80"]))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(threads: int) -> None:
    array = np.arange(5_000_000, dtype=np.float32)
    assert digest_of(array, threads) == expected("float32 [5000000]", array.tobytes())


def test_shape_and_dtype_are_part_of_it() -> None:
    arrays: list[Any] = [
        np.zeros(4, np.float32),
        np.zeros((2, 2), np.float32),
        np.zeros(4, np.int32),
        np.zeros(2, np.float64),
    ]
    assert len({digest_of(array) for array in arrays}) == len(arrays)


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_every_format_has_the_same_digests(tmp_path: Path, format: str) -> None:
    arrays: dict[str, Any] = {
        "dense/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
        "dense/bias": np.ones(4, np.float16),
    }
    path = WRITERS[format](tmp_path / f"m{SUFFIXES[format]}", arrays)
    lock = lock_at(path)
    assert {each.name: each.digest for each in lock.tensors} == {n: digest_of(a) for n, a in arrays.items()}
    with open_weights(path) as opened:
        files = opened.files
    if len(files) == 1:
        assert lock.digest == f"sha256:{hashlib.sha256(files[0].read_bytes()).hexdigest()}"
