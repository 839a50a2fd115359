"""Which commit is meant: docs/references.md, in code. What is not certain is an error that says what to fetch.

A branch means the commit at which HEAD left it. A tag, a commit, `HEAD~1` mean that commit itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from gate.action import Event
from gate.errors import GateError
from gate.git.objects import FETCH_ALL, SHORT, Commit, Objects
from gate.git.repository import Repository

_PARTS = re.compile(
    r"(?!-)(?!.*(?:\.\.|@\{))(?P<name>[^\s:?*\[\\~^\0-\x1f\x7f]+)(?P<steps>(?:[~^][0-9]*)*(?:\^\{(?:commit)?\})?)"
)
"""Of https://git-scm.com/docs/gitrevisions, what says the same on every machine."""
_ABBREVIATED = re.compile(r"[0-9a-f]{4,64}")
_LOCAL, _REMOTE, _TAG = "refs/heads/", "refs/remotes/", "refs/tags/"
_OF_PULLS = ("pull_request", "pull_request_target")
_SELF = ("HEAD", "@")
_FEW = 5
_MOST_REFS, _LONGEST_REF = 2000, 200
"""Of what is looked through for a name that is near."""


class FirstCommitError(GateError):
    """There is no commit before HEAD: it is the first one, or the push that started the job made its branch."""


@dataclass(frozen=True)
class Meant:
    """A commit, and why it is this one: goes on after `FILE at 1a2b3c4d5e6f, `."""

    commit: Commit
    why: str

    @property
    def short(self) -> str:
        return self.commit.name[:SHORT]


@dataclass(frozen=True)
class _Found:
    """What a name stands for in this clone."""

    name: str
    is_branch: bool
    why: str


