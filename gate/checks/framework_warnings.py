"""Which warnings of Keras and TensorFlow are findings: those about weights, state or objects that were not restored.

A message that is known to be harmless is known by how it begins, since names of layers may hold any word. Of all
others, those are findings that say what happened and to what.
"""

import re
from collections.abc import Iterable

from gate.checks.evidence import Said
from gate.position import Position
from gate.results import Finding

# What happened, and to what: a message that has both is about the weights.
_HAPPENED = re.compile(
    r"skip|not (?:yet )?(?:be(?:ing|en)? )?(?:actually )?"
    r"(?:found|loaded|restored|used|built|matched|initiali[sz]ed|read|saved?|lifted)\b|"
    r"mismatch|missing|unresolved|unbuilt|unrestored|un(?:initiali[sz]ed|used)|(?:newly|freshly|new) initiali[sz]ed|"
    r"could ?n.t|can ?not|can.t|unable|ignor|deleted with|does ?n[o']t (?:match|exist)|inconsisten|income?plete|"
    r"fail|lost|no weights|issues when restoring",
    re.IGNORECASE,
)
_TO_WHAT = re.compile(
    r"weight|variable|layer|tensor|checkpoint|state|object|optimizer|restor|track|vocabular|asset", re.IGNORECASE
)
# Said of healthy models, or of what is not loaded here: each as it begins.
_HARMLESS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Training, which nobody does here
        r"No training configuration found in (?:the )?save file",
        r"Compiled the loaded model, but the compiled metrics have yet to be built",
        r"`compile\(\)` was not called as part of model loading",
        r"Unable to restore custom metric",
        r"A layer's `trainable` state has changed",
        r"Gradients do not exist for variables",
        r"The model does not have any trainable weights",
        r"Importing a function \(.*?\) with ops with unsaved custom gradients",
        r"Determining side outputs for the function",
        r"At this time, the v2\.11\+ optimizer",
        r"Limiting epochs to|If `run_eagerly` is True|The RematScope at call time",
        # Calls
        r"The structure of `inputs` doesn't match",
        r"When providing `inputs` as a dict",
        r"Input dict contained keys",
        r"\S+ model inputs must come from `tf\.keras\.Input`",
        r"Found incompatible static batch sizes",
        r"Layer '.*?' \(of type .*?\) was passed an input with a mask",
        r"Do not pass an `input_shape`",
        r"\"?`.*?` received `from_logits=True`",
        r"`take` with the TensorFlow backend does not support|`fft_length` is recommended",
        r"You might experience inconsistencies across backends",
        r"Torch backend requires",
        r"\d+ out of the last \d+ calls to",
        r"You are using a softmax over axis|This variable \(.*?\) has already been read",
        r"Not aliasing '",
        r"ConcreteFunction `.*?` is listed in function alias",
        r"The dtype policy .*? may run slowly|Mixed precision compatibility check",
        r"Layer .*? will not use cuDNN kernels",
        r"`caching_device` does not work",
        # Formats and options
        r"You are saving your model as an HDF5 file",
        r"The object being serialized includes a `lambda`",
        r"Argument `decay` is no longer supported",
        r"(?:Saving|Loading) sharded weights requires `\*\.json`",
        r"Saving async checkpoint in graph mode|Switching to regular sync checkpoint",
        r"Issue encountered when serializing",
        r"The saved meta_graph is possibly from an older release",
        r"Only collections with string type keys|Cannot identify data type for collection",
        r"Unable to create a python object for variable",
        r"time\.time\(\) returned a value|Hit NotFoundError when deleting|Directory .*? already exists; retrying",
        r"Propagating the most recent error from the async thread",
        r"Restoring an object-based checkpoint using a name-based saver",
        r"\S+ has the same name '.*?' as a built-in",
        r"The `keras\.optimizers\.serialize\(\)` API should only be used",
        r"Found untraced functions such as",
        r"Encoding a StructuredValue",
        r"Export includes no (?:default )?signature",
        r"Model's `__init__\(\)` arguments contain non-serializable objects",
        # Deprecations
        r"From \S+: .*? is deprecated|Please fix your imports",
        r"Saver is deprecated",
        r"`?\S+`? is deprecated|`layer\.updates` will be removed",
        r"The `.*?` argument is deprecated",
        r"The name \S+ is deprecated",
    )
)
_PYTHONS_OWN = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning", "ResourceWarning")
"""Categories of Python's warnings about programs, which begin what is said of their source."""

# One line for each object: TensorFlow's list of what a checkpoint lacked.
_LISTED = re.compile(
    r"(Value in checkpoint could not be found in the restored object|"
    r"An attribute in the restored object could not be found in the checkpoint)[.:] ?(.*)",
    re.DOTALL,
)
_COUNTER = re.compile(r"\(root\)\.save_counter\b")
"""How often a checkpoint was saved: `tf.train.Checkpoint` counts, and `read` does not ask for the number."""
_HEADLINE = re.compile(r"Detecting that an object or model or tf\.train\.Checkpoint is being deleted with unrestored")

KIND = "load-warning"
_HINT = "what a framework warns of about weights is never green: mend the file or the code that loads it"
_LONGEST = 600
_MOST_LISTED = 10


def warnings_of(said: Iterable[Said], at: Position | None) -> tuple[Finding, ...]:
    """A finding for each that is about the weights; one for all lines of a list."""
    listed: dict[str, list[str]] = {}
    others: list[Said] = []
    for each in said:
        if match := _LISTED.match(each.text):
            listed.setdefault(match[1], []).append(_shortened(match[2]))
        else:
            others.append(each)
    findings = [_finding(each.text, _source(each), at) for each in others if _is_finding(each, bool(listed))]
    for what, places in listed.items():
        if named := [place for place in places if not _COUNTER.match(place)]:
            more = (f"… and {len(named) - _MOST_LISTED:,} more",) if len(named) > _MOST_LISTED else ()
            findings.append(_finding(what, (*named[:_MOST_LISTED], *more), at))
    return tuple(findings)


def is_of_the_weights(text: str) -> bool:
    """Whether a message says that weights, state or objects were not restored."""
    text = text.strip()
    if any(pattern.match(text) for pattern in _HARMLESS):
        return False
    return bool(_HAPPENED.search(text) and _TO_WHAT.search(text))


def _is_finding(said: Said, listed: bool) -> bool:
    if listed and _HEADLINE.match(said.text):
        return False  # the lines that follow say of what
    return not said.source.startswith(_PYTHONS_OWN) and is_of_the_weights(said.text)


def _source(said: Said) -> tuple[str, ...]:
    return (f"from {said.source}",) if said.source else ()


def _finding(text: str, details: tuple[str, ...], at: Position | None) -> Finding:
    return Finding(KIND, f"a warning while loading: {_shortened(text)}", details=details, hint=_HINT, position=at)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."
