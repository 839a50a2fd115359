"""How a model is loaded, in words: by what, where, with whose code, and what is asked of it then."""

from collections.abc import Iterator, Mapping

from gate.asked import REFERENCE, Code, Loading, Prediction
from gate.errors import GateError
from gate.explaining.lines import Lines
from gate.explaining.said import Said
from gate.plan import ModelPlan
from gate.position import Position
from gate.runtime.ways import way_of
from gate.tensors.weightset import WeightSet

WAYS: Mapping[str, str] = {
    "keras": "by keras.saving.load_model",
    "tf_keras": "by tf-keras' load_model",
    "weights": "by load_weights, into a model that is built first",
    "checkpoint": "by tf.train.Checkpoint, into a model that is built first",
    "saved_model": "by tf.saved_model.load",
    "saver": "by the graph in its .meta file, in a session of TensorFlow 1",
    "code": "by the project's own function",
}


def unloadable(plan: ModelPlan, weights: WeightSet | None) -> tuple[str, GateError | None]:
    """What to add for a file that cannot be loaded on its own; and the error of a manifest that asks for it."""
    loading = plan.loading
    if loading is None or weights is None:
        return "", None
    try:
        how = way_of(weights, loading, plan.groups)
    except GateError as error:
        return "", GateError(error.reason, error.hint, error.position or plan.loading_position)
    if not isinstance(how, str):
        return "", None
    if loading.asked:
        asked = f"{plan.weights} cannot be loaded on its own, and `{loading.asked}` asks for it"
        return "", GateError(asked, how, plan.loading_position)
    return how, None


def loading(plan: ModelPlan, weights: WeightSet | None, lines: Lines, missing: str) -> Iterator[Said]:
    """What is done, in order; `missing` is what to add where nothing can be loaded."""
    asked = plan.loading
    if asked is None:
        yield Said("how", "not loaded: `load: false`", lines.of("load"))
        return
    if missing:
        yield Said("how", f"not loaded: {missing}")
        return
    yield _how(plan, asked, weights, lines)
    yield _device(asked, lines)
    yield from _built(asked, lines)
    yield _code(asked, lines)
    for pattern in asked.partial:
        yield Said("partial", f"only {pattern} comes from the file", lines.of("restore", "partial"), pattern)
    for each in asked.predictions:
        yield Said("predictions", _prediction(each), each.position())


def _how(plan: ModelPlan, asked: Loading, weights: WeightSet | None, lines: Lines) -> Said:
    at = lines.of(asked.asked) if asked.asked else None
    try:
        how = way_of(weights, asked, plan.groups) if weights is not None else ""
    except GateError as error:
        return Said("how", f"cannot be: {error.reason}", at)
    if isinstance(how, str):
        return Said("how", "cannot be told without the file" if weights is None else f"cannot be: {how}", at)
    return Said("how", WAYS[how.way], at, how.way)


def _device(asked: Loading, lines: Lines) -> Said:
    words = {"auto": "a GPU where there is one, else the CPU", "cpu": "the CPU", "gpu": "a GPU; an error without one"}
    default = lines.top("defaults") != lines.top("defaults", "device")
    return Said("device", words[asked.device], lines.top("defaults", "device") if default else None, asked.device)


def _built(asked: Loading, lines: Lines) -> Iterator[Said]:
    built = asked.architecture
    if built is None:
        return
    if built.code is not None:
        yield Said("architecture", built.code.written, lines.of("architecture", "code"))
    for key, file in (("keras", built.keras), ("json", built.json)):
        if file is not None:
            yield Said("architecture", file.name, lines.of("architecture", key))


def _code(asked: Loading, lines: Lines) -> Said:
    built = asked.architecture
    named: list[tuple[Code | None, Position | None]] = [
        (asked.code, lines.of("load", "code")),
        (built.code if built else None, lines.of("architecture", "code")),
    ]
    named += [(each.metric.code, each.position("metric")) for each in asked.predictions if each.metric]
    runs = [(code.written, at) for code, at in named if code is not None]
    if not runs:
        return Said("code", "none of the repository: --allow-code is not needed", None, [])
    functions = list(dict.fromkeys(name for name, _ in runs))
    return Said("code", f"{', '.join(functions)}: needs --allow-code", runs[0][1], functions)


def _prediction(asked: Prediction) -> str:
    inputs = asked.inputs.name if asked.inputs else f"{asked.samples} random inputs of seed {asked.seed}"
    expected = "the reference's" if asked.expected == REFERENCE else getattr(asked.expected, "name", "")
    parts = []
    if asked.elementwise:
        parts.append(f"element by element within {asked.tolerance or 'the tolerance of the device'}")
    if asked.agreement:
        parts.append(f"{asked.agreement.metric} agrees in at least {asked.agreement.at_least:g}")
    if asked.cosine is not None:
        parts.append(f"cosine at least {asked.cosine:g}")
    if asked.difference:
        given = asked.difference
        parts += [
            f"{key} difference at most {bound:g}"
            for key in ("max", "mean")
            if (bound := getattr(given, key)) is not None
        ]
        if given.quantile:
            parts.append(f"quantile {given.quantile[0]:g} of the differences at most {given.quantile[1]:g}")
    if asked.metric:
        bounds = {"at_least": "at least", "at_most": "at most", "max_drop": "at most below the reference's by"}
        told = [
            f"{word} {bound:g}" for key, word in bounds.items() if (bound := getattr(asked.metric, key)) is not None
        ]
        parts.append(f"{asked.metric.code.function} {', '.join(told)}")
    outputs = f" of {', '.join(asked.outputs)}" if asked.outputs else ""
    against = f", against {expected}" if expected else ""
    return f"{inputs}{outputs}{against}: {'; '.join(parts) or 'nothing is asked'}"
