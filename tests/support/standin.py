"""A TensorFlow that does nothing, for what does not depend on it: a child of the gate starts in a moment.

It is enough to start a child (`gate.runtime.devices`) and to run a loader of a project that returns arrays.
"""

from collections.abc import Mapping
from pathlib import Path

_TENSORFLOW = """
from types import SimpleNamespace as _Names

__version__ = "0.0 (a stand-in)"


class Module: ...


class Variable: ...


config = _Names(
    list_physical_devices=lambda kind: [],
    threading=_Names(
        set_intra_op_parallelism_threads=lambda number: None,
        set_inter_op_parallelism_threads=lambda number: None,
        get_intra_op_parallelism_threads=lambda: 0,
    ),
)
"""
_KERAS = """
from types import SimpleNamespace as _Names

__version__ = "0.0 (a stand-in)"
utils = _Names(set_random_seed=lambda seed: None)
"""


def stand_in(folder: Path, more: str = "") -> Path:
    """Writes the packages into a folder, to be put in front of PYTHONPATH; `more` runs when TensorFlow is imported."""
    sources: Mapping[str, str] = {"tensorflow": _TENSORFLOW + more, "keras": _KERAS}
    for name, source in sources.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(source, encoding="utf-8")
    return folder
