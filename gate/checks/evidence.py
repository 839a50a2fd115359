"""What loading a model shows, as its checks see it. `gate.runtime` gathers it, one step at a time, when it is asked.

Everything in here is data: names of tensors and variables, arrays that are mapped, what a framework said. A step that
could not be made raises a `GateError`: `NotLoaded` where the weights were refused, `Unable` where what was loaded
cannot do what was asked, and any other where nobody can tell.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from gate.errors import GateError
from gate.tensors.weightset import Array, Tensor


class NotLoaded(GateError):  # noqa: N818 - a verdict
    """The framework refused the weights: a verdict on them, not a failure to judge."""

    exit_code = 1


class Unable(GateError):  # noqa: N818 - what a model is
    """What was loaded, or its framework, cannot do that: it has no signature, its call raises. The process is well."""


class NotSaved(Unable):
    """It cannot be saved in that format, or not by what loaded it."""


@dataclass(frozen=True)
class Said:
    """A warning or log record of a framework; raw."""

    text: str
    source: str = ""


@dataclass(frozen=True)
class Landing:
    """What the tags tell of one variable: the tensor of the file that landed in it, or those that parts of it hold."""

    tensor: str | None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restored:
    """What became of the file's tensors.

    `tensors` are those of the file that were asked for, `variables` what the real file was loaded into. `landed` says
    by variable what the tagged copies left there; `home` is, by tensor, the variable of its name, as far as names tell;
    of `uncertain` tensors names leave a choice. `texts` are tensors of texts, which carry no tag; `tables` those of
    lookup tables, which are no variables.
    """

    tensors: Mapping[str, Tensor]
    variables: Mapping[str, Tensor]
    landed: Mapping[str, Landing]
    home: Mapping[str, str]
    uncertain: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    said: tuple[Said, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outputs:
    """What a model predicted: outputs by name, and on how many samples."""

    arrays: Mapping[str, Array]
    samples: int
    made_up: tuple[str, ...] = ()
    """The inputs, where they were made up: two models are comparable where these are the same."""


@dataclass(frozen=True)
class Again:
    """The same model once more: what it holds, and what it predicts on the same inputs, if anything."""

    how: str  # "saved as keras and loaded in a fresh process"
    hint: str
    before: Mapping[str, Tensor]
    after: Mapping[str, Tensor]
    predicted: tuple[Outputs, Outputs] | None = None
    other_graph: bool = False  # predicted by another graph than before: equal within tolerance, not to the bit
    unpredicted: str = ""  # why there is nothing to predict with
    said: tuple[Said, ...] = ()
    paired: Mapping[str, str] = field(default_factory=dict)
    """The variable of `after` for each of `before`."""
    silent: str = ""  # why it does not predict, though the first does
    constants: frozenset[str] = frozenset()
    """Variables of `before` that are constants of the other graph: predictions alone show them."""


class Evidence(Protocol):
    """What can be had of one model that is loaded. Each step is made once, when it is first asked for."""

    def restored(self) -> Restored:
        """Which tensor landed where."""

    def repeats(self) -> Iterator[Again]:
        """Other loads of the same file: from another path and built once more."""

    @property
    def own_format(self) -> str:
        """The format of `roundtrip:` that the file itself is of; empty where it cannot be saved as such."""

    @property
    def not_saved(self) -> str:
        """Why there is no own format."""

    def roundtrip(self, format: str) -> AbstractContextManager[Again]:
        """Saved in a format and loaded again in a fresh process; what was saved is gone at the end."""

    def outputs(self, number: int) -> Outputs:
        """What the model makes of the inputs of the prediction `number` of the plan."""

    def one_by_one(self, number: int) -> tuple[Outputs, Outputs] | None:
        """The first samples one by one, and together; None where there is but one."""

    def expected(self, number: int) -> Outputs:
        """What the reference makes of them, or the file of golden outputs."""

    def metric(self, number: int, of_reference: bool = False) -> float:
        """The project's own metric."""

    def diverges(self, number: int, rtol: float, atol: float) -> str:
        """The first layer whose activations are not the reference's, in words; empty where that cannot be told."""

    @property
    def strangers(self) -> tuple[str, ...]:
        """Variables that the predictions so far were computed with, and that the model does not count among its own."""

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU computes."""
