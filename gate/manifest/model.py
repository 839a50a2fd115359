"""What a manifest says: strict, frozen models. A default is the value that a key has when it is left out.

Each model knows its own keys and their types; what keys mean together is in `gate.manifest.crosscheck`.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gate.manifest import crosscheck, crosscheck_loading
from gate.manifest.fields import (
    STATISTICS,
    Allowance,
    Day,
    Device,
    Digest,
    Expectation,
    FalseOr,
    Finite,
    Glob,
    GroupMode,
    InlineValues,
    KnownDType,
    Loosening,
    NotNegative,
    One,
    Regex,
    RoundtripFormat,
    Sentence,
    Shape,
    Share,
    Text,
    split_code,
)
from gate.manifest.loading import (
    AgreementEntry,
    ArchitectureEntry,
    CosineEntry,
    DifferenceEntry,
    LoadEntry,
    MetricEntry,
    PredictionEntry,
    QuantileEntry,
    RestoreEntry,
    WaiveEntry,
)
from gate.manifest.part import Part, ToleranceEntry
from gate.manifest.references import ReferenceEntry
from gate.manifest.text import Path
from gate.path_globs import is_glob

__all__ = [
    "AgreementEntry",
    "ArchitectureEntry",
    "CosineEntry",
    "Defaults",
    "DifferenceEntry",
    "Groups",
    "LoadEntry",
    "Manifest",
    "MetricEntry",
    "ModelEntry",
    "NameRule",
    "Part",
    "Policy",
    "PredictionEntry",
    "QuantileEntry",
    "ReferenceEntry",
    "RestoreEntry",
    "StatisticExpectation",
    "StatisticThreshold",
    "Statistics",
    "TensorRule",
    "ToleranceEntry",
    "WaiveEntry",
]


class StatisticExpectation(Part):
    """What a statistic of one tensor must be. A bare number is short for `{value: number}`."""

    value: Finite | None = Field(None, description="The expected number, within rtol and atol.")
    rtol: NotNegative | None = Field(
        None,
        description="Relative to `value`. Without rtol and atol, the tensor's tolerance; with one, the other is 0.",
    )
    atol: NotNegative | None = Field(
        None, description="Absolute. Without rtol and atol, the tensor's tolerance; with one, the other is 0."
    )
    at_least: Finite | None = Field(None, description="The smallest number that holds.")
    at_most: Finite | None = Field(None, description="The largest number that holds.")

    @model_validator(mode="before")
    @classmethod
    def _number(cls, data: Any) -> Any:
        return {"value": data} if type(data) in (int, float) else data

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck.statistic_expectation(said)


class StatisticThreshold(Part):
    """How far a statistic may be from the reference's. A bare number is short for `{atol: number}`."""

    rtol: NotNegative | None = Field(None, description="Relative to the reference's statistic; 0 if left out.")
    atol: NotNegative | None = Field(None, description="Absolute; 0 if left out.")

    @model_validator(mode="before")
    @classmethod
    def _number(cls, data: Any) -> Any:
        return {"atol": data} if type(data) in (int, float) else data

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck.statistic_threshold(said)


class Defaults(Part):
    """What holds where no rule says otherwise."""

    tolerance: ToleranceEntry | None = Field(
        None, description="For every tensor; without it, the published one of each dtype."
    )
    device: Device = Field(
        "auto",
        description="Where models are loaded and run: auto (a GPU where there is one), cpu, or gpu (an error without "
        "one).",
    )


class Policy(Part):
    """What is asked of the manifest itself."""

    loosening: Loosening = Field(
        "warn",
        description="What is done where a pull request makes the gate let more through than the base branch's "
        "manifest does: allow (nothing is said), warn (annotations and a section of the summary), fail (red). The "
        "stricter of the two manifests' words holds.",
    )
    mutation_score: Share | None = Field(
        None,
        description="The share of damaged copies of each model that the manifest has to catch, like 0.95 "
        "(`weight-gate mutate` shows which).",
    )


class Groups(Part):
    """What is done with tensors that are not weights of the model: `list` them only, or `compare` them too."""

    optimizer: GroupMode = Field("list", description="State of optimizers, named optimizer/…")
    metrics: GroupMode = Field("list", description="State of metrics, named metrics/…")
    rng: GroupMode = Field("list", description="States of random number generators, named rng/…")


