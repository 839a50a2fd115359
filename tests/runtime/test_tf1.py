"""TF1: `tf.compat.v1.train.Saver` checkpoints with their graph, before and after: statistics, predictions, one verdict.

The graph is a normalised layer and a classifier, trained with Adam. What it should predict is computed from the values
of its variables, in NumPy.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.cli import run_gate

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]

Array = NDArray[Any]
Values = dict[str, Array]
Change = Callable[[Values], Values]

FEATURES, UNITS, CLASSES, EPSILON = 6, 32, 3, 1e-3
STATISTICS = "statistics: {mean: 0.01, std: 0.01, skewness: 0.02, kurtosis: 0.05}"
ANY = "tensors: [{match: '**', expect: any}]"  # retrained: values may be any, within statistics and predictions
PREDICTED = "{inputs: inputs.npz, outputs: [probabilities], expected: reference}"
BEFORE_AND_AFTER = (STATISTICS, ANY, f"predictions: [{PREDICTED}]")


@dataclass(frozen=True)
class Verdict:
    """Of one model: the outcome of each check, what it says, and its findings."""

    outcomes: Mapping[str, str]
    summaries: Mapping[str, str]
    findings: Mapping[str, list[dict[str, Any]]]

    def tensors(self, check: str) -> set[str]:
        return {finding["tensor"] for finding in self.findings[check]}

    def said(self, check: str) -> str:
        told = (line for each in self.findings[check] for line in (each["reason"], *each["details"], each["hint"]))
        return "\n".join([self.summaries[check], *told])


def check(folder: Path, manifest: str, *options: str) -> tuple[int, dict[str, Verdict]]:
    """The exit code, and the verdict on each model."""
    (folder / "weight-gate.yml").write_text(f"version: 1\nmodels:\n{manifest}")
    result = run_gate("check", *options, cwd=folder)
    report = folder / "weight-gate-reports" / "report.json"
    assert report.exists(), result.stdout + result.stderr
    models = json.loads(report.read_text("utf-8"))["models"]
    return result.returncode, {
        model["name"]: Verdict(
            {each["check"]: each["outcome"] for each in model["checks"]},
            {each["check"]: each["summary"] for each in model["checks"]},
            {each["check"]: each["findings"] for each in model["checks"]},
        )
        for model in models
    }


def model(name: str, *more: str, prefix: str = "model.ckpt", reference: str = "golden/model.ckpt") -> str:
    """An entry of a manifest; `more` are its other lines."""
    said = [f"name: {name}", f"weights: {name}/{prefix}", *([f"reference: {reference}"] if reference else []), *more]
    return "  - " + "\n    ".join(said) + "\n"


def graph(*, resources: bool = True, parts: int = 1, units: int = UNITS, kernel: str = "kernel") -> Any:
    """A training graph. It normalises by the batch where it learns, by moving statistics where it predicts."""
    import tensorflow as tf

    v1 = tf.compat.v1
    made = tf.Graph()
    with made.as_default():
        v1.set_random_seed(7)
        x = v1.placeholder(tf.float32, [None, FEATURES], "x")
        labels = v1.placeholder(tf.int64, [None], "labels")

        def variable(name: str, shape: list[int], value: float | None = None, trainable: bool = True) -> Any:
            found = v1.get_variable(
                name,
                shape,
                initializer=v1.glorot_uniform_initializer() if value is None else v1.constant_initializer(value),
                trainable=trainable,
                use_resource=resources,
                partitioner=v1.fixed_size_partitioner(parts) if parts > 1 and len(shape) > 1 else None,
            )
            return tf.convert_to_tensor(found) if value is None else found

        with v1.variable_scope("hidden"):
            raw = x @ variable(kernel, [FEATURES, units]) + variable("bias", [units], 0.0)
        with v1.variable_scope("norm"):
            gamma, beta = variable("gamma", [units], 1.0), variable("beta", [units], 0.0)
            mean = variable("moving_mean", [units], 0.0, trainable=False)
            variance = variable("moving_variance", [units], 1.0, trainable=False)
            of_batch = tf.nn.moments(raw, [0])
            moved = [v1.assign(old, 0.9 * old + 0.1 * now) for old, now in zip((mean, variance), of_batch, strict=True)]
            learning = tf.nn.relu(tf.nn.batch_normalization(raw, *of_batch, beta, gamma, EPSILON))
            serving = tf.nn.relu(tf.nn.batch_normalization(raw, mean, variance, beta, gamma, EPSILON))
        with v1.variable_scope("logits"):
            weights, bias = variable("kernel", [units, CLASSES]), variable("bias", [CLASSES], 0.0)
        tf.nn.softmax(serving @ weights + bias, name="probabilities")
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, learning @ weights + bias)
        step = v1.train.get_or_create_global_step()
        with tf.control_dependencies(moved):
            v1.train.AdamOptimizer(0.01).minimize(tf.reduce_mean(losses), step, name="train")
    return made


def samples(count: int, seed: int) -> tuple[Array, Array]:
    """Features, and which of the first three is the largest."""
    x = np.random.default_rng(seed).normal(size=(count, FEATURES)).astype(np.float32)
    return x, np.argmax(x[:, :CLASSES], axis=1)


def store(path: Path, arrays: Any) -> None:
    np.savez(path, **arrays)


def unchanged(values: Values) -> Values:
    return values


def save(
    prefix: Path,
    made: Any,
    change: Change = unchanged,
    only: Callable[[str], bool] = lambda name: True,
    steps: int = 40,
    sharded: bool = False,
) -> Values:
    """Train, put other values in place of the model's, save those that `only` takes; what the session held."""
    import tensorflow as tf

    v1 = tf.compat.v1
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with made.as_default(), v1.Session() as session:
        session.run(v1.global_variables_initializer())
        for step in range(steps):
            x, labels = samples(64, step)
            session.run("train", {"x:0": x, "labels:0": labels})
        variables = {each.op.name: each for each in v1.global_variables()}
        for name, value in change({name: session.run(each) for name, each in variables.items()}).items():
            variables[name].load(value, session)
        saver = v1.train.Saver([each for name, each in variables.items() if only(name)], sharded=sharded)
        saver.save(session, f"{prefix}/" if prefix.is_dir() else str(prefix))
        return {name: session.run(each) for name, each in variables.items()}


