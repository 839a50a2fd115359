"""Models that a glob matched in the commit that is compared with, and matches no more: renamed, or removed."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gate.action import Event
from gate.git.commits import Commits, FirstCommitError
from gate.git.matching import matching_from
from gate.git.objects import SHORT, Commit, Objects
from gate.git.repository import Repository
from gate.git.trees import Tree


@dataclass(frozen=True)
class Gone:
    """The files' paths from the manifest's folder, and the commit that has them, with why it is this one."""

    files: tuple[str, ...] = ()
    where: str = ""


def gone(pattern: str, files: Collection[str], ref: str, base: Path, event: Event | None) -> Gone:
    """What `pattern`, a glob from the folder `base`, matched at `ref` beside `files`: those it matches now.

    Raises `GateError` where that cannot be told.
    """
    repository = Repository.around(base)
    now = {repository.inside(base / file, base) for file in files}
    with Objects(repository) as objects:

        def missed(commit: Commit) -> frozenset[bytes]:
            tree = Tree(objects, commit.tree, commit.name[:SHORT])
            return matching_from(tree, repository, base, pattern) - now

        try:
            meant = Commits(repository, objects, event).meant(ref, lambda head: bool(missed(head)), is_same=False)
        except FirstCommitError:
            return Gone()  # there was nothing before
        found = sorted(missed(meant.commit))
    paths = (os.path.relpath(repository.top / os.fsdecode(each), base.resolve()) for each in found)
    return Gone(tuple(paths), f"{meant.short}, {meant.why}")
