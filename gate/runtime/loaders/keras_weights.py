"""Weights alone, `.weights.h5` or `.h5`, into a model that is built first."""

import warnings

from gate.runtime.loaders.architecture import built
from gate.runtime.loaders.interface import How, Loaded, Refused, Sentinel, first_line
from gate.runtime.loaders.keras_model import NO_BFLOAT16, SAVE_BFLOAT16, KerasLoaded

_SKIPPED = r"A total of \d+ objects could not be loaded|Skipping (loading|nested container) "
"""What Keras says of what it skips: with `partial` it was told to, and the tags tell whether it passed over more."""


def load_keras_weights(how: How, path: str, sentinel: Sentinel) -> Loaded:
    """By `load_weights`. Where only some layers come from the file, those that do not fit are skipped."""
    loaded = KerasLoaded(built(how.architecture, how.compile))
    sentinel(loaded)
    options = {}
    if how.partial:
        options["skip_mismatch"] = True
        if path.endswith((".h5", ".hdf5")) and not path.endswith(".weights.h5"):
            options["by_name"] = True
    try:
        with warnings.catch_warnings():
            if how.partial:
                warnings.filterwarnings("ignore", _SKIPPED, UserWarning)
            loaded.model.load_weights(path, **options)
    except OSError:
        raise
    except Exception as error:
        raise Refused(
            f"`load_weights` refused it: {type(error).__name__}: {first_line(error)}",
            SAVE_BFLOAT16
            if NO_BFLOAT16 in str(error)
            else "the file is of another architecture than the one that was built for it",
            verdict=True,
        ) from error
    return loaded
