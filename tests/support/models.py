"""Keras models of the shapes that people build, with values that tell every tensor apart, saved in every format.

Builders import Keras when they are called: this module can be imported without TensorFlow.
"""

import functools
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

Builder = Callable[[], Any]


def convolutions() -> Any:
    """Layers of images and normalisations, named and not, `BatchNormalization` with all of its switches."""
    from keras import Input, Model
    from keras import layers as kl

    given = Input((8, 8, 3))
    x = kl.Conv2D(4, 3, name="Conv1")(given)
    x = kl.BatchNormalization(name="bn")(x)
    for options in ({"scale": False}, {"center": False}, {"scale": False, "center": False}):
        x = kl.BatchNormalization(**options)(x)
    x = kl.BatchNormalization(center=False, scale=False, name="bn_plain")(x)
    x = kl.DepthwiseConv2D(3)(x)
    x = kl.SeparableConv2D(5, 2)(x)
    x = kl.Conv2DTranspose(5, 2, use_bias=False)(x)
    x = kl.PReLU()(x)
    x = kl.LayerNormalization()(x)
    x = kl.LayerNormalization(scale=False)(x)
    x = kl.GroupNormalization(groups=1)(x)
    x = kl.GroupNormalization(groups=5, center=False)(x)
    x = kl.UnitNormalization()(x)
    x = kl.RMSNormalization()(x)
    x = kl.Conv2D(5, 3)(x)
    x = kl.Dropout(0.1)(x)
    return Model(given, kl.Dense(2)(kl.GlobalAveragePooling2D()(x)))


def sequences() -> Any:
    """Embeddings, attention and recurrent layers with their wrappers."""
    from keras import Input, Model
    from keras import layers as kl

    given = Input((5,), dtype="int32")
    x = kl.Embedding(7, 4)(given)
    x = kl.Conv1D(4, 1)(x)
    x = kl.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = kl.MultiHeadAttention(2, 3)(x, x)
    x = kl.Bidirectional(kl.LSTM(4, return_sequences=True))(x)
    x = kl.GRU(3, return_sequences=True)(x)
    x = kl.TimeDistributed(kl.Dense(3), name="each")(x)
    x = kl.TimeDistributed(kl.Dense(3, name="inner"))(x)
    x = kl.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d")(x)
    x = kl.SimpleRNN(3)(x)
    return Model(given, kl.Dense(2)(x))


def cells() -> Any:
    """Recurrent cells in a list, and a wrapper of a default-named layer within a named one."""
    from keras import Input, Sequential
    from keras import layers as kl

    stack = kl.RNN([kl.LSTMCell(3), kl.LSTMCell(3, name="upper")], return_sequences=True)
    return Sequential([Input((5, 4)), stack, kl.Bidirectional(kl.GRU(2), name="both")])


def past_ten() -> Any:
    """More default-named layers of one class than ten: `dense_10` is not after `dense_1`."""
    from keras import Input, Sequential
    from keras import layers as kl

    layers: list[Any] = [Input((3,))]
    layers += [kl.Dense(3) for _ in range(13)]
    return Sequential([*layers, kl.BatchNormalization()])


def normalised() -> Any:
    """An adapted `Normalization`, an `Embedding` and a named layer."""
    from keras import Input, Model
    from keras import layers as kl

    given = Input((4,))
    normalization = kl.Normalization()
    normalization.adapt(np.random.default_rng(5).normal(size=(10, 4)).astype("f4"))
    return Model(given, kl.Dense(2, name="head")(normalization(given)))


def nested() -> Any:
    """Named models in models, two deep; twins with equal names inside, called twice."""
    from keras import Input, Model, Sequential
    from keras import layers as kl

    given = Input((4,))
    inner = Model(given, kl.BatchNormalization(name="norm")(kl.Dense(4, name="a")(given)), name="inner")
    middle = Sequential([Input((4,)), kl.Dense(4, name="before"), inner], name="middle")
    twins = [Sequential([Input((4,)), kl.Dense(4, name="same"), kl.Dense(4, use_bias=False)], name=f"twin_{side}")
             for side in "ab"]  # fmt: skip
    given = Input((4,))
    x = middle(given)
    for twin in (*twins, *twins):  # shared: called twice, stored once
        x = twin(x)
    return Model(given, kl.Dense(2, name="head")(x))


