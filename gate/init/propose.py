"""What `init` would write of a repository: the entries of its manifest, and what has no place among them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gate.errors import UnreadableError
from gate.init.builders import builders
from gate.init.data import told_of
from gate.init.draft import Entry, Paths, ask, compare_with_golden, compare_with_locks, drafted, freeze, nameable
from gate.init.facts import Differences, differences, facts
from gate.init.group import grouped
from gate.init.look import Broken, Looked, Other, Weights, look
from gate.init.walk import Skipped, Walked

Step = Callable[[str, str], None]
BRANCH = "origin/main"
"""What `--reference git` compares with."""
_FEW = 5


@dataclass
class Proposal:
    """Entries, and files that nothing looks after: `broken` ones should be weights, `others` are something else."""

    entries: list[Entry]
    broken: list[Broken]
    others: list[Other]
    arrays: list[Weights]
    passed_over: list[Skipped] = field(default_factory=list)
    """What was not looked at, and may hold weights."""

    def give_up(self, entry: Entry, error: UnreadableError) -> None:
        """Takes an entry out, whose file cannot be read after all."""
        self.entries.remove(entry)
        self.broken.append(Broken(entry.model.weights.path, error))

    def remarks(self, paths: Paths) -> Iterator[str]:
        """Comments for the end of the manifest."""
        for each in self.broken:
            yield f"NOT JUDGED: {each.error}"
        if self.others:
            told = [f"{paths.shown(each.path)} ({each.why})" for each in self.others]
            yield f"not taken for models: {_listed(told)}"
        if self.passed_over:
            told = [f"{paths.shown(each.path)} ({each.why})" for each in self.passed_over]
            yield f"not looked into, and may hold weights: {_listed(told)}. Name it: `weight-gate init PATH`"
        if self.arrays:
            yield told_of(self.arrays, [each.model.weights for each in self.entries], paths)


def propose(walked: Walked, paths: Paths, step: Step, threads: int, reference: str | None) -> Proposal:
    """Looks at every file that was found. `reference` is `lock`, `git`, `none` or None: golden files, then locks.

    Whether the branch has a file yet is left to the caller, who knows the repository.
    """
    looked = list(_looked(walked, paths, step))
    groups = grouped(looked)
    entries = drafted(groups.models, paths)
    code = builders(walked.found)
    for entry in entries:
        step(entry.keys["weights"], "read")
        stands = _compare(entry, paths, threads, reference)
        freeze(entry, stands)
        ask(entry, groups.models, paths, code)
        entry.decide += facts(entry.model, threads)
    compare_with_locks([entry for entry in entries if entry.keys.get("reference", "") is None], paths)
    broken = [each for each in looked if isinstance(each, Broken)]
    passed_over = [each for each in walked.skipped if each.weights]
    return Proposal(entries, broken, groups.others, groups.arrays, passed_over)


def _looked(walked: Walked, paths: Paths, step: Step) -> Iterator[Looked]:
    """What each file is; one that no manifest can name, and a folder that nobody may look into, is broken."""
    for path in walked.found:
        shown = paths.shown(path)
        step(shown, "look")
        found = look(path, shown)
        if found is None:
            continue
        if not nameable(path) and not isinstance(found, Other):
            reason = f"{shown} has a name that no manifest can hold"
            found = Broken(path, UnreadableError(reason, "rename it, without control characters"))
        yield found
    for closed in walked.closed:
        reason = f"the folder {paths.shown(closed.path)} {closed.why}"
        hint = "check its permissions" if "cannot be read" in closed.why else "name it: `weight-gate init PATH`"
        yield Broken(closed.path, UnreadableError(reason, hint))


def _compare(entry: Entry, paths: Paths, threads: int, reference: str | None) -> Differences:
    """Gives the entry its reference; a lock's is empty, since its place depends on all entries."""
    golden = entry.model.golden
    stands = Differences()
    if reference is None:
        stands = differences(entry.model, threads)
        compare_with_golden(entry, stands, paths)
    elif golden is not None:
        entry.decide.append(f"{paths.shown(golden.path)} looks like its reference")
    if reference == "git":
        entry.keys["reference"] = {"git": BRANCH}
    elif reference == "none":
        entry.decide.append("its values are compared with nothing: there is no `reference`")
    elif "reference" not in entry.keys:
        entry.keys["reference"] = None
    return stands


def _listed(told: Sequence[str]) -> str:
    return ", ".join(told[:_FEW]) + (f" and {len(told) - _FEW} more" if len(told) > _FEW else "")
