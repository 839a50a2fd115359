"""Loads that were green once and are wrong: what no file holds, what a waiver hid, a reference that never arrived."""

import json

import pytest

from support.cli import run_gate

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]

MODELS = """
import keras
import numpy as np


class Plain:
    def __init__(self):
        self.dense = keras.layers.Dense(4, kernel_initializer="identity", name="lost")

    def __call__(self, x):
        return self.dense(x)


class Ported(keras.Model):
    def __init__(self):
        super().__init__(name="ported")
        self.backbone = Plain()
        self.head = keras.layers.Dense(2, name="head")

    def call(self, x):
        return self.head(self.backbone(x))


def ported():
    model = Ported()
    model(np.zeros((1, 4), np.float32))
    return model


def with_head(name):
    given = keras.Input((4,))
    x = keras.layers.Dense(4, name="backbone")(given)
    return keras.Model(given, keras.layers.Dense(2, name=name)(x))


def new_head():
    return with_head("new_head")
"""

MANIFEST = """
version: 1
models:
  - name: ported
    weights: ported.weights.h5
    architecture: {code: "models.py:ported"}
    predictions: [{inputs: inputs.npz, expected: outputs.npz, agreement: {metric: sign, at_least: 0.01}}]
  - name: waived
    weights: old.weights.h5
    architecture: {code: "models.py:new_head"}
    restore: {waive: [{match: "old_head/**", reason: the old head is dropped}]}
  - name: measured
    weights: candidate.keras
    reference: elsewhere-1
    tensors: [{match: "**", expect: any}]
    architecture: {code: "models.py:new_head"}
    roundtrip: false
    predictions: [{inputs: inputs.npz, expected: reference, tolerance: {rtol: 0, atol: 1.0e+6}}]
"""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[tuple[str, str, str]]]:
    """(check, kind, tensor) of every finding, by model."""
    import importlib.util

    import numpy as np
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("wrong")
    (folder / "models.py").write_text(MODELS, "utf-8")
    spec = importlib.util.spec_from_file_location("wrong_models", folder / "models.py")
    assert spec is not None
    assert spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    ported = models.ported()
    ported.backbone.dense.kernel.assign(np.arange(16, dtype=np.float32).reshape(4, 4))
    ported.save_weights(folder / "ported.weights.h5")
    inputs = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    np.savez(folder / "inputs.npz", inputs)
    np.savez(folder / "outputs.npz", np.asarray(ported(inputs)))
    models.with_head("old_head").save_weights(folder / "old.weights.h5")
    trained = models.with_head("new_head")
    trained.save(folder / "candidate.keras")
    layers = {"a": trained.get_layer("backbone"), "b": trained.get_layer("new_head")}
    tf.train.Checkpoint(**layers).save(str(folder / "elsewhere"))
    (folder / "weight-gate.yml").write_text(MANIFEST, "utf-8")
    found = run_gate("check", "--allow-code", cwd=folder)
    assert found.returncode == 4, found.stdout + found.stderr
    report = json.loads((folder / "weight-gate-reports" / "report.json").read_text("utf-8"))
    return {
        model["name"]: {
            (check["check"], each["kind"], each["tensor"] or each["reason"])
            for check in model["checks"]
            for each in check["findings"]
        }
        for model in report["models"]
    }


def test_what_keras_does_not_track_is_named(findings: dict[str, set[tuple[str, str, str]]]) -> None:
    named = {name for check, kind, name in findings["ported"] if (check, kind) == ("roundtrip", "not-restored")}
    assert len(named) == 2  # kernel and bias of the layer that no file holds
    assert all("lost" in name or "kernel" in name or "bias" in name for name in named)


def test_a_waiver_for_a_tensor_is_none_for_the_variable_that_got_it(
    findings: dict[str, set[tuple[str, str, str]]],
) -> None:
    assert findings["waived"] == {
        ("restore", "restored-elsewhere", "new_head/kernel"),
        ("restore", "restored-elsewhere", "new_head/bias"),
    }


def test_a_reference_that_restored_nothing_is_no_measure(findings: dict[str, set[tuple[str, str, str]]]) -> None:
    assert any("the reference was not restored" in reason for _, _, reason in findings["measured"])
