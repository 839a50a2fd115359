"""The seam of all ways to load: what is asked (`How`), and what a loaded thing can do (`Loaded`)."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from gate.errors import GateError
from gate.runtime.held import Held
from gate.tensors.model_inputs import InputSpec, fit
from gate.tensors.weightset import Array


@dataclass(frozen=True)
class How:
    """How a file is loaded; JSON-able. `way` is a key of `LOADERS`.

    `architecture` is {"code": [file, function]}, {"keras": path} or {"json": path}; `code` is [file, function];
    `compile` asks for the optimizer's state too; `partial` says that only some variables come from the file; `imports`
    are Python files to import first, since they register classes.
    """

    way: str
    architecture: Mapping[str, Any] = field(default_factory=dict)
    code: Sequence[str] = ()
    compile: bool = False
    partial: bool = False
    imports: Sequence[str] = ()

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "How":
        return cls(**said)

    @property
    def in_place(self) -> bool:
        """Whether a model is built first, and the file loaded into it."""
        return self.way in {"weights", "checkpoint"}

    @property
    def runs_code(self) -> bool:
        """Whether code of the repository builds or loads the model."""
        return bool(self.code) or "code" in self.architecture


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CLASS = re.compile(r"^\w+: ")
_NO_MORE_THAN_WHERE = re.compile(r"Exception encountered when calling .{1,100}")


class Refused(GateError):  # noqa: N818 - what loading was
    """Loading did not work, or what was asked of what is loaded.

    `verdict` tells whether that says something of the weights, or that nobody can tell; `unsavable` that it cannot be
    saved in this format.
    """

    def __init__(self, reason: str, hint: str = "", verdict: bool = False, unsavable: bool = False) -> None:
        super().__init__(reason, hint)
        self.verdict = verdict
        self.unsavable = unsavable


class Loaded(ABC):
    """Something that was loaded. What it cannot do raises `Refused`."""

    what: ClassVar[str] = "this"

    @property
    @abstractmethod
    def variables(self) -> list[Held]:
        """All variables, each once."""

    def inputs(self, signature: str | None) -> list[InputSpec]:  # noqa: ARG002
        """What it takes; raises `Refused` where that is not known."""
        raise Refused(f"{self.what} says nothing of its inputs", "name them in the file under `inputs`")

    def fitted(
        self, arrays: Mapping[str, Array], signature: str | None, labels: bool
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """The arrays that it takes, as it takes them, and those that are left, which only a metric may ask for."""
        try:
            specs = self.inputs(signature)
        except Refused:  # a model that does not say what it takes is given all there is
            return dict(arrays), {}
        fitted = fit(arrays, specs)
        if fitted.rest and not labels:
            raise Refused(
                f"the file of inputs has {', '.join(sorted(fitted.rest))}, which the model does not take",
                f"it takes {', '.join(spec.name for spec in specs)}: rename them, or take the others out",
            )
        return fitted.inputs, fitted.rest

    def takes_whole(self, inputs: Mapping[str, Array], signature: str | None) -> bool:
        """Whether a batch has a length of its own, so that none may be taken apart."""
        try:
            specs = self.inputs(signature)
        except Refused:
            return False
        return any(spec.name in inputs and spec.shape and spec.shape[0] is not None for spec in specs)

    def predict(self, inputs: Mapping[str, Array], signature: str | None, outputs: Sequence[str]) -> dict[str, Array]:  # noqa: ARG002
        """Its outputs by name, for one batch."""
        raise Refused(f"{self.what} cannot predict", "have the loader return a model")

    def predict_eagerly(
        self,
        inputs: Mapping[str, Array],  # noqa: ARG002
        signature: str | None,  # noqa: ARG002
        outputs: Sequence[str],  # noqa: ARG002
    ) -> dict[str, Array]:
        """The same, one operation after the other instead of as a graph."""
        raise Refused(f"{self.what} runs as a graph alone", "leave it so")

    def strangers(self) -> list[str]:
        """Variables that the last prediction was computed with, and that are none of `variables`."""
        return []

    def save(self, format: str, folder: Path) -> Path:  # noqa: ARG002
        """Saves it in a format of `roundtrip:`; the path to load."""
        raise Refused(f"{self.what} cannot be saved as {format}", f"take {format} out of `roundtrip`", unsavable=True)

    def activations(self, inputs: Mapping[str, Array]) -> dict[str, Array]:  # noqa: ARG002
        """What each layer makes of one batch, in the model's order; empty where layers cannot be looked into."""
        return {}


Sentinel = Callable[[Loaded], None]
"""Called on a model that was built, before anything is loaded into it."""

Load = Callable[[How, str, Sentinel], Loaded]


# How TensorFlow begins what it says of a graph, before it says what happened.
_OF_A_GRAPH = re.compile(r"Graph execution error:|Detected at node |<stack traces unavailable>")
_OF_A_NODE = re.compile(r"\{\{function_node [^}]*\}\} ")


def first_line(error: BaseException, limit: int = 300) -> str:
    """The first line of what an exception says that says something: neither where it was, nor that there was one."""
    lines = [line for each in str(error).splitlines() if (line := _COLOURS.sub("", each).strip())]
    lines = [_OF_A_NODE.sub("", line) for line in lines if not _OF_A_GRAPH.match(line)]
    if lines and lines[0] == "in user code:":  # TensorFlow's: files, each with a line of code, then what was raised
        last = max((number for number, line in enumerate(lines) if line.startswith('File "')), default=-1)
        lines = lines[last + 2 :] or lines
        lines[0] = _CLASS.sub("", lines[0])
    if len(lines) > 1 and _NO_MORE_THAN_WHERE.fullmatch(lines[0]):
        lines[0] = f"{lines[0]} {lines[1]}"
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= limit else f"{text[: limit - 4]} ..."
