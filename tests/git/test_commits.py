"""Which commit is meant, for every event and every kind of clone; what is not certain is an error, never a guess."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gate.action import Event
from gate.errors import GateError
from gate.git.commits import Commits, FirstCommitError, Meant
from gate.git.objects import Objects
from gate.git.repository import Repository
from support.repositories import Repo, pull

CHANGED = True
UNCHANGED = False


def meant(repo: Repo, ref: str, event: Event | None = None, changed: bool = UNCHANGED) -> Meant:
    repository = Repository.around(repo.path)
    with Objects(repository) as objects:
        return Commits(repository, objects, event).meant(ref, lambda _: changed)


def refusal(repo: Repo, ref: str, event: Event | None = None, changed: bool = UNCHANGED) -> GateError:
    with pytest.raises(GateError) as caught:
        meant(repo, ref, event, changed)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    return caught.value


@dataclass
class History:
    """
    a --- b --- c   main, and origin's in clones
     \\
      d --- e       change
    """

    origin: Repo
    names: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.names[name]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> History:
    origin = Repo.init(tmp_path_factory.mktemp("history") / "origin")
    names = {"a": origin.commit({"a": b"a"})}
    origin.git("tag", "-a", "v1", "-m", "one")
    origin.git("tag", "light")
    names["b"] = origin.commit({"b": b"b"})
    names["c"] = origin.commit({"c": b"c"})
    origin.branch("change", names["a"])
    names["d"] = origin.commit({"d": b"d"})
    names["e"] = origin.commit({"e": b"e"})
    origin.checkout("main")
    clone = origin.clone(origin.path.with_name("clone"))
    clone.git("branch", "--quiet", "change", "origin/change")
    return History(origin, names)


@pytest.fixture
def history(made: History, tmp_path: Path) -> History:
    shutil.copytree(made.origin.path, tmp_path / "origin")
    return History(Repo(tmp_path / "origin"), made.names)


@pytest.fixture
def clone(made: History, tmp_path: Path) -> Repo:
    shutil.copytree(made.origin.path.with_name("clone"), tmp_path / "clone")
    return Repo(tmp_path / "clone")


@pytest.mark.parametrize(
    ("ref", "name", "why"),
    [
        ("origin/main", "a", "where HEAD left origin/main"),
        ("main", "a", "where HEAD left main"),
        ("refs/heads/main", "a", "where HEAD left refs/heads/main"),
        ("refs/remotes/origin/main", "a", "where HEAD left refs/remotes/origin/main"),
        ("origin", "a", "where HEAD left origin"),
        ("v1", "a", "the tag v1"),
        ("light", "a", "the tag light"),
        ("refs/tags/v1", "a", "the tag refs/tags/v1"),
        ("v1^{}", "a", "which is v1^{}"),
        ("v1^{commit}", "a", "which is v1^{commit}"),
        ("HEAD~1", "d", "which is HEAD~1"),
        ("HEAD^", "d", "which is HEAD^"),
        ("@~2", "a", "which is @~2"),
        ("origin/main~1", "b", "which is origin/main~1"),
        ("main^0", "c", "which is main^0"),
    ],
)
def test_what_a_name_means(clone: Repo, history: History, ref: str, name: str, why: str) -> None:
    clone.checkout("change")
    found = meant(clone, ref)
    assert (found.commit.name, found.why, found.short) == (history[name], why, history[name][:12])


@pytest.mark.parametrize("length", [7, 12, 40])
def test_a_commit_by_its_digits(clone: Repo, history: History, length: int) -> None:
    clone.checkout("change")
    found = meant(clone, history["c"][:length])
    assert (found.commit.name, found.why) == (history["c"], f"which is {history['c'][:length]}")


def test_a_commit_of_another_pull_request(clone: Repo, history: History) -> None:
    clone.git("update-ref", "refs/pull/7/head", history["e"])
    assert meant(clone, "refs/pull/7/head").commit.name == history["e"]


def test_a_branch_that_was_merged_into_the_change(clone: Repo, history: History) -> None:
    clone.checkout("change")
    clone.merge("origin/main")
    assert meant(clone, "origin/main").commit.name == history["c"]


# HEAD is in the branch: it would be compared with itself.


def test_on_the_branch_itself_it_is_what_was_before(clone: Repo, history: History) -> None:
    for ref in ("origin/main", "main", "refs/heads/main"):
        found = meant(clone, ref)
        assert (found.commit.name, found.why) == (history["b"], f"the first parent of HEAD (HEAD is in {ref})")
        found = meant(clone, ref, changed=CHANGED)
        assert found.commit.name == history["c"]
        assert found.why == f"which is HEAD itself: HEAD is in {ref}, and the files have changed since"


def test_behind_the_branch_too(clone: Repo, history: History) -> None:
    clone.git("checkout", "--quiet", "--detach", history["b"])
    assert meant(clone, "origin/main").commit.name == history["a"]


def test_of_a_merge_it_is_the_first_parent(clone: Repo, history: History) -> None:
    clone.merge("change")
    assert meant(clone, "main").commit.name == history["c"]


def test_the_first_commit_has_nothing_before_it(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    repo.commit({"a": b"a"})
    assert "is the first commit: there is nothing to compare with" in refusal(repo, "main").reason
    assert meant(repo, "main", changed=CHANGED).commit.name == repo.head


def test_head_is_no_reference_for_itself(clone: Repo, history: History) -> None:
    for ref in ("HEAD", "@", "HEAD~0"):
        assert "comparing a file with itself proves nothing" in refusal(clone, ref).reason
        assert meant(clone, ref, changed=CHANGED).commit.name == history["c"]


def test_nor_is_it_by_another_name(clone: Repo, history: History) -> None:
    clone.git("tag", "-a", "v2", "-m", "two")
    names = ("v2", "refs/tags/v2", "v2^{}", "main~0", "main^0", "main^{commit}", "refs/heads/main^{commit}")
    for ref in (*names, history["c"], history["c"][:7]):
        said = refusal(clone, ref).reason
        assert said.startswith(f"{ref} is the commit that is checked out, and holds the very files")
        assert said.endswith(": comparing a file with itself proves nothing")
        assert meant(clone, ref, changed=CHANGED).commit.name == history["c"]


def test_history_is_what_commits_say(clone: Repo, history: History) -> None:
    """Not what a file of grafts, a replaced object or a cache beside them says."""
    clone.checkout("change")
    (clone.path / ".git/info").mkdir(exist_ok=True)
    (clone.path / ".git/info/grafts").write_text(f"{history['e']} {history['b']}\n")
    assert clone.git("merge-base", "HEAD", "origin/main") == history["b"]
    assert meant(clone, "origin/main").commit.name == history["a"]
    (clone.path / ".git/info/grafts").unlink()
    clone.git("replace", "--graft", history["e"], history["b"])
    assert clone.git("merge-base", "HEAD", "origin/main") == history["b"]
    assert meant(clone, "origin/main").commit.name == history["a"]
    clone.git("replace", "-d", history["e"])
    _lie(clone, history["d"], history["b"])
    assert clone.git("merge-base", "HEAD", "origin/main") == history["b"]
    assert meant(clone, "origin/main").commit.name == history["a"]


def _lie(repo: Repo, commit: str, parent: str) -> None:
    """A commit-graph that says another parent: https://git-scm.com/docs/gitformat-commit-graph."""
    repo.git("commit-graph", "write", "--reachable")
    path = repo.path / ".git/objects/info/commit-graph"
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    entries = (8 + 12 * number for number in range(data[6]))
    chunks = {bytes(data[at : at + 4]): int.from_bytes(data[at + 4 : at + 12], "big") for at in entries}
    last = chunks[b"OIDF"] + 4 * 255
    count = int.from_bytes(data[last : last + 4], "big")
    starts = (chunks[b"OIDL"] + 20 * number for number in range(count))
    names = [data[start : start + 20].hex() for start in starts]
    at = chunks[b"CDAT"] + 36 * names.index(commit) + 20
    data[at : at + 4] = names.index(parent).to_bytes(4, "big")
    data[-20:] = hashlib.sha1(data[:-20], usedforsecurity=False).digest()
    path.write_bytes(data)


