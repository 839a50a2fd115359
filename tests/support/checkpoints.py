"""TensorFlow's own reader of checkpoints beside the gate's."""

from pathlib import Path

import numpy as np

from gate.formats.limits import Limits
from gate.formats.tensorflow.bundle import Bundle, open_bundle
from gate.tensors.dtypes import dtype_name


def opened(prefix: Path) -> Bundle:
    index = prefix.with_name(f"{prefix.name}.index")
    return open_bundle(index, index.name, Limits(), lambda close: None)


def as_tensorflow_has_it(prefix: Path) -> int:
    """How many tensors there are; all are equal."""
    import tensorflow as tf

    theirs = tf.train.load_checkpoint(str(prefix))
    shapes = theirs.get_variable_to_shape_map()
    ours = opened(prefix)
    assert set(ours.tensors) == set(shapes)
    for stored in ours:
        expected = theirs.get_tensor(stored.key)
        found = stored.read()
        assert list(stored.shape) == shapes[stored.key] == list(found.shape)
        said = theirs.get_variable_to_dtype_map()[stored.key].name
        assert stored.type_name == said
        assert not found.flags.writeable
        assert found.flags.c_contiguous
        if stored.dtype == object:
            assert dtype_name(stored.dtype) == "string"
            assert found.tolist() == (expected.tolist() if isinstance(expected, np.ndarray) else expected)
        else:
            assert np.dtype(stored.dtype) == found.dtype
            assert said.removeprefix("q").replace("quint", "uint") == stored.dtype.name
            assert np.asarray(expected).tobytes() == found.tobytes()
    return len(ours)
