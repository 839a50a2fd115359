"""Checkpoints that TensorFlow writes: every tensor, bit for bit, as `tf.train.load_checkpoint` has it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.checkpoints import as_tensorflow_has_it, opened

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]


def raw(kind: Any) -> Any:
    """A tensor of a type, of random bits."""
    import tensorflow as tf

    bits = np.random.default_rng(kind.as_datatype_enum)
    name, width = kind.name, kind.size
    if name == "bool":
        return tf.constant(bits.integers(0, 2, (3, 5)).astype(bool))
    narrow = {"int4": (-8, 8), "uint4": (0, 16), "int2": (-2, 2), "uint2": (0, 4)}.get(name)
    if narrow:
        return tf.constant(bits.integers(*narrow, (3, 5)).astype(kind.as_numpy_dtype), kind)
    data = bits.integers(0, 16 if name.startswith("float4") else 256, (3, 5 * width), np.uint8)
    if kind.is_quantized:
        return tf.bitcast(tf.constant(data.view(name.removeprefix("q"))), kind)
    return tf.constant(data.view(kind.as_numpy_dtype), kind)


def save_raw(prefix: Path, tensors: dict[str, Any]) -> None:
    import tensorflow as tf

    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[*tensors.values()],
    )


def test_every_type(tmp_path: Path) -> None:
    import tensorflow as tf
    from tensorflow.python.framework import dtypes

    kinds = {kind for kind in vars(dtypes).values() if isinstance(kind, dtypes.DType)}
    kinds = {kind for kind in kinds if not kind._is_ref_dtype and kind.name not in {"string", "resource", "variant"}}
    assert len(kinds) >= 30
    tensors = {f"of/{kind.name}": raw(kind) for kind in kinds}
    tensors["scalar"] = tf.constant(3.5, tf.float64)
    tensors["empty"] = tf.zeros((0,), tf.bfloat16)
    tensors["no/width"] = tf.zeros((3, 0, 2))
    tensors["nan"] = tf.constant(np.array([0x7FC00001, 0xFF800001, 1], np.uint32).view(np.float32))
    save_raw(tmp_path / "m", tensors)
    assert as_tensorflow_has_it(tmp_path / "m") == len(tensors)


def test_texts(tmp_path: Path) -> None:
    import tensorflow as tf

    some = [b"", b"a", b"zeros\0\0", b"\0", b"\xff\xfe", "ünï".encode(), b"x" * 127, b"y" * 128, b"z" * 300_000, b""]
    tensors = {
        "texts": tf.constant(np.array(some, object).reshape(5, 2)),
        "one": tf.constant(b"one\0"),
        "none": tf.constant([], tf.string),
        "empty": tf.constant(b""),
        "many": tf.strings.as_string(tf.range(5000)),
    }
    save_raw(tmp_path / "m", tensors)
    assert as_tensorflow_has_it(tmp_path / "m") == len(tensors)
    assert opened(tmp_path / "m").text("one") == b"one\0"
    assert opened(tmp_path / "m").text("empty") == b""


@pytest.mark.parametrize("merged", [1, 3])
def test_merged_shards(tmp_path: Path, merged: int) -> None:
    import tensorflow as tf

    for number in range(merged):
        save_raw(tmp_path / f"part{number}", {f"v{number}/{i}": tf.fill((i, 3), float(number)) for i in range(50)})
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[str(tmp_path / f"part{number}") for number in range(merged)],
        destination_prefix=str(tmp_path / "m"),
    )
    assert as_tensorflow_has_it(tmp_path / "m") == 50 * merged
    assert len(opened(tmp_path / "m").files) == 1 + merged


def test_parts_in_every_direction(tmp_path: Path) -> None:
    import tensorflow as tf

    whole = np.arange(7 * 6 * 2, dtype=np.float32).reshape(7, 6, 2)
    cuts = {
        "rows": ["0,3:-:-", "3,4:-:-"],
        "columns": ["-:4,2:-", "-:0,4:-"],
        "tiles": ["0,3:0,2:-", "0,3:2,4:-", "3,4:0,6:0,1", "3,4:0,6:1,1"],
        "whole": ["-:-:-"],
        "odd \xff name": ["0,7:0,6:0,1", "0,7:0,6:1,1"],
    }
    names, specs, tensors = [], [], []
    for name, extents in cuts.items():
        for spec in extents:
            box = tuple(
                slice(None) if axis == "-" else slice(int(axis.split(",")[0]), sum(map(int, axis.split(","))))
                for axis in spec.split(":")
            )
            names.append(name)
            specs.append(f"7 6 2 {spec}")
            tensors.append(tf.constant(whole[box]))
    tf.raw_ops.SaveV2(prefix=str(tmp_path / "m"), tensor_names=names, shape_and_slices=specs, tensors=tensors)
    assert as_tensorflow_has_it(tmp_path / "m") == len(cuts)
    for stored in opened(tmp_path / "m"):
        assert stored.read().tobytes() == whole.tobytes()


def in_graph(prefix: Path, build: Callable[[Any], Any], **saver: Any) -> None:
    """A TF1 program: build variables, initialise them, save them."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default():
        build(v1)
        config = v1.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True)
        with v1.Session(config=config) as session:
            session.run(v1.global_variables_initializer())
            v1.train.Saver(write_version=v1.train.SaverDef.V2, **saver).save(session, str(prefix))