class NameRule(Part):
    """A renaming of the reference's tensors, so that they meet the names in `weights`."""

    from_: Regex = Field(alias="from", description="A regular expression, searched in each name of the reference.")
    to: str = Field(description="What each match is replaced with; \\1 or \\g<name> stand for a group.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck.name_rule(said)


class TensorRule(Part):
    """What is expected of the tensors whose names match. Per key, the last rule that sets it wins."""

    match: Glob = Field(
        description="A glob over tensor names: * within one part of a name, ** over any number of parts, ? one "
        "character, [ab] one of a set, {a,b} one of several texts, {0..11} a number. Quote it when it begins with a "
        "star or has a brace."
    )
    expect: Expectation | None = Field(
        None,
        description="How the tensor stands to the reference's: close (within tolerance, the default), identical "
        "(bit for bit), changed (beyond tolerance), any (only shape, dtype and statistics count), new "
        "(not in the reference), removed (only in the reference), ignored (not looked at; needs a reason).",
    )
    tolerance: ToleranceEntry | None = Field(None, description="Instead of the default one.")
    nan: Allowance | None = Field(None, description="Whether NaN may occur; forbidden by default.")
    inf: Allowance | None = Field(None, description="Whether infinities may occur; forbidden by default.")
    shape: Shape | None = Field(None, description="The exact shape; [] is a scalar.")
    dtype: KnownDType | None = Field(None, description="The exact dtype.")
    values: InlineValues | None = Field(
        None, description="The expected values, within tolerance: nested lists of one kind."
    )
    mean: StatisticExpectation | None = Field(None, description="Mean of all elements.")
    std: StatisticExpectation | None = Field(None, description="Population standard deviation.")
    min: StatisticExpectation | None = Field(None, description="Smallest element.")
    max: StatisticExpectation | None = Field(None, description="Largest element.")
    norm: StatisticExpectation | None = Field(None, description="Euclidean norm of all elements.")
    sparsity: StatisticExpectation | None = Field(None, description="Share of elements that are zero, 0 to 1.")
    skewness: StatisticExpectation | None = Field(None, description="Population skewness.")
    kurtosis: StatisticExpectation | None = Field(None, description="Excess kurtosis; 0 for a normal distribution.")
    reason: Sentence | None = Field(None, description="Why; shown in reports.")
    until: Day | None = Field(
        None, description="The last day on which this rule holds, like 2027-03-01. For rules that waive something."
    )

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck.tensor_rule(said)

    @property
    def statistics(self) -> dict[str, StatisticExpectation]:
        """The statistics that this rule sets, by name."""
        return {key: said for key in STATISTICS if (said := getattr(self, key)) is not None}


class Statistics(Part):
    """How far each tensor's statistics may be from the reference's. None is compared unless it is named."""

    mean: StatisticThreshold | None = Field(None, description="Mean of all elements.")
    std: StatisticThreshold | None = Field(None, description="Population standard deviation.")
    min: StatisticThreshold | None = Field(None, description="Smallest element.")
    max: StatisticThreshold | None = Field(None, description="Largest element.")
    norm: StatisticThreshold | None = Field(None, description="Euclidean norm of all elements.")
    sparsity: StatisticThreshold | None = Field(None, description="Share of elements that are zero.")
    skewness: StatisticThreshold | None = Field(None, description="Population skewness.")
    kurtosis: StatisticThreshold | None = Field(None, description="Excess kurtosis.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck.statistics(said)

    @property
    def thresholds(self) -> dict[str, StatisticThreshold]:
        """The statistics to compare, by name."""
        return {key: said for key in STATISTICS if (said := getattr(self, key)) is not None}


class ModelEntry(Part):
    """One weight file, or with a glob several, and what must hold of it."""

    weights: Text = Field(
        description="The weight file, relative to the manifest's folder; a directory for a SavedModel, a prefix for a "
        "checkpoint. With *, ? or [ it is a glob: every file that matches is one model."
    )
    name: Text | None = Field(
        None, description="What reports call it; by default the file's name up to its first dot. Not with a glob."
    )
    reference: ReferenceEntry | None = Field(
        None,
        description="What to compare with: a file, {lock: …}, {git: …} or {url: …, sha256: …}. Without one, values "
        "are compared with nothing but what `tensors` says.",
    )
    digest: Digest | None = Field(None, description="The weight file's SHA-256, as sha256:… Not with a glob.")
    names: tuple[NameRule, ...] = Field(
        (), strict=False, description="Renamings of the reference's tensors, applied in order."
    )
    groups: Groups = Field(default_factory=Groups, description="Which tensors beside the model's weights are compared.")
    tensors: tuple[TensorRule, ...] = Field(
        (), strict=False, description="Rules over tensors. A rule that matches no tensor is an error."
    )
    statistics: Statistics | None = Field(
        None, description="Statistics to compare with the reference's, tensor by tensor."
    )
    architecture: ArchitectureEntry | None = Field(
        None, description="The model that the weights are loaded into, where the file does not hold it itself."
    )
    load: (
        Annotated[
            LoadEntry | Literal[False],
            FalseOr(LoadEntry, (dict, LoadEntry), "false, {code: …} or {keras: 2}", "loading"),
        ]
        | None
    ) = Field(
        None,
        description="How the file is loaded, other than by what it is. false: it is read as data and not loaded.",
    )
    restore: RestoreEntry | None = Field(
        None, description="Of the proof that loading brings every tensor of the file into the variable of its name."
    )
    roundtrip: (
        Annotated[
            tuple[RoundtripFormat, ...] | Literal[False],
            FalseOr(
                Annotated[tuple[RoundtripFormat, ...], Field(strict=False, min_length=1)],
                (list, tuple),
                "false or a list of formats, like [keras]",
                "a round-trip in the file's own format",
            ),
        ]
        | None
    ) = Field(
        None,
        description="The formats that the loaded model is saved in and loaded from again; without it, the file's own. "
        "false: none.",
    )
    predictions: tuple[PredictionEntry, ...] = Field(
        (), strict=False, min_length=1, description="What the loaded model must give for inputs."
    )

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:
        """What is wrong between the keys of one such mapping."""
        yield from crosscheck.model_entry(said)
        yield from crosscheck_loading.model_entry(said)

    @property
    def is_glob(self) -> bool:
        """Whether `weights` stands for every file that matches."""
        return is_glob(self.weights)

    def name_of(self, file: str | None = None) -> str:
        """What reports call the model of `file`, one of the files that `weights` stands for."""
        return self.name or crosscheck.stem(file or self.weights)

    def reference_for(self, file: str | None = None) -> ReferenceEntry | None:
        """`reference` with its placeholders filled in for `file`, one of the files that `weights` stands for."""
        if self.reference is None:
            return None
        path = posixpath.normpath(file or self.weights)
        return self.reference.named(posixpath.basename(path), crosscheck.stem(path))

    def hooks(self) -> Iterator[tuple[Path, str]]:
        """The project's own code that this model asks for: where below the model it stands, and what is written."""
        if self.architecture and self.architecture.code is not None:
            yield ("architecture", "code"), self.architecture.code
        if self.load and self.load.code is not None:
            yield ("load", "code"), self.load.code
        for index, prediction in enumerate(self.predictions):
            if prediction.metric:
                yield ("predictions", index, "metric", "code"), prediction.metric.code

    def paths(self) -> Iterator[tuple[Path, str]]:
        """The files beside `weights`: where below the model each stands, and its path as written."""
        reference = self.reference_for()
        if reference is not None:
            yield from reference.paths()
        if self.architecture:
            for key, path in (("keras", self.architecture.keras), ("json", self.architecture.json_)):
                if path is not None:
                    yield ("architecture", key), path
        for route, code in self.hooks():
            yield route, split_code(code)[0]
        for index, prediction in enumerate(self.predictions):
            if prediction.inputs is not None:
                yield ("predictions", index, "inputs"), prediction.inputs
            if prediction.expected is not None and not prediction.from_reference:
                yield ("predictions", index, "expected"), prediction.expected


class Manifest(Part):
    """The weight files of one repository and what must hold of them."""

    version: One = Field(description="Of this format: 1.")
    defaults: Defaults = Field(default_factory=Defaults, description="What holds where no rule says otherwise.")
    policy: Policy = Field(default_factory=Policy, description="What is asked of the manifest itself.")
    models: tuple[ModelEntry, ...] = Field(strict=False, min_length=1, description="The weight files.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck.manifest(said)
