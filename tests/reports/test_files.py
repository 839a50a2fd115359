import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gate.errors import ReportError
from gate.reports.files import ReportFiles, write_atomically
from gate.reports.junit import junit_xml
from gate.reports.registry import REPORTS
from gate.reports.summary import LIMIT
from gate.results import CheckResult, Outcome
from reports.samples import HOSTILE, hostile_run, mixed, model, passed, run, values

PLANNED = run(model("m", CheckResult("values", Outcome.NOT_RUN, "not run")))
DONE = run(model("m", passed()))


def test_every_kind_is_written_and_written_again(tmp_path: Path) -> None:
    paths = {kind: tmp_path / "new" / "folder" / kind for kind in REPORTS}
    written = ReportFiles(paths)
    written.write(PLANNED)
    assert "<error" in paths["junit"].read_text()
    assert '"conclusion": "not run"' in paths["json"].read_text()
    written.write(DONE)
    for kind, path in paths.items():
        assert path.read_text() == REPORTS[kind](DONE)
    assert sorted(each.name for each in (tmp_path / "new" / "folder").iterdir()) == sorted(REPORTS)


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        ReportFiles({"json": tmp_path / "a"}).write(DONE)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_first_report_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "junit.xml"
    written = ReportFiles({"junit": path})
    written.write(PLANNED)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match="No space left on device"):
        written.write(DONE)
    assert path.read_text() == junit_xml(PLANNED)
    assert [each.name for each in tmp_path.iterdir()] == ["junit.xml"]


KILLED = """
import os, sys
from gate.reports.files import ReportFiles
from reports.samples import model, passed, run
os.replace = lambda *_: os.kill(os.getpid(), 9)
ReportFiles({"junit": sys.argv[1]}).write(run(model("m", passed())))
"""


def test_a_killed_writer_leaves_the_first_report_whole(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    ReportFiles({"junit": path}).write(PLANNED)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
    child = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, check=False)
    assert child.returncode == -9
    assert path.read_text() == junit_xml(PLANNED)


def test_one_bad_path_does_not_hide_the_other_reports(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    good = tmp_path / "report.json"
    written = ReportFiles({"junit": tmp_path / "file" / "junit.xml", "json": good}, tmp_path / "step.md")
    with pytest.raises(ReportError) as raised:
        written.write(DONE)
    assert "junit.xml" in raised.value.reason
    assert raised.value.hint
    assert good.read_text() == REPORTS["json"](DONE)
    assert (tmp_path / "step.md").read_text()


@pytest.mark.parametrize("path", ["/dev/stdout", "/proc/self/fd/1", "a\0b", "x" * 300, "folder"])
def test_paths_that_are_no_files_are_errors(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with pytest.raises(ReportError, match="could not be written"):
        ReportFiles({"json": path}).write(DONE)
    with pytest.raises(ReportError, match="could not be written"):
        ReportFiles({}, step_summary="folder").write(DONE)


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.write_text("mine")
    link = tmp_path / "report.json"
    link.symlink_to(secret)
    write_atomically(link, "report")
    assert secret.read_text() == "mine"
    assert link.read_text() == "report"
    assert not link.is_symlink()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_written_as_utf8(text: str, tmp_path: Path) -> None:
    paths = {kind: tmp_path / kind for kind in REPORTS}
    ReportFiles(paths, tmp_path / "step.md").write(hostile_run(text))
    for path in (*paths.values(), tmp_path / "step.md"):
        path.read_bytes().decode()


def test_root_gives_files_to_the_owner_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *ids, follow_symlinks: given.append((Path(path), ids)))
    write_atomically(tmp_path / "new" / "a", "x")
    owner = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    assert given[0] == (tmp_path / "new", owner)
    assert given[1][0].parent == tmp_path / "new"
    assert given[1][1] == owner


def test_the_step_summary_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "step.md"
    path.write_text("earlier")
    inode = path.stat().st_ino
    written = ReportFiles({}, path)
    written.write(values_run := run(model("m", values())))
    first = path.read_text()
    assert first == "earlier\n\n" + REPORTS["summary"](values_run)
    written.write(DONE)
    assert path.read_text() == "earlier\n\n" + REPORTS["summary"](DONE)
    assert path.stat().st_ino == inode


def test_the_step_summary_keeps_what_came_after(tmp_path: Path) -> None:
    path = tmp_path / "step.md"
    written = ReportFiles({}, path)
    written.write(mixed())
    with path.open("a") as file:
        file.write("later\n")
    written.write(DONE)
    assert path.read_text() == REPORTS["summary"](DONE) + "later\n"
    path.write_text("somebody else's")
    written.write(DONE)
    assert path.read_text() == "somebody else's\n\n" + REPORTS["summary"](DONE)


def test_the_step_summary_keeps_to_the_limit_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "step.md"
    path.write_text("x" * (LIMIT - 2000))
    ReportFiles({}, path).write(mixed())
    assert path.stat().st_size <= LIMIT
