"""What a child hands over arrives bit for bit, and stays as it arrived; what it only says is not believed."""

import errno
import json
import mmap
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gate.errors import GateError, UnreadableError
from gate.runtime import dump, handover, landlock
from gate.runtime.dump import Dump, Writer
from gate.runtime.handover import take
from gate.runtime.held import Held
from gate.tensors.weightset import Array, Group, Step
from support.children import Children

WORDS = "do not agree"
DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4",
)  # fmt: skip


@pytest.fixture
def private(tmp_path: Path) -> Path:
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


def dtype_of(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name, name))


def sample(name: str, shape: tuple[int, ...] = (3, 5)) -> Array:
    numbers = np.arange(1, int(np.prod(shape)) + 1).reshape(shape)
    return numbers.astype(dtype_of(name)) if name != "bool" else numbers % 2 == 0


def there_and_back(tmp_path: Path, private: Path, *arrays: Array) -> list[Array]:
    writer = Writer(tmp_path / "file.bin")
    entries = json.loads(json.dumps([writer.add(array) for array in arrays]))
    writer.close()
    found = Dump(take(tmp_path / "file.bin", private, "it"), "it")
    return [found.array(entry) for entry in entries]


# Arrays


def test_every_dtype_arrives_bit_for_bit(tmp_path: Path, private: Path) -> None:
    given = [sample(name) for name in DTYPES]
    found = there_and_back(tmp_path, private, *given)
    assert [(each.dtype, each.shape) for each in found] == [(each.dtype, each.shape) for each in given]
    assert [each.tobytes() for each in found] == [each.tobytes() for each in given]
    assert not any(each.flags.writeable for each in found)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1), (7,)])
def test_every_shape_arrives(tmp_path: Path, private: Path, shape: tuple[int, ...]) -> None:
    (found,) = there_and_back(tmp_path, private, sample("float32", shape))
    assert found.shape == shape
    assert found.tolist() == sample("float32", shape).tolist()


def test_odd_memory_arrives_in_order(tmp_path: Path, private: Path) -> None:
    whole = sample("float32", (6, 8))
    given = [whole.T, whole[::2, ::-1], np.asfortranarray(whole), whole.astype(">f4").astype("=f4")]
    assert [each.tolist() for each in there_and_back(tmp_path, private, *given)] == [each.tolist() for each in given]


def test_special_values_keep_their_bits(tmp_path: Path, private: Path) -> None:
    bits = np.array([0x7FC00001, 0xFFC00000, 0x7F800000, 0x80000000, 1], np.uint32)
    (found,) = there_and_back(tmp_path, private, bits.view(np.float32))
    assert found.view(np.uint32).tolist() == bits.tolist()


def test_texts_arrive_as_bytes(tmp_path: Path, private: Path) -> None:
    texts = [["a", "é\n"], ["", "\0x"]]
    objects = np.array([[text.encode() for text in row] for row in texts], object)
    first, second = there_and_back(tmp_path, private, objects, np.array(texts))
    assert first.tolist() == objects.tolist()
    assert second.tolist() == objects.tolist()
    assert not first.flags.writeable
    nothing, unwritten = there_and_back(tmp_path, private, np.array([], object), np.array([b""], object))
    assert (nothing.shape, unwritten.tolist()) == ((0,), [b""])


@pytest.mark.parametrize("given", [np.zeros(2, "datetime64[s]"), np.zeros(2, [("x", "f4")]), np.zeros(2, "V3")])
def test_what_is_no_tensor_is_not_handed_over(tmp_path: Path, given: Array) -> None:
    with pytest.raises(GateError, match="has the dtype"):
        dump.written(tmp_path / "file.bin", {"it": given})


# Words that are not believed

ENTRY: dict[str, Any] = {"dtype": "float32", "shape": [2, 3], "offset": 0, "bytes": 24}
TEXTS: dict[str, Any] = {"dtype": "text", "shape": [2], "offset": 0, "bytes": 5, "lengths": [2, 3]}
LIES: list[dict[str, Any]] = [
    {"offset": 4}, {"offset": -4}, {"offset": 1 << 70}, {"offset": None}, {"offset": "x"}, {"bytes": 28},
    {"bytes": -24}, {"bytes": "24.0"}, {"shape": [3, 3]}, {"shape": [-2, -3]}, {"shape": [-2, 3]}, {"shape": 6},
    {"shape": [None]}, {"shape": [1 << 60, 1 << 60]}, {"shape": [2, 3, 0]}, {"dtype": "float64"}, {"dtype": "object"},
    {"dtype": "O"}, {"dtype": "text"}, {"dtype": "V4"}, {"dtype": "f4,f4"}, {"dtype": "datetime64[s]"},
    {"dtype": "finfo"}, {"dtype": "__file__"}, {"dtype": ""}, {"dtype": 7}, {"dtype": None}, {"dtype": "U1"},
]  # fmt: skip
LIES_OF_TEXTS: list[dict[str, Any]] = [
    {"lengths": [2, 4]}, {"lengths": [-1, 6]}, {"lengths": [5]}, {"lengths": [1] * 5}, {"lengths": None},
    {"lengths": ["x", 5]}, {"lengths": [2, 30], "bytes": 32}, {"shape": [3]}, {"offset": 30}, {"shape": [-1, -2]},
]  # fmt: skip