# Events.


def event(name: str, **said: str) -> Event:
    return Event(name, base_ref=said.pop("base_ref", ""), **said)  # type: ignore[arg-type]


Runner = Callable[..., Repo]


@pytest.fixture
def runner(history: History, tmp_path: Path) -> Runner:
    def make(ref: str, depth: int = 1, every: bool = False) -> Repo:
        return history.origin.runner(tmp_path / "runner", ref, depth, every)

    return make


def of_pull(history: History, base: str = "c") -> Event:
    return event("pull_request", base_ref="main", base_sha=history[base], head_sha=history["e"])


@pytest.mark.parametrize("ref", ["origin/main", "main", "refs/heads/main", "refs/remotes/origin/main"])
@pytest.mark.parametrize("depth", [2, 0])
def test_a_pull_request(history: History, runner: Runner, ref: str, depth: int) -> None:
    """The merge is checked out. What the event calls the base may be older than what the merge was made on."""
    pull(history.origin, 7, "main", "change")
    repo = runner("refs/pull/7/merge", depth, every=not depth)
    for base in ("c", "b"):
        found = meant(repo, ref, of_pull(history, base))
        assert found.commit.name == history["c"]
        assert found.why == "the commit of main that the pull request is merged into"


def test_a_pull_request_of_one_commit_only(history: History, runner: Runner) -> None:
    """The default of actions/checkout: the parents of the merge are not there."""
    pull(history.origin, 7, "main", "change")
    repo = runner("refs/pull/7/merge")
    found = refusal(repo, "origin/main", of_pull(history))
    assert found.reason == f"the commit {history['c'][:12]} is not in this clone, which is shallow"
    assert "`fetch-depth: 0`" in found.hint
    assert "`git fetch --unshallow`" in found.hint


