"""Object graphs that nobody's model has: each ends in a right answer or in an error that says what to do, soon."""

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from gate.errors import GateError
from gate.formats import open_weights
from gate.formats.keras_names import distinct
from gate.formats.limits import Limits
from gate.formats.tensorflow.object_graph import parse_object_graph
from gate.formats.tensorflow.object_names import ObjectNames
from gate.tensors.weightset import Group, Tensor
from support.bundles import Array, bytes_field, number_field, texts, write_bundle
from support.graphs import ATTRIBUTE, GRAPH_KEY, Object, graph_bytes, values_of, variable, write_checkpoint


def read(folder: Path, objects: list[Object], values: dict[str, Array] | None = None) -> dict[str, Tensor]:
    with open_weights(write_checkpoint(folder / "m", objects, values)) as weights:
        return dict(weights.tensors)


def refused(folder: Path, objects: list[Object], values: dict[str, Array] | None = None) -> str:
    with pytest.raises(GateError) as error:
        read(folder, objects, values)
    assert error.value.hint
    return error.value.reason


def test_cycles_and_objects_that_hold_themselves(tmp_path: Path) -> None:
    objects = [
        Object([("me", 0), ("a", 1), ("b", 3)]), Object([("back", 0), ("me", 1), ("kernel", 2)]),
        variable("a/kernel", "one/kernel"), Object([("a", 1), ("kernel", 4)]), variable("b/kernel", "two/kernel"),
    ]  # fmt: skip
    assert list(read(tmp_path, objects)) == ["one/kernel", "two/kernel"]


def test_one_variable_on_many_ways_is_one_tensor(tmp_path: Path) -> None:
    objects = [
        Object([(f"way_{i}", 1) for i in range(50)] + [("b", 2)]),
        variable("v", "d/kernel"),
        Object([("again", 1)]),
    ]
    assert len(read(tmp_path, objects)) == 1


@pytest.mark.parametrize("child", [3, 1 << 30, -1, -(1 << 31)])
def test_children_and_slots_that_are_not_there(child: int, tmp_path: Path) -> None:
    assert f"the object {child}" in refused(tmp_path / "a", [Object([("x", child)]), variable("v"), Object()])
    for slot in (("m", 1, child), ("m", child, 1)):
        objects = [Object([("v", 1), ("o", 2)]), variable("v"), Object(slots=[slot])]
        assert f"the object {child}" in refused(tmp_path / str(slot), objects)


def test_a_key_that_the_bundle_lacks(tmp_path: Path) -> None:
    objects = [Object([("v", 1), ("w", 2)]), variable("v"), variable("w")]
    values = values_of(objects)
    values.pop(f"w{ATTRIBUTE}")
    assert "which the checkpoint does not hold" in refused(tmp_path, objects, values)


def test_two_variables_with_one_value(tmp_path: Path) -> None:
    objects = [Object([("a", 1), ("b", 2)]), variable("v", "a/kernel"), variable("v", "b/kernel")]
    assert "two variables with one value" in refused(tmp_path, objects)


def test_no_object_at_all(tmp_path: Path) -> None:
    assert "no objects" in refused(tmp_path, [])


def test_every_key_of_the_bundle_is_listed(tmp_path: Path) -> None:
    objects = [Object([("v", 1), ("w", 3)]), variable("v", "v"), variable("lost", "lost/kernel"), variable("w", "v~2")]
    more = {"v": 1, "v~2": 2, f"v{ATTRIBUTE}~2": 3, "by nobody": 4}
    values = values_of(objects) | {key: np.array([value], np.float32) for key, value in more.items()}
    with open_weights(write_checkpoint(tmp_path / "m", objects, values)) as weights:
        found = {each.stored_as: each.read().tolist() for each in weights}
        assert len(weights) == len(values)
    assert found == {key: value.tolist() for key, value in values.items()}


def test_names_that_groups_and_keys_make_alike_lose_no_tensor(tmp_path: Path) -> None:
    """TF1 has names alone: `a/Adam` of `a` is `optimizer/a/Adam`, as somebody may have called a weight."""
    arrays = {name: np.array([number], np.float32) for number, name in enumerate(("a", "a/Adam", "optimizer/a/Adam"))}
    with open_weights(write_bundle(tmp_path / "m", arrays)) as weights:
        assert sorted(each.stored_as for each in weights) == sorted(arrays)
        assert {each.stored_as: float(each.read()[0]) for each in weights} == {
            "a": 0,
            "a/Adam": 1,
            "optimizer/a/Adam": 2,
        }


