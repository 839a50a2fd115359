"""Locks as text: what is written is read, as YAML too, and nothing else is."""

import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import MissingFileError, UnreadableError
from gate.locks.lock import Lock, LockedTensor, Made
from gate.locks.tensor_lines import tensor, tensor_as_written
from gate.locks.text import entry_of, lock_text, parse_lock, read_lock
from gate.locks.weights import weights_of
from gate.manifest.yaml_nodes import Mark, read_yaml
from gate.position import Position
from gate.tensors.locked import LOCKED_STATISTICS, defined
from gate.tensors.weightset import Group, Layer, Step
from support.locks import MADE

# All characters but halves of them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.one_of(
    TEXTS,
    st.sampled_from(
        ["a/kernel", "null", "yes", "1e5", "-", "- a", "#", "a: b", "a #b", "'", '"', "\\", "{}", "[", "&a", "*a", "!t",
         "%", "@", "`", "\x00", "\x85", "\u2028", "\u202e", "\ufeff", "\U0001f600", "a\nb", "~", ".nan", "0x1", "=", ""]
    ),
)  # fmt: skip
NUMBERS = st.floats(width=64)
DTYPES = ["float32", "float64", "bfloat16", "float8_e4m3fn", "int8", "uint64", "bool", "string", "complex64", "int4"]


@st.composite
def tensors(draw: st.DrawFn) -> LockedTensor:
    dtype = draw(st.sampled_from(DTYPES))
    shape = tuple(draw(st.lists(st.integers(0, 2**15), max_size=4)))
    wanted = defined(0 if 0 in shape else 1, dtype not in {"string", "complex64"})
    steps = draw(st.lists(st.tuples(*[st.none() | NAMES] * 3, st.sampled_from("abc")), max_size=3))
    around = Layer(
        tuple(Step(name, node, attribute, kind) for name, attribute, kind, node in steps),
        draw(st.none() | st.lists(st.integers(0, 99) | NAMES, max_size=3).map(tuple)),
    )
    group, layer = draw(st.sampled_from(list(Group))), draw(st.none() | st.just(around))
    name, variable = draw(NAMES), draw(st.just("") | NAMES)
    if group is Group.WEIGHTS:  # such a name is made of its layers'
        name = "/".join((*(layer.chain if layer else ()), variable or name))
    return LockedTensor(
        name=name,
        group=group,
        dtype=dtype,
        shape=shape,
        digest="blake3:" + draw(st.binary(min_size=32, max_size=32)).hex(),
        statistics={name: draw(NUMBERS) for name in wanted},
        layer=layer,
        variable=variable,
        index=draw(st.none() | st.integers(0, 10**9)),
        stored_as=draw(st.just("") | NAMES),
    )


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    made = Made(draw(TEXTS), draw(TEXTS), draw(TEXTS), draw(TEXTS), draw(st.dictionaries(TEXTS, TEXTS, max_size=3)))
    found = draw(st.lists(tensors(), min_size=1, max_size=4, unique_by=lambda each: each.name))
    digest = "sha256:" + draw(st.binary(min_size=32, max_size=32)).hex()
    return Lock(draw(TEXTS), digest, draw(TEXTS), made, tuple(found))


def shown(lock: Lock) -> list[str]:
    """All of a lock; NaN equals NaN, and nodes are counted in the order in which they come."""
    nodes: dict[str, int] = {}
    told = [repr((lock.weights, lock.digest, lock.format, lock.made))]
    for each in lock.tensors:
        layer = None
        if each.layer is not None:
            numbers = [nodes.setdefault(step.node, len(nodes)) for step in each.layer.steps]
            layer = [(step.name, step.attribute, step.kind) for step in each.layer.steps], numbers, each.layer.order
        told.append(repr(vars(each) | {"layer": layer}))
    return told


