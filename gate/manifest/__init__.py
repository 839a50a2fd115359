"""The manifest: YAML -> frozen models with positions, and the JSON Schema of it."""

from typing import Any

from gate.manifest.load import LoadedManifest, load_manifest
from gate.manifest.model import Manifest

__all__ = ["LoadedManifest", "Manifest", "load_manifest", "schema"]


def schema() -> dict[str, Any]:
    """The JSON Schema (draft-07) of a manifest, for editors."""
    from gate.manifest.json_schema import schema as generate  # noqa: PLC0415 - nothing else needs it at start-up

    return generate()
