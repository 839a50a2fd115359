"""What Keras, TensorFlow and tf-keras say around loading and saving, word for word, and what the gate makes of it.

The table holds the beginning of each message; a test reads the messages of the installed versions from their source
(without importing them), so that one that is new, or worded anew, has to be put into the table.
"""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gate.checks.evidence import Said
from gate.checks.framework_warnings import is_of_the_weights, warnings_of
from gate.position import Position

FINDINGS = (
    # keras/src/saving, keras/src/legacy/saving, tf_keras/src/saving
    "You are saving a model that has not yet been built",
    "A total of {} objects could not be loaded",
    "Skipping nested container at '{}': no matching group found",
    "Skipping loading weights for",
    "Skipping loading of weights for layer #{}",
    "Skipping loading top-level weight",
    "Error when creating the weights of optimizer",
    "Error in loading the saved optimizer state",
    "Could not load weights in object {}",
    "Could not load assets in object {}",
    "TensorFlow optimizers do not make it possible to access",
    "Your optimizer uses slots. Slots cannot be restored",
    "Looks like there is an object (perhaps variable or layer) that is shared",
    "Skipping full serialization of TF-Keras layer {}",
    # keras/src/models, layers, optimizers
    "Model '{}' had a build config, but the model cannot be built automatically",
    "`build()` was called on layer '{}', however the layer does not have a `build()`",
    "Layer '{}' looks like it has unbuilt state",
    "Skipping variable loading for optimizer '{}'",
    # tensorflow/python/checkpoint, saved_model, training
    "Detecting that an object or model or tf.train.Checkpoint is being deleted with unrestored values",
    "Value in checkpoint could not be found in the restored object: {}",
    "An attribute in the restored object could not be found in the checkpoint. Object: {}, attribute: {}",
    "Inconsistent references when matching the checkpoint",
    "Inconsistent references when loading the checkpoint",
    "Trackable {} skipped due to: {}",
    "Couldn't match files for checkpoint {}",
    "{}: Checkpoint ignored",
    "Timeout waiting for the async save thread",
    "Some variables could not be lifted out of a loaded function",
    "Registered saver {} was not found when restoring checkpoints",
    "Note that object {} stores python values into the checkpoint",
)