@pytest.mark.parametrize("name", ["PYTHON_STATE", "OBJECT_CONFIG_JSON"])
def test_numbers_are_no_settings(name: str, tmp_path: Path) -> None:
    key = f"layer/.ATTRIBUTES/{name}"
    objects = [Object([("layer", 1)]), Object(key=key, attribute=name)]
    assert [each.stored_as for each in read(tmp_path / "numbers", objects).values()] == [key]
    assert not read(tmp_path / "text", objects, {key: texts(b"{}").reshape(())})
    objects[1] = Object(key=f"my_{name}")
    assert [each.stored_as for each in read(tmp_path / "called", objects).values()] == [f"my_{name}"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "//",
        "///kernel",
        "kernel/",
        ":0",
        "a\x1b[31m/k",
        "\r::error::x/k",
        "\u202e/k",
        "a" * 100_000,
        "a/" * 50_000 + "k",
    ],
    ids=range(11),
)
def test_full_names_of_any_kind(name: str, tmp_path: Path) -> None:
    start = time.perf_counter()
    tensors = read(tmp_path, [Object([("layer", 1)]), Object([("kernel", 2)]), variable("layer/kernel", name)])
    assert len(tensors) == 1
    assert all(each for each in tensors)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("attribute", ["", "VARIABLE_VALUE\x00", "table-keys", "../..", "x" * 10_000])
def test_attributes_of_any_name(attribute: str, tmp_path: Path) -> None:
    objects = [Object([("layer", 1)]), Object(key="layer/value", attribute=attribute, full_name="a/b")]
    assert [each.stored_as for each in read(tmp_path, objects).values()] == ["layer/value"]


@pytest.mark.parametrize("name", ["²", "٣", "1" * 5000, "layer-²", f"layer-{'9' * 5000}", "layer_with_weights-0"])
def test_names_that_are_nearly_numbers(name: str, tmp_path: Path) -> None:
    objects = [
        Object([("layers", 1), ("optimizer", 4)]), Object([(name, 2)]), Object([("kernel", 3)]),
        variable("k", "d/kernel"), Object([("_iterations", 3), ("_learning_rate", 3), ("_variables", 5)]),
        Object([(name, 3)]),
    ]  # fmt: skip
    assert len(read(tmp_path, objects)) == 1


def test_a_root_that_is_an_optimizer(tmp_path: Path) -> None:
    names = ("_iterations", "_learning_rate", "_variables")
    objects = [
        Object(list(zip(names, (1, 2, 3), strict=True))), variable("i", "sgd/iteration"), variable("l", "sgd/rate"),
        Object([("0", 1), ("1", 2)]),
    ]  # fmt: skip
    tensors = read(tmp_path, objects)
    assert {name: each.group for name, each in tensors.items()} == {
        "optimizer/iteration": Group.OPTIMIZER, "optimizer/rate": Group.OPTIMIZER,
    }  # fmt: skip


def test_slots_and_the_save_counter_are_no_weights(tmp_path: Path) -> None:
    objects = [
        Object([("model", 1), ("optimizer", 2), ("save_counter", 5)]),
        Object([("kernel", 3)]),
        Object([("iter", 6), ("decay", 7)], slots=[("momentum", 3, 4)]),
        variable("model/kernel", "dense/kernel"),
        variable("model/kernel/.OPTIMIZER_SLOT/optimizer/momentum", ""),
        variable("save_counter", "save_counter"),
        variable("optimizer/iter", "SGD/iter"),
        variable("optimizer/decay", "SGD/decay"),
    ]
    groups = {each.stored_as: each.group for each in read(tmp_path, objects).values()}
    assert [key for key, group in groups.items() if group is Group.WEIGHTS] == [f"model/kernel{ATTRIBUTE}"]
    assert groups[f"save_counter{ATTRIBUTE}"] is Group.METRICS
    assert groups[f"model/kernel/.OPTIMIZER_SLOT/optimizer/momentum{ATTRIBUTE}"] is Group.OPTIMIZER