@settings(max_examples=60, deadline=None)
@given(locks())
def test_what_is_written_is_read(lock: Lock) -> None:
    text = lock_text(lock)
    assert shown(parse_lock(text, "a.lock.yml")) == shown(lock)
    assert shown(parse_lock(text.replace("\n", "\r\n"), "a.lock.yml")) == shown(lock)
    assert text.isascii() or all(line.isprintable() for line in text.split("\n"))
    assert lock_text(parse_lock(text, "a.lock.yml")) == text


@settings(max_examples=60, deadline=None)
@given(locks())
def test_both_ways_to_read_a_line_agree(lock: Lock) -> None:
    layers = [Layer((Step("a", "0"),))] * 9
    for line in lock_text(lock).split("\n"):
        if line.startswith("- {name") and (quick := tensor_as_written(line, layers)):
            assert repr(quick) == repr(tensor(entry_of(line, nowhere), layers))


def nowhere(mark: Mark) -> Position:
    return Position("a.lock.yml", *mark)


@settings(max_examples=60, deadline=None)
@given(locks())
def test_it_is_yaml(lock: Lock) -> None:
    root, problems = read_yaml(lock_text(lock))
    assert root is not None
    assert not problems
    said = root.data()
    assert list(said)[:6] == ["lock", "weights", "format", "digest", "made", "tensors"]
    assert [each["name"] for each in said["tensors"]] == [each.name for each in lock.tensors]
    assert [each["shape"] for each in said["tensors"]] == [list(each.shape) for each in lock.tensors]
    assert [each["digest"] for each in yaml.safe_load(lock_text(lock))["tensors"]] == [t.digest for t in lock.tensors]


SMALL = Lock(
    "m.npz", f"sha256:{'0' * 64}", "npz", MADE,
    tuple(
        LockedTensor(
            name, Group.WEIGHTS, "float32", (3, 4), f"blake3:{digit * 64}", dict.fromkeys(LOCKED_STATISTICS, 0.5),
            Layer((Step("a", "0"),), (0,)) if name == "a/kernel" else None,
        )
        for name, digit in (("a/kernel", "a"), ("b/kernel", "b"))
    ),
)  # fmt: skip
TEXT = lock_text(SMALL)
KERNEL, OTHER = 14, 15


def line_of(what: str) -> int:
    return next(number for number, line in enumerate(TEXT.split("\n"), 1) if what in line)