def test_a_pull_request_against_another_branch(history: History, runner: Runner) -> None:
    """`origin/main` is no base of a pull request into `release`."""
    history.origin.git("branch", "release", history["b"])
    pull(history.origin, 7, "release", "change")
    said = event("pull_request", base_ref="release", base_sha=history["b"], head_sha=history["e"])
    repo = runner("refs/pull/7/merge", every=True)
    assert meant(repo, "origin/release", said).commit.name == history["b"]
    found = meant(repo, "origin/main", said)
    assert (found.commit.name, found.why) == (history["b"], "where HEAD left origin/main")


@pytest.mark.parametrize("every", [True, False])
def test_the_head_of_a_pull_request(history: History, runner: Runner, every: bool) -> None:
    """`ref: ${{ github.event.pull_request.head.sha }}`: no merge."""
    history.origin.git("update-ref", "refs/pull/7/head", history["e"])
    repo = runner("refs/pull/7/head", depth=50, every=every)
    if not every:  # the base's commit was fetched, and is no branch here
        repo.git("fetch", "--quiet", "--no-tags", "origin", history["c"])
    found = meant(repo, "origin/main", of_pull(history))
    assert found.commit.name == history["a"]
    assert found.why == ("where HEAD left origin/main" if every else "where HEAD left main, as the event names it")


def test_a_pull_request_without_its_base(history: History, runner: Runner) -> None:
    history.origin.git("update-ref", "refs/pull/7/head", history["e"])
    repo = runner("refs/pull/7/head", depth=50)
    found = refusal(repo, "origin/main", of_pull(history))
    assert found.reason == "there is no branch, tag or commit origin/main in this clone"
    assert "`fetch-depth: 0`" in found.hint
    assert "`git fetch origin main:refs/remotes/origin/main`" in found.hint


def test_a_merge_that_is_not_the_pull_requests(history: History, runner: Runner) -> None:
    """The author merged main into the branch: HEAD has two parents, and the second is not the pull request's head."""
    origin = history.origin
    origin.checkout("change")
    merged = origin.merge("main")
    origin.git("update-ref", "refs/pull/7/head", merged)
    origin.checkout("main")
    said = event("pull_request", base_ref="main", base_sha=history["c"], head_sha=merged)
    repo = runner("refs/pull/7/head", every=True)
    found = meant(repo, "origin/main", said)
    assert (found.commit.name, found.why) == (history["c"], "where HEAD left origin/main")