def nested_default() -> Any:
    """Models in models in models, none of them named."""
    from keras import Input, Model, Sequential
    from keras import layers as kl

    def leaf() -> Any:
        given = Input((4,))
        return Model(given, kl.BatchNormalization()(kl.Dense(4)(given)))

    def middle() -> Any:
        return Sequential([Input((4,)), kl.Dense(4), leaf(), leaf()])

    given = Input((4,))
    x = middle()(given)
    x = middle()(kl.Dense(4)(x))
    x = Sequential([Input((4,)), Sequential([Input((4,)), Sequential([Input((4,)), kl.Dense(4)])])])(x)
    return Model(given, kl.Dense(4)(x))


def shared() -> Any:
    """A layer used twice, one held by two models within, and two layers with one kernel."""
    from keras import Input, Model, Sequential
    from keras import layers as kl

    twice, within = kl.Dense(4), kl.Dense(4, name="within")
    given = Input((4,))
    x = twice(twice(given))
    for name in ("left", "right"):
        x = Sequential([Input((4,)), within, kl.Dense(4)], name=name)(x)
    return Model(given, kl.Dense(2)(x))


@functools.cache
def custom_layers() -> SimpleNamespace:  # noqa: C901 - four classes in one place, since Keras is imported late
    """Classes of users, registered once in this process."""
    import keras
    from keras import layers as kl

    register = keras.saving.register_keras_serializable("tests")

    @register
    class Block(kl.Layer):  # type: ignore[misc]
        """Variables of its own, each of a shape of its own, and layers in attributes."""

        def __init__(self, units: int = 4, **options: Any) -> None:
            super().__init__(**options)
            self.units = units
            self.proj = kl.Dense(units)
            self.norm = kl.LayerNormalization()

        def build(self, shape: tuple[Any, ...]) -> None:
            self.scale = self.add_weight(name="scale", shape=(self.units,))
            self.table = self.add_weight(name="table", shape=(self.units, 2), trainable=False)
            self.proj.build(shape)
            self.norm.build((*shape[:-1], self.units))
            self.built = True

        def call(self, inputs: Any) -> Any:
            return self.norm(self.proj(inputs)) * self.scale + keras.ops.sum(self.table)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    @register
    class Alike(kl.Layer):  # type: ignore[misc]
        """Two variables of one shape, of which `.weights.h5` keeps no names."""

        def build(self, shape: tuple[Any, ...]) -> None:
            self.scale = self.add_weight(name="scale", shape=(3,))
            self.offset = self.add_weight(name="offset", shape=(3,))
            self.built = True

        def call(self, inputs: Any) -> Any:
            return inputs * self.scale + self.offset

    @register
    class Own(keras.Model):  # type: ignore[misc]
        """Layers in a list, a dict and attributes, and a variable of the model's own."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.blocks = [kl.Dense(4), kl.Dense(4, name="second"), Block(4)]
            self.heads = {"x": kl.Dense(4, name="head_x"), "y": keras.Sequential([kl.Dense(4, name="deep")], name="y")}
            self.words = kl.Embedding(5, 4)
            self.scaling = kl.Normalization()
            self.scaling.build((None, 4))
            self.temperature = self.add_weight(name="temperature", shape=(2, 1, 3))

        def call(self, inputs: Any) -> Any:
            x = inputs
            for block in self.blocks:
                x = block(x)
            x = self.heads["x"](x) + self.heads["y"](x) + self.words(keras.ops.zeros((1,), "int32")) + self.scaling(x)
            return x * keras.ops.sum(self.temperature)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name}

    @register
    class Attributes(keras.Model):  # type: ignore[misc]
        """Layers in attributes, as most subclassed models have them, a model within, one class twice."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.first = kl.Dense(4)
            self.second = kl.Dense(4)
            self.norm = kl.BatchNormalization()
            self.features = keras.Sequential([kl.Dense(4), kl.Dense(4)])
            self.block = Block(4)
            self.out = kl.Dense(2, name="logits")

        def call(self, inputs: Any) -> Any:
            return self.out(self.block(self.features(self.norm(self.second(self.first(inputs))))))

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name}

    return SimpleNamespace(Block=Block, Alike=Alike, Own=Own, Attributes=Attributes)


def custom() -> Any:
    """Layers of users in a `Sequential`, two of them default-named."""
    from keras import Input, Sequential
    from keras import layers as kl

    block = custom_layers().Block
    return Sequential([Input((4,)), block(4), block(4), kl.Dense(3), block(3, name="last")])