@pytest.mark.parametrize("sharded", [False, True])
def test_tf1_saver(tmp_path: Path, sharded: bool) -> None:
    def build(v1: Any) -> None:
        start = v1.random_normal_initializer(seed=1)
        for device in ("/cpu:0", "/cpu:1"):
            with v1.device(device), v1.variable_scope(f"on{device[-1]}", use_resource=False):
                v1.get_variable("weights", (20, 7), initializer=start)
                v1.get_variable("step", (), "int64", initializer=v1.constant_initializer(7))
        with v1.variable_scope("parts", partitioner=v1.fixed_size_partitioner(3), use_resource=False):
            v1.get_variable("embedding", (10, 4), initializer=start)
        with v1.variable_scope("columns", partitioner=v1.fixed_size_partitioner(4, axis=1)):
            v1.get_variable("kernel", (3, 9), initializer=start)

    in_graph(tmp_path / "m", build, sharded=sharded)
    assert as_tensorflow_has_it(tmp_path / "m") == 6
    if sharded:
        assert len(opened(tmp_path / "m").files) > 2
    assert opened(tmp_path / "m").tensors["parts/embedding"].shape == (10, 4)


def test_tf2_checkpoint(tmp_path: Path) -> None:
    import tensorflow as tf

    class Holder(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(tf.random.normal((100, 30)))
            self.half = tf.Variable(tf.cast(tf.random.normal((3,)), tf.bfloat16))
            self.step = tf.Variable(7, dtype=tf.int64)
            self.words = tf.Variable(tf.constant(["a", "b"]))

    prefix = Path(tf.train.Checkpoint(net=Holder()).save(str(tmp_path / "ckpt")))
    written = Path(tf.train.Checkpoint(net=Holder()).write(str(tmp_path / "written")))
    for path, count in ((prefix, 6), (written, 5)):
        assert as_tensorflow_has_it(path) == count
        graph = opened(path).text("_CHECKPOINTABLE_OBJECT_GRAPH")
        assert graph == tf.train.load_checkpoint(str(path)).get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH")


def test_the_state_of_an_iterator_is_verified_and_not_read(tmp_path: Path) -> None:
    import tensorflow as tf

    iterator = iter(tf.data.Dataset.range(100).shuffle(10, seed=1).batch(3))
    next(iterator)
    prefix = Path(tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "m")))
    (opaque,) = [stored for stored in opened(prefix) if stored.opaque]
    assert opaque.type_name == "variant"
    opaque.verify()


def test_a_saved_model_without_variables(tmp_path: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "m"))
    bundle = opened(tmp_path / "m" / "variables" / "variables")
    assert list(bundle.tensors) == ["_CHECKPOINTABLE_OBJECT_GRAPH"]
