"""Whether a path that was named leads elsewhere by a link that lies in the workspace."""

import os
from collections.abc import Iterable
from pathlib import Path

from gate.interpreter import untrusted


def strayed(path: Path, workspaces: Iterable[Path]) -> Path | None:
    """The link by which the folder of `path` is outside of the workspaces, or in a `.git`; None where there is none.

    Only a link in the workspaces counts. What is said outright is the user's own word.
    """
    folders = untrusted(workspaces)
    folder = Path(os.path.normpath(path.absolute())).parent
    links = (
        each
        for each in (*reversed(folder.parents), folder)
        if os.path.islink(each)  # noqa: PTH114 - says no where one may not look
        and any(each.parent.is_relative_to(top) for top in folders)
    )
    link = next(links, None)
    if link is None:
        return None
    real = Path(os.path.realpath(folder))  # a circle of links is no error yet
    return None if any(real.is_relative_to(top) for top in folders) and ".git" not in real.parts else link
