"""Where fetched references are kept: a cache that can be written, one that cannot, and none."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from gate.errors import GateError
from gate.references.cache import Cache, sha256_of

DATA = b"weights"
SHA = hashlib.sha256(DATA).hexdigest()


def kept(cache: Cache) -> Path:
    with cache.part() as part:
        part.write_bytes(DATA)
        return cache.keep(part, SHA, "m.h5")


def test_it_is_found_again(tmp_path: Path) -> None:
    path = kept(Cache(tmp_path / "not" / "there", tmp_path / "spare"))
    assert path.is_relative_to(tmp_path / "not" / "there")
    assert Cache(tmp_path / "not" / "there", tmp_path).find(SHA, "m.h5") == path
    assert Cache(tmp_path / "elsewhere", tmp_path).find(SHA, "m.h5") is None
    assert Cache(tmp_path / "not" / "there", tmp_path).find(SHA, "other.h5") is None


def test_nobody_else_may_look_into_it(tmp_path: Path) -> None:
    kept(Cache(tmp_path / "cache", tmp_path))
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_what_cannot_be_written_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a read-only file system: `os.access` says so to root too."""
    (tmp_path / "spare").mkdir()
    path = kept(Cache(tmp_path / "cache", tmp_path / "spare"))
    real = os.access
    closed = tmp_path / "cache" / "references"
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed and real(path, mode))
    cache = Cache(tmp_path / "cache", tmp_path / "spare")
    assert cache.find(SHA, "m.h5") == path
    assert kept(cache).is_relative_to(tmp_path / "spare")


def test_a_file_in_place_of_the_cache(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    (tmp_path / "spare").mkdir()
    assert kept(Cache(tmp_path / "cache", tmp_path / "spare")).is_relative_to(tmp_path / "spare")
    with pytest.raises(GateError, match="cannot be written to"):
        kept(Cache(None, tmp_path / "cache"))


def test_without_a_cache(tmp_path: Path) -> None:
    assert kept(Cache(None, tmp_path)).is_relative_to(tmp_path)


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    cache = Cache(tmp_path, tmp_path)
    with cache.part() as part:
        part.write_bytes(DATA)
    assert not part.exists()


def test_what_killed_runs_left_goes_after_a_day(tmp_path: Path) -> None:
    old, new = (tmp_path / "references" / f".{name}.part" for name in ("old", "new"))
    old.parent.mkdir()
    for each in (old, new):
        each.write_bytes(b"half")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    kept(Cache(tmp_path, tmp_path))
    assert not old.exists()
    assert new.exists()


def test_only_files_have_a_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert sha256_of(tmp_path / "pipe") == ""
    (tmp_path / "file").write_bytes(DATA)
    assert sha256_of(tmp_path / "file") == SHA
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(OSError, match="symbolic links"):
        sha256_of(tmp_path / "link")


def test_as_root_files_are_those_of_the_folders_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` in an action's container is a folder of the runner's, who has to be able to clean it."""
    given: list[Path] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *ids, follow_symlinks: given.append(Path(path)))
    path = kept(Cache(tmp_path / "cache", tmp_path))
    folders = [each.relative_to(tmp_path) for each in given if each.suffix != ".part"]
    assert folders == [Path("cache"), Path("cache/references"), path.parent.relative_to(tmp_path)]
    assert sum(each.suffix == ".part" for each in given) == 1