@pytest.mark.parametrize("depth", [2, 0])
def test_a_merge_queue(history: History, runner: Runner, depth: int) -> None:
    """The group stands on an earlier one: that is its base, and main is older."""
    origin = history.origin
    origin.branch("gh-readonly-queue/main/pr-6", "main")
    earlier = origin.commit({"f": b"f"})
    origin.branch("gh-readonly-queue/main/pr-7")
    origin.merge(history["e"])
    said = event("merge_group", base_ref="main", base_sha=earlier, head_sha=origin.head)
    repo = runner("gh-readonly-queue/main/pr-7", depth, every=not depth)
    found = meant(repo, "origin/main", said)
    assert (found.commit.name, found.why) == (earlier, "the commit of main that the merge group is built on")
    if not depth:  # another branch than the one that is merged into
        assert meant(repo, "origin/change", said).commit.name == history["e"]


def test_a_merge_queue_without_its_base(history: History, runner: Runner) -> None:
    origin = history.origin
    origin.branch("gh-readonly-queue/main/pr-7", "main")
    origin.merge(history["e"])
    said = event("merge_group", base_ref="main", base_sha=history["c"], head_sha=origin.head)
    repo = runner("gh-readonly-queue/main/pr-7")
    assert "there is no branch, tag or commit origin/main" in refusal(repo, "origin/main", said).reason


@pytest.mark.parametrize("every", [True, False])
def test_a_push(history: History, runner: Runner, every: bool) -> None:
    """Several commits at once: what the branch held before, not the first parent."""
    said = event("push", before=history["a"], head_sha=history["c"])
    repo = runner("main", depth=3, every=every)
    found = meant(repo, "origin/main", said)
    assert found.commit.name == history["a"]
    assert found.why == "what the branch held before this push (HEAD is in origin/main)"


def test_a_push_of_which_only_the_end_was_fetched(history: History, runner: Runner) -> None:
    """HEAD's parent is there. It is not what the branch held before, so it is not taken."""
    repo = runner("main", depth=2)
    found = refusal(repo, "origin/main", event("push", before=history["a"], head_sha=history["c"]))
    assert history["a"][:12] in found.reason
    assert "`fetch-depth: 0`" in found.hint


def test_a_push_that_was_forced(history: History, runner: Runner) -> None:
    gone = "1" * 40
    repo = runner("main", every=True)
    found = refusal(repo, "origin/main", event("push", before=gone, head_sha=history["c"]))
    assert found.hint == f"fetch it first: `git fetch origin {gone}`"


def test_a_push_to_another_branch(history: History, runner: Runner) -> None:
    repo = runner("change", every=True)
    found = meant(repo, "origin/main", event("push", before=history["d"], head_sha=history["e"]))
    assert (found.commit.name, found.why) == (history["a"], "where HEAD left origin/main")


@pytest.mark.parametrize("ref", ["origin/main", "main", "refs/heads/main", "refs/remotes/origin/main", "origin"])
@pytest.mark.parametrize("pushed", ["refs/heads/main", ""])
@pytest.mark.parametrize("changed", [CHANGED, UNCHANGED])
def test_a_push_that_makes_the_branch(history: History, runner: Runner, ref: str, pushed: str, changed: bool) -> None:
    """Any of its commits may be the one that is bad: the last one's parent is not what was before."""
    repo = runner("main", every=True)
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    found = refusal(repo, ref, event("push", head_sha=history["c"], ref=pushed), changed)
    assert isinstance(found, FirstCommitError)
    assert (
        found.reason == f"HEAD is in {ref}, and this push made the branch: there is nothing before it to compare with"
    )


