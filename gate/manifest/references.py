"""What a manifest says of where a reference comes from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field, model_validator

from gate.manifest import crosscheck
from gate.manifest.fields import Allowance, GitRef, ReferencePath, Sha256, Text, Url, fill_placeholders
from gate.manifest.part import Part
from gate.manifest.text import Path


class ReferenceEntry(Part):
    """What the weights are compared with: one of file, lock, git, url. A bare text is short for `{file: text}`."""

    file: ReferencePath | None = Field(
        None,
        description="A file, relative to the manifest's folder. {file} stands for the name of the weight file, {stem} "
        "for that name up to its first dot.",
    )
    lock: ReferencePath | None = Field(
        None,
        description="A lock, relative to the manifest's folder, with {file} and {stem}: digests and statistics of "
        "every tensor, written by `weight-gate update`, in place of the values themselves.",
    )
    git: GitRef | None = Field(
        None,
        description="A branch, a tag or a commit, like origin/main. A branch means the commit at which HEAD left it "
        "(the merge base).",
    )
    path: ReferencePath | None = Field(
        None,
        description="Where the file lies in that commit, relative to the manifest's folder, with {file} and {stem}; by "
        "default where `weights` lies.",
    )
    missing: Allowance | None = Field(
        None,
        description="Whether the file may be missing in that commit, as that of a new model is; its values are then "
        "compared with nothing, and the report says so. Forbidden by default.",
    )
    removed: tuple[Text, ...] = Field(
        (),
        strict=False,
        min_length=1,
        description="Files that a glob in `weights` matches in that commit and that are gone on purpose, removed or "
        "renamed: their paths, relative to the manifest's folder. Any other that is gone is an error.",
    )
    url: Url | None = Field(
        None, description="An address of one file: https, s3 (with weight-gate[s3]) or gs (with weight-gate[gcs])."
    )
    sha256: Sha256 | None = Field(None, description="The SHA-256 of what lies at the address, in hexadecimal digits.")

    @model_validator(mode="before")
    @classmethod
    def _file(cls, data: Any) -> Any:
        return {"file": data} if isinstance(data, str) else data

    @classmethod
    def problems(cls, said: Mapping[str, Any]) -> Iterable[crosscheck.Problem]:
        """What is wrong between the keys of one such mapping."""
        return crosscheck.reference(said)

    def paths(self) -> Iterator[tuple[Path, str]]:
        """The files in the workspace: where below the model each stands, and its path as written."""
        if self.file is not None:
            yield ("reference",), self.file
        if self.lock is not None:
            yield ("reference", "lock"), self.lock
        if self.path is not None:
            yield ("reference", "path"), self.path

    def named(self, file: str, stem: str) -> "ReferenceEntry":
        """The same with `{file}` and `{stem}` filled in."""
        filled = {
            key: fill_placeholders(value, file, stem)
            for key, value in (("file", self.file), ("lock", self.lock), ("path", self.path))
            if value is not None
        }
        return self.model_copy(update=filled)
