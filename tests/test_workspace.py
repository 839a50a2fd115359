"""Paths stay inside the repository and the folders named with --root, whatever links say."""

from pathlib import Path

import pytest

from gate.errors import UnreadableError, UsageError
from gate.position import Position
from gate.workspace import Workspace


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "gates").mkdir()
    (tmp_path / "repo" / "models").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.npz").write_bytes(b"x")
    return tmp_path / "repo"


def test_paths_start_at_the_manifest_and_may_use_the_whole_repository(repository: Path) -> None:
    workspace = Workspace.of_manifest(repository / "gates" / "weight-gate.yml")
    assert workspace.locate("m.npz") == repository / "gates" / "m.npz"
    assert workspace.locate("../models/m.npz") == repository / "models" / "m.npz"


@pytest.mark.parametrize("written", ["../../elsewhere/secret.npz", "/etc/passwd", "../../repo2/x"])
def test_paths_that_lead_out_are_usage_errors(repository: Path, written: str) -> None:
    workspace = Workspace.of_manifest(repository / "gates" / "weight-gate.yml")
    with pytest.raises(UsageError, match=r"^weight-gate.yml:3:5: .* lies outside the workspace: .*--root"):
        workspace.locate(written, Position("weight-gate.yml", 3, 5))


def test_a_folder_named_with_root_is_allowed(repository: Path, tmp_path: Path) -> None:
    workspace = Workspace.of_manifest(repository / "weight-gate.yml", [tmp_path / "elsewhere"])
    assert workspace.locate("../elsewhere/secret.npz") == tmp_path / "elsewhere" / "secret.npz"


def test_links_do_not_lead_out(repository: Path, tmp_path: Path) -> None:
    link = repository / "models" / "link.npz"
    link.symlink_to(tmp_path / "elsewhere" / "secret.npz")
    workspace = Workspace.of_manifest(repository / "weight-gate.yml")
    with pytest.raises(UnreadableError, match="outside the workspace"):
        workspace.confine(workspace.locate("models/link.npz"))
    allowed = Workspace.of_manifest(repository / "weight-gate.yml", [tmp_path / "elsewhere"])
    assert allowed.confine(link) == (tmp_path / "elsewhere" / "secret.npz").resolve()


def test_without_a_repository_the_manifests_folder_is_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    workspace = Workspace.of_manifest(tmp_path / "a" / "weight-gate.yml")
    with pytest.raises(UsageError):
        workspace.locate("../b.npz")


def test_globs_find_files_sorted_hidden_ones_too(repository: Path) -> None:
    for name in ("b.npz", "a.npz", ".index", "sub.npz/x"):
        path = repository / "models" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    workspace = Workspace.of_manifest(repository / "weight-gate.yml")
    assert workspace.expand("models/*.npz") == ["models/a.npz", "models/b.npz"]
    assert workspace.expand("models/*") == ["models/.index", "models/a.npz", "models/b.npz"]
    assert workspace.expand("models/**/x") == ["models/sub.npz/x"]
    with pytest.raises(UsageError):
        workspace.expand("../elsewhere/*")


def test_a_name_that_no_file_can_have_is_no_path(repository: Path) -> None:
    workspace = Workspace.of_manifest(repository / "weight-gate.yml")
    assert workspace.locate(f"models/{'é' * 127}").name == "é" * 127
    with pytest.raises(UsageError, match="longer than 255 bytes"):
        workspace.locate(f"models/{'é' * 128}/b.npz")