@pytest.mark.parametrize("pushed", ["refs/heads/feature", "refs/tags/v9", "refs/tags/main"])
def test_a_push_that_makes_another_branch_or_a_tag(history: History, runner: Runner, pushed: str) -> None:
    """Of main, that event says nothing."""
    repo = runner("main", every=True)
    said = event("push", head_sha=history["c"], ref=pushed)
    assert meant(repo, "origin/main", said).commit.name == history["b"]


def test_a_push_of_a_tag_that_is_an_object(history: History, runner: Runner) -> None:
    """Its event names the tag, and not the commit. Where the tag was moved, its old place is no branch's."""
    repo = runner("main", every=True)
    for before in ("", history["a"]):
        said = event("push", before=before, head_sha="1" * 40, ref="refs/tags/v1")
        assert meant(repo, "origin/main", said).commit.name == history["b"]


def test_a_push_that_makes_a_branch_off_main(history: History, runner: Runner) -> None:
    repo = runner("change", every=True)
    found = meant(repo, "origin/main", event("push", head_sha=history["e"], ref="refs/heads/change"))
    assert (found.commit.name, found.why) == (history["a"], "where HEAD left origin/main")


@pytest.mark.parametrize("changed", [CHANGED, UNCHANGED])
def test_a_push_of_another_commit_than_is_checked_out(history: History, runner: Runner, changed: bool) -> None:
    repo = runner("main", every=True)
    said = event("push", before=history["a"], head_sha=history["e"], ref="refs/heads/main")
    found = refusal(repo, "origin/main", said, changed)
    assert f"{history['e'][:12]} was pushed, and {history['c'][:12]} is checked out" in found.reason


def test_a_push_whose_event_cannot_be_read(history: History, runner: Runner) -> None:
    """In a container without the event's file. Where the merge base tells, the event is not needed."""
    found = refusal(runner("main", every=True), "origin/main", event("push"))
    assert "the event cannot be read" in found.reason
    assert "GITHUB_EVENT_PATH" in found.hint
    shutil.rmtree(history.origin.path.with_name("runner"))
    assert meant(runner("change", every=True), "origin/main", event("push")).commit.name == history["a"]


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch"])
def test_other_events(history: History, runner: Runner, name: str) -> None:
    repo = runner("main", every=True)
    assert meant(repo, "origin/main", event(name)).commit.name == history["b"]


# What a clone does not show.


@pytest.fixture
def long(tmp_path: Path) -> tuple[Repo, list[str]]:
    """main and change, six commits each since they parted."""
    origin = Repo.init(tmp_path / "origin")
    origin.commit({"x": b"x"})
    start = origin.commit({"y": b"y"})
    for i in range(6):
        origin.commit({f"m{i}": b"m"})
    origin.branch("change", start)
    for i in range(6):
        origin.commit({f"c{i}": b"c"})
    return origin, [start]


def test_shallow_clones_never_guess(long: tuple[Repo, list[str]], tmp_path: Path) -> None:
    """At every depth the answer is the one of the whole history, or none."""
    origin, (start,) = long
    answers = []
    for depth in range(1, 9):
        repo = origin.clone(tmp_path / f"depth-{depth}", f"--depth={depth}", "--no-single-branch")
        hint = ""
        try:
            answers.append(meant(repo, "origin/main").commit.name)
        except GateError as error:
            hint = error.hint
            answers.append("")
        assert answers[-1] or "fetch-depth: 0" in hint
    assert set(answers) == {"", start}
    assert answers[-1] == start


def test_a_shallow_clone_with_an_older_common_commit(tmp_path: Path) -> None:
    """A side branch leads to an old common commit; the last one is cut off. git answers with the old one."""
    origin = Repo.init(tmp_path / "origin")
    old = origin.commit({"a": b"a"})
    origin.branch("side")
    origin.commit({"s": b"s"})
    origin.checkout("main")
    for i in range(5):
        origin.commit({f"b{i}": b"b"})
    last = origin.head
    origin.branch("change")
    for i in range(4):
        origin.commit({f"c{i}": b"c"})
    origin.merge("side")
    origin.checkout("main")
    for i in range(4):
        origin.commit({f"d{i}": b"d"})
    origin.merge("side")
    repo = origin.clone(tmp_path / "clone", "--depth=4", "--no-single-branch", "--branch=change")
    assert repo.git("merge-base", "HEAD", "origin/main") != last
    assert "cannot be told in this clone, which is shallow" in refusal(repo, "origin/main").reason
    repo.git("fetch", "--quiet", "--unshallow")
    # Of two that are equally last, none is taken either.
    assert repo.git("merge-base", "--all", "HEAD", "origin/main").count("\n") == 1
    assert "HEAD left origin/main at several commits" in refusal(repo, "origin/main").reason
    assert old