HARMLESS = (
    # Training
    "No training configuration found in the save file",
    "No training configuration found in save file",
    "Compiled the loaded model, but the compiled metrics have yet to be built",
    "`compile()` was not called as part of model loading",
    "Unable to restore custom metric",
    "A layer's `trainable` state has changed since the model was compiled",
    "Gradients do not exist for variables {}",
    "The model does not have any trainable weights",
    "Importing a function ({}) with ops with unsaved custom gradients",
    "Determining side outputs for the function '{}'",
    "Calling aggregate_gradients is unnecessary",
    "At this time, the v2.11+ optimizer",
    "Limiting epochs to {}",
    "If `run_eagerly` is True, then `jit_compile`",
    "Model doesn't support `jit_compile=True`",
    "The RematScope at call time ({}) differs",
    # Calls
    "The structure of `inputs` doesn't match the expected structure",
    "When providing `inputs` as a dict, all keys in the dict must match",
    "Input dict contained keys {} which did not match any model input",
    "Layer '{}' (of type {}) was passed an input with a mask attached to it",
    "Do not pass an `input_shape`/`input_dim` argument to a layer",
    "{} model inputs must come from `tf.keras.Input`",
    "Found incompatible static batch sizes among the inputs",
    '"`{}` received `from_logits=True`',
    "`take` with the TensorFlow backend does not support",
    "`fft_length` is recommended to be a power of two",
    "You are using a softmax over axis {}",
    "This variable ({}) has already been read (ie. a ReadVariableOp",
    "{} out of the last {} calls to {} triggered tf.function retracing",
    "Not aliasing '{}' to polymorphic restored function because of mismatched concrete functions",
    "ConcreteFunction `{}` is listed in function alias but it is not found",
    "`caching_device` does not work with mixed precision API",
    # Formats
    "You are saving your model as an HDF5 file via",
    "The object being serialized includes a `lambda`",
    "{} sharded weights requires `*.json` as the extension",
    "Found duplicated `Variable`s in Model's `weights`",
    "SavedModel saved prior to TF 2.5 detected",
    "{} has the same name '{}' as a built-in TF-Keras object",
    "The `keras.optimizers.serialize()` API should only be used",
    "Restoring an object-based checkpoint using a name-based saver",
    "Saving async checkpoint in graph mode",
    "Switching to regular sync checkpoint",
    "Propagating the most recent error from the async thread",
    "Hit NotFoundError when deleting '{}'",
    "time.time() returned a value",
    "Issue encountered when serializing {}",
    "Only collections with string type keys will be serialized",
    "Cannot identify data type for collection {}. Skipping",
    "The saved meta_graph is possibly from an older release",
    "Unable to create a python object for variable {} because it is a reference variable",
    "Encoding a StructuredValue with type {}",
    "Export includes no signatures!",
    "Export includes no default signature!",
    "Directory {} already exists; retrying",
    # Deprecations
    "From {}: The name {} is deprecated",
    "From {}: {} (from {}) is deprecated",
    "From {}: calling {} (from {}) with {}",
    "The `save_format` argument is deprecated",
    "Argument `decay` is no longer supported",
    "Argument `alpha` is deprecated",
    "Argument `input_length` is deprecated",
    "Argument `input_shape` is deprecated",
    "You passed `rms_scaling=True`, which is deprecated",
    "`lr` is deprecated in TF-Keras optimizer",
    "`model.compiled_metrics()` is deprecated",
    "`model.compiled_loss()` is deprecated",
    "`model.loss()` is deprecated",
    "`layer.updates` will be removed",
    "`layer.add_variable` is deprecated",
    "device_name is being deprecated",
    "Please fix your imports",
    "Saver is deprecated, please switch to tf.train.Checkpoint",
    "****",
    "TensorFlow's V1 checkpoint format has been deprecated",
    "Consider switching to the more efficient V2 format",
    "`tf.train.Saver(write_version=tf.train.SaverDef.V2)`",
    "now on by default.",
)

ANYTHING = ("{}", "{}: {}", "Ignoring: {}", "Exception in ")
"""Messages whose words are all from elsewhere."""

SOURCES = {
    "keras": (
        "saving/*.py", "legacy/saving/*.py", "models/*.py", "layers/**/*.py", "ops/*.py",
        "activations/*.py", "initializers/*.py", "dtype_policies/*.py", "random/*.py", "export/*.py",
        "optimizers/base_optimizer.py", "trainers/trainer.py", "backend/tensorflow/*.py",
    ),
    "tf_keras": (
        "saving/*.py", "saving/legacy/*.py", "saving/legacy/saved_model/*.py", "optimizers/*.py",
        "engine/functional.py", "engine/base_layer.py",
    ),
    "tensorflow": (
        "checkpoint/*.py", "saved_model/*.py", "saved_model/registration/*.py", "saved_model/model_utils/*.py",
        "trackable/*.py", "training/saver.py", "training/saving/*.py", "framework/meta_graph.py",
        "module/*.py", "ops/lookup_ops.py", "ops/variables.py", "ops/resource_variable_ops.py",
        "eager/wrap_function.py", "eager/polymorphic_function/*.py", "util/deprecation.py",
    ),
}  # fmt: skip
INSIDE = {"keras": "src", "tf_keras": "src", "tensorflow": "python"}
SAYING = {"warn", "warning", "error", "log_first_n", "log_fn", "_log_deprecation"}