def probabilities(values: Values, x: Array) -> Array:
    """What the model computes: a layer, moving statistics, ReLU, softmax. Parts of a kernel are put together."""
    v = {name: value.astype(np.float64) for name, value in values.items()}
    for name in ("hidden/kernel", "logits/kernel"):
        parts = [each for each in v if each.startswith(f"{name}/part_") and each.count("/") == 2]
        if parts:
            v[name] = np.concatenate([v[each] for each in sorted(parts)])
    raw = x.astype(np.float64) @ v["hidden/kernel"] + v["hidden/bias"]
    normal = (raw - v["norm/moving_mean"]) / np.sqrt(v["norm/moving_variance"] + EPSILON)
    logits = np.maximum(normal * v["norm/gamma"] + v["norm/beta"], 0) @ v["logits/kernel"] + v["logits/bias"]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Array = powers / powers.sum(axis=1, keepdims=True)
    return found


def damaged(values: Values) -> Values:
    """A part of a kernel was lost."""
    kernel = values["hidden/kernel"].copy()
    kernel[:3] = 0
    return values | {"hidden/kernel": kernel}


def permuted(values: Values) -> Values:
    """The same numbers at other places: every moment is what it was."""
    kernel = values["hidden/kernel"]
    return values | {"hidden/kernel": np.random.default_rng(1).permutation(kernel.reshape(-1)).reshape(kernel.shape)}


def rescaled(values: Values) -> Values:
    """ReLU lets a factor through: other numbers, the same function."""
    doubled = {name: 2 * values[name] for name in ("norm/gamma", "norm/beta")}
    return values | doubled | {"logits/kernel": values["logits/kernel"] / 2}


