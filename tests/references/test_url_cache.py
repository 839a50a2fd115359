"""Where fetched references are kept: a cache that can be written, one that cannot, and none."""

import hashlib
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from gate.errors import GateError
from gate.references.cache import Cache

DATA = b"weights"
SHA = hashlib.sha256(DATA).hexdigest()


def kept(folder: Path | None, scratch: Path) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "m.h5").write_bytes(DATA)
    Cache(folder).keep(scratch / "m.h5", SHA)


def found(folder: Path | None, to: Path) -> bytes | None:
    """What the cache gives; where it gives nothing, it leaves nothing."""
    to.unlink(missing_ok=True)
    is_there = Cache(folder).copy(SHA, to)
    assert to.exists() == is_there
    return to.read_bytes() if is_there else None


def test_it_is_found_again(tmp_path: Path) -> None:
    kept(tmp_path / "not" / "there", tmp_path / "scratch")
    assert (tmp_path / "not" / "there" / "references" / SHA / "m.h5").read_bytes() == DATA
    assert found(tmp_path / "not" / "there", tmp_path / "m.h5") == DATA
    assert found(tmp_path / "elsewhere", tmp_path / "m.h5") is None
    assert found(tmp_path / "not" / "there", tmp_path / "other.h5") is None


def test_what_is_done_to_it_later_is_done_to_it_alone(tmp_path: Path) -> None:
    """Neither what was fetched nor what was found shares its bytes with what lies there."""
    kept(tmp_path / "cache", tmp_path / "scratch")
    assert found(tmp_path / "cache", tmp_path / "m.h5") == DATA
    with (tmp_path / "cache" / "references" / SHA / "m.h5").open("r+b") as file:
        file.write(b"WEIGHTS")
    assert (tmp_path / "scratch" / "m.h5").read_bytes() == DATA
    assert (tmp_path / "m.h5").read_bytes() == DATA


def test_a_file_that_changes_all_the_time_is_the_right_one_or_none(tmp_path: Path) -> None:
    good, bad = b"+" * 3_000_000, b"-" * 3_000_000
    sha = hashlib.sha256(good).hexdigest()
    path = tmp_path / "references" / sha / "m.h5"
    path.parent.mkdir(parents=True)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for data in (good, bad):
                (path.parent / "next").write_bytes(data)
                os.replace(path.parent / "next", path)  # noqa: PTH105 - says what it does
                with suppress(FileNotFoundError), path.open("r+b") as file:  # in place too
                    file.write(data)

    writer = threading.Thread(target=swap)
    writer.start()
    try:
        for number in range(60):
            to = tmp_path / str(number) / "m.h5"
            to.parent.mkdir()
            if Cache(tmp_path).copy(sha, to):
                assert to.read_bytes() == good
                to.unlink()
            assert not to.exists()
    finally:
        stop.set()
        writer.join()


def test_only_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "references" / SHA).mkdir(parents=True)
    os.mkfifo(tmp_path / "references" / SHA / "m.h5")
    assert found(tmp_path, tmp_path / "m.h5") is None
    (tmp_path / "references" / SHA / "m.h5").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_bytes(DATA)
    assert found(tmp_path, tmp_path / "m.h5") is None
    assert (tmp_path / "elsewhere").exists()


def test_there_has_to_be_room(tmp_path: Path) -> None:
    path = tmp_path / "references" / SHA / "m.h5"
    path.parent.mkdir(parents=True)
    path.touch()
    os.truncate(path, 1 << 42)
    with pytest.raises(GateError, match="bytes of scratch space") as caught:
        Cache(tmp_path).copy(SHA, tmp_path / "m.h5")
    assert caught.value.exit_code == 4


def test_nobody_else_may_look_into_it(tmp_path: Path) -> None:
    kept(tmp_path / "cache", tmp_path)
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_what_cannot_be_written_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a read-only file system: `os.access` says so to root too."""
    kept(tmp_path / "cache", tmp_path / "scratch")
    real = os.access
    closed = tmp_path / "cache" / "references"
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed and real(path, mode))
    assert found(tmp_path / "cache", tmp_path / "m.h5") == DATA
    (closed / SHA / "m.h5").unlink()
    kept(tmp_path / "cache", tmp_path / "scratch")
    assert found(tmp_path / "cache", tmp_path / "m.h5") is None


def test_a_file_in_place_of_the_cache(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    kept(tmp_path / "cache", tmp_path / "scratch")
    assert found(tmp_path / "cache", tmp_path / "m.h5") is None
    assert (tmp_path / "cache").read_text() == "not a folder"


def test_without_a_cache(tmp_path: Path) -> None:
    kept(None, tmp_path / "scratch")
    assert found(None, tmp_path / "m.h5") is None


def test_nothing_else_is_left_in_it(tmp_path: Path) -> None:
    kept(tmp_path / "cache", tmp_path / "scratch")
    kept(tmp_path / "cache", tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == ["m.h5"]


def test_what_killed_runs_left_goes_after_a_day(tmp_path: Path) -> None:
    old, new = (tmp_path / "references" / f".{name}.part" for name in ("old", "new"))
    old.parent.mkdir()
    for each in (old, new):
        each.write_bytes(b"half")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    kept(tmp_path, tmp_path)
    assert not old.exists()
    assert new.exists()


def test_as_root_files_are_those_of_the_folders_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` in an action's container is a folder of the runner's, who has to be able to clean it."""
    given: list[Path] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *ids, follow_symlinks: given.append(Path(path)))
    kept(tmp_path / "cache", tmp_path)
    folders = [each.relative_to(tmp_path) for each in given if each.suffix != ".part"]
    assert folders == [Path("cache"), Path("cache/references"), Path("cache/references") / SHA]
    assert sum(each.suffix == ".part" for each in given) == 1
