"""What Keras' own layers call their variables, in the order in which `.weights.h5` numbers them.

`Layer.save_own_variables` writes trainable, then non-trainable variables of the layer itself, each in the order of
`add_weight`: read from the sources of Keras 3.15 and 2.15 and held by tests that save real layers.
"""

from collections.abc import Mapping
from typing import Any

from gate.formats.keras_config import snake_case

_KERNEL = ("kernel", "bias")
_SEPARABLE = ("depthwise_kernel", "pointwise_kernel", "bias")
_CELL = ("kernel", "recurrent_kernel", "bias")
_STATISTICS = ("moving_mean", "moving_variance")

# Class -> names; fewer variables than names are the first of them (no bias).
_IN_ORDER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "Dense", "EinsumDense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose",
            "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D",
        ),
        _KERNEL,
    ),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell", "ConvLSTMCell"), _CELL),
    "Embedding": ("embeddings",),
    "ReversibleEmbedding": ("embeddings", "reverse_embeddings"),
    "PReLU": ("alpha",),
    "Normalization": ("mean", "variance", "count"),
    "SeedGenerator": ("seed_generator_state",),
}  # fmt: skip

# Class -> names with the settings that drop them; without settings only a full set is certain.
_SCALED = ("LayerNormalization", "GroupNormalization", "BatchNormalization", "RMSNormalization")

_BY_KEY = {snake_case(name): name for name in (*_IN_ORDER, *_SCALED)}

# Attribute -> class and usual name of the sub-layers that Keras' attention layers make themselves; Keras 2 has the
# attributes with an underscore in front.
_ATTENTION = {
    f"{front}{kind}_dense": ("EinsumDense", name)
    for front in ("", "_")
    for kind, name in (
        ("query", "query"), ("key", "key"), ("value", "value"), ("output", "attention_output"), ("gate", "gate")
    )
}  # fmt: skip

# Class -> attribute -> (class, usual name) of the sub-layers Keras makes itself.
_MADE: dict[str, dict[str, tuple[str, str]]] = {
    **{
        snake_case(layer): {"cell": (cell, snake_case(cell))}
        for layer, cell in (
            ("LSTM", "LSTMCell"), ("GRU", "GRUCell"), ("SimpleRNN", "SimpleRNNCell"),
            ("ConvLSTM1D", "ConvLSTMCell"), ("ConvLSTM2D", "ConvLSTMCell"), ("ConvLSTM3D", "ConvLSTMCell"),
        )
    },
    **{
        snake_case(layer): _ATTENTION
        for layer in ("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention")
    },
}  # fmt: skip


def class_of_key(key: str) -> str:
    """The snake-case class in a stored key: `dense_12` is `dense`. The count is never part of a class name."""
    stem, _, number = key.rpartition("_")
    return stem if stem and number.isascii() and number.isdigit() else key


def made_by(owner: str, attribute: str) -> tuple[str, str] | None:
    """The class and the usual name of the sub-layer that Keras' `owner` (snake case) keeps in `attribute`."""
    return _MADE.get(owner, {}).get(attribute)


def known_class(key: str) -> str | None:
    """Keras' class of a snake-case name, when its variables are known here."""
    return _BY_KEY.get(key)


def variable_names(class_name: str, count: int, settings: Mapping[str, Any] | None = None) -> tuple[str, ...] | None:
    """The names of a layer's `count` variables, None where they are not certain."""
    if class_name in _SCALED:
        return _scaled(class_name, count, settings)
    names = _IN_ORDER.get(class_name)
    if names is None or count > len(names):
        return None
    if settings is not None and settings.get("use_bias") is False and names[-1] == "bias" and count == len(names):
        return None  # something else stands where the bias would be
    if count < len(names) - (names[-1] == "bias" or class_name == "ReversibleEmbedding"):
        return None
    return names[:count]


def _scaled(class_name: str, count: int, settings: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    if class_name == "RMSNormalization":
        return ("scale",) if count == 1 else None
    tail = _STATISTICS if class_name == "BatchNormalization" else ()
    if settings is not None and "scale" in settings and "center" in settings:
        own = tuple(name for name, key in (("gamma", "scale"), ("beta", "center")) if settings[key] is not False)
        return (*own, *tail) if count == len(own) + len(tail) else None
    # Without settings one variable before the statistics may be either of the two, so it stays a number.
    certain: dict[int, tuple[str, ...]] = {0: (), 1: ("0",), 2: ("gamma", "beta")}
    found = certain.get(count - len(tail))
    return None if found is None else (*found, *tail)
