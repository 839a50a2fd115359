"""Which files are looked at, and what is said of the others."""

import os
from pathlib import Path

import pytest

from gate.errors import UsageError
from gate.init import walk as walking
from gate.init.walk import walk
from support.repositories import Repo


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(folder: Path, *paths: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in walk(paths or [folder], folder).found]


def skipped(folder: Path) -> dict[str, str]:
    return {str(each.path.relative_to(folder)): each.why for each in walk([folder], folder).skipped}


def test_files_of_all_folders_in_the_order_that_people_count_in(tmp_path: Path) -> None:
    put(tmp_path, "b/ckpt-10.index", "b/ckpt-9.index", "a.keras", "c/d/e")
    assert found(tmp_path) == ["a.keras", "b/ckpt-9.index", "b/ckpt-10.index", "c/d/e"]


def test_what_nobody_keeps_weights_in_is_passed_over_with_a_reason(tmp_path: Path) -> None:
    put(tmp_path, ".hidden/m.keras", "env/pyvenv.cfg", "env/m.keras", "store/CACHEDIR.TAG", "store/m.keras")
    put(
        tmp_path,
        "a/__pycache__/m.keras",
        "node_modules/m.keras",
        "weight-gate-reports/junit.xml",
        "sub/.git",
        "sub/m.h5",
    )
    put(tmp_path, "m.keras")
    assert found(tmp_path) == ["m.keras"]
    assert skipped(tmp_path) == {
        ".hidden": "hidden",
        "env": "a virtual environment",
        "store": "a cache",
        "a/__pycache__": "what Python keeps",
        "node_modules": "packages",
        "weight-gate-reports": "reports",
        "sub": "a repository of its own",
    }


def test_what_git_ignores_is_passed_over_but_not_what_dvc_keeps(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    put(tmp_path, "build/m.keras", "scratch.keras", "kept.keras", "kept.keras.dvc", "m.keras", "tracked.keras")
    repo.git("add", "tracked.keras")
    (tmp_path / ".gitignore").write_text("/build\n/scratch.keras\n/kept.keras\n/tracked.keras\n")
    assert found(tmp_path) == [".gitignore", "kept.keras", "kept.keras.dvc", "m.keras", "tracked.keras"]
    assert skipped(tmp_path) == {".git": "hidden", "build": "git ignores it", "scratch.keras": "git ignores it"}


def test_a_file_or_a_folder_that_is_named_is_looked_at_all_the_same(tmp_path: Path) -> None:
    Repo.init(tmp_path)
    put(tmp_path, "build/m.keras", ".hidden/n.keras")
    (tmp_path / ".gitignore").write_text("/build\n")
    named = [tmp_path / "build", tmp_path / ".hidden" / "n.keras", tmp_path / "build" / "m.keras"]
    assert found(tmp_path, *named) == ["build/m.keras", ".hidden/n.keras"]


def test_links_are_not_followed_and_those_to_weights_are_told(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, "m.keras", "text")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(outside)
    (inside / "m.keras").symlink_to(outside / "m.keras")
    (inside / "text").symlink_to(outside / "text")
    (inside / "circle").symlink_to(inside / "circle")
    walked = walk([inside], inside)
    assert walked.found == []
    told = {each.path.name: each.why for each in walked.skipped}
    assert set(told) == {"folder", "m.keras"}
    assert all(why.startswith("a link to ") for why in told.values())


def test_a_saved_model_is_one_thing(tmp_path: Path) -> None:
    put(tmp_path, "export/saved_model.pb", "export/variables/variables.index", "export/assets/words.txt")
    assert found(tmp_path) == ["export"]
    assert found(tmp_path, tmp_path / "export") == ["export"]


def test_neither_pipes_nor_endless_folders_hold_it_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.keras")
    deep = tmp_path.joinpath(*(["d"] * 70))
    deep.mkdir(parents=True)
    put(deep, "m.keras")
    walked = walk([tmp_path], tmp_path)
    assert walked.found == []
    assert walked.skipped == []
    assert [each.why for each in walked.closed] == ["lies more than 64 folders deep, and was not looked into"]


def test_what_is_passed_over_says_whether_it_may_hold_weights(tmp_path: Path) -> None:
    put(tmp_path, ".hidden/a/m.keras", ".plain/x.txt", "store/CACHEDIR.TAG", "store/saved/saved_model.pb")
    put(tmp_path, ".venv/pyvenv.cfg", ".venv/lib/x.npz", ".tox/site-packages/x.npz", "node_modules/m.h5")
    skipped = walk([tmp_path], tmp_path).skipped
    assert {each.path.name for each in skipped if each.weights} == {".hidden", "store"}


def test_too_much_is_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *(f"{number}.txt" for number in range(12)))
    monkeypatch.setattr(walking, "MOST", 10)
    with pytest.raises(UsageError, match="more than 10 files"):
        walk([tmp_path], tmp_path)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        walk([tmp_path / "nothing"], tmp_path)
