"""What a manifest says of loading a model: what builds it, what must arrive in it, what it must predict."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from gate.manifest import crosscheck_loading
from gate.manifest.crosscheck import Problem
from gate.manifest.fields import (
    REFERENCE_WORD,
    Agreement,
    Code,
    Cosine,
    Count,
    DataFile,
    Day,
    ExpectedOutputs,
    Finite,
    Glob,
    NotNegative,
    OneFile,
    Seed,
    Sentence,
    Share,
    Text,
    Two,
)
from gate.manifest.part import Part, ToleranceEntry


class ArchitectureEntry(Part):
    """What builds the model that weights are loaded into: one of code, keras, json."""

    code: Code | None = Field(
        None, description="PATH.py:FUNCTION, which returns the model. It runs only with --allow-code."
    )
    keras: OneFile | None = Field(None, description="A .keras file, whose model is taken and whose weights are not.")
    json_: OneFile | None = Field(None, alias="json", description="A file with what `model.to_json()` returns.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.architecture(said)


class LoadEntry(Part):
    """What loads the file: one of code, keras."""

    code: Code | None = Field(
        None,
        description="PATH.py:FUNCTION, which is given the file's path and returns a model or variables. It runs only "
        "with --allow-code.",
    )
    keras: Two | None = Field(None, description="2: load with Keras 2, the package tf-keras.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.load(said)


class WaiveEntry(Part):
    """Variables or tensors of which restoring is not asked for, and why."""

    match: Glob = Field(description="A glob over the names of tensors and variables.")
    reason: Sentence = Field(description="Why; shown in reports.")
    until: Day | None = Field(None, description="The last day on which this waiver holds, like 2027-03-01.")


class RestoreEntry(Part):
    """Exceptions from: every tensor of the file arrives, and every variable comes from the file."""

    waive: tuple[WaiveEntry, ...] = Field(
        (), strict=False, min_length=1, description="What need not arrive, or need not come from the file."
    )
    partial: tuple[Glob, ...] = Field(
        (),
        strict=False,
        min_length=1,
        description="Globs over the variables that come from the file; all others have to stay as the architecture "
        "built them.",
    )

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.restore(said)


class AgreementEntry(Part):
    """In what share of the samples the outputs must mean the same as the expected ones."""

    metric: Agreement = Field(
        description="argmax (the largest), topk (the k largest, in any order), sign, or threshold (which are above it)."
    )
    at_least: Share = Field(description="The smallest share that holds, 0 to 1.")
    k: Count = Field(5, description="Of topk: how many.")
    threshold: Finite = Field(0.5, description="Of threshold: the number.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.agreement(said)


class CosineEntry(Part):
    """How well each sample's outputs must point where the expected ones do."""

    at_least: Cosine = Field(description="The smallest cosine that holds, more than -1, up to 1.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.cosine(said)


class QuantileEntry(Part):
    """A quantile of the differences, and its bound."""

    q: Share = Field(description="Which quantile, 0 to 1: 0.99 leaves out the hundredth that differs most.")
    at_most: NotNegative = Field(description="The largest difference that holds.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.quantile(said)


class DifferenceEntry(Part):
    """Bounds on `|actual - expected|` over all elements of an output."""

    max: NotNegative | None = Field(None, description="The largest difference.")
    mean: NotNegative | None = Field(None, description="The mean difference.")
    quantile: QuantileEntry | None = Field(None, description="A quantile of the differences.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.difference(said)


class MetricEntry(Part):
    """A number that the project's own code makes of the outputs, and its bounds."""

    code: Code = Field(
        description="PATH.py:FUNCTION, which is given the outputs and the data of `inputs` and returns a number. It "
        "runs only with --allow-code."
    )
    at_least: Finite | None = Field(None, description="The smallest number that holds.")
    at_most: Finite | None = Field(None, description="The largest number that holds.")
    max_drop: NotNegative | None = Field(None, description="How far it may be below the reference's.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.metric(said)


class PredictionEntry(Part):
    """Inputs for the loaded model, and what must hold of its outputs."""

    inputs: DataFile | None = Field(
        None,
        description="A .npz, .npy or .json file of inputs, by their names in the model; without it, seeded random "
        "ones.",
    )
    seed: Seed = Field(0, description="Of the random inputs.")
    samples: Count = Field(8, description="How many random inputs.")
    signature: Text | None = Field(None, description="Of a SavedModel; without it, its serving signature.")
    outputs: tuple[Text, ...] = Field(
        (), strict=False, min_length=1, description="Only these outputs; of a TF1 graph, names of its tensors."
    )
    expected: ExpectedOutputs | None = Field(
        None, description="`reference`, loaded the same way, or a .npz, .npy or .json file of outputs."
    )
    tolerance: ToleranceEntry | None = Field(
        None, description="Elementwise. Without it and any of agreement, cosine, difference: the device's default."
    )
    agreement: AgreementEntry | None = Field(None, description="In what share of the samples outputs mean the same.")
    cosine: CosineEntry | None = Field(None, description="The cosine between each sample's outputs and the expected.")
    difference: DifferenceEntry | None = Field(None, description="Bounds on |actual - expected|.")
    metric: MetricEntry | None = Field(None, description="The project's own number, and its bounds.")

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck_loading.prediction(said)

    @property
    def from_reference(self) -> bool:
        """Whether the expected outputs are those of the reference model."""
        return self.expected == REFERENCE_WORD

    @property
    def is_elementwise(self) -> bool:
        """Whether outputs are compared element by element: as asked for, or since nothing else was."""
        other = (self.agreement, self.cosine, self.difference)
        return self.tolerance is not None or (self.expected is not None and not any(other))
