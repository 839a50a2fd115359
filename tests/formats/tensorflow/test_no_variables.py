"""SavedModels without variables, and those that lost theirs: the one has nothing to compare, the other is broken."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gate.errors import MissingFileError
from gate.formats import open_weights

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]

Save = Callable[[Path, int], None]


def save_tf1(folder: Path, variables: int) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        given = v1.placeholder(tf.float32, [2], "given")
        result = sum((v1.get_variable(f"v{number}", [2]) for number in range(variables)), given * 2)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"given": given}, {"result": result})


def save_tf2(folder: Path, variables: int) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.held = [tf.Variable([1.0, 2.0]) for _ in range(variables)]
    module.f = tf.function(lambda x: sum(module.held, x * 2), input_signature=[tf.TensorSpec([2])])
    tf.saved_model.save(module, str(folder))


@pytest.mark.parametrize("save", [save_tf1, save_tf2])
def test_a_model_without_variables_has_no_tensors(save: Save, tmp_path: Path) -> None:
    save(tmp_path / "model", 0)
    with open_weights(tmp_path / "model") as weights:
        assert len(weights) == 0


@pytest.mark.parametrize("lost", ["variables/variables.index", "variables"])
@pytest.mark.parametrize("save", [save_tf1, save_tf2])
def test_a_model_that_lost_its_variables_is_broken(save: Save, lost: str, tmp_path: Path) -> None:
    """A TF1 model names no variables; only that it says how they are restored tells that there were some."""
    save(tmp_path / "model", 1)
    with open_weights(tmp_path / "model") as weights:
        assert len(weights) == 1
    path = tmp_path / "model" / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(MissingFileError, match=r"has variables, and no variables/variables\.index"):
        open_weights(tmp_path / "model")
