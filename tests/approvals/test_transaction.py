"""All files of an approval, or none: killed at any moment, on a full disk, and with a journal that somebody made up."""

import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from approvals.scenes import files
from gate.approvals import transaction
from gate.approvals.journal import FOLDER
from gate.approvals.transaction import JOURNAL, File, cut_off, finish, write
from gate.errors import GateError
from gate.workspace import Workspace
from support.repositories import Repo

OLD = {"a.lock.yml": b"old a", "golden/m.bin": b"old m" * 1000, "golden/gone.bin": b"gone"}
NEW = {"a.lock.yml": b"new a", "golden/m.bin": b"new m" * 2000, "new/deep/n.bin": b"n", "src.bin": b"copied"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name, data in OLD.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "src.bin").write_bytes(b"copied")
    return Workspace(tmp_path, [tmp_path])


def asked(base: Path) -> list[File]:
    return [
        File(base / "a.lock.yml", NEW["a.lock.yml"]),
        File(base / "golden/m.bin", NEW["golden/m.bin"]),
        File(base / "golden/gone.bin", None),
        File(base / "new/deep/n.bin", b"n"),
        File(base / "copy.bin", base / "src.bin"),
    ]


OLD_STATE = {**OLD, "src.bin": b"copied"}
NEW_STATE = {**NEW, "copy.bin": b"copied"}


def test_all_is_written(workspace: Workspace) -> None:
    write(asked(workspace.base), workspace)
    assert files(workspace.base) == NEW_STATE


