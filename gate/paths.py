"""The paths of a manifest that lead out of its workspace. Reads nothing, and needs nothing that reads."""

from typing import TYPE_CHECKING

from gate.errors import UsageError
from gate.workspace import Workspace

if TYPE_CHECKING:
    from gate.manifest import LoadedManifest


def paths_outside(loaded: "LoadedManifest", workspace: Workspace) -> list[UsageError]:
    """One error for each of them, with its line."""
    problems: list[UsageError] = []
    for index, entry in enumerate(loaded.manifest.models):
        for key, written in (("weights", entry.weights), ("reference", entry.reference_for())):
            try:
                if written is not None:
                    workspace.locate(written, loaded.position("models", index, key))
            except UsageError as problem:
                problems.append(problem)
    return problems
