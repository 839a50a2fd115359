"""Whatever tree h5py writes, in whatever form, is read as h5py reads it."""

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from support.hdf5_trees import by_h5py, own

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name != "."
)
VALUES = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(
        st.binary(min_size=1, max_size=20).map(lambda data: data.replace(b"\0", b"x")), min_size=1, max_size=5
    ).map(np.array),
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=3
    ),
)
DTYPES = st.sampled_from(["?", "i1", "<u2", ">i4", "<i8", "<f2", ">f4", "<f8", "<c8", ">c16", "S3"])
ARRAYS = st.tuples(DTYPES, st.lists(st.integers(0, 5), max_size=4), st.sampled_from(["plain", "chunks", "gzip", "sum"]))
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=3)
MANY_ATTRIBUTES = st.dictionaries(NAMES, VALUES, min_size=9, max_size=12)
FORMS: dict[str, dict[str, Any]] = {"gzip": {"compression": "gzip", "shuffle": True}, "sum": {"fletcher32": True}}
TREES: Any = st.recursive(
    st.tuples(ARRAYS, ATTRIBUTES),
    lambda below: st.tuples(st.dictionaries(NAMES, below, max_size=5), ATTRIBUTES),
    max_leaves=12,
)


def put(group: Any, name: str, tree: Any) -> None:
    what, attributes = tree
    if isinstance(what, dict):
        item = group if name == "/" else group.create_group(name)
        for key, child in what.items():
            put(item, key, child)
    else:
        dtype, shape, form = what
        data = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype("u1").astype(dtype)
        options: dict[str, Any] = {}
        if form != "plain" and shape and all(shape):
            options["chunks"] = tuple(max(1, length // 2) for length in shape)
            options |= FORMS.get(form, {})
        item = group.create_dataset(name, data=data, **options)
    for key, value in attributes.items():
        item.attrs[key] = value


@given(
    st.tuples(st.dictionaries(NAMES, TREES, max_size=10), ATTRIBUTES | MANY_ATTRIBUTES),
    st.sampled_from(["earliest", "v108", "v110", "latest"]),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_tree(tree: Any, version: str, ordered: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.h5"
        with h5py.File(path, "w", libver=(version, "latest"), track_order=ordered) as file:
            put(file, "/", tree)
        assert own(path) == by_h5py(path)