@pytest.mark.parametrize(
    "entry", [{**ENTRY, **lie} for lie in LIES] + [{**TEXTS, **lie} for lie in LIES_OF_TEXTS], ids=str
)
def test_an_entry_that_does_not_fit_the_file(tmp_path: Path, private: Path, entry: dict[str, Any]) -> None:
    (tmp_path / "file.bin").write_bytes(bytes(24))
    found = Dump(take(tmp_path / "file.bin", private, "it"), "it")
    assert found.array(ENTRY).tolist() == [[0.0] * 3] * 2
    assert found.array(TEXTS).tolist() == [b"\0\0", b"\0\0\0"]
    with pytest.raises(UnreadableError):
        found.array(entry)


@pytest.mark.parametrize("key", ENTRY)
def test_an_entry_that_lacks_something(tmp_path: Path, private: Path, key: str) -> None:
    (tmp_path / "file.bin").write_bytes(bytes(24))
    found = Dump(take(tmp_path / "file.bin", private, "it"), "it")
    with pytest.raises(UnreadableError, match=WORDS):
        found.array({name: value for name, value in ENTRY.items() if name != key})


def test_an_empty_file_holds_nothing() -> None:
    with pytest.raises(UnreadableError, match=WORDS):
        Dump(None, "it").array(ENTRY)
    assert Dump(None, "it").array({**ENTRY, "shape": [0, 3], "bytes": 0}).shape == (0, 3)


# Variables


def held(name: str, **more: Any) -> Held:
    return Held(name, np.dtype("float32"), (2,), lambda: np.ones(2, np.float32), **more)


def told(*all_held: Held) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(json.dumps([dump.variables_entry(each) for each in all_held]))
    return entries


def test_variables_keep_their_place_in_the_model(tmp_path: Path) -> None:
    step = Step("dense", "model/dense", "proj", "dense")
    unnamed = Step(None, "model/1", None, None)
    given = held("kernel", steps=(step, unnamed), order=(0, "head", 2), index=3, group=Group.OPTIMIZER, keys=("a", "b"))
    weights = dump.variables(told(given, held("bias", steps=(step,))), None, "it", tmp_path)
    first, second = weights
    assert first.name == given.name
    assert (first.variable, first.index, first.group) == ("kernel", 3, Group.OPTIMIZER)
    assert first.stored_as == "a\nb"
    assert first.layer is not None
    assert second.layer is not None
    assert [(each.name, each.node, each.attribute, each.kind) for each in first.layer.steps] == [
        ("dense", "model/dense", "proj", "dense"),
        (None, "model/1", None, None),
    ]
    assert first.layer.order == (0, "head", 2)
    assert second.layer.order is None


def test_two_of_one_name_are_two(tmp_path: Path) -> None:
    weights = dump.variables(told(held("w"), held("w"), held("w~2")), None, "it", tmp_path)
    assert len(weights) == 3
    assert len({each.name for each in weights}) == 3


def test_what_was_listed_only_has_no_data(tmp_path: Path) -> None:
    (tensor,) = dump.variables(told(held("w")), None, "it", tmp_path)
    with pytest.raises(UnreadableError, match="listed only"):
        tensor.read()


SAID = told(held("w", steps=(Step("a", "a"),)))[0]


@pytest.mark.parametrize(
    "lie",
    [
        {"steps": [["a"]]}, {"steps": [7]}, {"steps": None}, {"order": 7}, {"group": "no such"}, {"keys": 7},
        {"index": "x"}, {"index": [1]}, {"shape": ["x"]}, {"shape": 7}, {"dtype": "object"}, {"dtype": 7},
    ],
    ids=str,
)  # fmt: skip
def test_a_variable_that_makes_no_sense(tmp_path: Path, lie: dict[str, Any]) -> None:
    """`Session` tells these as an answer that makes no sense."""
    with pytest.raises((TypeError, ValueError)):
        dump.variables([{**SAID, **lie}], None, "it", tmp_path)


def test_words_of_other_kinds_are_texts_or_nothing(tmp_path: Path) -> None:
    """Whatever a child says, names are texts and places can be sorted."""
    lie = {"name": 7, "variable": None, "steps": [[7, 8, {}, []]], "order": [None, 1.5, 2], "keys": [1, {}]}
    (tensor,) = dump.variables([{**SAID, **lie}], None, "it", tmp_path)
    assert (tensor.name, tensor.variable, tensor.stored_as) == ("7", "None", "1\n{}")
    assert tensor.layer is not None
    assert tensor.layer.order == ("None", "1.5", 2)
    assert tensor.layer.node == "8"


# Handing over


