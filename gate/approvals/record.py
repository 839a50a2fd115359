"""`weight-gate-approvals.yml`, beside the manifest: who approved what, when and why, for whoever reviews the change."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate.errors import UsageError
from gate.manifest.yaml_nodes import Mark, Node, read_yaml
from gate.manifest.yaml_writing import flow, scalar
from gate.position import Position
from gate.reports.escaping import visible

FILE = "weight-gate-approvals.yml"
MOST_BYTES = 4 * 1024 * 1024
LONGEST = 500
"""Characters of a reason."""
_HEAD = """\
# Written by `weight-gate update`: which changed weights were approved, by whom and why. It is for reviewers; the newest
# entry is the last.
version: 1
approvals:
"""
_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COUNTS = ("changed", "new", "removed")
_START_ANEW = "mend it, or take it out of the way to begin a new one"


@dataclass(frozen=True)
class Written:
    """One thing that was written: a lock, a reference, outputs, a pin. Digests are `sha256:…`; none for what is new."""

    what: str
    file: str
    new: str
    old: str | None = None


@dataclass(frozen=True)
class Approval:
    """One entry. `names` are folded; `largest` are changes in words."""

    when: str
    by: str
    reason: str
    model: str
    weights: str
    digest: str
    written: tuple[Written, ...]
    tensors: Mapping[str, int]
    names: tuple[str, ...] = ()
    largest: tuple[str, ...] = ()


def entry(approval: Approval) -> str:
    """The lines of one entry; whatever is not drawn is shown as an escape."""
    said: list[tuple[str, Any]] = [
        ("when", approval.when),
        ("by", visible(approval.by)),
        ("reason", visible(approval.reason)),
        ("model", visible(approval.model)),
        ("weights", {"file": visible(approval.weights), "digest": approval.digest}),
    ]
    lines = [f"{'  - ' if index == 0 else '    '}{key}: {flow(value)}" for index, (key, value) in enumerate(said)]
    lines.append("    written:")
    for each in approval.written:
        digests = {"old": each.old, "new": each.new} if each.old else {"new": each.new}
        lines.append(f"      - {flow({'what': each.what, 'file': visible(each.file), **digests})}")
    lines.append(f"    tensors: {flow({kind: approval.tensors.get(kind, 0) for kind in _COUNTS})}")
    for key, texts in (("names", approval.names), ("largest", approval.largest)):
        if texts:
            lines += [f"    {key}:", *(f"      - {scalar(visible(text))}" for text in texts)]
    return "".join(f"{line}\n" for line in lines)


def added(path: Path, shown: str, approval: Approval) -> str:
    """The file's text with one entry more; what was there stays as it is.

    Raises `UsageError` for a file that is no record of approvals: it is never written over.
    """
    before = read(path, shown)
    if before and not before.endswith("\n"):
        before += "\n"
    text = (before or _HEAD) + entry(approval)
    approvals(text, shown)
    return text


def read(path: Path, shown: str) -> str:
    """The text of the file at `path`, which is a record; empty where there is none. Raises `UsageError`."""
    try:
        if not path.exists() and not path.is_symlink():
            return ""
        if not path.is_file():
            raise UsageError("is no file", _START_ANEW, Position(shown))
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise UsageError(f"is larger than {MOST_BYTES:,} bytes", _START_ANEW, Position(shown))
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"the record of approvals cannot be read: {why}", _START_ANEW, Position(shown)) from error
    approvals(text, shown)
    return text


def approvals(text: str, shown: str) -> tuple[Mapping[str, Any], ...]:
    """The entries in `text`, strictly: raises `UsageError`, with its place, for what `entry` does not write."""
    root, problems = read_yaml(text)
    if problems:
        raise _broken(problems[0].reason, shown, problems[0].mark)
    if root is None:
        raise _broken("it is empty", shown, Mark(1, 1))
    data = root.data()
    if not isinstance(data, dict) or set(data) != {"version", "approvals"} or not isinstance(data["approvals"], list):
        raise _broken("it has `version` and a list `approvals`, and nothing else", shown, root.mark)
    if type(data["version"]) is not int or data["version"] != 1:
        raise _broken("this weight-gate reads version 1 of it", shown, root.mark)
    listed = root.step("approvals")
    for number, each in enumerate(data["approvals"]):
        if problem := _problem(each):
            raise _broken(problem, shown, _mark(listed[1] if listed else root, number))
    return tuple(data["approvals"])


def _problem(said: Any) -> str:
    """What is wrong with one entry; empty where nothing is."""
    needed = {"when", "by", "reason", "model", "weights", "written", "tensors"}
    if not isinstance(said, dict) or not needed <= set(said) <= {*needed, "names", "largest"}:
        return f"an approval has {', '.join(sorted(needed))}, and may have names and largest"
    if not all(isinstance(said[key], str) and said[key].strip() for key in ("when", "by", "reason", "model")):
        return "when, by, reason and model are texts"
    if not _WHEN.fullmatch(said["when"]):
        return "`when` is a time like 2027-03-01T12:00:00Z"
    weights = said["weights"]
    if not isinstance(weights, dict) or set(weights) != {"file", "digest"} or not _is_digest(weights["digest"]):
        return "`weights` has a file and its digest, sha256:…"
    written = said["written"]
    if not isinstance(written, list) or not written or not all(map(_is_written, written)):
        return "`written` lists what, file, new and old, whose digests are sha256:…"
    tensors = said["tensors"]
    if not isinstance(tensors, dict) or set(tensors) != set(_COUNTS) or not all(map(_is_count, tensors.values())):
        return f"`tensors` counts {', '.join(_COUNTS)}"
    for key in ("names", "largest"):
        texts = said.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return f"`{key}` is a list of texts"
    return ""


def _is_written(said: Any) -> bool:
    if not isinstance(said, dict) or not {"what", "file", "new"} <= set(said) <= {"what", "file", "new", "old"}:
        return False
    digests: Sequence[Any] = [said["new"], *([said["old"]] if "old" in said else [])]
    return all(map(_is_digest, digests)) and isinstance(said["what"], str) and isinstance(said["file"], str)


def _is_digest(said: Any) -> bool:
    return isinstance(said, str) and _DIGEST.fullmatch(said) is not None


def _is_count(said: Any) -> bool:
    return type(said) is int and said >= 0


def _mark(listed: Node, number: int) -> Mark:
    found = listed.step(number)
    return found[0] if found else listed.mark


def _broken(reason: str, shown: str, mark: Mark) -> UsageError:
    return UsageError(
        f"is no record of approvals: {reason}", f"{_START_ANEW}; it is never written over", Position(shown, *mark)
    )
