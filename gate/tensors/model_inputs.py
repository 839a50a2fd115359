"""What a model is fed: arrays of a file fitted to its inputs, or made up where there is no file.

numpy alone: the parent and the child that loads models both use it.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from gate.errors import GateError
from gate.tensors.default_names import numbered
from gate.tensors.dtypes import dtype_name, finite, is_floating, is_number
from gate.tensors.weightset import Array

FREE_LENGTH = 8
"""How long the axes of made-up inputs are whose length is free, the first (the samples) aside."""
MOST_ELEMENTS = 2**26
"""Elements of a made-up input: a model may ask for more than there is memory."""
WORDS = ("", "the", "quick", "brown", "fox", "jumps", "über", "42")
_LONGEST_NAME = 120
_FOR_TEXT = "string"
_NUMPYS_OWN = "float64"
# What Keras calls an input that nobody named, and TensorFlow where it exports such a model.
_DEFAULT = re.compile(r"keras_tensor\w*|(?:input(?:_layer)?|inputs|args_0)(?:_\d+)?", re.ASCII)
_ROUNDED_TO = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class InputSpec:
    """One input of a model: `shape` has None where a length is free, and is None where even its rank is.

    `own` is what the model calls it, where that is a default name and `name` tells its place instead.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    own: str = ""

    def __str__(self) -> str:
        return f"{_quoted(self.name)} ({self.dtype}, {_lengths(self.shape)})"


@dataclass(frozen=True)
class Fitted:
    """`inputs` for the model, in its order and of its dtypes; `rest` is what it does not take: labels, for a metric."""

    inputs: dict[str, Array]
    rest: dict[str, Array]


def fit(arrays: Mapping[str, Array], wanted: Sequence[InputSpec]) -> Fitted:
    """The arrays that a model takes, each by the name of its input, with the input's dtype.

    A model of one input also takes the one array of a file whatever it is called, or the one without a name; one of
    several also takes them under the model's own default names, if that is so of all. Ranks
    and lengths have to be those of the model: nothing is broadcast, no axis is added. Values stay what they are: an
    array is cast where the other dtype has all its values, and from float64, which is NumPy's and JSON's default, to
    float32, float16 and bfloat16, where they are rounded. Floats never become integers. Raises `GateError` for
    everything else, naming what the model takes and what there is.
    """
    if not wanted:
        raise GateError("the model takes no inputs", "leave `inputs` out")
    chosen = _chosen(arrays, wanted)
    inputs = {spec.name: _fitted(arrays[chosen[spec.name]], spec) for spec in wanted}
    return Fitted(inputs, {name: array for name, array in arrays.items() if name not in chosen.values()})


def random_inputs(specs: Sequence[InputSpec], samples: int, seed: int) -> dict[str, Array]:
    """Made-up inputs, the same ones for one seed, name, shape and dtype with every NumPy.

    Another C library may round the last bit of a float64 otherwise. The first axis has `samples` where its length is
    free, every other free axis `FREE_LENGTH`. Floats are standard normal; integers are 0 or 1, since they may be
    indices and 1 is in every vocabulary worth having; texts are some of `WORDS`. That shows whether two models compute
    the same, not whether they compute well.
    """
    return {spec.name: _random(spec, samples, seed) for spec in specs}


def made_up(specs: Sequence[InputSpec]) -> dict[str, str]:
    """For every input the name to make it up by: the same one in each graph of a model.

    Default names count in the order in which inputs were made, whatever the order in which a graph takes them. One
    input alone needs no name.
    """
    own = {spec.name: spec.own or spec.name for spec in specs}
    if len(own) == 1:
        return dict.fromkeys(own, "input")
    default = sorted((each for each in own.values() if _DEFAULT.fullmatch(each)), key=numbered)
    places = {each: f"input_{place}" for place, each in enumerate(default)}
    return {name: places.get(each, each) for name, each in own.items()}


def _chosen(arrays: Mapping[str, Array], wanted: Sequence[InputSpec]) -> dict[str, str]:
    """The name of an array for the name of each input."""
    if all(spec.name in arrays for spec in wanted):
        return {spec.name: spec.name for spec in wanted}
    if all((spec.own or spec.name) in arrays for spec in wanted):
        return {spec.name: spec.own or spec.name for spec in wanted}
    if len(wanted) == 1 and (len(arrays) == 1 or "" in arrays):
        return {wanted[0].name: "" if "" in arrays else next(iter(arrays))}
    takes = ", ".join(str(spec) for spec in wanted)
    has = ", ".join(f"{_quoted(name)} ({_told(array)})" if name else _told(array) for name, array in arrays.items())
    lacking = ", ".join(_quoted(spec.name) for spec in wanted if spec.name not in arrays)
    raise GateError(
        f"there is no array for the input {lacking}: the model takes {takes}, and there is {has or 'nothing'}",
        "give one array for each input, under its name (np.savez with the names as keywords, or a JSON object)",
    )


def _fitted(array: Array, spec: InputSpec) -> Array:
    _refuse_shape(array, spec)
    return _cast(array, spec)