def killed_at(step: int, work: Callable[[], None], how: Callable[[], None]) -> bool:
    """Does `work` in a process of its own in which the calls that change files end it at number `step`; whether."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(call: Any) -> Any:
            def instead(*args: Any, **options: Any) -> Any:
                nonlocal count
                if count == step:
                    how()
                count += 1
                return call(*args, **options)

            return instead

        for name in ("open", "replace", "fsync"):
            setattr(os, name, counted(getattr(os, name)))
        Path.unlink = counted(Path.unlink)  # type: ignore[method-assign]
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def without_staged(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in found.items() if not name.startswith(f"{FOLDER}/")}


def test_killed_at_any_moment_it_is_the_old_or_the_new(tmp_path: Path) -> None:
    """Old, as long as there is no journal; new, once the next update has finished what the journal says."""
    seen, step = set(), 0
    while True:
        base = tmp_path / str(step)
        base.mkdir()
        for name, data in OLD_STATE.items():
            (base / name).parent.mkdir(exist_ok=True)
            (base / name).write_bytes(data)
        workspace = Workspace(base, [base])

        def work(base: Path = base, workspace: Workspace = workspace) -> None:
            write(asked(base), workspace)

        died = killed_at(step, work, lambda: os.kill(os.getpid(), signal.SIGKILL))
        if not died:
            break
        begun = (base / JOURNAL).exists()
        if begun:
            finish(workspace)
            assert files(base) == NEW_STATE, step
            assert finish(workspace) == ()
        else:
            state = without_staged(files(base))
            assert state in (OLD_STATE, NEW_STATE), step
            begun = state == NEW_STATE
            write([File(base / "more", b"more")], workspace)  # takes away what was left
            assert files(base) == {**state, "more": b"more"}, step
        seen.add(begun)
        step += 1
    assert seen == {False, True}
    assert step > 15


replace = os.replace


def killed_at_a_target(source: Any, target: Any) -> None:
    """`os.replace`, but that of the first target."""
    if Path(target).parent.name != FOLDER:
        os._exit(3)
    replace(source, target)


def test_killed_while_finishing(tmp_path: Path) -> None:
    for step in range(8):
        base = tmp_path / str(step)
        base.mkdir()
        for name, data in OLD_STATE.items():
            (base / name).parent.mkdir(exist_ok=True)
            (base / name).write_bytes(data)
        workspace = Workspace(base, [base])

        def begin(base: Path = base, workspace: Workspace = workspace) -> None:
            os.replace = killed_at_a_target  # type: ignore[assignment]
            write(asked(base), workspace)

        killed_at(10**9, begin, lambda: None)
        assert (base / JOURNAL).exists()

        def again(workspace: Workspace = workspace) -> None:
            finish(workspace)

        killed_at(step, again, lambda: os._exit(9))
        finish(workspace)
        assert files(base) == NEW_STATE


def test_a_signal_waits_until_what_was_begun_is_done(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def interrupted(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 3:  # the first is the journal's
            raise KeyboardInterrupt
        replace(*args)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(asked(workspace.base), workspace)
    assert files(workspace.base) == NEW_STATE


def test_a_signal_before_that_leaves_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(transaction, "journal_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(asked(workspace.base), workspace)
    assert files(workspace.base) == OLD_STATE
    assert not (workspace.base / "new").exists()


def test_a_full_disk_leaves_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(GateError, match="nothing was written: No space left on device"):
        write(asked(workspace.base), workspace)
    assert files(workspace.base) == OLD_STATE


def test_a_folder_that_one_may_not_write(workspace: Workspace) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may")
    (workspace.base / "golden").chmod(0o555)
    with pytest.raises(GateError, match="nothing was written: golden: Permission denied"):
        write(asked(workspace.base), workspace)
    (workspace.base / "golden").chmod(0o755)
    assert files(workspace.base) == OLD_STATE


def test_another_file_than_was_judged(workspace: Workspace) -> None:
    one = File(workspace.base / "copy.bin", workspace.base / "src.bin", "0" * 64)
    with pytest.raises(GateError, match="another file than was judged"):
        write([*asked(workspace.base)[:2], one], workspace)
    assert files(workspace.base) == OLD_STATE


def test_a_pipe_is_not_waited_for(workspace: Workspace) -> None:
    os.mkfifo(workspace.base / "pipe")
    with pytest.raises(GateError, match="nothing was written"):
        write([File(workspace.base / "copy.bin", workspace.base / "pipe")], workspace)


def test_modes_stay(workspace: Workspace) -> None:
    (workspace.base / "a.lock.yml").chmod(0o640)
    write(asked(workspace.base), workspace)
    assert (workspace.base / "a.lock.yml").stat().st_mode & 0o777 == 0o640
    mask = os.umask(0)
    os.umask(mask)
    assert (workspace.base / "copy.bin").stat().st_mode & 0o777 == 0o666 & ~mask


def test_as_root_new_files_are_the_folders_owners(workspace: Workspace) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for folder in (workspace.base, workspace.base / "golden"):
        os.chown(folder, 1234, 1234)
    write(asked(workspace.base), workspace)
    for name in ("a.lock.yml", "golden/m.bin", "new", "new/deep", "new/deep/n.bin"):
        assert (workspace.base / name).stat().st_uid == 1234


# A mounted folder, and what is asked at once.


def test_a_folder_of_another_file_system(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def across(source: Any, target: Any) -> None:
        if Path(source).parent.name == FOLDER and Path(target).parent.name == "golden":
            raise OSError(18, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(os, "replace", across)
    (workspace.base / "golden/m.bin").chmod(0o604)
    write(asked(workspace.base), workspace)
    assert files(workspace.base) == NEW_STATE
    assert (workspace.base / "golden/m.bin").stat().st_mode & 0o777 == 0o604


@pytest.mark.parametrize("other", ["a.lock.yml", "A.lock.yml", "link/a.lock.yml"])
def test_two_files_for_one_place(workspace: Workspace, other: str) -> None:
    (workspace.base / "link").symlink_to(".")
    before = files(workspace.base)
    with pytest.raises(GateError, match="is to be written there too"):
        write([File(workspace.base / "a.lock.yml", b"1"), File(workspace.base / other, b"2")], workspace)
    assert files(workspace.base) == before


def test_what_was_changed_in_between_is_not_written_over(workspace: Workspace) -> None:
    with pytest.raises(GateError, match=r"a\.lock\.yml was changed in between"):
        write([File(workspace.base / "b", b"b"), File(workspace.base / "a.lock.yml", b"1", was="absent")], workspace)
    assert files(workspace.base) == OLD_STATE


def test_one_at_a_time(workspace: Workspace) -> None:
    """What a call says is made while nobody else writes: no entry of a record is lost."""

    def appended() -> bytes:
        with pytest.raises(GateError, match="another update is under way"):
            write([File(workspace.base / "b", b"b")], workspace)
        return (workspace.base / "a.lock.yml").read_bytes() + b" and new"

    write([File(workspace.base / "a.lock.yml", appended)], workspace)
    assert (workspace.base / "a.lock.yml").read_bytes() == b"old a and new"


def test_git_adds_nothing_of_what_is_left(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repository")
    base = repo.path
    (base / "src.bin").write_bytes(b"copied")

    def work() -> None:
        write(asked(base)[:2], Workspace(base, [base]))

    def killed(moves: Any, base: Any) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    child = os.fork()
    if child == 0:
        transaction.journal_text = killed  # type: ignore[attr-defined]
        work()
    os.waitpid(child, 0)
    assert (base / FOLDER / "1.new").exists()
    repo.git("add", "-A")
    assert FOLDER not in repo.git("status", "--porcelain")


# A journal is a file that a pull request could have brought along.


def journal(base: Path, *moves: Any, **more: Any) -> None:
    (base / FOLDER).mkdir(exist_ok=True)
    (base / JOURNAL).write_text(json.dumps({"version": 2, "moves": list(moves), **more}))


def said(to: str, **more: Any) -> dict[str, Any]:
    return {"to": to, "old": sha256(b"as it was"), "from": "0.new", "sha256": sha256(b"test"), **more}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "move",
    [
        said(".git/hooks/pre-commit"),
        said("../outside"),
        said("link/x"),
        {"to": "link/x", "old": sha256(b"as it was")},
        {"to": ".git/HEAD", "old": sha256(b"as it was")},
        {"to": "../outside", "old": sha256(b"as it was")},
        {"to": "a.lock.yml"},
        {"to": "a.lock.yml", "old": sha256(b"something else")},
        {"to": "a.lock.yml", "old": "absent"},
        {"to": "a.lock.yml", "old": "what"},
        said("a.lock.yml", **{"from": "src.bin"}),
        said("a.lock.yml", **{"from": "../src.bin"}),
        said("a.lock.yml", sha256="0" * 64),
        said("a.lock.yml", old="0" * 64),
        said("a.lock.yml", old="absent"),
        said("a.lock.yml", **{"from": "1.new"}),
        {"to": "a.lock.yml", "from": "0.new", "sha256": sha256(b"test")},
        {"to": "a.lock.yml", "old": sha256(b"as it was"), "from": "0.new"},
        {"from": "0.new"},
        {},
        [],
        "x",
        7,
    ],
)
def test_a_journal_is_believed_no_further_than_a_commit(tmp_path: Path, move: Any) -> None:
    base = tmp_path / "repository"
    Repo.init(base)
    (tmp_path / "elsewhere").mkdir()
    (base / "link").symlink_to("../elsewhere")
    journal(base, move)
    for at in (base, base / FOLDER, base / ".git" / "hooks", tmp_path / "elsewhere", tmp_path):
        (at / "0.new").write_bytes(b"test")
    for at in (base / "a.lock.yml", base / "src.bin", tmp_path / "elsewhere" / "x", tmp_path / "outside"):
        at.write_bytes(b"as it was")
    before = files(tmp_path)
    for call in (cut_off, finish):
        with pytest.raises(GateError):
            call(Workspace(base, [base]))
    assert files(tmp_path) == before


def test_what_was_edited_after_the_kill_stays(workspace: Workspace) -> None:
    def begin() -> None:
        os.replace = killed_at_a_target  # type: ignore[assignment]
        write(asked(workspace.base), workspace)

    killed_at(10**9, begin, lambda: None)
    assert [path.name for path in cut_off(workspace)] == ["a.lock.yml", "m.bin", "gone.bin", "n.bin", "copy.bin"]
    (workspace.base / "golden/gone.bin").write_bytes(b"mended by hand")
    before = files(workspace.base)
    with pytest.raises(GateError, match=r"golden/gone\.bin is another file by now"):
        finish(workspace)
    assert files(workspace.base) == before
    (workspace.base / "golden/gone.bin").write_bytes(b"gone")
    finish(workspace)
    assert files(workspace.base) == NEW_STATE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "moves": []}', '{"version": 2}', "[" * 100_000])
def test_a_journal_that_is_none(workspace: Workspace, text: str) -> None:
    journal(workspace.base)
    (workspace.base / JOURNAL).write_text(text)
    with pytest.raises(GateError, match="cannot be finished"):
        finish(workspace)
    with pytest.raises(GateError, match="an update was cut off"):
        write(asked(workspace.base), workspace)


def test_a_journal_that_is_a_link(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    real = tmp_path_factory.mktemp("elsewhere") / "journal"
    real.write_text('{"version": 2, "moves": []}')
    (workspace.base / FOLDER).mkdir()
    (workspace.base / JOURNAL).symlink_to(real)
    with pytest.raises(GateError, match="no file of ours"):
        finish(workspace)
    assert real.exists()


def test_a_journal_that_came_with_a_commit(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "repository")
    base = repo.path
    (base / "untracked.txt").write_text("mine")
    journal(base, {"to": "untracked.txt", "old": sha256(b"mine")})
    repo.git("add", "-f", JOURNAL)
    for call in (cut_off, finish):
        with pytest.raises(GateError, match="it came with a commit"):
            call(Workspace(base, [base]))
    with pytest.raises(GateError, match="it came with a commit"):
        write([File(base / "x", b"x")], Workspace(base, [base]))
    repo.git("rm", "-q", "--cached", JOURNAL)
    assert finish(Workspace(base, [base])) == (base / "untracked.txt",)
    assert not (base / "untracked.txt").exists()


def test_a_journal_of_another_user(workspace: Workspace) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    journal(workspace.base, {"to": "a.lock.yml", "old": sha256(b"old a")})
    os.chown(workspace.base / JOURNAL, 1234, 1234)
    with pytest.raises(GateError, match="another user made it"):
        finish(workspace)
    os.chown(workspace.base, 1234, 1234)  # as root in a container: whose repository it is
    finish(workspace)
    assert not (workspace.base / "a.lock.yml").exists()
