"""The model, which only this code can build: `models/digits.weights.h5` is loaded into what `build` returns."""

import keras


class Gain(keras.layers.Layer):
    """One learned factor per pixel: the reason why a `.keras` file alone would not do."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.gain = self.add_weight(name="gain", shape=shape[1:], initializer="ones")

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        return image * self.gain


def build() -> keras.Model:
    """A digit of 8x8 pixels -> ten logits. `ink` and `strokes` look at the same features, pooled in two ways."""
    image = keras.Input((8, 8, 1), name="image")
    features = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="edges")(Gain(name="gain")(image))
    ink = keras.layers.Flatten(name="ink_pixels")(keras.layers.AveragePooling2D(2, name="ink_pool")(features))
    ink = keras.layers.Dense(16, activation="relu", name="ink")(ink)
    strokes = keras.layers.Flatten(name="stroke_pixels")(keras.layers.MaxPooling2D(2, name="stroke_pool")(features))
    strokes = keras.layers.Dense(16, activation="relu", name="strokes")(strokes)
    both = keras.layers.Add(name="both")([ink, strokes])
    return keras.Model(image, keras.layers.Dense(10, name="logits")(both), name="digits")