class Commits:
    """The commits of a clone, and what the runner's event says of them."""

    def __init__(self, repository: Repository, objects: Objects, event: Event | None) -> None:
        self.repository = repository
        self.objects = objects
        self.event = event

    @cached_property
    def head(self) -> Commit:
        """The commit that is checked out."""
        name = self.repository.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if name is None:
            raise GateError(
                f"the repository {self.repository.top} has no commit that is checked out", "commit something first"
            )
        return self._here(name)

    def meant(self, ref: str, is_changed: Callable[[Commit], bool], is_same: bool = True) -> Meant:
        """The commit to compare with; `is_changed` tells whether what is judged differs from what HEAD holds.

        `is_same`: it is compared with itself at an earlier time, and not with another file.
        Raises `GateError` where there is none, where it is not in this clone, and where that cannot be told.
        """
        parts = _PARTS.fullmatch(ref)
        if parts is None:
            raise GateError(
                f"{ref} names no commit", "give a branch, a tag or a commit, like origin/main, v1.2 or HEAD~1"
            )
        found = self._meant(ref, parts["name"], parts["steps"], is_changed)
        if is_same and found.commit == self.head and not is_changed(self.head):
            which = ref if parts["name"] in _SELF else f"{ref} is the commit that is checked out, and"
            raise GateError(
                f"{which} holds the very files that are checked out: comparing a file with itself proves nothing",
                "name the branch that changes are merged into, like origin/main, or an earlier commit, like HEAD~1",
            )
        return found

    def tip(self, ref: str) -> Meant | None:
        """The last commit of a branch, or what a pull request is merged into; None where `ref` names no branch here."""
        parts = _PARTS.fullmatch(ref)
        if parts is None or parts["steps"] or parts["name"] in _SELF:
            return None
        if self._is_base(ref) and (merged := self._merged_into()):
            return merged
        found = self._tip(parts["name"], self._is_base(ref))
        if found is None or not found.is_branch:
            return None
        return Meant(self._here(found.name), f"the last commit of {ref}")

    def _tip(self, name: str, of_event: bool) -> _Found | None:
        return (self._of_group() if of_event else None) or self._find(name) or (self._of_event() if of_event else None)

    def _meant(self, ref: str, name: str, steps: str, is_changed: Callable[[Commit], bool]) -> Meant:
        if name in _SELF:
            return Meant(self._step(self.head.name, steps, ref) if steps else self.head, f"which is {ref}")
        of_event = not steps and self._is_base(ref)
        if of_event and (merged := self._merged_into()):
            return merged
        if steps:
            found = self._find(name)
            if found is None:
                raise self._unknown(name)
            return Meant(self._step(found.name, steps, ref), f"which is {ref}")
        tip = self._tip(name, of_event)
        if tip is None:
            raise self._unknown(ref)
        return self._left(tip, ref, is_changed) if tip.is_branch else Meant(self._here(tip.name), tip.why)

    # What the event says.

    def _is_base(self, ref: str) -> bool:
        """Whether `ref` names the branch that is merged into."""
        if self.event is None or not self.event.base_ref:
            return False
        base = self.event.base_ref
        return ref in (base, f"origin/{base}", f"{_LOCAL}{base}", f"{_REMOTE}origin/{base}")

    def _merged_into(self) -> Meant | None:
        """In a pull request, what its merge is made on: actions/checkout checks out that merge."""
        event, head = self.event, self.head
        if event is None or event.name not in _OF_PULLS or not event.head_sha:
            return None
        if len(head.parents) != 2 or head.parents[1] != event.head_sha:
            return None
        return Meant(
            self._here(head.parents[0]), f"the commit of {event.base_ref} that the pull request is merged into"
        )

    def _of_group(self) -> _Found | None:
        """In a merge queue, what the group is built on."""
        event = self.event
        if event is None or event.name != "merge_group" or not event.base_sha:
            return None
        why = f"the commit of {event.base_ref} that the merge group is built on"
        return _Found(event.base_sha, True, why) if self.objects.commit(event.base_sha) else None

    def _of_event(self) -> _Found | None:
        """What the branch that is merged into held, where the branch itself was not fetched."""
        event = self.event
        if event is None or not event.base_sha or not self.objects.commit(event.base_sha):
            return None
        return _Found(event.base_sha, True, f"where HEAD left {event.base_ref}, as the event names it")

    # What the clone says.

    def _find(self, name: str) -> _Found | None:
        left, tag, itself = f"where HEAD left {name}", f"the tag {name}", f"which is {name}"
        if name.startswith("refs/"):
            kinds = {_LOCAL: left, _REMOTE: left, _TAG: tag}
            why = next((why for prefix, why in kinds.items() if name.startswith(prefix)), itself)
            commit = self._peeled(name)
            return None if commit is None else _Found(commit, why == left, why)
        found = {
            prefix + name: _Found(commit, why == left, why)
            for prefix, why in ((_LOCAL, left), (_REMOTE, left), (_TAG, tag))
            if (commit := self._peeled(prefix + name))
        }
        if not found and (commit := self._peeled(f"{_REMOTE}{name}/HEAD")):
            return _Found(commit, True, left)
        if _ABBREVIATED.fullmatch(name):
            if not found:
                commit = self._peeled(name)
                return None if commit is None else _Found(commit, False, itself)
            objects = (self.repository.ask("rev-parse", f"--disambiguate={name}") or "").split()
            found |= {each: _Found(each, False, itself) for each in objects[:_FEW] if self._peeled(each)}
        if len(found) > 1:
            raise GateError(f"{name} may be any of {', '.join(found)}", "write out in the manifest which")
        return next(iter(found.values()), None)

    def _peeled(self, name: str) -> str | None:
        """The commit that a name stands for, a tag's own included."""
        return self.repository.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def _step(self, commit: str, steps: str, ref: str) -> Commit:
        found = self._peeled(commit + steps)
        if found is None:
            raise GateError(
                f"there is no {ref}" + (" in this clone, which is shallow" if self.repository.shallow else ""),
                FETCH_ALL if self.repository.shallow else "name a commit that is there",
            )
        return self._here(found)

    def _left(self, tip: _Found, ref: str, is_changed: Callable[[Commit], bool]) -> Meant:
        """Where HEAD left a branch."""
        head = self.head
        base = self._merge_base(head.name, tip.name, ref)
        if base != head.name:
            return Meant(self._here(base), tip.why)
        held = f"HEAD is in {ref}"
        if self.event is not None and self.event.name == "push" and (before := self._before(self.event, ref, held)):
            return Meant(before, f"what the branch held before this push ({held})")
        if is_changed(head):
            return Meant(head, f"which is HEAD itself: {held}, and the files have changed since")
        if not head.parents:
            raise FirstCommitError(
                f"{held}, and is the first commit: there is nothing to compare with",
                "the next commit is compared with this one; until then name a file as the reference, or a branch that "
                "HEAD is not in",
            )
        return Meant(self._here(head.parents[0]), f"the first parent of HEAD ({held})")

    def _before(self, event: Event, ref: str, held: str) -> Commit | None:
        """What a branch held before a push that HEAD is of; None where a tag or another, new branch was pushed."""
        head = self.head.name
        if event.ref.startswith(_TAG):
            return None  # what the event then names are tags, or commits of a tag that was moved
        if not event.head_sha:
            raise GateError(
                f"{held}, and what it held before this push cannot be told: the event cannot be read",
                "let the gate read the file that GITHUB_EVENT_PATH names: in a container, mount it there",
            )
        if event.head_sha != head:
            raise GateError(
                f"{held}, and what it held before this push cannot be told: {event.head_sha[:SHORT]} was pushed, and "
                f"{head[:SHORT]} is checked out",
                "check out the commit that was pushed, as actions/checkout does, or name a commit as the reference",
            )
        if event.before:
            before = self.objects.commit(event.before)
            if before is None:
                raise GateError(
                    f"{held}, and what the branch held before the push, {event.before[:SHORT]}, is not in this clone",
                    FETCH_ALL if self.repository.shallow else f"fetch it first: `git fetch origin {event.before}`",
                )
            return before
        full = self.repository.ask("rev-parse", "--symbolic-full-name", ref) or ref
        if event.ref.startswith(_LOCAL) and not full.endswith(event.ref.removeprefix("refs/heads")):
            return None
        raise FirstCommitError(
            f"{held}, and this push made the branch: there is nothing before it to compare with",
            "name a commit, a file or another branch as the reference; what is pushed next is compared with this",
        )

    def _merge_base(self, head: str, tip: str, ref: str) -> str:
        if head == tip:
            return head
        found = (self.repository.ask("merge-base", "--all", head, tip) or "").split()
        shallow = self.repository.shallow
        if not found:
            if shallow:
                raise GateError(f"where HEAD left {ref} is not in this clone, which is shallow", FETCH_ALL)
            raise GateError(f"HEAD and {ref} have no commit in common", "name a commit, or a file, as the reference")
        if len(found) > 1:
            few = ", ".join(each[:SHORT] for each in found[:_FEW])
            raise GateError(f"HEAD left {ref} at several commits: {few}", "merge it once more, or name one of them")
        # A commit that both have is one; whether it is the last one is known only where nothing after it is cut off.
        if shallow and found[0] not in (head, tip):
            after = self.repository.call("rev-list", head, tip, f"^{found[0]}").decode("ascii").split()
            if shallow & set(after):
                raise GateError(f"where HEAD left {ref} cannot be told in this clone, which is shallow", FETCH_ALL)
        return found[0]

    def _here(self, name: str) -> Commit:
        found = self.objects.commit(name)
        if found is None:
            where = "this clone, which is shallow" if self.repository.shallow else "this clone"
            hint = FETCH_ALL if self.repository.shallow else f"fetch it first: `git fetch origin {name}`"
            raise GateError(f"the commit {name[:SHORT]} is not in {where}", hint)
        return found

    def _unknown(self, ref: str) -> GateError:
        short = ref.removeprefix("refs/remotes/")
        branch = short.removeprefix("origin/")
        # Of a clone of one branch, `git fetch origin main` alone makes no origin/main.
        what = f"{branch}:refs/remotes/origin/{branch}" if short != branch else branch
        near = self._near(ref[:_LONGEST_REF])
        spelt = f"did you mean {near}? Else" if near else "see that it is spelt right, and"
        return GateError(
            f"there is no branch, tag or commit {ref} in this clone",
            f"{spelt} fetch it: give actions/checkout `fetch-depth: 0`, or run `git fetch origin {what}`",
        )

    def _near(self, ref: str) -> str:
        """A branch or tag of this clone that is called nearly so, as one writes it; empty where there is none."""
        form = ("--format=%(refname:short)", f"--count={_MOST_REFS}")
        names = (self.repository.ask("for-each-ref", *form, "refs/heads", "refs/remotes", "refs/tags") or "").split()
        by_end = {name.rpartition("/")[2]: name for name in reversed(names)}
        for known in ({name: name for name in names}, by_end):
            if near := get_close_matches(ref, known, n=1):
                return known[near[0]]
        return ""
