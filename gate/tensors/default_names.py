"""Layers that nobody named: Keras calls them by their class and a number that counts through the whole process.

The same builder, called twice, therefore gives `dense` and `dense_1` first, then `dense_2` and `dense_3`.
`align` brings such names of a reference to those of the candidate. It never looks at values:

- under one parent, the layers of one class are paired in order when there are equally many on both sides and their
  numbers rise and fall in the same places, so that the order in the file and the order of the numbers agree;
- where the two sides share a name already, names mean something and stay as they are;
- in every other case names stay as they are, and what does not meet is told as missing and unexpected.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

# `to_snake_case` of the class names in keras.layers, Keras 3.15, and of its models.
_CLASSES = frozenset(
    """
    activation activity_regularization adaptive_average_pooling1d adaptive_average_pooling2d
    adaptive_average_pooling3d adaptive_max_pooling1d adaptive_max_pooling2d adaptive_max_pooling3d add
    additive_attention alpha_dropout attention aug_mix auto_contrast average average_pooling1d average_pooling2d
    average_pooling3d batch_normalization bidirectional category_encoding center_crop concatenate
    contrast_limited_adaptive_histogram_equalization conv1d conv1d_transpose conv2d conv2d_transpose conv3d
    conv3d_transpose conv_lstm1d conv_lstm2d conv_lstm3d cropping1d cropping2d cropping3d cut_mix dense
    depthwise_conv1d depthwise_conv2d discretization dot dropout einsum_dense elu embedding equalization flatten
    flax_layer functional gaussian_dropout gaussian_noise global_average_pooling1d global_average_pooling2d
    global_average_pooling3d global_max_pooling1d global_max_pooling2d global_max_pooling3d group_normalization
    grouped_query_attention gru gru_cell hashed_crossing hashing identity input_layer integer_lookup jax_layer
    lambda layer layer_normalization leaky_re_lu lstm lstm_cell masking max_num_bounding_boxes max_pooling1d
    max_pooling2d max_pooling3d maximum mel_spectrogram minimum mix_up model multi_head_attention multiply
    normalization p_re_lu permute pipeline rand_augment random_brightness random_color_degeneration
    random_color_jitter random_contrast random_crop random_elastic_transform random_erasing random_flip
    random_gaussian_blur random_grayscale random_hue random_invert random_perspective random_posterization
    random_rotation random_saturation random_sharpness random_shear random_translation random_zoom re_lu
    repeat_vector rescaling reshape resizing reversible_embedding rms_normalization rnn separable_conv1d
    separable_conv2d sequential simple_rnn simple_rnn_cell softmax solarization spatial_dropout1d
    spatial_dropout2d spatial_dropout3d spectral_normalization stacked_rnn_cells stft_spectrogram string_lookup
    subtract text_vectorization tfsm_layer time_distributed torch_module_wrapper unit_normalization up_sampling1d
    up_sampling2d up_sampling3d wrapper zero_padding1d zero_padding2d zero_padding3d
    """.split()  # noqa: SIM905 - a list of 150 words reads better so
)


@dataclass
class _Layer:
    """One part of a name that contains others; children in the file's order."""

    tensors: list[str] = field(default_factory=list)
    layers: "dict[str, _Layer]" = field(default_factory=dict)


def align(candidate: Iterable[str], reference: Collection[str]) -> Mapping[str, str]:
    """The reference's names, each with the one it is compared under; most are their own."""
    found: dict[str, str] = {}
    pending = [(_tree(candidate), _tree(reference), "", "")]
    while pending:
        ours, theirs, new, old = pending.pop()
        for variable in theirs.tensors:
            found[old + variable] = new + variable
        names = _renamed(list(ours.layers), list(theirs.layers))
        for part, layer in theirs.layers.items():
            name = names.get(part, part)
            pending.append((ours.layers.get(name, _Layer()), layer, f"{new}{name}/", f"{old}{part}/"))
    return {name: found[name] for name in reference}


def renumbered(names: Mapping[str, str]) -> tuple[str, ...]:
    """`dense_2 as dense`, for every layer of the reference that goes by another name."""
    pairs: dict[str, None] = {}
    for old, new in names.items():
        for was, now in zip(old.split("/"), new.split("/"), strict=True):
            if was != now:
                pairs[f"{was} as {now}"] = None
    return tuple(pairs)


def default_class(name: str) -> str | None:
    """The snake-case class in a default layer name, `dense` for `dense_12`; None for names that people gave."""
    if name in _CLASSES:
        return name
    stem, _, number = name.rpartition("_")
    return stem if stem in _CLASSES and number.isascii() and number.isdecimal() and len(number) < 10 else None


def _tree(names: Iterable[str]) -> _Layer:
    root = _Layer()
    for name in names:
        layer = root
        *parts, variable = name.split("/")
        for part in parts:
            layer = layer.layers.setdefault(part, _Layer())
        layer.tensors.append(variable)
    return root


def _renamed(candidate: list[str], reference: list[str]) -> dict[str, str]:
    """The reference's default names among siblings -> the candidate's, where the order leaves no doubt."""
    names: dict[str, str] = {}
    for stem in {default_class(name) for name in reference} - {None}:
        ours = [name for name in candidate if default_class(name) == stem]
        theirs = [name for name in reference if default_class(name) == stem]
        if not set(ours) & set(theirs) and _ranks(ours) == _ranks(theirs):
            names |= dict(zip(theirs, ours, strict=True))
    return names


def _ranks(names: list[str]) -> list[int]:
    """The place of each name in the order of their numbers; equal lists have equal length."""
    ranks = {name: rank for rank, name in enumerate(sorted(names, key=_number))}
    return [ranks[name] for name in names]


def _number(name: str) -> int:
    """`dense` is 0, `dense_12` is 12."""
    return 0 if name in _CLASSES else int(name.rpartition("_")[2])