def test_no_history_in_common(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    repo.commit({"a": b"a"})
    repo.git("checkout", "--quiet", "--orphan", "other")
    repo.commit({"b": b"b"})
    assert refusal(repo, "main").reason == "HEAD and main have no commit in common"


def test_a_name_of_several_things(clone: Repo, history: History) -> None:
    clone.git("tag", "change", history["b"])
    assert refusal(clone, "change").reason == "change may be any of refs/heads/change, refs/tags/change"
    assert meant(clone, "refs/tags/change").commit.name == history["b"]
    clone.git("branch", "origin/change", history["b"])
    assert "refs/heads/origin/change, refs/remotes/origin/change" in refusal(clone, "origin/change").reason
    digits = history["b"][:8]
    clone.git("branch", digits, history["c"])
    assert f"refs/heads/{digits}, {history['b']}" in refusal(clone, digits).reason


@pytest.mark.parametrize("ref", ["nowhere", "origin/nowhere", "nowhere~1", "0123456", "1" * 40, "refs/heads/nowhere"])
def test_what_is_not_there(clone: Repo, ref: str) -> None:
    found = refusal(clone, ref)
    assert "there is no branch, tag or commit" in found.reason
    assert "fetch" in found.hint


def test_before_the_first_commit(clone: Repo, history: History) -> None:
    assert refusal(clone, "HEAD~9").reason == "there is no HEAD~9"


def test_steps_that_a_shallow_clone_does_not_have(history: History, runner: Runner) -> None:
    repo = runner("main", depth=2)
    assert meant(repo, "HEAD~1").commit.name == history["b"]
    found = refusal(repo, "HEAD~2")
    assert found.reason == "there is no HEAD~2 in this clone, which is shallow"
    assert "`fetch-depth: 0`" in found.hint


def test_a_tree_is_no_commit(clone: Repo) -> None:
    tree = clone.git("rev-parse", "HEAD^{tree}")
    assert "there is no branch, tag or commit" in refusal(clone, tree).reason
    clone.git("tag", "of-a-tree", tree)
    assert "there is no branch, tag or commit" in refusal(clone, "of-a-tree").reason


def test_nothing_is_checked_out(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    assert "has no commit that is checked out" in refusal(repo, "HEAD").reason


HOSTILE = [
    "--upload-pack=touch x", "-x", "--all", "origin/main;touch x", "a..b", "main...change", "@{u}", "main@{1}", "@{-1}",
    ":/text", ":0:a", "HEAD:a", "v1^{tree}", "v1^{/a}", "^main", "main^!", "main^@", "main^-", "*", "refs/heads/*",
    "$(touch x)", "`touch x`", "main\n", "main\0", "a b", "main\x1b[31m", "", "~1", "\\", "../../etc/passwd",
    "main~" + "9" * 40, "main" + "~" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("ref", HOSTILE)
def test_hostile_names(clone: Repo, ref: str) -> None:
    before = sorted(path.name for path in clone.path.iterdir())
    refusal(clone, ref)
    assert sorted(path.name for path in clone.path.iterdir()) == before


def test_a_branch_may_be_called_almost_anything(clone: Repo, history: History) -> None:
    clone.checkout("change")
    for name in ("a;touch x", "$(touch x)", "`x`", "größe", "a#b", "a|b&c", "'q'", '"q"', "%(refname)", "{a}"):
        clone.git("update-ref", f"refs/heads/{name}".replace(" ", "-"), history["c"])
        assert meant(clone, name.replace(" ", "-")).commit.name == history["a"]