@pytest.mark.parametrize(
    ("old", "new", "where", "reason"),
    [
        ("lock: 1", "lock: 2", (3, 1), "it is of version 2, and this weight-gate reads version 1"),
        ("lock: 1", "lock: 1.0", (3, 7), "lock: expected a whole number, found the number 1.0"),
        ("lock: 1\n", "", (3, 1), "lock is missing"),
        ("lock: 1", "lock: 1\nlock: 1", (4, 1), "duplicate key, first set on line 3"),
        ("format: npz", "formats: npz", (3, 1), "format is missing"),
        ("format: npz", "format: npz\nmore: 1", (6, 1), 'unknown key "more"'),
        ("digest: sha256:0", "digest: sha256:X", (3, 1), "digest: expected sha256: and 64 digits of lower case"),
        ("  by: Ada\n", "", (8, 3), "by is missing"),
        ("  by: Ada", "  by: [Ada]", (9, 7), "by: expected a text, found a list or mapping"),
        ("tensors:\n", "", (17, 1), "the line `tensors:` is missing"),
        ("name: a/kernel", "name: b/kernel", (OTHER, 1), 'the tensor "b/kernel" is there twice, first on line 14'),
        ("name: a/kernel", "nam: a/kernel", (KERNEL, 3), "name is missing"),
        ("name: a/kernel", "name: 5", (KERNEL, 10), "name: expected a text, found the number 5"),
        ("dtype: float32", "dtype: float31", (KERNEL, 3), 'dtype: there is none called "float31"'),
        ("dtype: float32", "dtype: string", (KERNEL, 3), "mean: string [3, 4] has none"),
        ("dtype: float32, ", "", (KERNEL, 3), "dtype is missing"),
        ("shape: [3, 4]", "shape: [3, -4]", (KERNEL, 3), "shape: expected a list of whole numbers"),
        ("shape: [3, 4]", "shape: [3, 4.0]", (KERNEL, 3), "shape: expected a list of whole numbers"),
        ("shape: [3, 4]", "shape: [true]", (KERNEL, 3), "shape: expected a list of whole numbers"),
        ("shape: [3, 4]", f"shape: [{2**63}]", (KERNEL, 3), "shape: expected a list of whole numbers"),
        ("shape: [3, 4]", f"shape: [{2**32}, {2**31}]", (KERNEL, 3), "shape: more elements than a file can have"),
        ("shape: [3, 4]", f"shape: {[2**63 - 1] * 64}", (KERNEL, 3), "shape: more elements than a file can have"),
        ("shape: [3, 4]", "shape: 3", (KERNEL, 43), "shape: expected a list"),
        ("shape: [3, 4]", "shape: [0]", (KERNEL, 3), "mean: float32 [0] has none"),
        ("blake3:aa", "blake3:AA", (KERNEL, 3), "digest: expected blake3: and 64 digits of lower case"),
        ("blake3:aa", "blake3:a", (KERNEL, 3), "digest: expected blake3: and 64 digits of lower case"),
        ("blake3:aa", "sha256:aa", (KERNEL, 3), "digest: expected blake3: and 64 digits of lower case"),
        ("mean: 0.5", "mean: 1e999", (KERNEL, None), "a number beyond float64's range"),
        ("mean: 0.5", 'mean: "0.5"', (KERNEL, 138), 'mean: expected a number, found the text "0.5"'),
        ("mean: 0.5, ", "", (KERNEL, 3), "mean is missing"),
        ("mean: 0.5", "mean: 0.5, mean: 0.5", (KERNEL, None), "duplicate key"),
        ("mean: 0.5", "mean: 0.5, skewness: 0.5", (KERNEL, None), 'unknown key "skewness"'),
        ("layer: 0", "layer: 1", (KERNEL, 3), "layer: there is no layer 1 below"),
        ("layer: 0", "layer: -1", (KERNEL, 3), "layer: there is no layer -1 below"),
        ("- {name: a/kernel", "- {name: &x a/kernel, variable: *y", (KERNEL, None), "there is no anchor"),
        ("- {name: a/kernel", "- - {name: a/kernel", (KERNEL, 3), "expected a mapping"),
        ("- {name: a/kernel", "- {group: weight, name: a/kernel", (KERNEL, 3), 'group: there is none called "weight"'),
        ("- {name: a/kernel", "  {name: a/kernel", (KERNEL, 1), "only `layers:` can follow the tensors"),
        ("- {name: a/kernel", "<<<<<<< HEAD\n- {name: a/kernel", (KERNEL, 1), "a merge conflict that nobody resolved"),
        ("- {name: a/kernel", "=======\n- {name: a/kernel", (KERNEL, 1), "a merge conflict that nobody resolved"),
        ("a/kernel", "a/\tkernel", (KERNEL, 12), 'the character "\\u0009" without an escape'),
        ("a/kernel", "a/\x85kernel", (KERNEL, 12), 'the character "\\u0085" without an escape'),
        ("name: a}", "name: b}", (KERNEL, 3), 'the tensor "a/kernel" is said to be of the layer "b"'),
        ("layer: 0", "layer: 0, variable: bias", (KERNEL, 3), 'is said to be the variable "bias"'),
        ("layers:\n", "", (17, 1), "the line `layers:` is missing"),
        ("layers:\n", "more: 1\nlayers:\n", (16, 1), "only `layers:` can follow the tensors"),
        ("node: 0", "node: a", (18, 19), 'node: expected a whole number, found the text "a"'),
        ("node: 0", "knot: 0", (18, 12), "node is missing"),
        ("order: [0]", "order: [0.5]", (18, 3), "order: expected whole numbers and texts"),
        ("order: [0]", "place: [0]", (18, None), 'unknown key "place"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, where: tuple[int, int | None], reason: str) -> None:
    assert old in TEXT
    with pytest.raises(UnreadableError) as caught:
        parse_lock(TEXT.replace(old, new, 1), "a.lock.yml")
    assert reason in caught.value.reason
    position = caught.value.position
    assert position is not None
    assert (position.file, position.line) == ("a.lock.yml", where[0])
    assert where[1] in (None, position.column)
    assert "weight-gate update" in caught.value.hint


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_lock_that_is_cut_short_is_none(part: int) -> None:
    """Wherever it is cut, it is no lock, or lacks tensors, which `structure` then finds."""
    for length in range(part, len(TEXT), 3):
        try:
            lock = parse_lock(TEXT[:length], "a")
        except UnreadableError:
            continue
        assert len(lock.tensors) < len(SMALL.tensors)


def test_a_damaged_lock_is_an_error_or_a_lock() -> None:
    """Never another exception; and what is a lock all the same has other words, not other facts by accident."""
    random = Random(1)
    pieces = [
        "",
        "0",
        "-",
        ":",
        " ",
        ",",
        "{",
        "}",
        "[",
        "]",
        "\n",
        "#",
        '"',
        "'",
        "\\",
        "&a",
        "*a",
        "!!int ",
        "\t",
        "e",
        "é",
    ]
    places = []
    for _ in range(1500):
        at, length = random.randrange(len(TEXT)), random.choice((0, 1, 1, 5, 40))
        text = TEXT[:at] + random.choice(pieces) + TEXT[at + length :]
        try:
            lock = parse_lock(text, "a")
        except UnreadableError as error:
            places.append((error.position, text.count("\n") + 1))
        else:
            weights_of(lock, "a", Path("a"))
    assert len(places) > 500
    assert all(position is not None and position.line <= last for position, last in places)


@pytest.mark.parametrize(
    "dtype", ["object", "str", "finfo", "__doc__", "f4", "float", "i4,i4", "void8", "V0", "half", ">f4", "list"]
)
def test_only_names_of_dtypes_are_dtypes(dtype: str) -> None:
    with pytest.raises(UnreadableError, match="dtype: there is none called"):
        parse_lock(TEXT.replace("dtype: float32", f'dtype: "{dtype}"'), "a")


def test_lines_of_another_style_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.lock.yml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("{name: a/kernel,", "{ 'name': 'a/kernel' ,").encode())
    assert shown(read_lock(path, "a.lock.yml")) == shown(SMALL)


def test_what_is_no_text_file(tmp_path: Path) -> None:
    path = tmp_path / "a.lock.yml"
    with pytest.raises(MissingFileError, match="there is no lock at"):
        read_lock(path, "a.lock.yml")
    with pytest.raises(UnreadableError, match="is not a regular file"):
        read_lock(tmp_path, "a.lock.yml")
    path.write_bytes(TEXT.encode().replace(b"Ada", b"Ad\xe4"))
    with pytest.raises(UnreadableError, match="the byte 0xe4 is not UTF-8") as caught:
        read_lock(path, "a.lock.yml")
    assert str(caught.value.position) == "a.lock.yml:9:9"
    path.write_bytes(b"")
    with pytest.raises(UnreadableError, match="the line `tensors:` is missing"):
        read_lock(path, "a.lock.yml")
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(UnreadableError, match="without an escape"):
        read_lock(path, "a.lock.yml")


def test_many_tensors_are_read_soon() -> None:
    layer = Layer((Step("dense", "0"),), (0,))
    many = tuple(replace(SMALL.tensors[0], name=f"block_{n}/dense/kernel", layer=layer) for n in range(20_000))
    text = lock_text(replace(SMALL, tensors=many))
    start = time.perf_counter()
    assert len(parse_lock(text, "a").tensors) == 20_000
    assert time.perf_counter() - start < 3  # 0.4 s where nothing else runs
