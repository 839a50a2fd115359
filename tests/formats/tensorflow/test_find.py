"""What a path means: folders with several checkpoints, state files by others, prefixes with odd characters."""

from pathlib import Path

import numpy as np
import pytest

from gate.errors import GateError, MissingFileError
from gate.formats import open_weights
from support.bundles import write_bundle

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"


def bundle(prefix: Path, value: float = 1) -> Path:
    return write_bundle(prefix, {"v": np.array([value], np.float32)})


def value_at(path: Path) -> float:
    with open_weights(path) as weights:
        return float(weights.tensors["v"].read()[0])


def refused(path: Path) -> str:
    with pytest.raises(GateError) as error:
        open_weights(path)
    assert error.value.hint
    return error.value.reason


def several(folder: Path) -> Path:
    for number in (1, 2, 10):
        bundle(folder / f"ck-{number}", number)
    return folder


@pytest.mark.parametrize(
    "state",
    ['"ck-2"', '"/home/me/runs/ck-2"', '"C:\\\\runs\\\\ck-2"', '"../elsewhere/ck-2"', '"ck-\\2"', '"\\x2fck-2"'],
)
def test_the_state_file_of_another_machine(state: str, tmp_path: Path) -> None:
    (several(tmp_path) / "checkpoint").write_text(
        f'model_checkpoint_path: {state}\nall_model_checkpoint_paths: "ck-1"\n'
    )
    if "x2f" in state:
        assert "holds 3 checkpoints" in refused(tmp_path)
    else:
        assert value_at(tmp_path) == 2


@pytest.mark.parametrize(
    "state",
    [b"", b"\xff\xfe\0", b"model_checkpoint_path: ck-2", b'model_checkpoint_path: "ck-', b'model_checkpoint_path: ""',
     b'model_checkpoint_path: ".."', b'model_checkpoint_path: "ck-3"', b'model_checkpoint_path: "' + b"\\" * 5001,
     b'model_checkpoint_path: "' + b"a" * (1 << 21) + b'"', b'model_checkpoint_path: "ck-2\0"'],
    ids=range(10),
)  # fmt: skip
def test_state_files_that_say_nothing(state: bytes, tmp_path: Path) -> None:
    (several(tmp_path) / "checkpoint").write_bytes(state)
    assert "holds 3 checkpoints" in refused(tmp_path)


def test_the_only_one_needs_no_state_file(tmp_path: Path) -> None:
    bundle(tmp_path / "ck-5", 5)
    assert value_at(tmp_path) == 5
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "gone"\n')
    with open_weights(tmp_path) as weights:
        assert any("gone" in note for note in weights.notes)
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "checkpoint").mkdir()
    assert value_at(tmp_path) == 5


def test_the_empty_prefix(tmp_path: Path) -> None:
    bundle(tmp_path / "m", 7)
    (tmp_path / "model").mkdir()
    for name in (".index", ".data-00000-of-00001"):
        (tmp_path / f"m{name}").rename(tmp_path / "model" / name)
    assert value_at(tmp_path / "model") == 7
    assert value_at(tmp_path / "model" / ".index") == 7


@pytest.mark.parametrize(
    "name", ["a*", "a?", "a[b]", "[", "a b", "a:b", "ümlaut", "-x", "a.index", "a.data-00000-of-00001"]
)
def test_prefixes_of_any_name(name: str, tmp_path: Path) -> None:
    index = bundle(tmp_path / name, 3)
    bundle(tmp_path / "abc", 4)
    assert value_at(tmp_path / name) == 3
    assert value_at(index) == 3
    data = next(each for each in tmp_path.iterdir() if each.name.startswith(f"{name}.data-"))
    assert value_at(data) == 3
    index.unlink()
    with pytest.raises(MissingFileError):
        open_weights(tmp_path / name)


def test_a_link_to_an_index_has_its_shards_beside_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    index = bundle(tmp_path / "real" / "m")
    link = tmp_path / "m.index"
    link.symlink_to(index)
    assert refused(link)
    (tmp_path / "m.data-00000-of-00001").symlink_to(tmp_path / "real" / "m.data-00000-of-00001")
    assert value_at(link) == 1


@pytest.mark.parametrize("which", [".index", ".data-00000-of-00001"])
def test_pointers_in_place_of_files(which: str, tmp_path: Path) -> None:
    bundle(tmp_path / "m")
    (tmp_path / f"m{which}").write_bytes(POINTER)
    for path in (tmp_path / "m", tmp_path, tmp_path / "m.index"):
        assert "LFS" in refused(path)


def test_folders_in_place_of_files(tmp_path: Path) -> None:
    (tmp_path / "m.index").mkdir()
    assert refused(tmp_path)
    assert refused(tmp_path / "m")


def test_a_model_as_text(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pbtxt").write_text("saved_model_schema_version: 1")
    assert "written as text" in refused(tmp_path)
