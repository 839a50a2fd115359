"""What the variables of a TF1 checkpoint are for, by their names: TF1 has no objects.

Optimizers of `tf.compat.v1.train` keep, beside `dense/kernel`, `dense/kernel/Adam` and `dense/kernel/Adam_1`, under the
scope they were made in; and counters and settings (`global_step`, `beta1_power`, `learning_rate`). Moving averages of
weights are weights.
"""

import re
from collections.abc import Mapping

from gate.tensors.weightset import Group

# `_create_slots` of the optimizers in tensorflow/python/training, and of tf.contrib's LAMB, LARS and Yogi.
_SLOT = re.compile(
    r"(?P<before>.+/)(?:Adam|AdaMax|AMSGrad|Adagrad|AdagradDA|gradient_accumulator|gradient_squared_accumulator"
    r"|accum|accumulator|Adadelta|RMSProp|Momentum|momentum|rms|Ftrl|linear|PowerSign|AddSign|Yogi"
    r"|LazyAdam|NadamOptimizer|adam_m|adam_v)(?:_\d+)?"
)
_COUNTER = re.compile(r"(?:.*/)?(?:global_step|learning_rate|beta[12]_power(?:_\d+)?)")


def group_of_keys(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Group]:
    """The group of every key, from all keys of a checkpoint and the shapes of their tensors."""
    return {key: Group.OPTIMIZER if _is_optimizers(key, shapes) else Group.WEIGHTS for key in shapes}


def _is_optimizers(key: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    if _COUNTER.fullmatch(key):
        return shapes[key] == ()
    slot = _SLOT.fullmatch(key)
    if slot is None:
        return False
    before = slot["before"]
    return _is_slot(before[:-1], key, shapes) or _is_slot_of_part(before, key, shapes)


def _is_slot(variable: str, key: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a variable has the slot's name but for the scope that the optimizer was made in, and its shape."""
    parts = variable.split("/")
    return any(shapes.get("/".join(parts[start:])) == shapes[key] for start in range(len(parts)))


def _is_slot_of_part(before: str, key: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether this is the slot of a partitioned variable, as `_create_slot_var` in TensorFlow's slot_creator names it.

    The slot of `a/kernel/part_0`, made in the scope `train`, is the variable `train/a/kernel/part_0/Adam`. It is saved
    under the name of the whole and what is left when as many characters are cut off its own name as that of the part
    has: `a/kernel/art_0/Adam`.
    """
    return any(
        shapes.get(before[:at]) == shapes[key] and _is_cut(before[:at], before[at + 1 :])
        for at, letter in enumerate(before)
        if letter == "/"
    )


def _is_cut(variable: str, left: str) -> bool:
    """Whether `left` is the end of a scope and the name of a part of `variable`."""
    part = re.search(r"(?:^|_)(\d+)/$", left)
    if part is None:
        return False
    whole = f"/{variable}/part_{part[1]}/"
    return whole.endswith(left) or left.endswith(whole)
