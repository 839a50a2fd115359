"""Which file of the weights becomes which of the reference, and what of the old one goes."""

import json
from pathlib import Path

import pytest

from gate.approvals.copies import There, at_home, copies
from gate.errors import GateError
from gate.workspace import Workspace


def put(folder: Path, *names: str) -> tuple[Path, ...]:
    found = tuple(folder / name for name in names)
    for each in found:
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_bytes(each.name.encode())
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, [tmp_path])


def test_a_checkpoint_under_the_references_prefix(tmp_path: Path, workspace: Workspace) -> None:
    ours = put(tmp_path / "new", "ck-7.index", "ck-7.data-00000-of-00001")
    put(tmp_path / "new", "ck-7.meta", "checkpoint", "ck-70.index")
    old = put(tmp_path / "gold", "best.index", "best.data-00000-of-00002", "best.data-00001-of-00002")
    put(tmp_path / "gold", "best.meta", "checkpoint")
    gold = tmp_path / "gold"
    for target in (gold / "best", gold / "best.index", gold):
        found = copies(There("checkpoint", ours), target, There("checkpoint", old), workspace)
        assert found.files == {
            gold / "best.index": ours[0],
            gold / "best.data-00000-of-00001": ours[1],
            gold / "best.meta": tmp_path / "new" / "ck-7.meta",
        }
        assert found.gone == (old[1], old[2])
    first = copies(There("checkpoint", ours), tmp_path / "one" / "c", None, workspace)
    assert set(first.files) == {tmp_path / "one" / f"c.{end}" for end in ("index", "data-00000-of-00001", "meta")}


def test_a_graph_that_is_no_more_goes(tmp_path: Path, workspace: Workspace) -> None:
    ours = put(tmp_path / "new", "c.index", "c.data-00000-of-00001")
    old = put(tmp_path / "gold", "c.index", "c.data-00000-of-00001")
    (meta,) = put(tmp_path / "gold", "c.meta")
    assert copies(There("checkpoint", ours), tmp_path / "gold" / "c", There("checkpoint", old), workspace).gone == (
        meta,
    )


def test_a_saved_model_with_all_its_files(tmp_path: Path, workspace: Workspace) -> None:
    ours = put(tmp_path / "new", "saved_model.pb", "variables/variables.index", "assets/a.txt", "fingerprint.pb")
    old = put(tmp_path / "gold", "saved_model.pb", "variables/variables.index", "assets/b.txt")
    for target in (tmp_path / "gold", tmp_path / "gold" / "saved_model.pb"):
        found = copies(There("saved_model", ours[:2]), target, There("saved_model", old[:2]), workspace)
        assert found.files == {tmp_path / "gold" / each.relative_to(tmp_path / "new"): each for each in ours}
        assert found.gone == (old[2],)


def test_a_link_out_of_the_workspace_is_not_copied(tmp_path: Path) -> None:
    """Of a SavedModel, files that nothing reads are copied too: none may be a secret that lies elsewhere."""
    inside = tmp_path / "repository"
    ours = put(inside / "new", "saved_model.pb")
    put(tmp_path, "secret")
    (inside / "new" / "notes").symlink_to("../../secret")
    with pytest.raises(GateError, match="a link to a file outside"):
        copies(There("saved_model", ours), inside / "gold", None, Workspace(inside, [inside]))
    ours = put(inside, "c.index", "c.data-00000-of-00001")
    (inside / "c.meta").symlink_to("../secret")
    with pytest.raises(GateError, match="a link to a file outside"):
        copies(There("checkpoint", ours), inside / "gold", None, Workspace(inside, [inside]))


def test_a_folder_that_is_something_else_is_not_filled(tmp_path: Path, workspace: Workspace) -> None:
    ours = put(tmp_path / "new", "saved_model.pb")
    put(tmp_path / "src", "main.py")
    with pytest.raises(GateError, match="is no SavedModel"):
        copies(There("saved_model", ours), tmp_path / "src", None, workspace)
    (one,) = put(tmp_path, "m.keras")
    with pytest.raises(GateError, match="the weights are one file"):
        copies(There("keras", (one,)), tmp_path / "src", None, workspace)
    with pytest.raises(GateError, match="is a folder without a checkpoint"):
        copies(There("checkpoint", (one,)), tmp_path / "src", None, workspace)


