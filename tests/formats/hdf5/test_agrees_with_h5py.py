"""What h5py writes is read as h5py reads it: names, order, attributes, types, shapes and bytes."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from support.hdf5_trees import by_h5py, own, root

Write = Callable[[Any], None]
VERSIONS = ["earliest", "v108", "v110", "latest"]


def attributes(file: Any) -> None:
    group = file.create_group("g")
    group.attrs["text"] = "héllo"
    group.attrs["empty text"] = ""
    group.attrs["long"] = "x" * 60_000
    group.attrs["list"] = ["a", "", "çc" * 50]
    group.attrs["bytes"] = np.array([b"a", b"bcd", b""])
    group.attrs["matrix of bytes"] = np.array([[b"a", b"bc"], [b"def", b""]])
    group.attrs["one"] = np.bytes_("fixed")
    for kind in ("i1", "u2", "<i4", ">i4", "i8", "f2", "f4", ">f8"):
        group.attrs[f"number {kind}"] = np.arange(3).astype(kind)
    group.attrs["scalar"] = 7
    group.attrs["none"] = h5py.Empty("f4")
    group.attrs["no elements"] = np.zeros((0, 3), "f4")
    group.attrs["x" * 300] = "a long name"
    group.attrs["näme"] = "a name of other letters"
    data = file.create_dataset("d", data=np.arange(3))
    for number in range(100):
        data.attrs[f"number {number}"] = f"value {number}"
    for number in range(0, 100, 3):
        del data.attrs[f"number {number}"]


def padded_texts(file: Any) -> None:
    """Texts as C and Fortran programs write them."""
    for padding in (h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD):
        kind = h5t.C_S1.copy()
        kind.set_size(6)
        kind.set_strpad(padding)
        made = h5py.h5a.create(file.id, f"padded {padding}".encode(), kind, h5s.create_simple((2,)))
        made.write(np.array([b"ab", b"cde  "], "S6"))


TYPES = [
    "?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8",
    "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", "<c16", ">c16", "S1", "S7", "bfloat16",
]  # fmt: skip


def types(file: Any) -> None:
    for number, name in enumerate(TYPES):
        dtype = np.dtype(getattr(ml_dtypes, name, name))
        values = np.arange(60).reshape(3, 4, 5).astype("f4" if dtype.kind == "V" else dtype).astype(dtype)
        file[f"{number}/filled"] = values
        file[f"{number}/one"] = values[1, 2, 3]
        file.create_dataset(f"{number}/chunked", data=values, chunks=(2, 2, 2))
        file.create_dataset(f"{number}/zipped", data=values, chunks=(2, 2, 2), compression="gzip", shuffle=True)
        file.create_dataset(f"{number}/no elements", (0, 4), dtype)
        file[f"{number}/null"] = h5py.Empty(dtype)
    for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz"):
        made = file.create_dataset(name, data=np.arange(4).astype(getattr(ml_dtypes, name)).view("V1"))
        made.attrs["dtype"] = name


def committed_type(file: Any) -> None:
    """A type that is an object of its own; h5py would list it, so its name goes."""
    kind = h5t.NATIVE_FLOAT.copy()
    kind.commit(file.id, b"type")
    made = h5d.create(file.id, b"d", kind, h5s.create_simple((3,)))
    made.write(h5s.ALL, h5s.ALL, np.arange(3, dtype="f4"))
    del file["type"]


def compact(file: Any) -> None:
    layout = h5p.create(h5p.DATASET_CREATE)
    layout.set_layout(h5d.COMPACT)
    for name, dtype in ((b"little", "<i4"), (b"big", ">f8"), (b"half", "V2")):
        kind = h5t.py_create(np.dtype(dtype), logical=True)
        made = h5d.create(file.id, name, kind, h5s.create_simple((3, 2)), layout)
        values = np.arange(6).astype(dtype if dtype != "V2" else "u2").reshape(3, 2)
        made.write(h5s.ALL, h5s.ALL, values.view(dtype), kind)


FILTERS: list[dict[str, Any]] = [
    {}, {"compression": "gzip"}, {"compression": "gzip", "compression_opts": 9, "shuffle": True}, {"shuffle": True},
    {"fletcher32": True}, {"compression": "gzip", "shuffle": True, "fletcher32": True},
]  # fmt: skip


def chunked(file: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 1000, (70, 90))
    for number, options in enumerate(FILTERS):
        for chunks in ((70, 90), (7, 9), (8, 7), (1, 90), (70, 1), (100, 200), (1, 1)):
            if np.prod(chunks) > 1 or number == 0:
                top = tuple(max(pair) for pair in zip(chunks, noise.shape, strict=True))
                grows = None if top == noise.shape else top
                file.create_dataset(f"{number} {chunks}", data=noise, chunks=chunks, maxshape=grows, **options)
        file.create_dataset(f"{number} line", data=np.arange(4999, dtype="u1"), chunks=(17,), **options)


def skipped_filters(file: Any) -> None:
    import zlib

    data = file.create_dataset("d", (8,), "u1", chunks=(4,), compression="gzip", fletcher32=True)
    data.id.write_direct_chunk((0,), b"abcd", 3)
    data[4:] = np.arange(4)
    other = file.create_dataset("e", (4,), "u1", chunks=(4,), compression="gzip")
    other.id.write_direct_chunk((0,), zlib.compress(b"wxyz"))


def early(file: Any) -> None:
    """All room is had when the dataset is made: chunks without an index, in the newest form."""
    layout = h5p.create(h5p.DATASET_CREATE)
    layout.set_chunk((3, 2))
    layout.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    made = h5d.create(file.id, b"d", h5t.NATIVE_INT32, h5s.create_simple((10, 7)), layout)
    made.write(h5s.ALL, h5s.ALL, np.arange(70, dtype="i4").reshape(10, 7))


def paged(file: Any) -> None:
    """More chunks than a fixed array has on one page, of which one page was never written and need not be."""
    file.create_dataset("d", data=np.arange(5000, dtype="i2"), chunks=(2,))
    file.create_dataset("z", data=np.arange(5000, dtype="i2"), chunks=(2,), compression="gzip")


def many(count: int) -> Write:
    def write(file: Any) -> None:
        group = file.create_group("g")
        for number in np.random.default_rng(count).permutation(count).tolist():
            group.create_group(f"child {number}")

    return write


def names(file: Any) -> None:
    for name in (
        "ä",
        "日本語",
        "z" * 255,
        "y" * 256,
        "x" * 257,
        "w" * 5000,
        " ",
        "\\",
        "a\\b",
        "..",
        "a.b",
        "\t",
        "🙂",
    ):
        file[f"g/{name}/{name}"] = np.arange(3)


def deep(file: Any) -> None:
    file["/".join("abcdefghij" * 5)] = 1.0


def rewritten(file: Any) -> None:
    """Objects that were deleted and made again, so that free space, continuations and freed nodes are about."""
    for turn in range(3):
        for number in range(200):
            name = f"g/{number}"
            if turn:
                del file[name]
            if number % (turn + 2):
                file[name] = np.arange(number + turn)
                file[name].attrs["turn"] = turn
            else:
                file.create_group(name).attrs["turn"] = "x" * turn * 100
    for number in range(0, 200, 2):
        del file[f"g/{number}"]
    for number in range(40):
        file["g"].attrs[f"attribute {number}"] = "x" * number
        if number > 7:
            del file["g"].attrs[f"attribute {number - 7}"]
    file.move("g", "elsewhere")


def nothing(file: Any) -> None:
    pass


def times(file: Any) -> None:
    file.create_dataset("d", data=np.arange(3), track_times=True)
    file["d"].attrs.create("comment", "x")
    h5py.h5o.set_comment(file["d"].id, b"a comment")


def fill_values(file: Any) -> None:
    file.create_dataset("d", data=np.arange(3), fillvalue=7)
    file.create_dataset("e", (3,), "f8", fillvalue=7, chunks=(2,))[:] = 1


FILES: dict[str, Write] = {
    "attributes": attributes, "padded texts": padded_texts, "types": types, "committed type": committed_type,
    "compact": compact, "chunked": chunked, "skipped filters": skipped_filters, "early": early, "paged": paged,
    "names": names, "deep": deep, "rewritten": rewritten, "nothing": nothing, "times": times,
    "fill values": fill_values, **{f"{count} children": many(count) for count in (1, 8, 9, 100, 1000)},
}  # fmt: skip
# With the newest format, h5py writes chunks of datasets that can grow in forms that are left to libhdf5.
LEFT_TO_LIBHDF5 = {("chunked", "v110"), ("chunked", "latest")}


@pytest.mark.parametrize(("key", "version"), [pair for pair in product(FILES, VERSIONS) if pair not in LEFT_TO_LIBHDF5])
def test_the_same_tree(tmp_path: Path, key: str, version: str) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver=(version, "latest") if version != "latest" else "latest") as file:
        FILES[key](file)
    expected = by_h5py(path)
    found = own(path)
    assert list(found) == list(expected)
    assert found == expected


@pytest.mark.parametrize("key", ["attributes", "types", "rewritten", "100 children", "chunked", "names"])
def test_the_order_of_creation_changes_nothing(tmp_path: Path, key: str) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", track_order=True) as file:
        before = h5py.get_config().track_order
        h5py.get_config().track_order = True
        try:
            FILES[key](file)
        finally:
            h5py.get_config().track_order = before
    assert own(path) == by_h5py(path)


@pytest.mark.parametrize("version", ["earliest", "v108"])
def test_a_group_of_many(tmp_path: Path, version: str) -> None:
    """Enough for B-trees of several levels."""
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver=(version, "latest")) as file:
        many(5000)(file)
    assert own(path) == by_h5py(path)


def test_a_big_attribute(tmp_path: Path) -> None:
    """Above 64 KiB, attributes lie in a heap of their own; in chunks of a heap above 4 KiB."""
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["big"] = np.array([b"x" * 1000] * 200)
        file.attrs["middling"] = np.array([b"y" * 1000] * 20)
        for number in range(300):
            file.attrs[f"small {number}"] = number
    assert own(path) == by_h5py(path)


def test_the_names_in_a_file_are_bytes(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        h5py.h5g.create(file.id, b"d\xffnse")
        h5py.h5g.create(file.id, b"d\xfense")
    assert list(root(path).children) == ["d\\xfense", "d\\xffnse"]
