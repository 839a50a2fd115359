"""Keras and TensorFlow load filled copies as they load the originals, and every variable tells where it came from.

What a tag says is checked by values: each tensor of a model has values that no other has, and a variable whose tag says
`layers/dense/vars/0` must be the one that held these values when the model was saved.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.runtime.tagged_copy import prefix
from gate.runtime.tags import seen
from support.models import MODELS, fill, variables_of
from support.tagging import Tagged

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Keras' own, on formats that it calls legacy
]

Load = Callable[[str], Iterable[Any]]


def landed(tagged: Tagged, load: Load) -> list[int | None]:
    """Which tensor of the file each variable of a load was."""
    rounds = []
    for turn in range(tagged.book.rounds):
        tagged.fill(turn)
        rounds.append([seen(np.asarray(each)) for each in load(prefix(tagged.copy))])
    return [tagged.book.decode(each) for each in zip(*rounds, strict=True)]


def arrived(tagged: Tagged, load: Load, original: Path | str) -> int:
    """How many variables have tags; each is what a load of the original puts there."""
    found = landed(tagged, load)
    expected = [np.asarray(each) for each in load(str(original))]
    for index, value in zip(found, expected, strict=True):
        if index is not None:
            assert tagged.values[index].astype(value.dtype).tobytes() == value.tobytes()
    tags = [index for index in found if index is not None]
    assert set(tags) == {index for index in range(len(tagged.tensors)) if tagged.book.taggable(index)}
    return len(found) - len(tags)


def arrays(variables: Iterable[Any]) -> list[Any]:
    return [np.asarray(each) for each in variables]


def built(name: str) -> Any:
    model = MODELS[name]()
    fill(variables_of(model))
    return model


WHOLE = ["normalised", "nested", "custom", "precisions", "adam", "sequences", "cells", "vocabulary", "averaged"]


@pytest.mark.parametrize("name", WHOLE)
def test_keras(name: str, tmp_path: Path) -> None:
    import keras

    built(name).save(path := tmp_path / "m.keras")
    load = lambda path: arrays(variables_of(keras.saving.load_model(path)))  # noqa: E731
    assert arrived(Tagged(path, tmp_path / "copy"), load, path) == 0


@pytest.mark.parametrize("name", [*WHOLE, "containers", "attributes"])
@pytest.mark.parametrize("file", ["m.weights.h5", "m.weights.json"])
def test_weights(name: str, file: str, tmp_path: Path) -> None:
    built(name).save_weights(path := tmp_path / file, **({"max_shard_size": 1e-6} if file.endswith("json") else {}))

    def load(path: str) -> Any:
        model = MODELS[name]()
        model.load_weights(path)
        return arrays(variables_of(model))

    assert arrived(Tagged(path, tmp_path / "copy"), load, path) == 0


@pytest.mark.parametrize("name", ["normalised", "nested", "past_ten", "convolutions"])
def test_legacy(name: str, tmp_path: Path) -> None:
    import keras

    built(name).save(path := tmp_path / "m.h5")
    load = lambda path: arrays(variables_of(keras.saving.load_model(path)))  # noqa: E731
    assert arrived(Tagged(path, tmp_path / "copy"), load, path) == 0


@pytest.mark.parametrize("name", ["normalised", "nested", "attributes", "adam", "precisions"])
def test_checkpoints(name: str, tmp_path: Path) -> None:
    import tensorflow as tf

    def load(path: str) -> Any:
        model = MODELS[name]()
        restored = tf.train.Checkpoint(model=model)
        restored.restore(path).assert_consumed()
        return [*arrays(variables_of(model)), np.asarray(restored.save_counter)]

    tf.train.Checkpoint(model=built(name)).save(str(tmp_path / "m"))
    tagged = Tagged(tmp_path / "m-1", tmp_path / "copy")
    assert tf.train.latest_checkpoint(str(tmp_path / "copy")) == str(tagged.copy)
    assert arrived(tagged, load, tmp_path / "m-1") == 0


def tracked(loaded: Any) -> list[Any]:
    """Every variable of a loaded SavedModel, copies in lists included."""
    import tensorflow as tf

    found, pending, done = [], [loaded], set()
    while pending:
        here = pending.pop()
        if id(here) in done:
            continue
        done.add(id(here))
        if isinstance(here, tf.Variable):
            found.append(here)
        pending.extend(child for _, child in sorted(here._trackable_children().items()))
    return found


@pytest.mark.parametrize("name", ["normalised", "adam", "attributes", "vocabulary", "containers", "precisions"])
@pytest.mark.parametrize("how", ["export", "saved"])
def test_saved_models(name: str, how: str, tmp_path: Path) -> None:
    import tensorflow as tf

    model = built(name)
    path = tmp_path / "m"
    if how == "export":
        model.export(str(path), verbose=False)
    else:
        tf.saved_model.save(model, str(path))
    tagged = Tagged(path, tmp_path / "copy")
    load = lambda path: arrays(tracked(tf.saved_model.load(path)))  # noqa: E731
    assert bool(tagged.twins) == (how == "export")
    assert arrived(tagged, load, path) == 0
    loaded = tf.saved_model.load(str(tagged.copy))
    assert set(loaded.signatures) == set(tf.saved_model.load(str(path)).signatures)


def test_functions_use_no_twin(tmp_path: Path) -> None:
    import tensorflow as tf

    built("normalised").export(str(tmp_path / "m"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    used = {id(each) for each in loaded.signatures["serving_default"].variables}
    assert used <= {id(each) for each in loaded.variables}
    assert not used & {id(each) for each in loaded._all_variables}


def test_tf1(tmp_path: Path) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    start = v1.random_normal_initializer(seed=1)
    with tf.Graph().as_default():
        with v1.variable_scope("parts", partitioner=v1.fixed_size_partitioner(3), use_resource=False):
            v1.get_variable("embedding", (10, 4), initializer=start)
        v1.get_variable("step", (), "int64", initializer=v1.constant_initializer(7))
        v1.get_variable("kernel", (3, 4), initializer=start)
        v1.get_variable("half", (3,), "float16", initializer=start)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            v1.train.Saver().save(session, str(tmp_path / "m"))

    def load(path: str) -> Any:
        with tf.Graph().as_default(), v1.Session() as session:
            v1.train.import_meta_graph(f"{path}.meta").restore(session, path)
            names = [each.name for each in v1.global_variables()]
            found = session.run({each.name: each for each in v1.global_variables()})
            parts = [found[name] for name in names if name.startswith("parts")]
            return [np.concatenate(parts), *(found[name] for name in names if not name.startswith("parts"))]

    assert arrived(Tagged(tmp_path / "m", tmp_path / "copy"), load, tmp_path / "m") == 0


def test_tensorflow_reads_a_bundle_as_the_gate_does(tmp_path: Path) -> None:
    import tensorflow as tf

    from support.checkpoints import as_tensorflow_has_it

    tensors = {f"v{number:04}": tf.fill((number % 7, 3), float(number)) for number in range(2000)}
    tensors |= {"bf16": tf.ones(5, tf.bfloat16), "c": tf.ones(3, tf.complex128), "b": tf.constant([True, False])}
    tensors |= {"words": tf.constant([b"one", b"two"]), "q": tf.cast(tf.ones(3), tf.qint8)}
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "m"), tensor_names=[*tensors], shape_and_slices=[""] * len(tensors),
        tensors=[*tensors.values()],
    )  # fmt: skip
    tagged = Tagged(tmp_path / "m", tmp_path / "copy")
    for turn in range(tagged.book.rounds):
        told = tagged.fill(turn)
        assert as_tensorflow_has_it(tagged.copy) == len(tensors)
        theirs = tf.train.load_checkpoint(str(tagged.copy))
        for key, value in told.items():
            found = np.asarray(theirs.get_tensor(key))
            assert found.size == 0 or seen(found).value == value
