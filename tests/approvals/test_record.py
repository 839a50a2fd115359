"""The record of approvals: written so that it can be reviewed, read back strictly, never written over."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.scenes import ALL, files, golden, update
from gate.approvals.record import Approval, Written, added, approvals, entry, read
from gate.errors import UsageError
from gate.reports.escaping import visible

DIGEST = f"sha256:{'0' * 64}"
ONE = Approval(
    when="2027-03-01T12:00:00Z", by="Ada", reason="retrained", model="m", weights="m.keras", digest=DIGEST,
    written=(Written("lock", "m.lock.yml", DIGEST),), tensors={"changed": 2}, names=("head/**",),
    largest=("head/k: 1",),
)  # fmt: skip
texts = st.text(st.characters(codec=None), min_size=1, max_size=40).filter(lambda text: text.strip())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, texts, texts, st.lists(texts, max_size=3))
def test_whatever_is_said_is_one_entry_of_plain_text(by: str, reason: str, name: str, names: list[str]) -> None:
    """For any reader of YAML: what one sees is what there is."""
    approval = Approval(
        ONE.when, by, reason, name, name, DIGEST, (Written("lock", name, DIGEST, DIGEST),), {"new": 1}, tuple(names)
    )
    text = f"version: 1\napprovals:\n{entry(approval)}"
    (found,) = approvals(text, "x")
    assert found == yaml.safe_load(text)["approvals"][0]
    assert found["reason"] == visible(reason)
    assert found["model"] == visible(name)
    assert found.get("names", []) == [visible(each) for each in names]
    assert all(char.isprintable() or char == "\n" for char in text)


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "record.yml"
    first = added(path, "record.yml", ONE)
    path.write_text(first.rstrip("\n").replace("approvals:\n", "approvals:  # of ours\n"))
    both = added(path, "record.yml", ONE)
    assert both.startswith(path.read_text() + "\n")
    assert len(approvals(both, "record.yml")) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1", "version: 2"),
        ("version: 1", "version: true"),
        ("version: 1\n", ""),
        ("approvals:", "approved:"),
        ("approvals:", "more: 1\napprovals:"),
        ("reason: retrained", "reason: 7"),
        ("reason: retrained", 'reason: ""'),
        ("    reason: retrained\n", ""),
        ("reason: retrained", "reason: retrained\n    reason: twice"),
        ("reason: retrained", "reason: retrained\n    because: so"),
        ("2027-03-01T12:00:00Z", "yesterday"),
        (f'"{DIGEST}"', '"sha256:0"'),
        ("what: lock", "how: lock"),
        ("changed: 2", "changed: -1"),
        ("changed: 2", "changed: many"),
        ('- "head/**"', "- [head]"),
        ("  - when", "<<<<<<< HEAD\n  - when"),
        ("  - when", "\t- when"),
        ("retrained", "ret\x00rained"),
    ],
)
def test_what_is_no_record_is_an_error_with_its_place(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "record.yml"
    text = added(path, "record.yml", ONE)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    before = path.read_bytes()
    with pytest.raises(UsageError) as caught:
        added(path, "record.yml", ONE)
    assert caught.value.position is not None
    assert caught.value.position.file == "record.yml"
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"- a\n", b"x" * (5 << 20)])
def test_other_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "record.yml").write_bytes(data)
    with pytest.raises(UsageError):
        read(tmp_path / "record.yml", "record.yml")


def test_none_is_a_new_one_and_a_folder_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "record.yml", "record.yml") == ""
    (tmp_path / "record.yml").mkdir()
    with pytest.raises(UsageError):
        read(tmp_path / "record.yml", "record.yml")


def test_a_broken_record_stops_an_update(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder)
    (folder / "weight-gate-approvals.yml").write_text("version: 1\napprovals: soon\n")
    before = files(folder)
    done = update(folder, *ALL)
    assert done.returncode == 2
    assert done.stderr.startswith("weight-gate-approvals.yml:")
    assert files(folder) == before
