"""What is asked of a model that is loaded: how it is built, what may be left out, what it has to predict.

`gate.plan` makes these from the manifest; `gate.runtime` loads by them, and `gate.checks` judges by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from gate.globs import glob_pattern
from gate.position import Position
from gate.tensors.tolerance import Tolerance

REFERENCE = "reference"


@dataclass(frozen=True)
class Code:
    """`PATH.py:FUNCTION`."""

    file: Path
    function: str
    written: str
    """As the manifest has it."""


@dataclass(frozen=True)
class Architecture:
    """What builds the model: one of the three."""

    code: Code | None = None
    keras: Path | None = None
    json: Path | None = None


@dataclass(frozen=True)
class Waiver:
    """What need not arrive, or need not come from the file, and why."""

    match: str
    reason: str
    until: date | None = None
    position: Position | None = None

    def matches(self, name: str) -> bool:
        return glob_pattern(self.match).fullmatch(name) is not None

    def expired(self, today: date) -> bool:
        return self.until is not None and today > self.until


@dataclass(frozen=True)
class Agreement:
    """In what share of the decisions two outputs must agree (`gate.tensors.agreement`)."""

    metric: str
    at_least: float
    k: int = 5
    threshold: float = 0.5


@dataclass(frozen=True)
class Difference:
    """Bounds of |actual - expected| over all elements; `quantile` is (which, its bound)."""

    max: float | None = None
    mean: float | None = None
    quantile: tuple[float, float] | None = None


@dataclass(frozen=True)
class Metric:
    """The project's own number."""

    code: Code
    at_least: float | None = None
    at_most: float | None = None
    max_drop: float | None = None


@dataclass(frozen=True)
class Prediction:
    """Inputs, and what must hold of the outputs. `expected` is a file, `REFERENCE`, or nothing.

    `positions` are lines of the manifest by key, and the entry's own under an empty key.
    """

    inputs: Path | None = None
    seed: int = 0
    samples: int = 8
    signature: str | None = None
    outputs: tuple[str, ...] = ()
    expected: Path | str | None = None
    elementwise: bool = False
    tolerance: Tolerance | None = None
    agreement: Agreement | None = None
    cosine: float | None = None
    difference: Difference | None = None
    metric: Metric | None = None
    positions: Mapping[str, Position] = field(default_factory=dict)

    def position(self, *keys: str) -> Position | None:
        """The line of the first of `keys` that was written, else the entry's."""
        return next((self.positions[key] for key in (*keys, "") if key in self.positions), None)


@dataclass(frozen=True)
class Loading:
    """How one model is loaded. `asked` names the key of the manifest that asks for it in words; empty by default.

    `roundtrip` are the formats to save in; None stands for the file's own.
    """

    asked: str = ""
    architecture: Architecture | None = None
    code: Code | None = None
    tf_keras: bool = False
    waivers: tuple[Waiver, ...] = ()
    partial: tuple[str, ...] = ()
    roundtrip: tuple[str, ...] | None = None
    predictions: tuple[Prediction, ...] = ()
    device: str = "auto"
    today: date = date.min

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that it names, beside the weights and the reference."""
        built_by = self.architecture
        codes = [self.code, built_by.code if built_by else None]
        codes += [each.metric.code for each in self.predictions if each.metric]
        named = [each.file for each in codes if each]
        named += [file for file in ((built_by.keras, built_by.json) if built_by else ()) if file]
        for each in self.predictions:
            named += [file for file in (each.inputs, each.expected) if isinstance(file, Path)]
        return tuple(named)

    @property
    def runs_code(self) -> str:
        """The first function of the repository that it runs, as written; empty where there is none."""
        of_metrics = [each.metric.code for each in self.predictions if each.metric]
        built_by = self.architecture.code if self.architecture else None
        found = next((each for each in (self.code, built_by, *of_metrics) if each), None)
        return found.written if found else ""

    def comes_from_the_file(self, variable: str) -> bool:
        """Whether a variable has to come from the file: all do, unless only some were asked for."""
        return not self.partial or any(glob_pattern(each).fullmatch(variable) for each in self.partial)
