"""All files of an approval, or none: killed at any moment, on a full disk, and with a journal that somebody made up."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from approvals.scenes import files
from gate.approvals import transaction
from gate.approvals.transaction import JOURNAL, File, finish, write
from gate.errors import GateError
from gate.workspace import Workspace

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
    return {name: data for name, data in found.items() if ".weight-gate-" not in name}


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
        begun = (base / JOURNAL).exists() and (base / JOURNAL).read_bytes().endswith(b"]\n}\n")
        if begun:
            finish(workspace)
            assert files(base) == NEW_STATE, step
            assert finish(workspace) == ()
        elif not (base / JOURNAL).exists():
            state = without_staged(files(base))
            assert state in (OLD_STATE, NEW_STATE), step
            begun = state == NEW_STATE
        seen.add(begun)
        step += 1
    assert seen == {False, True}
    assert step > 15


def test_killed_while_finishing(tmp_path: Path) -> None:
    for step in range(8):
        base = tmp_path / str(step)
        base.mkdir()
        for name, data in OLD_STATE.items():
            (base / name).parent.mkdir(exist_ok=True)
            (base / name).write_bytes(data)
        workspace = Workspace(base, [base])

        def begin(base: Path = base, workspace: Workspace = workspace) -> None:
            os.replace = lambda *_: os._exit(3)
            write(asked(base), workspace)

        killed_at(10**9, begin, lambda: None)
        assert (base / JOURNAL).exists()

        def again(workspace: Workspace = workspace) -> None:
            finish(workspace)

        killed_at(step, again, lambda: os._exit(9))
        finish(workspace)
        assert files(base) == NEW_STATE


def test_a_signal_waits_until_what_was_begun_is_done(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, calls = os.replace, []

    def interrupted(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(*args)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(asked(workspace.base), workspace)
    assert files(workspace.base) == NEW_STATE


def test_a_signal_before_that_leaves_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(transaction, "_text", interrupted)
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


# A journal is a file that a pull request could have brought along.


def journal(base: Path, *moves: Any, **more: Any) -> None:
    (base / JOURNAL).write_text(json.dumps({"version": 1, "moves": list(moves), **more}))


SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of b"test"
STAGED = ".weight-gate-0123456789abcdef.new"


@pytest.mark.parametrize(
    "move",
    [
        {"to": ".git/hooks/pre-commit", "from": STAGED, "sha256": SHA256},
        {"to": "../outside", "from": STAGED, "sha256": SHA256},
        {"to": "link/x", "from": STAGED, "sha256": SHA256},
        {"to": "link/x"},
        {"to": ".git/HEAD"},
        {"to": "../outside"},
        {"to": "a.lock.yml", "from": "src.bin", "sha256": SHA256},
        {"to": "a.lock.yml", "from": f"../{STAGED}", "sha256": SHA256},
        {"to": "a.lock.yml", "from": STAGED, "sha256": "0" * 64},
        {"to": "a.lock.yml", "from": STAGED},
        {"from": STAGED},
        {},
        [],
        "x",
        7,
    ],
)
def test_a_journal_is_believed_no_further_than_a_commit(tmp_path: Path, move: Any) -> None:
    base = tmp_path / "repository"
    for folder in (base / ".git" / "hooks", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    (base / "link").symlink_to("../elsewhere")
    for at in (base, base / ".git" / "hooks", tmp_path / "elsewhere", tmp_path):
        (at / STAGED).write_bytes(b"test")
    for at in (base / "a.lock.yml", base / "src.bin", base / ".git" / "HEAD", tmp_path / "elsewhere" / "x"):
        at.write_bytes(b"as it was")
    (tmp_path / "outside").write_bytes(b"as it was")
    journal(base, move)
    before = files(tmp_path)
    with pytest.raises(GateError):
        finish(Workspace(base, [base]))
    assert files(tmp_path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "moves": []}', '{"version": 1}', "[" * 100_000])
def test_a_journal_that_is_none(workspace: Workspace, text: str) -> None:
    (workspace.base / JOURNAL).write_text(text)
    with pytest.raises(GateError, match="cannot be finished"):
        finish(workspace)
    with pytest.raises(GateError, match="another update is under way"):
        write(asked(workspace.base), workspace)


def test_a_journal_that_is_a_link(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    real = tmp_path_factory.mktemp("elsewhere") / "journal"
    real.write_text('{"version": 1, "moves": []}')
    (workspace.base / JOURNAL).symlink_to(real)
    with pytest.raises(GateError, match="no file of ours"):
        finish(workspace)
    assert real.exists()