def groups_of(folder: Path, objects: list[Object], **values: object) -> dict[str, Group]:
    """The group of each value, by its key; those of `values`, by the object's path, are given, others are floats."""
    given = {f"{path}{ATTRIBUTE}": np.asarray(value) for path, value in values.items()}
    found = read(folder, objects, values_of(objects) | given).values()
    return {each.stored_as.removesuffix(ATTRIBUTE): each.group for each in found}


def counted(name: str = "step", *more: tuple[str, int]) -> list[Object]:
    """What `tf.train.Checkpoint(step=…, net=…)` writes; the root holds `more`."""
    return [
        Object([(name, 1), ("net", 2), *more]), variable(name, "Variable"), Object([("dense", 3)]),
        Object([("kernel", 4)]), variable("net/dense/kernel", "dense/kernel"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["step", "epoch", "global_step", "best_epoch", "iterations"])
def test_a_counter_beside_the_model_is_no_weight(name: str, tmp_path: Path) -> None:
    groups = groups_of(tmp_path, counted(name), **{name: np.int64(7)})
    assert groups == {name: Group.METRICS, "net/dense/kernel": Group.WEIGHTS}
    found = read(tmp_path, counted(name), values_of(counted(name)) | {f"{name}{ATTRIBUTE}": np.array(7)})
    assert set(found) == {f"metrics/{name}", "dense/kernel"}  # as if the counter were not there


@pytest.mark.parametrize("value", [np.float32(7), np.array([7]), np.array(True), texts(b"7").reshape(())], ids=repr)
def test_what_is_no_single_integer_is_a_weight(value: object, tmp_path: Path) -> None:
    assert groups_of(tmp_path, counted(), step=value)["step"] is Group.WEIGHTS


def test_an_integer_of_another_name_is_a_weight(tmp_path: Path) -> None:
    assert groups_of(tmp_path, counted("zero_point"), zero_point=np.int64(7))["zero_point"] is Group.WEIGHTS


@pytest.mark.parametrize("more", [("root", 0), ("signatures", 3)])
def test_a_step_of_a_model_is_a_weight(more: tuple[str, int], tmp_path: Path) -> None:
    """A root that is the model holds itself, as `root`."""
    assert groups_of(tmp_path, counted("step", more), step=np.int64(7))["step"] is Group.WEIGHTS


def test_a_step_below_the_root_is_a_weight(tmp_path: Path) -> None:
    objects = [Object([("net", 1)]), Object([("step", 2), ("kernel", 3)]), variable("net/step"), variable("net/kernel")]
    assert set(groups_of(tmp_path / "a", objects, **{"net/step": np.int64(7)}).values()) == {Group.WEIGHTS}
    objects = counted()
    objects[2] = Object([("dense", 3), ("my_step", 1)])  # the model holds it too
    assert groups_of(tmp_path / "b", objects, step=np.int64(7))["step"] is Group.WEIGHTS


def test_a_counter_alone_is_all_there_is(tmp_path: Path) -> None:
    objects = [Object([("step", 1)]), variable("step", "Variable")]
    assert groups_of(tmp_path, objects, step=np.int64(7)) == {"step": Group.WEIGHTS}


def test_the_iterations_of_an_optimizer_by_another_name_are_the_optimizers(tmp_path: Path) -> None:
    """`Checkpoint(step=optimizer.iterations, net=…, optimizer=…)`, as Keras 3 writes it."""
    objects = [
        *counted("step", ("optimizer", 5)), Object([("_iterations", 1), ("_learning_rate", 6), ("_variables", 7)]),
        variable("optimizer/_learning_rate", "adam/learning_rate"), Object([("0", 1), ("1", 6)]),
    ]  # fmt: skip
    groups = groups_of(tmp_path, objects, step=np.int64(7))
    assert groups.pop("net/dense/kernel") is Group.WEIGHTS
    assert set(groups.values()) == {Group.OPTIMIZER}


MANY = 10_000


def star() -> list[Object]:
    return [Object([(f"v{i}", i + 1) for i in range(MANY)]), *(variable(f"v{i}", f"d/v{i}") for i in range(MANY))]


def one_full_name() -> list[Object]:
    return [Object([(f"v{i}", i + 1) for i in range(MANY)]), *(variable(f"v{i}", "d/kernel") for i in range(MANY))]


def one_key() -> list[Object]:
    return [Object([(f"v{i}", i + 1) for i in range(MANY)]), *(variable("v", "d/kernel") for i in range(MANY))]


def long_list() -> list[Object]:
    held = [Object([("kernel", MANY + 3 + i)]) for i in range(MANY)]
    variables = [variable(f"{i}", f"d_{i}/kernel") for i in range(MANY)]
    return [Object([("own", 1)]), Object([("blocks", 2), ("scale", 3)]), Object([(str(i), 3 + i) for i in range(MANY)]),
            *held, *variables]  # fmt: skip


def optimizers_of_one_list() -> list[Object]:
    names = ("_iterations", "_learning_rate", "_variables")
    held = [Object([(name, 1) for name in names]) for _ in range(MANY)]
    return [Object([(f"o{i}", i + 2) for i in range(MANY)]), Object([(str(i), 0) for i in range(MANY)]), *held]


def many_ways() -> list[Object]:
    return [
        Object([(f"x{i}", 1) for i in range(MANY)]),
        Object([(f"y{i}", 2) for i in range(MANY)]),
        variable("v", "a/b"),
    ]


def one_slot_many_times() -> list[Object]:
    return [Object([("o", 1), ("m", 2)]), Object(slots=[("m", 2, 2)] * MANY), variable("v", "d/k")]


def chain() -> list[Object]:
    held = [Object([("a", i + 1), ("v", MANY + 1 + i)]) for i in range(MANY)]
    return [*held, Object(), *(variable(f"v{i}", "dense/kernel") for i in range(MANY))]


@pytest.mark.parametrize(
    "make",
    [star, one_full_name, one_key, long_list, optimizers_of_one_list, many_ways, one_slot_many_times, chain],
)
def test_no_graph_takes_time_that_grows_with_its_square(make: Callable[[], list[Object]]) -> None:
    data = graph_bytes(make())
    gc.collect()
    start = time.process_time()
    graph = parse_object_graph(data, "m.index", Limits())
    if make is chain:
        with pytest.raises(GateError, match="one in the other"):
            ObjectNames(graph)
    else:
        found = ObjectNames(graph).found
        assert len(set(distinct([each.names for each in found]))) == len(found)
    assert time.process_time() - start < 8  # what grows with the square takes more than a minute


def flipped(data: bytes, seed: int, flips: int) -> Iterator[bytes]:
    random = Random(seed)
    for _ in range(flips):
        changed = bytearray(data)
        for _ in range(random.choice((1, 1, 2, 8))):
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
        yield bytes(changed)


def test_bit_flips_in_an_object_graph(tmp_path: Path) -> None:
    objects = [
        Object([("model", 1), ("optimizer", 2), ("save_counter", 5)]), Object([("layers", 6)]),
        Object([("iter", 7), ("decay", 8)], slots=[("momentum", 3, 4)]), variable("k", "m/dense/kernel"),
        variable("s", ""), variable("c", "save_counter"), Object([("0", 9)]), variable("i", "SGD/iter"),
        variable("d", "SGD/decay"), Object([("kernel", 3)]),
    ]  # fmt: skip
    values = values_of(objects)
    outcomes = set()
    for number, graph in enumerate(flipped(graph_bytes(objects), 7, 300)):
        index = write_bundle(tmp_path / "m", {**values, GRAPH_KEY: texts(graph).reshape(())})
        try:
            with open_weights(index) as weights:
                assert sorted(each.stored_as for each in weights) == sorted(values), number
                outcomes.add("read")
        except GateError as error:
            outcomes.add("refused" if error.hint and "Error" not in error.reason else error.reason)
    assert outcomes == {"read", "refused"}


def test_a_graph_that_is_no_message(tmp_path: Path) -> None:
    for number, graph in enumerate((b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", bytes_field(1, number_field(1, 5)))):
        folder = tmp_path / str(number)
        folder.mkdir()
        index = write_bundle(folder / "m", {GRAPH_KEY: texts(graph).reshape(())})
        with pytest.raises(GateError, match="object graph"):
            open_weights(index)
