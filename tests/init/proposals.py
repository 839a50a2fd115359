"""What `init` makes of a folder, without writing or loading anything."""

from pathlib import Path

from gate.init.draft import Paths
from gate.init.propose import Proposal, propose
from gate.init.text import manifest_text
from gate.init.walk import walk
from gate.manifest import LoadedManifest
from gate.manifest.load import parse_manifest


def proposed(folder: Path, reference: str | None = None) -> Proposal:
    """The proposal for a folder that is no repository."""
    return propose(walk([folder], folder), Paths(folder), lambda _model, _what: None, 1, reference)


def text_of(folder: Path, reference: str | None = None) -> str:
    """The manifest's text."""
    found = proposed(folder, reference)
    return manifest_text(found.entries, found.remarks(Paths(folder)))


def read(text: str) -> LoadedManifest:
    """The same as `check` reads it; raises where it is no manifest."""
    return parse_manifest(text, "weight-gate.yml")
