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
        named = ((("weights",), entry.weights), *entry.paths())
        for route, written in named:
            try:
                workspace.locate(written, loaded.position("models", index, *route))
            except UsageError as problem:
                problems.append(problem)
    return problems