def test_shards_go_by_the_name_of_the_index(tmp_path: Path, workspace: Workspace) -> None:
    ours = put(tmp_path, "m.weights.json", "m_00000.weights.h5", "m_00001.weights.h5", "odd.weights.h5")
    index = {
        "metadata": {"total_size": 3},
        "weight_map": {"/a": "m_00000.weights.h5", "/b": [each.name for each in ours[2:]]},
    }
    ours[0].write_text(json.dumps(index))
    old = put(tmp_path, "gold.weights.json", "gold_00000.weights.h5", "gold_00007.weights.h5")
    found = copies(There("weights.json", ours), old[0], There("weights.json", old), workspace)
    names = {"m_00000.weights.h5": "gold_00000.weights.h5", "m_00001.weights.h5": "gold_00001.weights.h5",
             "odd.weights.h5": "gold_odd.weights.h5"}  # fmt: skip
    assert {path.name: source for path, source in found.files.items() if path != old[0]} == {
        new: tmp_path / was for was, new in names.items()
    }
    said = found.files[old[0]]
    assert isinstance(said, bytes)
    assert json.loads(said) == {
        "metadata": {"total_size": 3},
        "weight_map": {"/a": "gold_00000.weights.h5", "/b": ["gold_00001.weights.h5", "gold_odd.weights.h5"]},
    }
    assert found.gone == (old[2],)
    elsewhere = copies(There("weights.json", ours), tmp_path / "gold" / "m.weights.json", None, workspace)
    assert elsewhere.files[tmp_path / "gold" / "m.weights.json"] == ours[0]  # the same names: as it is


@pytest.mark.parametrize(
    ("format", "name", "there"),
    [
        ("keras", "g.h5", "h5"), ("h5", "g.keras", "keras"), ("weights.h5", "g.h5", "h5"),
        ("h5", "g.weights.h5", None),
        ("npz", "g.safetensors", None), ("keras", "g.bin", "npz"), ("checkpoint", "g.keras", None),
        ("checkpoint", "g", "keras"),
        ("saved_model", "g", "checkpoint"),
        ("weights.json", "g.weights.h5", "weights.h5"),
    ],
)  # fmt: skip
def test_a_name_that_would_be_wrong(
    tmp_path: Path, workspace: Workspace, format: str, name: str, there: str | None
) -> None:
    ours, old = put(tmp_path, "m", name)
    with pytest.raises(GateError) as caught:
        copies(There(format, (ours,)), old, There(there, (old,)) if there else None, workspace)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("format", "name", "there"),
    [("keras", "g.bin", "keras"), ("keras", "g.keras", "h5"), ("keras", "g.bin", None), ("h5", "g.hdf5", "keras")],
)
def test_a_name_that_fits(tmp_path: Path, workspace: Workspace, format: str, name: str, there: str | None) -> None:
    ours, old = put(tmp_path, "m", name)
    found = copies(There(format, (ours,)), old, There(there, (old,)) if there else None, workspace)
    assert found.files == {old: ours}
    assert found.gone == ()


def test_files_that_were_read_in_place_of_pointers(tmp_path: Path) -> None:
    scratch, gold = tmp_path / "scratch" / "lfs", tmp_path / "gold"
    put(gold, "c.index", "m/saved_model.pb")
    read = There("checkpoint", put(scratch, "c.index", "c.data-00000-of-00001"))
    assert at_home(read, gold / "c").files == (gold / "c.index", gold / "c.data-00000-of-00001")
    read = There("saved_model", put(scratch / "m", "saved_model.pb", "variables/variables.index"))
    assert at_home(read, gold / "m").files == (gold / "m/saved_model.pb", gold / "m/variables/variables.index")
    there = There("keras", put(gold, "g.keras"))
    assert at_home(there, gold / "g.keras") is there
