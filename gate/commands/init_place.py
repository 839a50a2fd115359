"""Where `init` works: the manifest, the repository around it, and how paths are written in there and on the screen."""

from dataclasses import dataclass
from pathlib import Path

from gate.init.draft import Paths
from gate.workspace import Workspace


@dataclass(frozen=True)
class Place:
    """The manifest and its workspace, both as they really lie; `top` is the repository's, or the manifest's folder."""

    manifest: Path
    workspace: Workspace
    top: Path
    paths: Paths

    @classmethod
    def of(cls, manifest: Path) -> "Place":
        """That of a manifest which may not be there yet."""
        real = manifest.parent.resolve() / manifest.name
        workspace = Workspace.of_manifest(real)
        return cls(real, workspace, workspace.roots[0], Paths(real.parent))

    def shown(self, path: Path) -> str:
        """As the user would write it."""
        return self.workspace.shown(path)
