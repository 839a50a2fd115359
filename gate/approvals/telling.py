"""An approval in words: what it would write, and how references that cannot be written are changed."""

from collections.abc import Iterator

from gate.approvals.changes import counts, largest, named
from gate.approvals.proposal import Judged, Proposal
from gate.approvals.record import Approval, Written
from gate.manifest import LoadedManifest
from gate.manifest.edit import EditError, Put, edited
from gate.manifest.unified_diff import unified_diff
from gate.references.git import GitReference
from gate.references.url import UrlReference
from gate.wording import counted

_SHORT = len("sha256:") + 12
_MOST_LARGEST = 3


def plan_of(proposal: Proposal) -> Iterator[str]:
    """What would be written, line by line."""
    golden = {each.path: each for each in proposal.judged.loaded.golden}
    by_name = {file.target: golden[file.target] for file in proposal.files if file.target in golden}
    moved = iter(by_name.values())
    for each in proposal.written:
        yield f"{each.what}  {each.file}  {_digests(each)}"
        if each.what in {"lock", "reference"}:
            yield from (f"    {line}" for line in tensors(proposal))
        elif each.what == "outputs":
            yield from (f"    output {name}: {words}" for name, words in next(moved).moved.items())


def tensors(proposal: Proposal) -> Iterator[str]:
    """Which tensors change, the worst of them, and what stays."""
    if not proposal.taken:
        seen = proposal.judged.seen
        yield f"all {counted(len(seen.names) if seen else 0, 'tensor')} of the file"
        return
    for kind, names in named(proposal.taken).items():
        yield f"{counted(counts(proposal.taken)[kind], 'tensor')} {kind}: {', '.join(names)}"
    for each in largest(proposal.taken, _MOST_LARGEST):
        yield f"{each.name}: {each.told}"
    if proposal.left:
        names = [name for found in named(proposal.left).values() for name in found]
        yield f"stays as it is: {', '.join(names)}"


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
        tensors={str(kind): count for kind, count in counts(proposal.taken).items()},
        names=tuple(name for found in named(proposal.taken).values() for name in found),
        largest=tuple(
            [f"{each.name}: {each.told}" for each in largest(proposal.taken, _MOST_LARGEST)]
            + [
                f"output {name}: {words}"
                for each in proposal.judged.loaded.golden
                if any(file.target == each.path for file in proposal.files)
                for name, words in each.moved.items()
            ]
        ),
    )


def elsewhere(judged: Judged, loaded: LoadedManifest) -> Iterator[str]:
    """What to do about a reference that is not in the working tree; nothing where it is."""
    plan, seen = judged.plan, judged.seen
    if isinstance(plan.reference, UrlReference):
        sha256 = seen.digest.removeprefix("sha256:") if seen else ""
        yield f"the reference lies at an address, and is not written: publish {plan.weights}, and put into the manifest"
        yield "  url: the address that it then has"
        yield f"  sha256: {sha256}"
    elif isinstance(plan.reference, GitReference):
        yield f"the reference is {plan.reference.ref} itself, and is not written: the change is approved by its merge."
        yield "Say in the manifest which change is meant, until a day soon after the merge:"
        yield '  tensors: [{match: "…", expect: any, reason: "…", until: 2027-03-01}]'
        yield "Or have a lock for the reference, which `weight-gate update` can renew:"
        yield from (f"  {line}" for line in _as_lock(judged, loaded))


def _as_lock(judged: Judged, loaded: LoadedManifest) -> list[str]:
    plan = judged.plan
    lock = f"{loaded.manifest.models[judged.number].weights}.lock.yml" if not plan.glob else "{file}.lock.yml"
    try:
        new = edited(loaded.text, [Put(("models", judged.number, "reference"), {"lock": lock})], loaded.file)
    except EditError as error:
        return error.snippet.splitlines()
    return unified_diff(loaded.text, new, loaded.file).splitlines()


def _digests(written: Written) -> str:
    """From which content to which; a lock's is not known before somebody has said why."""
    if written.what == "lock":
        return "renewed" if written.old else "new"
    return f"{_short(written.old) if written.old else 'nothing'} → {_short(written.new)}"


def _short(digest: str) -> str:
    return f"{digest[:_SHORT]}…"
