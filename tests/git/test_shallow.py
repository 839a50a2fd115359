"""Random histories, cut at many depths: the answer is the whole history's, or an error that says what to fetch."""

import random
import subprocess
from pathlib import Path

import pytest

from gate.errors import GateError
from gate.git.commits import Commits
from gate.git.objects import Objects
from gate.git.repository import Repository
from support.repositories import Repo

COMMITS = 14


def history(path: Path, seed: int) -> Repo:
    """Commits that each have one parent or two of the last few; branches `main` and `change` at two late ones."""
    rng = random.Random(seed)
    stream = []
    for number in range(1, COMMITS + 1):
        near = list(range(max(1, number - 5), number))
        parents = rng.sample(near, min(len(near), rng.choice((1, 1, 2))))
        stream.append(
            f"commit refs/heads/c{number}\nmark :{number}\ncommitter a <a@example.com> {number} +0000\ndata 1\nc\n"
        )
        stream += [f"{word} :{parent}\n" for word, parent in zip(("from", "merge"), parents, strict=False)]
    tips = rng.sample(range(COMMITS - 4, COMMITS + 1), 2)
    stream += [f"reset refs/heads/{name}\nfrom :{tip}\n\n" for name, tip in zip(("main", "change"), tips, strict=True)]
    repo = Repo.init(path)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=path, input="".join(stream).encode(), check=True)
    return repo


def answer(repo: Repo) -> str:
    """The commit that `origin/main` means, or why that cannot be told."""
    repository = Repository.around(repo.path)
    with Objects(repository) as objects:
        try:
            return Commits(repository, objects, None).meant("origin/main", lambda _: False).commit.name
        except GateError as error:
            return f"{error.reason}: {error.hint}"


@pytest.mark.parametrize("seed", range(12))
def test_a_shallow_clone_says_what_the_whole_one_says_or_nothing(tmp_path: Path, seed: int) -> None:
    origin = history(tmp_path / "origin", seed)
    whole = answer(origin.clone(tmp_path / "whole", "--branch=change"))
    told = 0
    for depth in range(1, COMMITS, 2):
        clone = origin.clone(tmp_path / f"{depth}", f"--depth={depth}", "--no-single-branch", "--branch=change")
        found = answer(clone)
        assert found == whole or "fetch-depth: 0" in found
        told += found == whole
    assert told  # the deepest is the whole
