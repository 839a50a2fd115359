"""The workflow that makes the check a gate, as docs/recipes.md has it."""

from collections.abc import Iterator
from pathlib import Path

from gate.manifest.yaml_writing import scalar

PLACE = Path(".github") / "workflows" / "weight-gate.yml"
_LARGEST_ATTRIBUTES = 1 << 20

_HEAD = """\
# Written by `weight-gate init`. It becomes a gate when the branch requires the check `Weights`.
name: Weights

on:
  pull_request:
  merge_group:

permissions: {}

concurrency:
  group: ${{ github.workflow }}-${{ github.event.pull_request.number || github.sha }}
  cancel-in-progress: true

jobs:
  weights:
    name: Weights
    runs-on: ubuntu-24.04
    timeout-minutes: 30
    permissions:
      contents: read # to check it out
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
"""


def workflow_text(manifest: str, *, lfs: bool, history: bool) -> str:
    """The file; `manifest` is its path from the repository's top, `lfs` and `history` say what it has to fetch.

    Two commits are the least: a merge and what it is merged into, whose manifest is held beside this one.
    """
    depth = "0" if history else "2 # the manifest of the base branch too: where this one asks for less, it is said"
    fetched = (f"fetch-depth: {depth}\n", "lfs: true\n" if lfs else "", "persist-credentials: false\n")
    text = _HEAD + "".join(f"          {each}" for each in fetched if each) + "      - uses: org/weight-gate@v1\n"
    if manifest != "weight-gate.yml":
        text += f"        with:\n          manifest: {scalar(manifest)}\n"
    return text


def is_lfs(top: Path, files: Iterator[Path]) -> bool:
    """Whether a `.gitattributes` at `top`, or on the way to one of `files`, gives files to Git LFS."""
    folders = {folder for file in files for folder in file.parents if folder.is_relative_to(top)} | {top}
    return any("filter=lfs" in _attributes(folder / ".gitattributes") for folder in folders)


def _attributes(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_ATTRIBUTES).decode("utf-8", "replace")
    except OSError:
        return ""
