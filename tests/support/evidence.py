"""What loading shows, as data: evidence for the checks that look at a loaded model, without loading any."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

import numpy as np

from gate.asked import Loading
from gate.checks.evidence import Again, Landing, Outputs, Restored
from gate.checks.interface import Subject
from gate.errors import GateError
from gate.position import Position
from gate.results import Finding
from gate.tensors.pairing import pair
from gate.tensors.rules import Rule, Rules
from gate.tensors.weightset import Group, Tensor, WeightSet
from support.tensors import tensor

TODAY = date(2026, 11, 21)
WEIGHTS = frozenset({Group.WEIGHTS})
LINES = {key: Position("weight-gate.yml", line, 5) for line, key in enumerate(("weights", "reference", "load"), 3)}

Arrays = Mapping[str, Any]


@dataclass
class Shown:
    """`gate.checks.evidence.Evidence`: what it is given, it shows; an error it is given, it raises."""

    restoring: Restored | GateError = field(default_factory=lambda: Restored({}, {}, {}, {}))
    again: Sequence[Again | GateError] = ()
    saved: Mapping[str, Again | GateError] = field(default_factory=dict)
    own_format: str = ""
    not_saved: str = "nothing saves a file of this format"
    predicted: Sequence[Outputs | GateError] = ()
    singly: tuple[Outputs, Outputs] | GateError | None = None
    wanted: Outputs | GateError = field(default_factory=lambda: GateError("there is no reference to predict with"))
    measured: float | GateError = 0.0
    measured_before: float | GateError = 0.0
    layer: str | GateError = ""
    on_gpu: bool = False
    strangers: tuple[str, ...] = ()
    tolerances: list[tuple[float, float]] = field(default_factory=list)
    """With which ones somebody asked for the first layer that differs."""

    def restored(self) -> Restored:
        return shown(self.restoring)

    def repeats(self) -> Iterator[Again]:
        for each in self.again:
            yield shown(each)

    @contextmanager
    def roundtrip(self, format: str) -> Iterator[Again]:
        yield shown(self.saved[format])

    def outputs(self, number: int) -> Outputs:
        return shown(self.predicted[number])

    def one_by_one(self, number: int) -> tuple[Outputs, Outputs] | None:
        return shown(self.singly)

    def expected(self, number: int) -> Outputs:
        return shown(self.wanted)

    def metric(self, number: int, of_reference: bool = False) -> float:
        return shown(self.measured_before if of_reference else self.measured)

    def diverges(self, number: int, rtol: float, atol: float) -> str:
        self.tolerances.append((rtol, atol))
        return shown(self.layer)


Thing = TypeVar("Thing")


def shown(what: Thing | GateError) -> Thing:
    if isinstance(what, GateError):
        raise what
    return what


def variables(arrays: Arrays, group: Group = Group.WEIGHTS) -> dict[str, Tensor]:
    """Tensors of the arrays' own dtypes."""
    return {name: tensor(name, value, np.asarray(value).dtype, group) for name, value in arrays.items()}


def grouped(tensors: Mapping[str, Tensor], **groups: Sequence[str]) -> dict[str, Tensor]:
    """The same, some of them of another group: `optimizer=["optimizer/step"]`."""
    of = {name: Group(group) for group, names in groups.items() for name in names}
    return {name: replace(each, group=of.get(name, each.group)) for name, each in tensors.items()}


def loaded(
    file: Arrays,
    landed: Mapping[str, str | None] | None = None,
    *,
    holds: Arrays | None = None,
    home: Mapping[str, str] | None = None,
    **more: Any,
) -> Restored:
    """What a load shows of a file with these arrays.

    `landed` has the tensor that each variable of the model was loaded from, and None for those that the load did not
    write; without it each tensor landed in the variable of its name. A variable holds what landed in it, else [-1],
    unless `holds` says otherwise. `home` is told by names.
    """
    landed = {name: name for name in file} if landed is None else landed
    held = {name: file[each] if each is not None else np.full(1, -1, np.float32) for name, each in landed.items()}
    held |= holds or {}
    return Restored(
        tensors=variables(file),
        variables=variables(held),
        landed={name: Landing(landed.get(name)) for name in held},
        home={name: name for name in file if name in held} if home is None else home,
        **more,
    )


def subject_of(
    evidence: Shown | Restored,
    loading: Loading | None = None,
    groups: frozenset[Group] = WEIGHTS,
    file: Arrays | None = None,
    reference: Arrays | None = None,
    rules: Sequence[Rule] = (),
) -> Subject:
    """A model that was loaded, as checks see it; the arrays of the file and its reference where a check needs them."""
    tensors, theirs = variables(file or {}), variables(reference or {})
    return Subject(
        candidate=WeightSet("model.keras", "keras", tensors),
        reference=None if reference is None else WeightSet("golden.keras", "keras", theirs),
        pairing=pair(tensors, theirs),
        rules=Rules(rules, TODAY),
        groups=groups,
        positions=LINES,
        loading=replace(loading or Loading(), today=TODAY),
        evidence=Shown(evidence) if isinstance(evidence, Restored) else evidence,
    )


def f32(*values: float) -> Any:
    return np.array(values, np.float32)


def told(findings: Sequence[Finding]) -> list[tuple[str, str | None]]:
    """Kind and name of each."""
    return [(finding.kind, finding.tensor) for finding in findings]
