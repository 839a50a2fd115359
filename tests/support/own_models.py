"""Models with something odd about where they keep their variables, as users write them. Copied beside manifests too.

Builders import Keras when they are called: this module can be imported without TensorFlow.
"""

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np


@functools.cache
def classes() -> SimpleNamespace:  # noqa: C901 - several classes in one place, since Keras is imported late
    """Registered once in a process."""
    import keras
    from keras import layers as kl

    register = keras.saving.register_keras_serializable("own")

    @register
    class Transformer(kl.Layer):  # type: ignore[misc]
        """Layers in attributes that are built when it is called: a checkpoint knows none of their names."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.attention = kl.MultiHeadAttention(2, 2)
            self.network = keras.Sequential([kl.Dense(8, activation="relu"), kl.Dense(4)])
            self.first_norm, self.second_norm = kl.LayerNormalization(), kl.LayerNormalization()
            self.dropout = kl.Dropout(0.1)

        def call(self, inputs: Any, training: bool = False) -> Any:
            x = self.first_norm(inputs + self.dropout(self.attention(inputs, inputs), training=training))
            return self.second_norm(x + self.network(x))

    @register
    class Twice(keras.Model):  # type: ignore[misc]
        """One layer in two attributes."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.one = kl.Dense(4)
            self.again = self.one
            self.other = kl.Dense(4)

        def call(self, inputs: Any) -> Any:
            return self.other(self.again(self.one(inputs)))

    @register
    class Encoder(keras.Model):  # type: ignore[misc]
        """A metric and a random generator of its own, as a variational encoder has them."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.generator = keras.random.SeedGenerator(1337)
            self.encoder = keras.Sequential([kl.Dense(4), kl.Dense(4)])
            self.decoder = keras.Sequential([kl.Dense(4)])
            self.total = keras.metrics.Mean(name="total")

        def call(self, inputs: Any, training: bool = False) -> Any:
            x = self.encoder(inputs)
            if training:
                x = x + keras.random.normal(keras.ops.shape(x), seed=self.generator)
            return self.decoder(x)

    @register
    class Tied(keras.Model):  # type: ignore[misc]
        """A variable of one layer that the model holds too, so that Keras saves it twice."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.words = kl.Embedding(7, 4)
            self.words.build(None)
            self.table = self.words.embeddings
            self.out = kl.Dense(4)

        def call(self, inputs: Any) -> Any:
            x = self.out(self.words(keras.ops.cast(keras.ops.abs(inputs) > 1, "int32")))
            return keras.ops.matmul(x, keras.ops.transpose(self.table))

    @register
    class Draws(kl.Layer):  # type: ignore[misc]
        """Other numbers with each call."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.generator = keras.random.SeedGenerator(7)

        def call(self, inputs: Any) -> Any:
            return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.generator)

    return SimpleNamespace(Transformer=Transformer, Twice=Twice, Encoder=Encoder, Tied=Tied, Draws=Draws)


def transformer() -> Any:
    from keras import Input, Sequential
    from keras import layers as kl

    blocks = [classes().Transformer() for _ in range(2)]
    return Sequential([Input((5, 4)), *blocks, kl.GlobalAveragePooling1D(), kl.Dense(2)])


def twice() -> Any:
    return _called(classes().Twice(), (1, 4))


def encoder() -> Any:
    return _called(classes().Encoder(), (1, 4))


def tied() -> Any:
    return _called(classes().Tied(), (1, 3))


def draws() -> Any:
    from keras import Input, Sequential
    from keras import layers as kl

    return Sequential([Input((4,)), kl.Dense(4), classes().Draws()])


def stateful() -> Any:
    """Recurrent layers that go on where they were."""
    from keras import Input, Sequential
    from keras import layers as kl

    recurrent = [kl.LSTM(4, stateful=True, return_sequences=True), kl.GRU(2, stateful=True)]
    return Sequential([Input(batch_shape=(2, 5, 3)), *recurrent, kl.Dense(2)])


def nested_outputs() -> Any:
    """Inputs and outputs in lists and dicts, whose keys are not the names of the inputs."""
    from keras import Input, Model
    from keras import layers as kl

    one, two, three = (Input((4,), name=name) for name in ("one", "two", "three"))
    x = kl.Concatenate()([kl.Dense(3)(one), kl.Dense(3)(two), three])
    return Model([one, {"b": three, "a": two}], [kl.Dense(2)(x), {"d": kl.Dense(3)(x)}])


def frequencies() -> Any:
    """Words weighted by how rare they are: the weights are the lookup layer's, and saved for the layer around too."""
    from keras import Input, Model
    from keras import layers as kl

    given = Input((), dtype="string")
    words = kl.TextVectorization(output_mode="tf_idf")
    words.adapt(np.array(["the cat sat", "on the mat"]))
    return Model(given, kl.Dense(2)(words(given)))


def augmented() -> Any:
    from keras import Input, Model, Sequential
    from keras import layers as kl

    given = Input((8, 8, 3))
    x = Sequential([kl.RandomFlip(), kl.RandomRotation(0.1)], name="augment")(given)
    return Model(given, kl.Dense(2)(kl.Flatten()(x)))


def _called(model: Any, shape: tuple[int, ...]) -> Any:
    model(np.zeros(shape, np.float32))
    return model


MODELS = {
    build.__name__: build
    for build in (transformer, twice, encoder, tied, draws, stateful, nested_outputs, frequencies, augmented)
}
OWN_CLASSES = {"transformer", "twice", "encoder", "tied", "draws"}
"""Models that only code can build."""
