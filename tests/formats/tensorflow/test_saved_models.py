"""SavedModels that nobody's TensorFlow wrote: each is read right or refused, and nothing of a variable is lost."""

from pathlib import Path
from random import Random

import numpy as np
import pytest

from gate.errors import GateError, MissingFileError, UnsafeFileError
from gate.formats import open_weights
from gate.tensors.weightset import WeightSet
from support.bundles import bytes_field
from support.graphs import ATTRIBUTE, Function, Object, Saved, values_of, variable, write_checkpoint

OBJECTS = [
    Object([("layers", 1), ("_all_variables", 6)]), Object([("0", 2), ("1", 3)], container=True),
    Object([("kernel", 4)]), Object([("kernel", 5)]),
    variable("layers/0/kernel", "a/kernel"), variable("layers/1/kernel", "b/kernel"),
    Object([("0", 7)], container=True), variable("_all_variables/0", "a/kernel"),
]  # fmt: skip
ORIGINAL, OTHER, COPY = (each.key or "" for each in (OBJECTS[4], OBJECTS[5], OBJECTS[7]))
PLAIN = [Object([("layer", 1)]), Object([("kernel", 2)]), variable("layer/kernel", "a/kernel")]


def listed(folder: Path) -> WeightSet:
    with open_weights(folder) as weights:
        return weights


def refused(folder: Path, error: type[GateError] = GateError) -> str:
    with pytest.raises(error) as found:
        open_weights(folder)
    assert found.value.hint
    return found.value.reason


def test_a_second_copy_that_is_the_same_is_listed_once(tmp_path: Path) -> None:
    values = values_of(OBJECTS)
    weights = listed(Saved(OBJECTS, values=values | {COPY: values[ORIGINAL]}).write(tmp_path / "m"))
    assert list(weights.tensors) == ["a/kernel", "b/kernel"]
    assert any("stored twice" in note for note in weights.notes)


@pytest.mark.parametrize("how", ["value", "shape", "dtype", "sign of zero"])
def test_a_second_copy_that_differs_is_listed(how: str, tmp_path: Path) -> None:
    values = values_of(OBJECTS) | {ORIGINAL: np.zeros(2, np.float32)}
    copy = {
        "value": np.array([0, 1e-30], np.float32), "shape": np.zeros((1, 2), np.float32),
        "dtype": np.zeros(2, np.int32), "sign of zero": -np.zeros(2, np.float32),
    }[how]  # fmt: skip
    weights = listed(Saved(OBJECTS, values=values | {COPY: copy}).write(tmp_path / "m"))
    assert sorted(each.stored_as for each in weights) == sorted((ORIGINAL, OTHER, COPY))


def test_without_its_variables(tmp_path: Path) -> None:
    folder = Saved(PLAIN, stored=[]).write(tmp_path / "m")
    assert "has variables, and no" in refused(folder, MissingFileError)


def test_no_variables_at_all(tmp_path: Path) -> None:
    weights = listed(Saved([Object()]).write(tmp_path / "m"))
    assert len(weights) == 0
    assert "the model has no variables" in weights.notes


@pytest.mark.parametrize("graphs", [0, 2, 50])
def test_several_meta_graphs(graphs: int, tmp_path: Path) -> None:
    folder = Saved(PLAIN, graphs=graphs).write(tmp_path / "m")
    if graphs:
        assert [each.stored_as for each in listed(folder)] == [f"layer/kernel{ATTRIBUTE}"]
    else:
        assert "no graph" in refused(folder)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", "..", "a\\b", "C:\\x", "a\0b"])
def test_assets_that_lead_elsewhere(name: str, tmp_path: Path) -> None:
    assert "not in its folder" in refused(Saved(PLAIN, assets=[name]).write(tmp_path / "m"), UnsafeFileError)


def test_assets_that_are_missing_or_folders(tmp_path: Path) -> None:
    folder = Saved(PLAIN, assets=["words.txt"]).write(tmp_path / "m")
    assert "words.txt is not there" in refused(folder, MissingFileError)
    (folder / "assets" / "words.txt").mkdir(parents=True)
    assert "is no file" in refused(folder)
    (folder / "assets" / "words.txt").rmdir()
    (folder / "assets" / "words.txt").write_text("hello")
    assert folder / "assets" / "words.txt" in listed(folder).files


