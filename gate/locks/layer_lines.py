"""Where the layers of a locked file stand in its model: what names of other files are brought together by.

One line is one layer: `- {steps: [{node: 0, name: dense_1, kind: dense}], order: [3]}`. Nodes are numbered anew: all
that is asked of one is whether it is another's.
"""

from gate.locks.entries import Entry
from gate.manifest.yaml_writing import flow
from gate.tensors.model_order import Order
from gate.tensors.weightset import MOST_LEVELS, Layer, Step

_STEP = ("node", "name", "attribute", "kind")
_LAYER = ("steps", "order")


class LayerTable:
    """Layers as they are written: each once, and known by its number."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers: dict[str, int] = {}
        self._nodes: dict[str, int] = {}

    def number(self, layer: Layer) -> int:
        """The number of the line that has this layer."""
        steps = [self._step(step) for step in layer.steps]
        order = {} if layer.order is None else {"order": layer.order}
        line = f"- {flow({'steps': steps, **order})}"
        if line not in self._numbers:
            self._numbers[line] = len(self.lines)
            self.lines.append(line)
        return self._numbers[line]

    def _step(self, step: Step) -> dict[str, str | int]:
        node = self._nodes.setdefault(step.node, len(self._nodes))
        told = {"name": step.name, "attribute": step.attribute, "kind": step.kind}
        return {"node": node, **{key: value for key, value in told.items() if value is not None}}


def layer(entry: Entry) -> Layer:
    """The layer that a line says."""
    steps = []
    for step in entry.entries("steps"):
        node = step.take("node", int)
        steps.append(
            Step(
                step.take_if("name", str),
                str(node),
                step.take_if("attribute", str),
                step.take_if("kind", str),
            )
        )
        step.done(_STEP)
    if len(steps) > MOST_LEVELS:
        entry.refuse(f"{len(steps)} layers around one another")
    order = _order(entry) if entry.has("order") else None
    entry.done(_LAYER)
    return Layer(tuple(steps), order)


def _order(entry: Entry) -> Order:
    parts = entry.scalars("order")
    if not all(type(part) in (int, str) for part in parts):
        entry.refuse("order: expected whole numbers and texts")
    return tuple(parts)
