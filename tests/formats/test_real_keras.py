"""Files that Keras itself writes: every tensor of every format under one name, with the variable's own values."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.formats import open_weights
from gate.tensors.weightset import Group, WeightSet
from support.models import nested, weightless

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning"),
]


def functional() -> Any:
    from keras import Input, Model
    from keras import layers as kl

    given = Input((8, 8, 3))
    x = kl.Conv2D(4, 3, name="Conv1")(given)
    x = kl.BatchNormalization(name="bn")(x)
    x = kl.BatchNormalization(center=False, scale=False, name="bn_plain")(x)
    x = kl.DepthwiseConv2D(3)(x)
    x = kl.SeparableConv2D(5, 2)(x)
    x = kl.Conv2DTranspose(5, 2, use_bias=False)(x)
    x = kl.PReLU()(x)
    x = kl.LayerNormalization()(x)
    x = kl.GroupNormalization(groups=1)(x)
    x = kl.Reshape((-1, 5))(x)
    x = kl.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = kl.Bidirectional(kl.LSTM(4, return_sequences=True))(x)
    x = kl.GRU(3, return_sequences=True)(x)
    x = kl.TimeDistributed(kl.Dense(2), name="each")(x)
    x = kl.SimpleRNN(3)(x)
    x = kl.EinsumDense("ab,bc->ac", output_shape=3, bias_axes="c")(x)
    x = kl.Dropout(0.1)(x)
    for _ in range(12):
        x = kl.Dense(3)(x)
    return Model(given, x)


def subclassed() -> Any:
    import keras
    from keras import layers as kl

    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="own")
            self.blocks = [kl.Dense(4), kl.Dense(4, name="second")]
            self.heads = {"x": kl.Dense(4, name="head_x"), "y": keras.Sequential([kl.Dense(4, name="deep")], name="y")}
            self.words = kl.Embedding(5, 4)
            self.scaling = kl.Normalization()
            self.scaling.build((None, 4))

        def call(self, inputs: Any) -> Any:
            x = inputs
            for block in self.blocks:
                x = block(x)
            return self.heads["x"](x) + self.heads["y"](x) + self.words(keras.ops.zeros((1,), "int32"))

    model = Own()
    model(np.zeros((1, 4), np.float32))
    return model


def precisions() -> Any:
    from keras import Input, Sequential
    from keras import layers as kl

    kinds = ("bfloat16", "float16", "float64", "mixed_float16", "mixed_bfloat16")
    return Sequential([Input((3,)), *(kl.Dense(2, dtype=kind) for kind in kinds)])


def compiled() -> Any:
    from keras import Input, Sequential
    from keras import layers as kl

    model = Sequential([Input((3,)), kl.Dense(2), kl.Dropout(0.5), kl.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.zeros((4, 3)), np.zeros((4, 1)), verbose=0)
    return model


MODELS: dict[str, Callable[[], Any]] = {
    "functional": functional, "nested": nested, "subclassed": subclassed, "precisions": precisions,
    "compiled": compiled, "weightless": weightless,
}  # fmt: skip
KINDS = (".keras", ".weights.h5", ".weights.json", ".h5")


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Path]]:
    """Every model, its weights made to differ from each other, saved in every way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = tmp_path_factory.mktemp("keras")
        models = {}
        for name, build in MODELS.items():
            model = build()
            random = np.random.default_rng(1)
            for variable in model.weights:
                variable.assign(random.integers(1, 100, variable.shape))
            model.save(folder / f"{name}.keras")
            model.save(folder / f"{name}.h5")
            model.save_weights(folder / f"{name}.weights.h5")
            model.save_weights(folder / f"{name}.weights.json", max_shard_size=1e-6)
            models[name] = (model, folder)
    return models


def values(weights: WeightSet, group: Group = Group.WEIGHTS) -> dict[str, bytes]:
    return {
        tensor.name: bytes(str(tensor.dtype), "ascii") + tensor.read().tobytes()
        for tensor in weights
        if tensor.group is group
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_one_name_and_one_value_in_every_format(saved: dict[str, tuple[Any, Path]], name: str, kind: str) -> None:
    model, folder = saved[name]
    with open_weights(folder / f"{name}{kind}") as weights, open_weights(folder / f"{name}.h5") as legacy:
        found = values(weights)
        assert len(found) == len(model.weights)
        assert found == values(legacy)


@pytest.mark.parametrize("name", MODELS)
def test_names_are_the_last_parts_of_keras_own(saved: dict[str, tuple[Any, Path]], name: str) -> None:
    """An independent source: the name of every variable and of the layer that holds it, from the live model."""
    model, folder = saved[name]
    expected = sorted("/".join(variable.path.split("/")[-2:]) for variable in model.weights)
    with open_weights(folder / f"{name}.keras") as weights:
        found = sorted("/".join(name.split("/")[-2:]) for name in values(weights))
    assert found == expected


@pytest.mark.parametrize("kind", [".keras", ".h5", ".weights.h5"])
@pytest.mark.parametrize("name", ["functional", "compiled", "precisions"])
def test_the_order_is_the_models(saved: dict[str, tuple[Any, Path]], name: str, kind: str) -> None:
    model, folder = saved[name]
    order = [layer.name for layer in model.layers if layer.weights]
    with open_weights(folder / f"{name}{kind}") as weights:
        found = list(dict.fromkeys(name.split("/")[0] for name in values(weights)))
    assert found == order


def test_the_optimizer_is_a_group_of_its_own(saved: dict[str, tuple[Any, Path]]) -> None:
    model, folder = saved["compiled"]
    for kind in KINDS:
        with open_weights(folder / f"compiled{kind}") as weights:
            found = values(weights, Group.OPTIMIZER)
            assert len(found) == len(model.optimizer.variables)
            assert all(name.startswith("optimizer/") for name in found)
            assert "optimizer/iteration" in found


def test_values_are_the_variables(saved: dict[str, tuple[Any, Path]]) -> None:
    model, folder = saved["nested"]
    with open_weights(folder / "nested.keras") as weights:
        for layer, name in ((model.get_layer("head"), "head"), (model.get_layer("middle").layers[0], "middle/before")):
            for variable, kind in zip(layer.weights, ("kernel", "bias"), strict=True):
                assert np.array_equal(weights.tensors[f"{name}/{kind}"].read(), np.asarray(variable))


def test_layers_in_attributes_are_told_by_their_default_names(saved: dict[str, tuple[Any, Path]]) -> None:
    _, folder = saved["subclassed"]
    with open_weights(folder / "subclassed.weights.h5") as weights:
        assert "embedding/embeddings" in weights.tensors
    with open_weights(folder / "nested.weights.h5") as weights:
        assert weights.notes == ()
