"""A reference by path: it has to stay in the workspace, and is called what the manifest calls it."""

from pathlib import Path

import pytest

from gate.errors import UnreadableError
from gate.references.interface import Fetched, Sources
from gate.references.path import PathReference
from gate.workspace import Workspace
from support.files import WRITERS
from support.judging import sample


def test_it_opens_under_the_words_of_the_manifest(tmp_path: Path) -> None:
    WRITERS["npz"](tmp_path / "gold.npz", sample())
    reference = PathReference(tmp_path / "gold.npz", "./gold.npz")
    assert reference.shown == "./gold.npz"
    workspace = Workspace(tmp_path, [tmp_path])
    assert reference.fetch(Sources(workspace)) == Fetched(tmp_path / "gold.npz", "./gold.npz", workspace)


def test_what_lies_elsewhere_is_said(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    WRITERS["npz"](tmp_path / "gold.npz", sample())
    workspace = Workspace(tmp_path / "repo", [tmp_path / "repo"])
    (tmp_path / "repo" / "link.npz").symlink_to(tmp_path / "gold.npz")
    with pytest.raises(UnreadableError, match="outside the workspace"):
        PathReference(tmp_path / "repo" / "link.npz", "link.npz").fetch(Sources(workspace))