def _refuse_shape(array: Array, spec: InputSpec) -> None:
    shape = spec.shape
    if shape is None:
        return
    if len(array.shape) == len(shape) and all(
        length in {None, has} for length, has in zip(shape, array.shape, strict=True)
    ):
        return
    one_less = shape and shape[0] in {None, 1} and len(array.shape) == len(shape) - 1
    raise GateError(
        f"the input {spec} got an array of the shape {_lengths(array.shape)}",
        "its first axis, the samples, is missing: save array[None]" if one_less else "give arrays of the input's shape",
    )


def _cast(array: Array, spec: InputSpec) -> Array:
    has = dtype_name(array.dtype)
    if has == spec.dtype:
        return array
    if _FOR_TEXT in {spec.dtype, has}:
        raise GateError(f"the input {spec} got an array of {has}", f"give an array of {spec.dtype}")
    target = _dtype(spec)
    if not (_is_wider_kind(array.dtype, target) and _keeps_values(array, cast := _converted(array, target))):
        raise GateError(
            f"the input {spec} got an array of {has} with values that {spec.dtype} does not have",
            f"save it as {spec.dtype}, so that it is seen what becomes of them",
        )
    return cast


def _converted(array: Array, target: np.dtype[Any]) -> Array:
    with np.errstate(all="ignore"):
        return array.astype(target)


def _is_wider_kind(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    """Whether a cast may keep values at all: it does not from complex to real, nor from floats to integers."""
    rank = [2 if dtype.kind == "c" else int(is_floating(dtype)) for dtype in (source, target)]
    return rank[0] <= rank[1]


def _keeps_values(array: Array, cast: Array) -> bool:
    """Whether `cast` has the values of `array`, or the nearest ones where these may be rounded; NaN is NaN."""
    if array.dtype.name == _NUMPYS_OWN and cast.dtype.name in _ROUNDED_TO:
        return bool(np.array_equal(finite(cast), finite(array)))
    real = cast if array.dtype.kind == "c" else cast.real
    if is_floating(array.dtype):
        back = _converted(real, array.dtype)
        return bool(((back == array) | (np.isnan(back) & np.isnan(array))).all())
    whole = array.astype(np.int64) if array.dtype.kind == "V" else array
    if not is_floating(real.dtype):
        return bool(np.array_equal(real.astype(np.int64) if real.dtype.kind == "V" else real, whole))
    # A float beyond the integers must not come back as one of them, which is up to the processor.
    wide = real.astype(np.float64)
    limit = 2.0 if whole.dtype.kind == "b" else float(np.iinfo(whole.dtype).max) + 1
    inside = np.isfinite(wide) & (wide < limit)
    return bool(inside.all()) and bool(np.array_equal(_converted(wide, whole.dtype), whole))


def _random(spec: InputSpec, samples: int, seed: int) -> Array:
    shape = _random_shape(spec, samples)
    # The legacy generator, whose numbers NumPy promises never to change (NEP 19), fed by PCG64.
    words = np.frombuffer(hashlib.sha256(spec.name.encode("utf-8", "surrogateescape")).digest(), "<u4")
    bits = np.random.PCG64(np.random.SeedSequence([seed, *words.tolist()]))
    dice = np.random.RandomState(bits)
    if spec.dtype == _FOR_TEXT:
        texts = np.array(WORDS, np.object_)[dice.randint(0, len(WORDS), shape)]
        return np.asarray(texts, np.object_)
    dtype = _dtype(spec)
    if not is_floating(dtype):
        return np.asarray(dice.randint(0, 2, shape)).astype(dtype)
    drawn = np.asarray(dice.standard_normal(shape))
    return (drawn + 1j * dice.standard_normal(shape) if dtype.kind == "c" else drawn).astype(dtype)


def _random_shape(spec: InputSpec, samples: int) -> tuple[int, ...]:
    if spec.shape is None:
        raise GateError(f"the model says nothing of the shape of its input {spec}", "give `inputs` in a file")
    free = [samples, *[FREE_LENGTH] * len(spec.shape)]
    shape = tuple(free[axis] if length is None else length for axis, length in enumerate(spec.shape))
    if prod(shape) > MOST_ELEMENTS:
        raise GateError(
            f"the input {spec} would have {prod(shape):,} numbers for {samples} samples",
            "ask for fewer `samples`, or give `inputs` in a file",
        )
    return shape


def _dtype(spec: InputSpec) -> np.dtype[Any]:
    import ml_dtypes  # noqa: PLC0415 -- most inputs need none of it

    name = spec.dtype
    try:
        dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name, name))
    except (TypeError, ValueError, SyntaxError):
        dtype = np.dtype(np.void)
    if not is_number(dtype):
        raise GateError(
            f"the input {spec} takes what no file of arrays holds", "name a signature whose inputs are numbers or texts"
        )
    return dtype


def _quoted(name: str) -> str:
    """Hostile text as one printable, bounded line."""
    return repr(name[:_LONGEST_NAME]) + ("…" if len(name) > _LONGEST_NAME else "")


def _lengths(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "any shape"
    return f"({', '.join('any' if length is None else str(length) for length in shape)}{',' * (len(shape) == 1)})"


def _told(array: Array) -> str:
    return f"{dtype_name(array.dtype)}, {_lengths(array.shape)}"
