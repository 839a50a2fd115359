"""What a loaded object holds: its variables, with their place in the model, and how to read and write them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gate.tensors.model_order import Order
from gate.tensors.weightset import Array, Group, Step


@dataclass(frozen=True, eq=False)
class Held:
    """One variable. `steps`, `order`, `variable` and `index` are what `gate.tensors.pairing` goes by.

    `keys` are all ways to it through the object graph, as checkpoints call them, or its name in a TF1 graph.
    `assign` is None where the variable cannot be written.
    """

    variable: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    read: Callable[[], Array] = field(repr=False)
    assign: Callable[[Array], None] | None = field(default=None, repr=False)
    steps: tuple[Step, ...] = ()
    order: Order | None = None
    index: int | None = None
    group: Group = Group.WEIGHTS
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The one name of docs/names.md, as far as this variable tells; two may share it."""
        front = (self.group.value,) if self.group in {Group.RNG, Group.METRICS} else ()
        return "/".join(
            (*front, *(step.node if step.name is None else step.name for step in self.steps), self.variable)
        )
