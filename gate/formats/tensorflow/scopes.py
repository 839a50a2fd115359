"""The layers around a variable, as the ops that read it tell them.

Keras 3 enters a name scope per layer when it is called, so a function that was traced from a model reads the kernel of
`inner/a` in `functional_1/inner_1/a_1/Cast/ReadVariableOp`: the model, the layers, the op. TensorFlow numbers each of
these scopes (`_1`), which tells them from ops, and the number has to go. Other functions are left alone: where scopes
are not numbered the variable's own full name is as good.
"""

import re
from collections.abc import Iterable, Mapping

from gate.formats.tensorflow.saved_model_proto import Function, SavedModel

_NUMBER = re.compile(r"(.+)_\d+")


def chains(model: SavedModel) -> dict[int, tuple[str, ...]]:
    """For each variable that a function reads in such scopes: the chain of its layers, without the model."""
    found: dict[int, tuple[str, ...]] = {}
    functions = sorted(model.functions, key=lambda function: -len(function.reads))
    whole = functions[:1]  # the one that reads most is the model's own; parts of a model have their own roots
    for function in (*whole, *(each for each in functions[1:] if len(each.reads) == len(functions[0].reads))):
        for number, chain in _of_function(function, model.variable_names).items():
            found.setdefault(number, chain)
    return found


def _of_function(function: Function, names: Mapping[int, str]) -> dict[int, tuple[str, ...]]:
    scopes = {number: _layers(reads[0]) for number, reads in function.reads.items()}
    if not _is_numbered(scopes, names):
        return {}
    roots = {scope[0] for scope in scopes.values() if scope}
    if len(roots) != 1:
        return {}
    root = _NUMBER.fullmatch(roots.pop())
    found = {}
    for number, scope in scopes.items():
        plain = tuple(match[1] for match in map(_NUMBER.fullmatch, scope) if match)
        if len(plain) == len(scope):
            own = tuple(names[number].removesuffix(":0").split("/")[:-1])
            found[number] = _joined(plain, own, root[1] if root else "")[1:]
    return found


def _layers(read: str) -> tuple[str, ...]:
    """The scopes of a reading op, without the op that it reads for: up to the first that has no number."""
    layers = []
    for scope in read.split("/")[:-2]:
        if not _NUMBER.fullmatch(scope):
            break
        layers.append(scope)
    return tuple(layers)


def _is_numbered(scopes: Mapping[int, tuple[str, ...]], names: Mapping[int, str]) -> bool:
    """Whether the scopes bear out that each is a layer's name and a number."""
    fits = 0
    for number, scope in scopes.items():
        last = names[number].removesuffix(":0").split("/")[-2:-1]
        for name in last:
            if name in scope and not any(_is(part, name) for part in scope):
                return False
            fits += any(_is(part, name) for part in scope)
    return fits > 0 or all(scopes.values())


def _is(scope: str, name: str) -> bool:
    match = _NUMBER.fullmatch(scope)
    return match is not None and match[1] == name


def _joined(scope: tuple[str, ...], own: tuple[str, ...], root: str) -> tuple[str, ...]:
    """The scope, and what the variable's full name has beyond it: a wrapper does not call the layer it wraps."""
    if own[:1] == (root,):
        own = own[1:]
    if _within(own, scope):
        return scope
    for length in range(min(len(own), len(scope)), 0, -1):
        if scope[-length:] == own[:length]:
            return (*scope, *own[length:])
    return scope if set(own) & set(scope) else (*scope, *own)


def _within(part: Iterable[str], whole: Iterable[str]) -> bool:
    rest = iter(whole)
    return all(name in rest for name in part)
