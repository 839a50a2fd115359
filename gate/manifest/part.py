"""What all mappings of a manifest are: strict and frozen, with checks between their keys."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gate.manifest import crosscheck
from gate.manifest.fields import NotNegative, mistake
from gate.manifest.text import dotted


class Part(BaseModel):
    """A mapping of the manifest, with its own keys."""

    # Built once, as parts of `Manifest`: every model that builds itself costs start-up time.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:  # noqa: ARG003
        """What is wrong between the keys of one such mapping."""
        return ()

    @model_validator(mode="after")
    def _together(self) -> Self:
        for path, reason in self.problems({key: value for key, value in self.said() if value is not None}):
            raise mistake(f"{dotted(path)}: {reason}" if path else reason)
        return self

    def said(self) -> Iterable[tuple[str, Any]]:
        """The keys that were written, as in the manifest, and their values."""
        for field, value in self:
            if field in self.model_fields_set:
                yield type(self).model_fields[field].alias or field, value


class ToleranceEntry(Part):
    """How far a value may be from the expected one: `|actual - expected| <= atol + rtol * |expected|`."""

    rtol: NotNegative = Field(description="Relative to the expected value. `1e-6` is a number in YAML 1.2.")
    atol: NotNegative = Field(description="Absolute.")
