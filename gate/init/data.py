"""What arrays that are no weights may be good for: as inputs of predictions, where they fit what a model takes."""

from collections.abc import Iterator, Sequence

from gate.init.draft import Paths
from gate.init.look import Sight, Weights

_INPUTS = ("input", "inputs", "x")
_OUTPUTS = ("output", "outputs", "expected", "y")
_FEW = 5


def told_of(arrays: Sequence[Weights], models: Sequence[Weights], paths: Paths) -> str:
    """One remark. What a model takes is known where its file says it."""
    said = [_said(each, paths) for each in arrays]
    more = f" and {len(said) - _FEW} more" if len(said) > _FEW else ""
    told = f"arrays that are no weights: {', '.join(said[:_FEW])}{more}"
    if example := next(_examples(arrays, models, paths), None):
        return f"{told}. What a model makes of inputs can be asked for too: {example}"
    return f"{told}. A file of inputs for `predictions` has an array for each input of the model, by its name"


def _said(data: Weights, paths: Paths) -> str:
    named = [f"{each.name} {_shape(each.shape)}" for each in data.weights[:_FEW]]
    return f"{paths.shown(data.path)} ({', '.join(named)}{', …' if len(data.weights) > _FEW else ''})"


def _shape(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _examples(arrays: Sequence[Weights], models: Sequence[Weights], paths: Paths) -> Iterator[str]:
    known = [each for each in models if each.inputs]
    for inputs in arrays:
        fitting = [each for each in known if fits(inputs.weights, each)]
        of = f" of {paths.shown(fitting[0].path)}" if fitting else ""
        if not fitting and (len(known) == len(models) or inputs.path.stem not in _INPUTS):
            continue
        beside = [each for each in arrays if each.path.parent == inputs.path.parent and each.path.stem in _OUTPUTS]
        said = f"inputs: {paths.shown(inputs.path)}"
        if beside:
            said += f", expected: {paths.shown(beside[0].path)}"
        elif not fitting:
            continue
        yield f"`predictions: [{{{said}}}]`{of}"


def fits(arrays: Sequence[Sight], model: Weights) -> bool:
    """Whether each input of a model has its array: by its name, or as the only one."""
    by_name = {each.name: each.shape for each in arrays}
    if len(arrays) == 1 and len(model.inputs) == 1:
        return _alike(arrays[0].shape, model.inputs[0][1])
    return all(name in by_name and _alike(by_name[name], shape) for name, shape in model.inputs)


def _alike(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(b in (None, a) for a, b in zip(shape, wanted, strict=True))
