"""Which warnings of Keras and TensorFlow are findings: those about weights, state or objects that were not restored."""

import re
from collections.abc import Iterable

from gate.checks.evidence import Said
from gate.position import Position
from gate.results import Finding

# What happened, and to what: a sentence that has both is about the weights.
_HAPPENED = re.compile(
    r"skip|not (?:be )?(?:found|loaded|restored|used|built|matched|initiali[sz]ed|read)|mismatch|missing|unresolved|"
    r"uninitiali[sz]ed|newly initiali[sz]ed|freshly initiali[sz]ed|could ?n.t|ignor|unrestored|deleted with|"
    r"does not match|doesn.t match|inconsisten|fail|lost|unused|no weights",
    re.IGNORECASE,
)
_TO_WHAT = re.compile(
    r"weight|variable|layer|tensor|checkpoint|state|object|optimizer|restor|vocabular|asset", re.IGNORECASE
)
# Said of healthy models, or of what is not loaded here.
_HARMLESS = re.compile(
    r"no training configuration found|compiled the loaded model, but|compiled metrics have yet to be built|"
    r"saving your model as an HDF5 file|structure of `?inputs`? doesn.t match|custom gradients|deprecat|"
    r"retracing|do not pass an `?input_shape|gradients? do not exist|np\.object|cuda|gpu|tensorrt|"
    r"not fully compatible|trackable resource|untracked functions|is not registered with the tensorflow runtime|"
    r"registration of .* factory|computation placer|unable to register",
    re.IGNORECASE,
)
KIND = "load-warning"
_LONGEST = 600


def warnings_of(said: Iterable[Said], at: Position | None) -> tuple[Finding, ...]:
    """A finding for each that is about the weights."""
    return tuple(
        Finding(
            KIND,
            f"a warning while loading: {_shortened(each.text)}",
            details=(f"from {each.source}",) if each.source else (),
            hint="what a framework warns of about weights is never green: mend the file or the code that loads it",
            position=at,
        )
        for each in said
        if is_of_the_weights(each.text)
    )


def is_of_the_weights(text: str) -> bool:
    """Whether a message says that weights, state or objects were not restored."""
    return bool(_HAPPENED.search(text) and _TO_WHAT.search(text)) and not _HARMLESS.search(text)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."
