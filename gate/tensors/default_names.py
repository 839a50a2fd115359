"""Layers that nobody named: Keras calls them by their class and a number that counts through the whole process.

The same builder, called twice, therefore gives `dense` and `dense_1` first, then `dense_2` and `dense_3`.
`renumbered` counts them anew, per class and parent, so that both become `dense 1/2` and `dense 2/2`: names that only
meet where there are equally many on both sides. It never looks at values.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum

from gate.tensors.model_order import Order, certain, sort_key
from gate.tensors.weightset import Layer, Step

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


_NUMBERED = re.compile(r"(.+?)_(\d{1,9})", re.ASCII)
_SIDE = re.compile(r"(?:forward|backward)_")  # what `Bidirectional` puts before the name of its layer


def default_class(name: str) -> str | None:
    """The snake-case class in a default layer name, `dense` for `dense_12`; None for names that people gave."""
    stem, _ = numbered(name)
    return stem if _SIDE.sub("", stem, count=1) in _CLASSES else None


def numbered(name: str) -> tuple[str, int]:
    """`dense_12` is `dense` and 12, `dense` is `dense` and 0. The class of Keras `conv_1d_2` is `conv_1d`."""
    match = None if name in _CLASSES else _NUMBERED.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, 0)


Members = Mapping[str, frozenset[str]]
"""The names of a layer's variables, and `/` with the attribute of each layer in it, by the layer's `Step.node`."""
_NOTHING: Members = {}


class Trust(IntEnum):
    """Which names count as default ones."""

    KERAS = 0  # those of Keras' own classes
    KINDS = 1  # and those of classes that the file tells
    ANY = 2  # and any that could be the name of a class that nobody knows


def stem_of(step: Step, trust: Trust = Trust.KINDS) -> str | None:
    """The class in the layer's name, where the name is a default one."""
    if step.name is None:
        return None
    stem, _ = numbered(step.name)
    known = default_class(step.name)
    if step.kind is not None:
        fits = step.kind in {step.name, stem, _SIDE.sub("", stem, count=1)}
        return stem if fits and (known or trust >= Trust.KINDS) else None
    return known or (stem if trust >= Trust.ANY else None)


def may_count(names: Collection[tuple[str | None, str | None]]) -> bool:
    """Whether names under one parent, pair by pair, are the same, or default ones of which both sides share none."""
    if all(one == other for one, other in names):
        return True
    return not {one for one, _ in names} & {other for _, other in names}


def default_names(layers: Iterable[Layer]) -> dict[str, set[str]]:
    """The names of Keras' own classes that nobody gave, by class."""
    found: dict[str, set[str]] = defaultdict(set)
    for layer in layers:
        for step in layer.steps:
            stem = stem_of(step, Trust.KERAS)
            if stem is not None and step.name is not None:
                found[stem].add(step.name)
    return found


def renumbered(
    layers: Iterable[Layer],
    trust: Trust = Trust.KINDS,
    known: Collection[str] = frozenset(),
    members: Members = _NOTHING,
    kept: Collection[str] = frozenset(),
) -> dict[str, str]:
    """New names of default-named layers, by `Step.node`: `dense 2/3` is the second of three under its parent.

    They count in the order of their numbers. Where the order of the model is known and is another, the name says so
    too (`dense 1/2 of [1, 0]`): it then meets only layers whose numbers rise and fall in the same places. Layers under
    one parent that share a name are left out. Names of classes that nobody knows are counted where the order is known.
    `known` are names that the other file has too: only those of Keras' own classes are counted then, since the other
    file may not know the class. `members` has what each layer holds, by node: where the file lacks the name of a
    layer that could be of the same class, by those, nothing is counted beside it. Of `kept` classes names stay: both
    files have the same ones.
    """
    found: dict[tuple[str, str], dict[str, Step]] = defaultdict(dict)
    nameless: dict[str, set[str]] = defaultdict(set)
    orders: dict[str, Order | None] = {}
    for layer in layers:
        parent = ""
        for step in layer.steps:
            orders[step.node] = _earlier(orders[step.node], layer.order) if step.node in orders else layer.order
            stem = stem_of(step, Trust.KERAS if step.name in known else trust)
            if stem is not None:
                if stem not in kept:
                    found[parent, stem][step.node] = step
            elif step.name is None and step.kind is None:
                nameless[parent].add(step.node)
            parent = step.node
    names: dict[str, str] = {}
    for (parent, stem), steps in found.items():
        if any(_alike(members, node, other) for node in steps for other in nameless[parent]):
            continue
        numbers = {node: numbered(step.name or "")[1] for node, step in steps.items()}
        places = {node: orders[node] for node in numbers}
        sure = all(stem_of(step) is not None for step in steps.values()) or certain(places.values())
        if sure and len(set(numbers.values())) == len(numbers):
            names |= _counted(stem, numbers, places)
    return names


def only_ones(layers: Iterable[Layer], members: Members) -> set[str]:
    """The layers with default names, by `Step.node`, that are the only ones of their class in the whole file."""
    steps = {step.node: step for layer in layers for step in layer.steps}
    nameless = [node for node, step in steps.items() if step.name is None and step.kind is None]
    found: dict[str, list[str]] = defaultdict(list)
    for node, step in steps.items():
        stem = stem_of(step, Trust.ANY)
        if stem is not None:
            found[stem].append(node)
    held = {each for node in nameless for each in members.get(node, ())}
    return {nodes[0] for nodes in found.values() if len(nodes) == 1 and not held & members.get(nodes[0], frozenset())}


def _alike(members: Members, one: str, other: str) -> bool:
    """Whether two layers could be of one class, by what they hold."""
    return bool(members.get(one, frozenset()) & members.get(other, frozenset()))


def _counted(stem: str, numbers: dict[str, int], orders: dict[str, Order | None]) -> dict[str, str]:
    ranked = sorted(numbers, key=numbers.__getitem__)
    pattern = ""
    if certain(orders.values()):
        stands = sorted(ranked, key=lambda node: sort_key(orders[node] or ()))
        places = [stands.index(node) for node in ranked] if stands != ranked else []
        pattern = f" of {places}" if places else ""
    return {node: f"{stem} {rank}/{len(ranked)}{pattern}" for rank, node in enumerate(ranked, 1)}


def _earlier(one: Order | None, other: Order | None) -> Order | None:
    return None if one is None or other is None else min(one, other, key=sort_key)
