"""A reference by path: opened through the workspace, under the words of the manifest."""

from pathlib import Path

import pytest

from gate.errors import MissingFileError, UnreadableError
from gate.references.path import PathReference
from gate.workspace import Workspace
from support.files import WRITERS
from support.judging import sample


def test_it_opens_under_the_words_of_the_manifest(tmp_path: Path) -> None:
    WRITERS["npz"](tmp_path / "gold.npz", sample())
    reference = PathReference(tmp_path / "gold.npz", "./gold.npz")
    assert reference.shown == "./gold.npz"
    with reference.open(Workspace(tmp_path, [tmp_path])) as weights:
        assert weights.path == "./gold.npz"
        assert list(weights.tensors) == list(sample())


def test_what_is_missing_or_elsewhere_is_said(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    WRITERS["npz"](tmp_path / "gold.npz", sample())
    workspace = Workspace(tmp_path / "repo", [tmp_path / "repo"])
    with pytest.raises(MissingFileError, match=r"nowhere\.npz"):
        PathReference(tmp_path / "repo" / "nowhere.npz", "nowhere.npz").open(workspace)
    (tmp_path / "repo" / "link.npz").symlink_to(tmp_path / "gold.npz")
    with pytest.raises(UnreadableError, match="outside the workspace"):
        PathReference(tmp_path / "repo" / "link.npz", "link.npz").open(workspace)
