"""An approval in words: what it would write, and how references that cannot be written are changed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from gate.approvals.changes import counts, largest, named
from gate.approvals.proposal import Judged, Proposal
from gate.approvals.record import Approval, Written
from gate.approvals.seen import Seen
from gate.covering import covering
from gate.locks.naming import SUFFIX, lock_name
from gate.manifest import LoadedManifest
from gate.manifest.crosscheck import stem
from gate.manifest.edit import EditError, Put, edited
from gate.manifest.unified_diff import unified_diff
from gate.manifest.yaml_writing import flow
from gate.references.git import GitReference
from gate.references.url import UrlReference
from gate.tensors.diagnose import DIAGNOSES
from gate.wording import counted

_SHORT = len("sha256:") + 12
_MOST_LARGEST = 3
_NO_EARLIER = "no earlier lock or reference to compare with"
_SOON = timedelta(days=14)
_MOST_DIAGNOSED = 12


def plan_of(proposal: Proposal) -> Iterator[str]:
    """What would be written, line by line."""
    golden = {each.path: each for each in proposal.judged.loaded.golden}
    by_name = {file.target: golden[file.target] for file in proposal.files if file.target in golden}
    moved = iter(by_name.values())
    for each in proposal.written:
        yield f"{each.what}  {each.file}  {_digests(each)}"
        if each.what in {"lock", "reference"} or (each.what == "digest" and each is proposal.written[0]):
            yield from (f"    {line}" for line in tensors(proposal))
        elif each.what == "outputs":
            yield from (f"    output {name}: {words}" for name, words in next(moved).moved.items())
        elif each.what == "names":
            yield "    `names` goes out of the manifest: the reference has the new names itself then"


def tensors(proposal: Proposal) -> Iterator[str]:
    """Which tensors change, the worst of them, and what stays."""
    changes = proposal.taken or proposal.since_earlier
    if not changes:
        seen = proposal.judged.seen
        beside = f"; {_NO_EARLIER}" if proposal.is_first else ""
        yield f"all {counted(len(seen.names) if seen else 0, 'tensor')} of the file{beside}"
        return
    if not proposal.taken:
        yield "beside the lock that HEAD has:"
    for kind, names in named(changes).items():
        yield f"{counted(counts(changes)[kind], 'tensor')} {kind}: {', '.join(names)}"
    for each in largest(changes, _MOST_LARGEST):
        yield f"{each.name}: {each.told}"
    yield from _diagnosed(proposal)
    if proposal.left:
        names = [name for found in named(proposal.left).values() for name in found]
        yield f"stays as it is: {', '.join(names)}"


def _diagnosed(proposal: Proposal) -> list[str]:
    """What the data of tensors that are taken tells of how they came to be so: whoever approves has to have seen it."""
    names = {each.name for each in proposal.taken}
    checks = [check for check in proposal.judged.result.checks if check.check in {"structure", "values"}]
    found = dict.fromkeys(
        f"{each.tensor}: {text}"
        for check in checks
        for each in check.findings
        if each.tensor in names
        for text in ([each.reason] if each.kind in DIAGNOSES else each.details if each.kind == "missing-tensor" else [])
    )
    told = list(found)
    more = [f"and {len(told) - _MOST_DIAGNOSED:,} more like these"] if len(told) > _MOST_DIAGNOSED else []
    return [*told[:_MOST_DIAGNOSED], *more]


def recorded(proposal: Proposal, when: str, by: str, reason: str) -> Approval:
    """The entry for the record."""
    seen, plan = proposal.judged.seen, proposal.judged.plan
    return Approval(
        when=when,
        by=by,
        reason=reason,
        model=plan.name,
        weights=proposal.weights,
        digest=seen.digest if seen else "",
        written=proposal.written,
        tensors={str(kind): count for kind, count in counts(proposal.approved).items()},
        names=tuple(name for found in named(proposal.approved).values() for name in found),
        largest=tuple(
            ([_NO_EARLIER] if proposal.is_first else [])
            + [f"{each.name}: {each.told}" for each in largest(proposal.approved, _MOST_LARGEST)]
            + _diagnosed(proposal)
            + [
                f"output {name}: {words}"
                for each in proposal.judged.loaded.golden
                if any(file.target == each.path for file in proposal.files)
                for name, words in each.moved.items()
            ]
        ),
    )


def elsewhere(judged: Judged) -> Iterator[str]:
    """What to do about a reference that is not in the working tree; nothing where it is."""
    plan, seen = judged.plan, judged.seen
    if isinstance(plan.reference, UrlReference):
        sha256 = seen.digest.removeprefix("sha256:") if seen else ""
        yield f"the reference lies at an address, and is not written: publish {plan.weights}, and put into the manifest"
        yield "  url: the address that it then has"
        yield f"  sha256: {sha256}"
    elif isinstance(plan.reference, GitReference):
        yield f"the reference is {plan.reference.ref} itself, and is not written: the change is approved by its merge."
        yield "Say in `tensors` of the model which change is meant, and why, until a day soon after the merge:"
        until = datetime.now(UTC).date() + _SOON
        globs = covering([each.name for each in seen.changes], _same(seen)) if seen else ()
        for glob in globs or ("…",):
            yield f"  - {flow({'match': glob, 'expect': 'any', 'reason': '…', 'until': str(until)})}"
        yield "Or have a lock for the reference, which `weight-gate update` can renew:"


def _same(seen: Seen) -> list[str]:
    """What does not differ."""
    changed = {each.name for each in seen.changes}
    return [name for name in seen.names if name not in changed]


def as_lock(judged: Judged, loaded: LoadedManifest) -> tuple[str, str]:
    """The change of the manifest that makes a reference from git a lock, and its language; empty for others.

    Where its text is one that only a person can change, YAML.
    """
    plan = judged.plan
    if not isinstance(plan.reference, GitReference):
        return "", ""
    weights = [PurePosixPath(each.weights) for each in loaded.manifest.models]
    own = weights[judged.number]
    alone = sum((stem(each.name), each.parent) == (stem(own.name), own.parent) for each in weights) == 1
    where = PurePosixPath() if "*" in str(own.parent) else own.parent
    name = f"{{{'stem' if alone else 'file'}}}{SUFFIX}" if plan.glob else lock_name(own.name, by_stem=alone)
    lock = str(where / name)
    try:
        new = edited(loaded.text, [Put(("models", judged.number, "reference"), {"lock": lock})], loaded.file)
    except EditError as error:
        return error.snippet, "yaml"
    return unified_diff(loaded.text, new, loaded.file), "diff"


def _digests(written: Written) -> str:
    """From which content to which; a lock's is not known before somebody has said why."""
    if written.what == "lock":
        return "renewed" if written.old else "new"
    return f"{_short(written.old) if written.old else 'nothing'} → {_short(written.new)}"


def _short(digest: str) -> str:
    return f"{digest[:_SHORT]}…"
