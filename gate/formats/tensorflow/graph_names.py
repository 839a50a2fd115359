"""What the variables of a TF1 checkpoint are for, by their names: TF1 has no objects.

Optimizers of `tf.compat.v1.train` keep, beside `dense/kernel`, `dense/kernel/Adam` and `dense/kernel/Adam_1`, under the
scope they were made in; and counters (`global_step`, `beta1_power`). Moving averages of weights are weights.
"""

import re
from collections.abc import Mapping

from gate.tensors.weightset import Group

# `_create_slots` of the optimizers in tensorflow/python/training, and of tf.contrib's LAMB, LARS and Yogi.
_SLOT = re.compile(
    r"(?P<variable>.+)/(?:Adam|AdaMax|AMSGrad|Adagrad|AdagradDA|gradient_accumulator|gradient_squared_accumulator"
    r"|accum|accumulator|Adadelta|RMSProp|Momentum|momentum|rms|Ftrl|linear|PowerSign|AddSign|Yogi"
    r"|LazyAdam|NadamOptimizer|adam_m|adam_v)(?:_\d+)?"
)
_COUNTER = re.compile(r"(?:.*/)?(?:global_step|beta[12]_power(?:_\d+)?)")


def group_of_keys(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Group]:
    """The group of every key, from all keys of a checkpoint and the shapes of their tensors."""
    return {key: Group.OPTIMIZER if _is_optimizers(key, shapes) else Group.WEIGHTS for key in shapes}


def _is_optimizers(key: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    if _COUNTER.fullmatch(key):
        return shapes[key] == ()
    slot = _SLOT.fullmatch(key)
    if slot is None:
        return False
    # The slot's variable has the same name but for the scope that the optimizer was made in, and the same shape.
    parts = slot["variable"].split("/")
    return any(shapes.get("/".join(parts[start:])) == shapes[key] for start in range(len(parts)))