def alike() -> Any:
    from keras import Input, Sequential
    from keras import layers as kl

    return Sequential([Input((3,)), kl.Dense(3, name="first"), custom_layers().Alike(name="alike")])


def attributes() -> Any:
    model = custom_layers().Attributes()
    model(np.zeros((1, 4), np.float32))
    return model


def containers() -> Any:
    model = custom_layers().Own()
    model(np.zeros((1, 4), np.float32))
    return model


def attributes_within() -> Any:
    """A subclassed model inside a functional one."""
    from keras import Input, Model
    from keras import layers as kl

    given = Input((4,))
    return Model(given, kl.Dense(2)(custom_layers().Attributes()(kl.Dense(4)(given))))


def containers_within() -> Any:
    from keras import Input, Model
    from keras import layers as kl

    given = Input((4,))
    return Model(given, kl.Dense(2)(custom_layers().Own()(kl.Dense(4)(given))))


def precisions() -> Any:
    """Every floating dtype that layers have, alone and mixed."""
    from keras import Input, Sequential
    from keras import layers as kl

    kinds = ("bfloat16", "float16", "float64", "float32", "mixed_float16", "mixed_bfloat16")
    layers = [kl.Dense(2, dtype=kind) for kind in kinds]
    return Sequential([Input((3,)), *layers, kl.BatchNormalization(dtype="mixed_float16")])


def _trained(optimizer: Any) -> Any:
    from keras import Input, Sequential
    from keras import layers as kl

    layers = [kl.Dense(2), kl.Dropout(0.5), kl.Dense(2, name="named"), kl.Dense(1)]
    model = Sequential([Input((3,)), *layers])
    model.compile(optimizer, "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


def adam() -> Any:
    return _trained("adam")


def momentum() -> Any:
    from keras.optimizers import SGD

    return _trained(SGD(0.1, momentum=0.9))


def averaged() -> Any:
    """Moving averages of the weights, kept by the optimizer."""
    from keras.optimizers import SGD

    return _trained(SGD(0.1, momentum=0.9, use_ema=True))


def loss_scaled() -> Any:
    from keras.optimizers import Adam, LossScaleOptimizer

    return _trained(LossScaleOptimizer(Adam()))


def weightless() -> Any:
    from keras import Input, Sequential
    from keras import layers as kl

    return Sequential([Input((3,)), kl.Flatten()])


def vocabulary() -> Any:
    """Words looked up in a table: no weights, and an asset."""
    from keras import Input, Model
    from keras import layers as kl

    given = Input((), dtype="string")
    words = kl.TextVectorization(output_sequence_length=4)
    words.adapt(np.array(["the cat sat", "on the mat"]))
    x = kl.Embedding(9, 3)(words(given))
    return Model(given, kl.Dense(2)(kl.Flatten()(x)))


def odd_names() -> Any:
    """Names that look like something else: numbers, default names of other classes, and out of order."""
    from keras import Input, Sequential
    from keras import layers as kl

    names = (
        "dense_1",
        "dense",
        "0",
        "vars",
        "layers",
        "conv2d",
        "a.b-c",
        "kernel",
        "optimizer",
        "_variables",
        "dense_7",
    )
    return Sequential([Input((3,)), *(kl.Dense(3, name=name) for name in names)])


def mobilenet() -> Any:
    from keras.applications import MobileNetV2

    return MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=4)


MODELS: Mapping[str, Builder] = {
    build.__name__: build
    for build in (
        convolutions, sequences, cells, past_ten, normalised, nested, nested_default, shared, custom, alike, attributes,
        containers, attributes_within, containers_within, precisions, adam, momentum, averaged, loss_scaled, weightless,
        vocabulary, odd_names, mobilenet,
    )
}  # fmt: skip


def variables_of(model: Any) -> list[Any]:
    """Every weight of the model, then its optimizer's variables."""
    optimizer = getattr(model, "optimizer", None)
    return [*model.weights, *(optimizer.variables if optimizer else ())]


def fill(variables: list[Any], seed: int = 1) -> None:
    """Values that no two tensors share; whole numbers so small that every floating type holds them."""
    random = np.random.default_rng(seed)
    taken = set()
    for variable in variables:
        values = random.integers(1, 250, variable.shape)
        while values.size and values.tobytes() in taken:
            values = random.integers(1, 250, variable.shape)
        taken.add(values.tobytes())
        variable.assign(values)