def messages(package: str) -> Iterator[str]:
    """What a package may say, `{}` for what it fills in."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    for pattern in SOURCES[package]:
        files = sorted((Path(spec.origin).parent / INSIDE[package]).glob(pattern))
        assert files, pattern
        for file in files:
            if not file.name.endswith("_test.py"):
                yield from said_in(ast.parse(file.read_text(encoding="utf-8")))


def said_in(tree: ast.Module) -> Iterator[str]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and called(node) in SAYING:
            around = [each for each in functions if each.lineno <= node.lineno <= (each.end_lineno or 0)]
            words = node.args[1] if called(node) == "log_first_n" else node.args[0]
            yield template(words, max(around, key=lambda each: each.lineno, default=tree))


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def template(node: ast.AST, scope: Any) -> str:
    """The text of an expression; what is filled in is `{}`, whichever way it is."""
    found = "{}"
    match node:
        case ast.Constant(value=str(text)):
            found = text
        case ast.JoinedStr(values=parts):
            found = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.BinOp(op=ast.Mod(), left=left):
            found = template(left, scope)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            found = template(left, scope) + template(right, scope)
        case ast.Call(func=ast.Attribute(attr="format", value=value)):
            found = template(value, scope)
        case ast.Name(id=name):
            for each in ast.walk(scope):
                if isinstance(each, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in each.targets):
                    found = template(each.value, scope)
                    break
    for mark in ("%s", "%d", "%f", "%g"):
        found = found.replace(mark, "{}")
    return " ".join(found.split())


def filled(text: str, name: str) -> str:
    for template, said in (("{} out of the last {}", "5 out of the last 5"), ("{} sharded", "Saving sharded")):
        text = text.replace(template, said)
    return text.replace("{}", name)


NAMES = ("x", "gpu_deprecated", "cuda/tensorrt/retracing", "skip_missing_weights", "layer", "checkpoint/not_found")


def classified(text: str, table: tuple[str, ...]) -> bool:
    return text.startswith(table)


@pytest.mark.tensorflow
@pytest.mark.parametrize("package", SOURCES)
def test_every_message_is_in_the_table_and_judged_as_it_says(package: str) -> None:
    said = sorted({text for text in messages(package) if text not in ANYTHING})
    assert [text for text in said if not classified(text, FINDINGS + HARMLESS)] == []
    wrong = [
        (text, name)
        for text in said
        for name in NAMES
        if is_of_the_weights(filled(text, name)) != classified(text, FINDINGS)
    ]
    assert not wrong, wrong


@pytest.mark.tensorflow
def test_the_table_has_nothing_that_nobody_says() -> None:
    said = {text for package in SOURCES for text in messages(package)}
    assert [each for each in FINDINGS + HARMLESS if not any(text.startswith(each) for text in said)] == []


@pytest.mark.parametrize(
    "text",
    [
        # As they are said, names filled in: Keras 3.15, TensorFlow 2.21, tf-keras 2.21
        (
            "A total of 1 objects could not be loaded. Example error message for object <Dense name=head, "
            "built=True>:\n\nThe shape of the target variable and the shape of the target value in "
            "`variable.assign(value)` must match."
        ),
        (
            "Skipping loading weights for layer #1 (named gpu_deprecated)due to mismatch in shape for weight "
            "head/kernel. Weight expects shape (4, 3). Received saved weight with shape (4, 10)"
        ),
        (
            "Skipping loading of weights for layer #2 (named retracing) due to mismatch in number of weights. Layer "
            "expects 2 weight(s). Received 1 saved weight(s)"
        ),
        (
            "Skipping variable loading for optimizer 'adam', because it has 2 variables whereas the saved optimizer "
            "has 10 variables. This is likely because the optimizer has not been called/built yet."
        ),
        (
            "Error in loading the saved optimizer state. As a result, your model is starting with a freshly "
            "initialized optimizer."
        ),
        "Value in checkpoint could not be found in the restored object: (root).encoder.kernel",
        (
            "An attribute in the restored object could not be found in the checkpoint. Object: (root).deprecated_head, "
            "attribute: ['VARIABLE_VALUE']"
        ),
        "Couldn't match files for checkpoint /home/author/run/model.ckpt-7",
        "Could not load assets in object <StringLookup name=cuda>. Skipping object. Exception encountered: 'no file'",
        # What other loaders say
        "Some layers from the model checkpoint at ./bert were not used when initializing TFBertModel: ['mlm___cls']",
        "Some layers of TFBertModel were not initialized from the model checkpoint at ./bert and are newly initialized",
        "cannot restore head/kernel: the checkpoint has no such tensor",
        "Unable to load weights from model.ckpt, starting from scratch",
        "3 variables were not found in the checkpoint",
        "weights lost: 12 layers keep their initial values",
    ],
)
def test_findings(text: str) -> None:
    assert is_of_the_weights(text)


@pytest.mark.parametrize(
    "text",
    [
        (
            "5 out of the last 5 calls to <function skip_missing_weights at 0x7f> triggered tf.function retracing. "
            "Tracing is expensive and the excessive number of tracings could be due to (2) passing tensors with "
            "different shapes"
        ),
        (
            "Layer 'skip_connection' (of type Unused) was passed an input with a mask attached to it. However, this "
            "layer does not support masking and will therefore destroy the mask information."
        ),
        (
            "From /opt/app/serve.py:12: checkpoint_exists (from tensorflow.python.checkpoint.checkpoint_management) is "
            "deprecated and will be removed in a future version.\nInstructions for updating:\nUse standard file APIs "
            "to check for files with this prefix, missing or not."
        ),
        (
            "The object being serialized includes a `lambda`. This is unsafe. This is the `lambda` being serialized: "
            "lambda x: x  # skip: layer weights are missing"
        ),
        (
            "Found untraced functions such as lstm_cell_layer_call_fn, _jit_compiled_convolution_op while saving "
            "(showing 2 of 4). These functions will not be directly callable after loading."
        ),
        (
            "Layer lstm will not use cuDNN kernels since it doesn't meet the criteria. It will use a generic GPU "
            "kernel as fallback when running on GPU."
        ),
        "overflow encountered in exp",
        "loading the model takes 12 seconds",
        "",
    ],
)
def test_no_findings(text: str) -> None:
    assert not is_of_the_weights(text)


def test_pythons_warnings_about_programs_are_none() -> None:
    text = "the object is ignored: use the new class"
    assert warnings_of([Said(text, "UserWarning of serve.py")], None)
    for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning", "ResourceWarning"):
        assert warnings_of([Said(text, f"{kind} of serve.py")], None) == ()


def test_a_finding_has_the_words_the_source_and_the_line() -> None:
    at = Position("weight-gate.yml", 3, 5)
    (finding,) = warnings_of(
        [Said("A total of 2 objects could\n\n  not be loaded", "UserWarning of saving_lib.py")], at
    )
    assert finding.kind == "load-warning"
    assert finding.reason == "a warning while loading: A total of 2 objects could not be loaded"
    assert finding.details == ("from UserWarning of saving_lib.py",)
    assert finding.position == at
    assert finding.hint


def test_a_long_message_is_cut_after_it_was_judged() -> None:
    (finding,) = warnings_of([Said("x" * 5000 + " weights could not be loaded")], None)
    assert len(finding.reason) < 700
    assert finding.reason.endswith("…") or finding.reason.endswith("...")


HEADLINE = Said(
    "Detecting that an object or model or tf.train.Checkpoint is being deleted with unrestored values. See the "
    "following logs for the specific values in question.",
    "tensorflow",
)


def lacking(name: str) -> Said:
    return Said(f"Value in checkpoint could not be found in the restored object: (root).{name}", "tensorflow")


def test_tensorflows_list_is_one_finding() -> None:
    (finding,) = warnings_of([HEADLINE, *(lacking(f"layer-{number}.kernel") for number in range(30))], None)
    assert finding.details[0] == "(root).layer-0.kernel"
    assert len(finding.details) == 11
    assert finding.details[-1] == "… and 20 more"


def test_both_of_tensorflows_lists_are_findings() -> None:
    attribute = Said("An attribute in the restored object could not be found in the checkpoint. Object: (root).b, "
                     "attribute: ['VARIABLE_VALUE']")  # fmt: skip
    found = warnings_of([HEADLINE, lacking("a"), attribute], None)
    assert [finding.details for finding in found] == [
        ("(root).a",),
        ("Object: (root).b, attribute: ['VARIABLE_VALUE']",),
    ]


def test_a_counter_of_saves_is_no_weight() -> None:
    assert warnings_of([HEADLINE, lacking("save_counter")], None) == ()
    assert len(warnings_of([HEADLINE, lacking("save_counter"), lacking("kernel")], None)) == 1
    assert len(warnings_of([lacking("save_counter_kernel")], None)) == 1
    assert len(warnings_of([lacking("head.save_counter")], None)) == 1


def test_the_headline_alone_is_a_finding() -> None:
    assert len(warnings_of([HEADLINE], None)) == 1