def taken_bytes(path: Path, private: Path) -> bytes:
    mapped = take(path, private, "it")
    assert mapped is not None
    return bytes(mapped.raw)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What had to be copied."""
    found: list[str] = []
    real = handover._copy

    def copy(*given: Any) -> None:
        found.append(given[-1])
        real(*given)

    monkeypatch.setattr(handover, "_copy", copy)
    return found


def test_a_file_that_nobody_writes_is_mapped_as_it_is(tmp_path: Path, private: Path, copies: list[str]) -> None:
    data = random.Random(1).randbytes(3_000_000)
    (tmp_path / "file.bin").write_bytes(data)
    assert taken_bytes(tmp_path / "file.bin", private) == data
    assert not copies
    assert not list(private.iterdir())
    assert not (tmp_path / "file.bin").exists()


def test_an_empty_file_is_none(tmp_path: Path, private: Path) -> None:
    (tmp_path / "file.bin").touch()
    assert take(tmp_path / "file.bin", private, "it") is None


def _open_for_writing(path: Path) -> Callable[[], None]:
    descriptor = os.open(path, os.O_RDWR)

    def cut() -> None:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)

    return cut


def _mapped_for_writing(path: Path) -> Callable[[], None]:
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)

    def write() -> None:
        mapped[:5] = b"other"
        mapped.close()

    return write


def _linked(path: Path) -> Callable[[], None]:
    path.with_name("other").hardlink_to(path)
    return lambda: os.truncate(path.with_name("other"), 0)


@pytest.mark.parametrize("hold", [_open_for_writing, _mapped_for_writing, _linked])
def test_what_somebody_can_still_change_is_copied(
    tmp_path: Path, private: Path, copies: list[str], hold: Callable[[Path], Callable[[], None]]
) -> None:
    data = random.Random(2).randbytes(3_000_000)
    (tmp_path / "file.bin").write_bytes(data)
    change = hold(tmp_path / "file.bin")
    mapped = take(tmp_path / "file.bin", private, "it")
    assert mapped is not None
    change()
    assert bytes(mapped.raw) == data
    assert copies == ["it"]
    assert not list(private.iterdir())


def test_a_hole_is_filled(tmp_path: Path, private: Path, copies: list[str]) -> None:
    with (tmp_path / "file.bin").open("wb") as file:
        file.write(b"begin")
        file.truncate(3_000_000)
    assert taken_bytes(tmp_path / "file.bin", private) == b"begin".ljust(3_000_000, b"\0")
    assert copies == ["it"]


def test_where_there_are_no_leases_all_is_copied(
    tmp_path: Path, private: Path, copies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("gate.runtime.handover.fcntl.fcntl", refuse)
    (tmp_path / "file.bin").write_bytes(b"data")
    assert taken_bytes(tmp_path / "file.bin", private) == b"data"
    assert copies == ["it"]


def test_a_copy_that_does_not_fit_is_told(tmp_path: Path, private: Path) -> None:
    with (tmp_path / "file.bin").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(GateError, match=r"handed over 8\.0 TiB, and .* are free in"):
        take(tmp_path / "file.bin", private, "it")


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("/etc/passwd"), os.mkfifo])
def test_something_else_than_a_file_is_refused(tmp_path: Path, private: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "file.bin")
    with pytest.raises(OSError, match=r"regular|Is a directory|symbolic links"):
        take(tmp_path / "file.bin", private, "it")


def test_a_file_that_is_not_there(tmp_path: Path, private: Path) -> None:
    with pytest.raises(FileNotFoundError):
        take(tmp_path / "file.bin", private, "it")


@pytest.mark.skipif(landlock.version() < landlock.TRUNCATION, reason="needs a kernel that knows of truncation")
def test_a_confined_child_has_no_way_back_to_what_it_gave(tmp_path: Path, private: Path) -> None:
    """It keeps a descriptor to read with, which keeps nobody from mapping, and which `/proc` would open anew."""
    script = """
from gate.runtime.sandbox import confine, restrain
restrain(None, os.getppid())
confine([], [Path.cwd()])
Path("file.bin").write_bytes(bytes(1_000_000))
kept = os.open("file.bin", os.O_RDONLY)
request()
answer({})
request()
def attempt(what):
    try: what()
    except OSError as error: return error.strerror
    return "done"
name = f"/proc/self/fd/{kept}"
answer({"found": {
    "write": attempt(lambda: os.open(name, os.O_RDWR)),
    "cut": attempt(lambda: os.truncate(name, 0)),
    "cut with it": attempt(lambda: os.ftruncate(kept, 0)),
    "link": attempt(lambda: os.link(name, "again", follow_symlinks=True)),
    "list": attempt(lambda: os.listdir("../private")),
    "read": attempt(lambda: os.pread(kept, 10, 0)),
}})
"""
    own = tmp_path / "own"
    own.mkdir()
    children = Children(own)
    with children.start(script) as child:
        child.ask({})
        mapped = take(own / "file.bin", private, "it")
        found = child.ask({})["found"]
    assert mapped is not None
    assert bytes(mapped.raw) == bytes(1_000_000)
    assert found.pop("read") == "done"
    assert "done" not in found.values(), found


def test_handing_over_costs_no_memory(tmp_path: Path, private: Path) -> None:
    (tmp_path / "file.bin").write_bytes(bytes(200 * 1024**2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mapped = take(tmp_path / "file.bin", private, "it")
    assert mapped is not None
    assert mapped.size == 200 * 1024**2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024