def forgotten(values: Values) -> Values:
    """The statistics of the normalisation are those that it began with."""
    return values | {
        "norm/moving_mean": np.zeros(UNITS, np.float32),
        "norm/moving_variance": np.ones(UNITS, np.float32),
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`golden/`, and a folder for each thing done to it; inputs, and what NumPy makes of them with golden's weights."""
    folder = tmp_path_factory.mktemp("tf1")
    values = save(folder / "golden" / "model.ckpt", graph())
    for change in (damaged, permuted, rescaled, forgotten):
        save(folder / change.__name__ / "model.ckpt", graph(), change)
    shutil.copytree(folder / "golden", folder / "same")
    x, labels = samples(50, 1000)
    assert (probabilities(values, x).argmax(axis=1) == labels).mean() > 0.8  # there is something to lose
    np.savez(folder / "inputs.npz", x=x)
    np.savez(folder / "labelled.npz", x=x, classes=labels)
    np.savez(folder / "outputs.npz", probabilities=probabilities(values, x))
    (folder / "metrics.py").write_text(
        "def accuracy(outputs, data):\n    return (outputs.argmax(axis=1) == data['classes']).mean()\n"
    )
    return folder


def test_an_identical_save_is_green(trained: Path) -> None:
    """By both halves; and by values, slots of the optimizer included, and outputs that NumPy computed."""
    by_values = (
        "groups: {optimizer: compare}",
        "tensors: [{match: '**', expect: identical}]",
        f"predictions: [{PREDICTED.replace('reference', 'outputs.npz')}]",
    )
    entries = model("same", *BEFORE_AND_AFTER) + model("golden", *by_values, reference="same/model.ckpt")
    code, verdicts = check(trained, entries)
    assert code == 0, verdicts
    assert {*verdicts["same"].outcomes.values(), *verdicts["golden"].outcomes.values()} == {"passed"}
    assert {"statistics", "restore", "roundtrip", "predictions"} <= verdicts["same"].outcomes.keys()
    assert verdicts["same"].summaries["restore"].startswith("8 of 8 tensors restored, 100 % of bytes; 8 of 8 variables")
    # Two slots for each of the six that are trained, two powers, the step.
    assert verdicts["golden"].summaries["restore"].startswith("23 of 23 tensors restored, 100 % of bytes; 23 of 23")
    assert "checkpoint: 23 variables identical" in verdicts["golden"].summaries["roundtrip"]


def test_both_halves_are_one_verdict(trained: Path) -> None:
    """Each half finds what the other does not see; one exit code is both."""
    names = ("damaged", "permuted", "rescaled", "forgotten")
    code, verdicts = check(trained, "".join(model(name, *BEFORE_AND_AFTER) for name in names))
    assert code == 1
    halves = {
        name: (verdict.outcomes["statistics"], verdict.outcomes["predictions"]) for name, verdict in verdicts.items()
    }
    assert halves == {
        "damaged": ("failed", "failed"),
        "permuted": ("passed", "failed"),
        "rescaled": ("failed", "passed"),
        "forgotten": ("failed", "failed"),
    }
    assert verdicts["damaged"].tensors("statistics") == {"hidden/kernel"}
    assert verdicts["rescaled"].tensors("statistics") == {"norm/gamma", "norm/beta", "logits/kernel"}
    assert verdicts["forgotten"].tensors("statistics") == {"norm/moving_mean", "norm/moving_variance"}
    for verdict in verdicts.values():  # what was saved is what is loaded: the damage is in the file
        assert verdict.outcomes["restore"] == verdict.outcomes["roundtrip"] == "passed"

    for name in ("damaged", "golden"):
        kernel = values_of(trained / name / "model.ckpt")["hidden/kernel"].astype(np.float64)
        spread = kernel - kernel.mean()
        kurtosis = (spread**4).mean() / (spread**2).mean() ** 2 - 3
        assert f"{kurtosis:.9f}"[:6] in verdicts["damaged"].said("statistics")


def values_of(prefix: Path) -> Values:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    return {name: np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}


def test_one_damaged_model_is_one_failure(trained: Path) -> None:
    code, verdicts = check(trained, model("damaged", *BEFORE_AND_AFTER))
    assert code == 1
    assert [check for check, outcome in verdicts["damaged"].outcomes.items() if outcome != "passed"] == [
        "statistics",
        "predictions",
    ]


def test_values_find_what_moments_do_not(trained: Path) -> None:
    """Without `expect: any` a permuted tensor is red by its values already, whether it is loaded or not."""
    code, verdicts = check(trained, model("permuted", STATISTICS, "load: false"))
    assert code == 1
    assert verdicts["permuted"].outcomes["statistics"] == "passed"
    assert verdicts["permuted"].tensors("values") == {"hidden/kernel"}


def test_a_metric_before_and_after(trained: Path) -> None:
    """Labels lie beside the inputs, under a name that no placeholder has."""
    metric = "{code: 'metrics.py:accuracy', at_least: 0.8, max_drop: 0.02}"
    wanted = f"predictions: [{{inputs: labelled.npz, outputs: [probabilities], metric: {metric}}}]"
    entries = "".join(model(name, wanted, ANY, "roundtrip: false") for name in ("same", "permuted"))
    code, verdicts = check(trained, entries, "--allow-code")
    assert code == 1
    assert verdicts["same"].outcomes["predictions"] == "passed"
    assert verdicts["permuted"].outcomes["predictions"] == "failed"
    x, labels = samples(50, 1000)
    for name in ("golden", "permuted"):
        right = (probabilities(values_of(trained / name / "model.ckpt"), x).argmax(axis=1) == labels).mean()
        assert f"{right:.6g}" in verdicts["permuted"].said("predictions")


VARIANTS: dict[str, dict[str, Any]] = {
    "references": {"resources": False},
    "parts": {"parts": 3},
    "parts of references": {"parts": 2, "resources": False},
}


def test_every_kind_of_variable_is_green(tmp_path: Path) -> None:
    """Also what is saved in several shards, without the optimizer, or under no name at all."""
    x, _ = samples(10, 0)
    store(tmp_path / "inputs.npz", {"x:0": x})
    entries = []

    def add(name: str, made: Any, prefix: str = "model.ckpt", **how: Any) -> None:
        (tmp_path / name).mkdir()
        values = save(tmp_path / name / prefix, made, **how)
        np.savez(tmp_path / f"{name}.npz", probabilities=probabilities(values, x))
        wanted = f"predictions: [{{inputs: inputs.npz, outputs: ['probabilities:0'], expected: {name}.npz}}]"
        entries.append(model(name, wanted, prefix=prefix, reference=""))

    for name, kind in VARIANTS.items():
        add(name, graph(**kind))
    add("sharded", graph(parts=2), sharded=True)
    add("without slots", graph(), only=is_the_models)
    add("no prefix", graph(), prefix="")
    assert (tmp_path / "no prefix" / ".index").is_file()
    code, verdicts = check(tmp_path, "".join(entries))
    assert code == 0, verdicts
    for name, verdict in verdicts.items():
        assert {*verdict.outcomes.values()} == {"passed"}
        assert verdict.summaries["restore"].startswith("8 of 8 tensors restored, 100 % of bytes; 8 of 8 variables"), (
            name
        )
        # The slots of the optimizer are compared where they are asked for.
        assert "checkpoint: 8 variables identical, predictions of 4 samples identical" in verdict.said("roundtrip")


def is_the_models(name: str) -> bool:
    return "Adam" not in name and "power" not in name and "step" not in name


def test_what_a_checkpoint_lacks_or_has_otherwise_is_red(tmp_path: Path) -> None:
    """A saver that was told too few variables; and graphs that the checkpoint was not saved from."""
    save(tmp_path / "no mean" / "model.ckpt", graph(), only=lambda name: name != "norm/moving_mean")
    foreign = {
        "other name": (graph(kernel="weights"), graph()),
        "other shape": (graph(units=UNITS + 1), graph()),
        "other shape of references": (graph(units=UNITS + 1, resources=False), graph(resources=False)),
    }
    for name, (saved_from, restored_into) in foreign.items():
        save(tmp_path / name / "model.ckpt", saved_from, steps=0)
        save(tmp_path / name / "other" / "model.ckpt", restored_into, steps=0)
        shutil.copy(tmp_path / name / "other" / "model.ckpt.meta", tmp_path / name / "model.ckpt.meta")
    code, verdicts = check(tmp_path, "".join(model(name, reference="") for name in ("no mean", *foreign)))
    assert code == 1, verdicts
    assert verdicts["no mean"].tensors("restore") == {"norm/moving_mean"}
    assert "the load did not write it" in verdicts["no mean"].said("restore")
    assert "Key hidden/kernel not found in checkpoint" in verdicts["other name"].said("restore")
    # This one TensorFlow itself loads without a word.
    assert "gave hidden/kernel the shape [6, 33]" in verdicts["other shape"].said("restore")
    assert "Assign requires shapes of both tensors to match" in verdicts["other shape of references"].said("restore")


def test_what_cannot_be_predicted_is_an_error_with_a_way_out(trained: Path) -> None:
    x, _ = samples(5, 0)
    store(trained / "fed.npz", {"x": x, "probabilities:0": np.ones((5, CLASSES), np.float32)})
    np.savez(trained / "wide.npz", x=np.ones((5, FEATURES + 1), np.float32))
    asked = {
        "{inputs: inputs.npz, expected: reference}": "its last operations are",
        "{inputs: inputs.npz, outputs: [logits], expected: reference}": "the graph has no tensor logits",
        "{inputs: inputs.npz, outputs: [labels], expected: reference}": "without the placeholder labels",
        "{inputs: labelled.npz, outputs: [probabilities], expected: reference}": "the graph has no such placeholder",
        "{inputs: fed.npz, outputs: [probabilities], expected: reference}": "among the inputs and the outputs",
        "{inputs: wide.npz, outputs: [probabilities], expected: reference}": "got an array of the shape (5, 7)",
    }
    code, verdicts = check(trained, model("same", f"predictions: [{', '.join(asked)}]"))
    assert code == 4
    assert verdicts["same"].outcomes["restore"] == verdicts["same"].outcomes["roundtrip"] == "passed"
    found = ["\n".join((each["reason"], each["hint"])) for each in verdicts["same"].findings["predictions"]]
    assert len(found) == len(asked)
    for text, said in zip(found, asked.values(), strict=True):
        assert said in text


def test_words_are_looked_up_and_batches_kept_whole(tmp_path: Path) -> None:
    """A graph that serves: it takes four texts at a time, and has a table of words and a setting with a default."""
    import tensorflow as tf

    v1 = tf.compat.v1
    words, kernel = ("no", "yes", "perhaps"), np.array([[1.0, -1.0], [2.0, 0.5], [0.0, 3.0]], np.float32)
    for name in ("serving", "golden"):
        (tmp_path / name).mkdir()
        with tf.Graph().as_default(), v1.Session() as session:
            texts = v1.placeholder(tf.string, [4], "texts")
            factor = v1.placeholder_with_default(1.0, [], "factor")
            table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(tf.constant(words), tf.range(3, dtype=tf.int64)), 0
            )
            v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, table._initialize())
            rows = v1.get_variable("rows", initializer=kernel, use_resource=True)
            tf.multiply(tf.gather(rows, table.lookup(texts)), factor, name="scores")
            session.run(v1.global_variables_initializer())
            v1.train.Saver().save(session, str(tmp_path / name / "model.ckpt"))
    asked = np.array(["yes", "no", "what", "perhaps"])
    (tmp_path / "texts.json").write_text(json.dumps({"texts": asked.tolist()}))
    np.savez(tmp_path / "doubled.npz", texts=asked, factor=np.float32(2))
    np.savez(tmp_path / "once.npz", scores=kernel[[1, 0, 0, 2]])
    np.savez(tmp_path / "twice.npz", scores=2 * kernel[[1, 0, 0, 2]])
    predictions = ", ".join(
        f"{{{inputs}, outputs: [scores], expected: {expected}, tolerance: {{rtol: 0, atol: 0}}}}"
        for inputs, expected in [
            ("inputs: texts.json", "once.npz"),
            ("inputs: doubled.npz", "twice.npz"),
            ("inputs: texts.json", "reference"),
        ]
    )
    code, verdicts = check(tmp_path, model("serving", f"predictions: [{predictions}]"))
    assert code == 0, verdicts
    assert "predictions of 4 samples identical" in verdicts["serving"].said("roundtrip")
