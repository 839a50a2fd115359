"""Each way to load, in this process: what it loads into, what it says where it cannot, what the loaded thing does."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.runtime.loaders import LOADERS
from gate.runtime.loaders.architecture import built
from gate.runtime.loaders.interface import How, Loaded, Refused, first_line
from gate.runtime.loaders.keras_model import KerasLoaded, named_outputs
from gate.runtime.loaders.project_code import called, module_of
from gate.runtime.loaders.saved_model import TrackableLoaded
from gate.tensors.model_inputs import InputSpec
from gate.tensors.weightset import Group
from support.models import MODELS, fill, variables_of

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Keras' own, on formats that it calls legacy
]


@pytest.fixture(autouse=True)
def fresh() -> None:
    import keras

    keras.backend.clear_session()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    yield
    logging.set_verbosity(before)


def zoo(name: str) -> Any:
    model = MODELS[name]()
    fill(variables_of(model))
    return model


def load(how: How, path: Path | str, sentinel: Callable[[Loaded], None] = lambda _: None) -> Loaded:
    return LOADERS[how.way](how, str(path), sentinel)


def refused(how: How, path: Path | str) -> Refused:
    with pytest.raises(Refused) as caught:
        load(how, path)
    return caught.value


def values(loaded: Loaded, *groups: Group) -> dict[str, list[float]]:
    return {
        each.name: np.asarray(each.read(), "f8").reshape(-1).tolist()
        for each in loaded.variables
        if each.group in (groups or (Group.WEIGHTS,))
    }


def weights(model: Any) -> list[list[float]]:
    return [np.asarray(each, "f8").reshape(-1).tolist() for each in model.weights]


def saved(model: Any, path: Path) -> dict[str, str]:
    """The model as an architecture."""
    model.save(path)
    return {"keras": str(path)}


# Architectures


def test_an_architecture_from_json_and_from_a_keras_file(tmp_path: Path) -> None:
    model = zoo("nested")
    (tmp_path / "m.json").write_text(model.to_json(), encoding="utf-8")
    for said in (saved(model, tmp_path / "m.keras"), {"json": str(tmp_path / "m.json")}):
        assert [each.shape for each in built(said).weights] == [each.shape for each in model.weights]


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "m.json is no architecture"), ('{"class_name": "Nothing", "config": {}}', "m.json is no architecture")],
)
def test_json_that_is_none(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "m.json").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=says):
        built({"json": str(tmp_path / "m.json")})


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def build(): return 3", "is a int, no Keras model"),
        ("import keras\ndef build(): return keras.Sequential([keras.layers.Dense(2)])", "is not built yet"),
        ("def build(): return 1 / 0", "raised ZeroDivisionError: division by zero"),
        ("def other(): return 3", "has no function build"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
    ],
)
def test_code_that_builds_nothing(tmp_path: Path, code: str, says: str) -> None:
    (tmp_path / "builds_nothing.py").write_text(code, encoding="utf-8")
    with pytest.raises(Refused, match=says):
        built({"code": [str(tmp_path / "builds_nothing.py"), "build"]})


def package(folder: Path, name: str, **files: str) -> Path:
    (folder / name).mkdir(parents=True)
    for file, text in {"__init__": "", **files}.items():
        (folder / name / f"{file}.py").write_text(text, encoding="utf-8")
    return folder / name


@pytest.fixture
def forgets_modules() -> Iterator[None]:
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith(("zoo_", "models_", "keras_tuned")):
            del sys.modules[name]


@pytest.mark.usefixtures("forgets_modules")
def test_code_in_a_package_imports_with_dots(tmp_path: Path) -> None:
    top = package(tmp_path, "zoo_top", sizes="SIZE = 3")
    code = "from ..sizes import SIZE\nfrom . import words\ndef f(): return SIZE"
    inner = package(top, "zoo_inner", models_dotted=code, words="")
    file = str(inner / "models_dotted.py")
    assert called(file, "f") == 3
    assert module_of(file) is module_of(file)
    assert module_of(file).__name__ == "zoo_top.zoo_inner.models_dotted"


@pytest.mark.usefixtures("forgets_modules")
def test_a_package_is_imported_only_where_a_dot_asks_for_it(tmp_path: Path) -> None:
    """What its `__init__` imports may be missing here."""
    folder = package(tmp_path, "zoo_broken", __init__="import nothing_of_this_name", models_plain="def f(): return 3")
    assert called(str(folder / "models_plain.py"), "f") == 3


@pytest.mark.usefixtures("forgets_modules")
def test_a_dot_without_a_package_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "models_alone.py").write_text("from .layers import X", encoding="utf-8")
    for _ in range(2):  # half of a module is none the second time either
        with pytest.raises(Refused, match="no known parent package") as caught:
            called(str(tmp_path / "src" / "models_alone.py"), "f")
        assert "put an __init__.py into src/" in caught.value.hint


@pytest.mark.usefixtures("forgets_modules")
def test_a_package_of_an_installed_name_is_not_that_one(tmp_path: Path) -> None:
    folder = package(tmp_path, "numpy", models_shadowed="from .layers import X")
    with pytest.raises(Refused, match="no known parent package"):
        called(str(folder / "models_shadowed.py"), "f")
    assert sys.modules["numpy"] is np


def test_an_architecture_whose_own_weights_do_not_load_says_nothing_of_others(tmp_path: Path) -> None:
    """Keras does not load again a layer that two models within hold."""
    with pytest.raises(Refused, match=r"the architecture in m\.keras") as caught:
        built(saved(zoo("shared"), tmp_path / "m.keras"))
    assert not caught.value.verdict


# Keras files


def test_weights_into_an_architecture(tmp_path: Path) -> None:
    model = zoo("nested")
    how = How("weights", saved(MODELS["nested"](), tmp_path / "m.keras"))
    for name in ("m.weights.h5", "w.weights.json"):
        model.save_weights(tmp_path / name, **({"max_shard_size": 3e-6} if name.endswith("json") else {}))
        assert list(values(load(how, tmp_path / name)).values()) == weights(model)


def test_the_sentinel_sees_what_was_built_before_anything_is_loaded(tmp_path: Path) -> None:
    model = zoo("nested")
    how = How("weights", saved(MODELS["nested"](), tmp_path / "m.keras"))
    model.save_weights(tmp_path / "m.weights.h5")
    seen: list[Any] = []
    load(how, tmp_path / "m.weights.h5", lambda loaded: seen.append(list(values(loaded).values())))
    assert len(seen) == 1
    assert seen[0] != weights(model)


def test_weights_of_another_architecture_are_a_verdict(tmp_path: Path) -> None:
    zoo("past_ten").save_weights(tmp_path / "m.weights.h5")
    found = refused(How("weights", saved(zoo("nested"), tmp_path / "m.keras")), tmp_path / "m.weights.h5")
    assert found.verdict
    assert "another architecture" in found.hint


def test_bfloat16_in_legacy_hdf5_is_what_keras_cannot_read(tmp_path: Path) -> None:
    model = zoo("precisions")
    model.save(tmp_path / "m.h5")
    whole = refused(How("keras"), tmp_path / "m.h5")
    into = refused(How("weights", saved(model, tmp_path / "m.keras")), tmp_path / "m.h5")
    for found in (whole, into):
        assert found.verdict
        assert "legacy HDF5 has no bfloat16" in found.hint


def test_a_class_of_ones_own_needs_code(tmp_path: Path) -> None:
    import keras

    zoo("custom").save(tmp_path / "m.keras")
    known = dict(keras.saving.get_custom_objects())
    keras.saving.get_custom_objects().clear()
    try:
        found = refused(How("keras"), tmp_path / "m.keras")
    finally:
        keras.saving.get_custom_objects().update(known)
    assert not found.verdict
    assert "architecture: {code: …}" in found.hint


# Checkpoints


@pytest.mark.parametrize("held_as", ["model", "net", "", "step"])
def test_the_model_is_found_wherever_the_checkpoints_root_holds_it(tmp_path: Path, held_as: str) -> None:
    import tensorflow as tf

    model = zoo("nested")
    how = How("checkpoint", saved(MODELS["nested"](), tmp_path / "m.keras"))
    other = {} if held_as == "step" else {"step": tf.Variable(3)}
    root = tf.train.Checkpoint(**{held_as: model, **other}) if held_as else tf.train.Checkpoint(model)
    loaded = load(how, root.write(str(tmp_path / "ckpt")))
    assert list(values(loaded).values()) == weights(model)
    keys = {name for name, _ in tf.train.list_variables(str(tmp_path / "ckpt"))}
    assert all(len(each.keys) == 1 and set(each.keys) <= keys for each in loaded.variables)


def test_keys_are_the_files_whichever_way_it_took(tmp_path: Path) -> None:
    """The first way to a kernel is through the optimizer here."""
    import tensorflow as tf

    model = zoo("momentum")
    root = tf.train.Checkpoint(aaa=model.optimizer, model=model)
    path = root.write(str(tmp_path / "ckpt"))
    loaded = load(How("checkpoint", saved(zoo("momentum"), tmp_path / "m.keras"), compile=True), path)
    reader = tf.train.load_checkpoint(path)
    weights_and_slots = [each for each in loaded.variables if each.group in {Group.WEIGHTS, Group.OPTIMIZER}]
    assert {each.keys[0].split("/")[0] for each in weights_and_slots} == {"aaa"}
    for each in weights_and_slots:
        assert np.array_equal(reader.get_tensor(each.keys[0]), each.read())


def test_lookup_tables_are_no_variables(tmp_path: Path) -> None:
    import tensorflow as tf

    model = zoo("vocabulary")
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt"))
    loaded = load(How("checkpoint", saved(model, tmp_path / "m.keras")), path)
    assert list(values(loaded).values()) == weights(model)


def test_a_checkpoint_without_objects_is_none_of_tf2(tmp_path: Path) -> None:
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("w", shape=(2,))
        session.run(tf.compat.v1.global_variables_initializer())
        path = tf.compat.v1.train.Saver().save(session, str(tmp_path / "ckpt"))
    found = refused(How("checkpoint", saved(zoo("nested"), tmp_path / "m.keras")), path)
    assert found.reason.startswith("it has no object graph")
    assert not found.verdict


# Inputs and outputs of Keras models


def specs(model: Any) -> list[InputSpec]:
    return KerasLoaded(model).inputs(None)


def linear(shape: tuple[int, ...] = (4,)) -> Any:
    """Subclassed, called once on a batch of one: it declares no inputs."""
    import keras

    class Linear(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2, kernel_initializer="ones")

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Linear()
    model(np.zeros((1, *shape), "f4"))
    return model


def test_inputs_have_their_names_and_default_ones_their_places() -> None:
    import keras

    given = {"b": keras.Input((3,), name="b"), "a": keras.Input((4,), dtype="int32", name="a")}
    dense = keras.layers.Dense(2)
    assert specs(keras.Model(given, dense(given["b"]))) == [
        InputSpec("a", "int32", (None, 4)), InputSpec("b", "float32", (None, 3)),
    ]  # fmt: skip
    (alone,) = specs(MODELS["nested"]())
    assert replace(alone, own="") == InputSpec("input", "float32", (None, 4))
    two = [keras.Input((3,)), keras.Input((3,))]
    found = specs(keras.Model(two, keras.layers.Add()(two)))
    assert [each.name for each in found] == ["input_0", "input_1"]
    assert [each.own for each in found] == [each.name for each in two]
    assert specs(MODELS["vocabulary"]())[0].dtype == "string"


def test_a_model_that_declares_none_takes_what_it_was_called_with() -> None:
    import keras

    class Pair(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs["x"] - inputs["y"]

    model = Pair()
    model({"y": np.zeros((1, 3), "f4"), "x": np.zeros((1, 3), "f4")})
    model.build({"y": (1, 3), "x": (1, 3)})
    loaded = KerasLoaded(model)
    assert sorted(loaded.inputs(None), key=str) == [
        InputSpec("x", "float32", (None, 3)), InputSpec("y", "float32", (None, 3)),
    ]  # fmt: skip
    found = loaded.predict({"y": np.ones((2, 3), "f4"), "x": np.full((2, 3), 3, "f4")}, None, ())
    assert found["output"].tolist() == [[2, 2, 2]] * 2
    assert specs(linear()) == [InputSpec("input", "float32", (None, 4))]


def test_other_lengths_than_it_was_called_with_are_the_models_business() -> None:
    loaded = KerasLoaded(linear((7, 4)))
    arrays = {"anything": np.ones((2, 5, 4), "f4")}
    inputs, rest = loaded.fitted(arrays, None, labels=False)
    assert (list(inputs), rest) == (["anything"], {})
    assert loaded.predict(inputs, None, ())["output"].tolist() == [[[4, 4]] * 5] * 2


def test_a_model_that_was_never_called_says_nothing_of_its_inputs() -> None:
    import keras

    class Unknown(keras.Model):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.built = True

    with pytest.raises(Refused, match="says nothing of its inputs"):
        specs(Unknown())


def test_tf_keras_remembers_what_it_was_called_with() -> None:
    import tf_keras

    class Linear(tf_keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = tf_keras.layers.Embedding(7, 2)

        def call(self, inputs: Any) -> Any:
            return self.embedding(inputs)

    model = Linear()
    model(np.zeros((1, 5), "i4"))
    assert specs(model) == [InputSpec("input", "int32", (None, 5))]


def test_inputs_whose_keys_are_not_their_names() -> None:
    import keras

    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    model = keras.Model({"b": left, "a": right}, {"difference": keras.layers.Subtract()([left, right])})
    found = KerasLoaded(model).predict({"left": np.full((1, 2), 5.0), "right": np.full((1, 2), 3.0)}, None, ())
    assert {name: value.tolist() for name, value in found.items()} == {"difference": [[2, 2]]}


class Leaf:
    """A tensor, as far as outputs are concerned."""

    def __init__(self, value: float) -> None:
        self.value = value

    def numpy(self) -> Any:
        return np.float32(self.value)


@pytest.mark.parametrize(
    ("found", "names", "expected"),
    [
        (Leaf(1), (), {"output": 1}),
        (Leaf(1), ("logits",), {"logits": 1}),
        ([Leaf(1)], (), {"output": 1}),
        ([Leaf(1), Leaf(2)], (), {"output_0": 1, "output_1": 2}),
        ((Leaf(1), Leaf(2)), ("a", "b"), {"a": 1, "b": 2}),
        ([Leaf(1), Leaf(2)], ("same", "same"), {"output_0": 1, "output_1": 2}),
        ({"x": Leaf(1), "y": Leaf(2)}, ("a", "b"), {"x": 1, "y": 2}),
        ([Leaf(1), {"d": Leaf(2), "e": [Leaf(3), Leaf(4)]}], (), {
            "output_0": 1, "output_1/d": 2, "output_1/e/0": 3, "output_1/e/1": 4,
        }),
        ({"x": {"y": Leaf(1)}}, (), {"x/y": 1}),
        ([], (), {}),
    ],
)  # fmt: skip
def test_names_of_outputs(found: Any, names: tuple[str, ...], expected: Mapping[str, float]) -> None:
    assert {name: float(value) for name, value in named_outputs(found, names).items()} == expected


def test_only_the_outputs_that_were_asked_for() -> None:
    loaded = KerasLoaded(MODELS["nested"]())
    inputs = {"input": np.ones((1, 4), "f4")}
    assert list(loaded.predict(inputs, None, ["head"])) == ["head"]
    with pytest.raises(Refused, match="there is no output tail"):
        loaded.predict(inputs, None, ["tail"])


def test_a_table_without_its_vocabulary_is_a_verdict(tmp_path: Path) -> None:
    """Legacy HDF5 has no place for it, and loading says nothing."""
    zoo("vocabulary").save(tmp_path / "m.h5")
    loaded = load(How("keras"), tmp_path / "m.h5")
    with pytest.raises(Refused, match="a part of it is empty") as caught:
        loaded.predict({"input": np.array(["the cat"], object)}, None, ())
    assert caught.value.verdict


# SavedModels


def test_a_saved_model_has_keys_for_names(tmp_path: Path) -> None:
    model = zoo("nested")
    model.export(tmp_path / "m", verbose=False)
    loaded = load(How("saved_model"), tmp_path / "m")
    ours = {each.keys[0] for each in loaded.variables}
    assert {key for key in ours if key.startswith("variables/")} == {
        f"variables/{number}/.ATTRIBUTES/VARIABLE_VALUE" for number in range(len(model.weights))
    }
    assert loaded.inputs(None) == [InputSpec("keras_tensor_4", "float32", (None, 4))] or len(loaded.inputs(None)) == 1
    inputs = {loaded.inputs(None)[0].name: np.ones((2, 4), "f4")}
    (found,) = loaded.predict(inputs, None, ()).values()
    assert np.allclose(found, model(np.ones((2, 4), "f4")), rtol=1e-5)


def test_random_states_of_a_saved_model_are_a_group_of_their_own(tmp_path: Path) -> None:
    from keras import Input, Sequential
    from keras import layers as kl

    model = Sequential([Input((8, 8, 3)), kl.RandomFlip(), kl.Flatten(), kl.Dense(2)])
    model.export(tmp_path / "m", verbose=False)
    loaded = load(How("saved_model"), tmp_path / "m")
    shapes = {(each.group, each.shape) for each in loaded.variables}
    assert shapes == {(Group.RNG, (2,)), (Group.WEIGHTS, (192, 2)), (Group.WEIGHTS, (2,))}


def test_signatures(tmp_path: Path) -> None:
    import tensorflow as tf

    class Module(tf.Module):  # type: ignore[misc]
        @tf.function  # type: ignore[untyped-decorator]
        def twice(self, x: Any) -> Any:
            return {"doubled": 2 * x}

        @tf.function  # type: ignore[untyped-decorator]
        def length(self, text: Any) -> Any:
            return {"length": tf.strings.length(text)}

    module = Module()
    signatures = {
        "twice": module.twice.get_concrete_function(tf.TensorSpec(None, tf.float32)),
        "length": module.length.get_concrete_function(tf.TensorSpec([None], tf.string)),
    }
    tf.saved_model.save(module, str(tmp_path / "two"), signatures=signatures)
    loaded = load(How("saved_model"), tmp_path / "two")
    assert loaded.inputs("twice") == [InputSpec("x", "float32", None)]
    assert loaded.inputs("length") == [InputSpec("text", "string", (None,))]
    assert loaded.predict({"text": np.array(["abc"], object)}, "length", ())["length"].tolist() == [3]
    with pytest.raises(Refused, match="no signature serving_default") as caught:
        loaded.inputs(None)
    assert "length, twice" in caught.value.hint
    with pytest.raises(Refused, match="no signature other"):
        loaded.inputs("other")
    tf.saved_model.save(module, str(tmp_path / "one"), signatures={"twice": signatures["twice"]})
    assert load(How("saved_model"), tmp_path / "one").inputs(None)[0].name == "x"
    tf.saved_model.save(tf.Module(), str(tmp_path / "none"))
    with pytest.raises(Refused, match="it has no signature"):
        load(How("saved_model"), tmp_path / "none").inputs(None)


def test_modules_that_hold_layers_of_keras_have_their_variables() -> None:
    import tensorflow as tf
    from keras import layers as kl

    module = tf.Module()
    module.dense = kl.Dense(2)
    module.dense.build((None, 3))
    module.scale = tf.Variable(2.0)
    found = {each.name: (each.shape, each.dtype.name) for each in TrackableLoaded(module).variables}
    assert found == {
        "dense/_kernel": ((3, 2), "float32"), "dense/bias": ((2,), "float32"), "scale": ((), "float32"),
    }  # fmt: skip


def test_a_folder_that_is_no_saved_model(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises((Refused, OSError)):
        load(How("saved_model"), tmp_path)


# What exceptions say

_KERAS = "Exception encountered when calling Dense.call().\n\n\x1b[1mno shape\x1b[0m\n\nArguments"
_TENSORFLOW = """in user code:

    File "a.py", line 5, in call  *
        return 1
    File "b.py", line 7, in f
        raise E

    ValueError: what it was
    more
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "ValueError"),
        ("\n  \nfirst\nsecond", "first"),
        ("x" * 400, "x" * 296 + " ..."),
        ("\x1b[1mbold\x1b[0m", "bold"),
        (_KERAS, "Exception encountered when calling Dense.call(). no shape"),
        (_TENSORFLOW, "what it was"),
        ("in user code:", "in user code:"),
    ],
)
def test_the_first_line_that_says_something(text: str, expected: str) -> None:
    assert first_line(ValueError(text)) == expected


def test_a_config_with_a_lambda_is_not_run(tmp_path: Path) -> None:
    from keras import Input, Sequential
    from keras import layers as kl

    Sequential([Input((2,)), kl.Lambda(lambda x: x + 1)]).save(tmp_path / "m.keras")
    found = refused(How("keras"), tmp_path / "m.keras")
    assert "it holds code" in found.hint
    assert json.dumps(found.verdict) == "false"
