"""What the objects of a graph are for: the model's own, an optimizer's, metrics'. By reachability, never by key.

A key follows the first path that TensorFlow found, so `Checkpoint(model=, optimizer=)` stores a model's kernels as
`optimizer/_trainable_variables/N`. What can be reached from the model without the optimizer is the model's. Numbers
that a `tf.train.Checkpoint` counts in beside a model (`Checkpoint(step=…, net=…)`) are none of the model's.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from gate.formats.tensorflow.object_graph import ROOT, Edge, Graph, reach

# Lists of what a model holds elsewhere under its own name: used only for what nothing else leads to.
_ALIASES = re.compile(
    r"(?:_?(?:non_)?trainable_(?:variables|weights)|_?variables|_?weights|_all_variables|keras_api|layer_with_weights-\d+"
    r"|regularization_losses|_?layers_and_weights|_trainable_variables_indices)"
)
_METRICS = frozenset([
    "metrics", "_metrics", "compile_metrics", "_compile_metrics", "loss_tracker", "_loss_tracker", "keras_api",
    "layer_metrics", "save_counter",
])  # fmt: skip
_FUNCTIONS = frozenset(["signatures", "serve", "__call__", "call_and_return_all_conditional_losses"])
_COUNTER = re.compile(r"(?:\w+_)?(?:step|epoch|iteration|counter)s?")
_OF_A_MODEL = frozenset(["root", "signatures"])
"""What a root that is the model itself holds: TensorFlow puts these there. One that holds a model has neither."""
COPIES = "_all_variables"
"""The list in which Keras 3's `model.export` stores every variable a second time."""


@dataclass(frozen=True)
class Roles:
    """The way to each object from the root, by what it is for. A variable is in one of them at most."""

    model: dict[int, Edge | None]
    optimizer: dict[int, Edge | None]
    metrics: dict[int, Edge | None]
    copies: dict[int, Edge | None]


def roles(graph: Graph, whole: Collection[str] = ()) -> Roles:
    """Tell the objects apart. `whole` are the keys of single integers."""
    optimizers = {number for number, node in enumerate(graph) if is_optimizer(node.names) or node.slots}
    slots = {variable for node in graph for _, _, variable in node.slots}
    if ROOT in optimizers:
        return Roles({}, _more(graph, {}, lambda _name, _held: True), {}, {})
    apart = optimizers | slots
    counters = _counters(graph, whole, optimizers)
    not_model = apart | counters
    # One that an optimizer holds too is the optimizer's: `step=optimizer.iterations`.
    apart |= counters & _below(graph, optimizers).keys()
    found: dict[int, Edge | None] = {}
    model = _more(
        graph, found, lambda name, held: held not in not_model and _is_part(name) and not _ALIASES.fullmatch(name)
    )
    model |= _more(graph, found, lambda name, held: held not in not_model and _is_part(name))
    metrics = _more(graph, found, lambda name, held: held not in apart and name != COPIES)
    copies = _more(graph, found, lambda _, held: held not in apart)
    return Roles(model, _more(graph, found, lambda _name, _held: True), metrics, copies)


def _counters(graph: Graph, whole: Collection[str], optimizers: Collection[int]) -> set[int]:
    """What counts steps or epochs beside a model: single integers of such a name, which only the root holds.

    None of a root that is the model, nor of one that holds nothing else, nor what anything but an optimizer holds too.
    """
    root = graph[ROOT]
    if root.attributes or root.names & _OF_A_MODEL:
        return set()
    found = {
        held
        for name, held in root.children
        if _COUNTER.fullmatch(name) and [each.key for each in graph[held].attributes if each.key in whole]
    }
    beside = [held for name, held in root.children if held not in found and held not in optimizers and _is_part(name)]
    return found - _below(graph, beside, optimizers).keys() if beside else set()


def _below(graph: Graph, starts: Iterable[int], closed: Collection[int] = ()) -> dict[int, Edge | None]:
    """What these objects hold, themselves included, however deep; what is `closed` is not entered."""
    found: dict[int, Edge | None] = {}
    for start in starts:
        reach(graph, start, lambda _, held: held not in closed, found)
    return found


def _is_part(name: str) -> bool:
    """Whether what a model holds under this name is of the model."""
    return name not in _METRICS and name not in _FUNCTIONS and name != COPIES


def _more(graph: Graph, found: dict[int, Edge | None], follow: Callable[[str, int], bool]) -> dict[int, Edge | None]:
    """What the edges that `follow` allows reach beyond `found`, which grows by it."""
    before = set(found)
    for start in list(found) or [ROOT]:
        reach(graph, start, follow, found)
    return {number: edge for number, edge in found.items() if number not in before}


def is_optimizer(names: frozenset[str]) -> bool:
    """Whether an object that holds things of these names is an optimizer of Keras 2 or 3."""
    if "_iterations" in names or "iterations" in names:
        return bool(names & {"_learning_rate", "learning_rate", "_variables", "_trainable_variables"})
    return "iter" in names and bool(names & {"learning_rate", "decay", "beta_1", "momentum", "rho"})