def test_an_asset_that_is_a_link_is_among_the_files(tmp_path: Path) -> None:
    """A link out of the workspace is refused by the run, which confines every file that the reader names."""
    (tmp_path / "secret").write_text("x")
    folder = Saved(PLAIN, assets=["words.txt"]).write(tmp_path / "m")
    (folder / "assets").mkdir()
    (folder / "assets" / "words.txt").symlink_to(tmp_path / "secret")
    assert folder / "assets" / "words.txt" in listed(folder).files


FUNCTIONS = [
    Function("f", ["x", "v"], [2, 2, 2, 2], [("v", "m_1/a_1/Cast/ReadVariableOp")]),
    Function("f", [], [2]),
    Function("f", ["v"], [99, -5], [("v", "m_1/a_1/Cast/ReadVariableOp")]),
    Function("f", ["v"], [0], [("v", "m_1/a_1/Cast/ReadVariableOp")]),
    Function("f", ["v", "v"], [2, 2], [("v", "")]),
    Function("f", ["v"], [2], [("v", "/" * 1000)]),
    Function("f", ["v"], [2], [("v", "x_1/" * 50_000 + "Cast/ReadVariableOp")]),
    Function("", ["v"], [2], [("nobody", "a/b/c")]),
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=range(len(FUNCTIONS)))
def test_functions_that_do_not_fit_their_variables(function: Function, tmp_path: Path) -> None:
    weights = listed(Saved(PLAIN, [function]).write(tmp_path / "m"))
    assert [each.stored_as for each in weights] == [f"layer/kernel{ATTRIBUTE}"]


def test_thousands_of_functions(tmp_path: Path) -> None:
    read = [("v", "m_1/a_1/Cast/ReadVariableOp")]
    functions = [Function(f"f{number}", ["v"], [2], read) for number in range(5000)]
    weights = listed(Saved(PLAIN, functions).write(tmp_path / "m"))
    assert [each.stored_as for each in weights] == [f"layer/kernel{ATTRIBUTE}"]


def test_objects_of_the_bundle_that_are_others(tmp_path: Path) -> None:
    """The names come from the bundle; what `saved_model.pb` says of other objects changes no more than a name."""
    other = [Object([("elsewhere", 1)]), Object([("x", 0), ("y", 1)])]
    weights = listed(Saved(other, stored=PLAIN).write(tmp_path / "m"))
    assert [each.stored_as for each in weights] == [f"layer/kernel{ATTRIBUTE}"]


def test_children_that_are_not_there(tmp_path: Path) -> None:
    assert "the object 7" in refused(Saved([Object([("x", 7)])], stored=PLAIN).write(tmp_path / "m"))


def test_bit_flips(tmp_path: Path) -> None:
    functions = [Function("f", ["x", "v", "w"], [4, 5], [("v", "m_1/a_1/Cast/ReadVariableOp"), ("w", "m_1/b_1/R/R")])]
    values = values_of(OBJECTS)
    folder = Saved(OBJECTS, functions, ["words.txt"], values=values | {COPY: values[ORIGINAL]}).write(tmp_path / "m")
    (folder / "assets").mkdir()
    (folder / "assets" / "words.txt").write_text("x")
    whole = (folder / "saved_model.pb").read_bytes()
    random, outcomes = Random(11), set()
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(random.choice((1, 1, 2, 8))):
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
        (folder / "saved_model.pb").write_bytes(changed)
        try:
            weights = listed(folder)
            assert {each.stored_as for each in weights} >= {ORIGINAL, OTHER}
            outcomes.add("read")
        except GateError as error:
            outcomes.add("refused" if error.hint and "Error" not in error.reason else error.reason)
    assert outcomes == {"read", "refused"}


def test_what_is_no_message(tmp_path: Path) -> None:
    for number, data in enumerate((b"\xff" * 30, b"hello", bytes_field(2, bytes_field(7, b"\x0a\x05ab")))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "saved_model.pb").write_bytes(data)
        assert refused(folder)


def test_a_bundle_without_objects_beside_objects(tmp_path: Path) -> None:
    folder = Saved(PLAIN, stored=[]).write(tmp_path / "m")
    write_checkpoint(folder / "variables" / "variables", [Object()], {"a/kernel": np.ones(2, np.float32)})
    assert list(listed(folder).tensors) == ["a/kernel"]
