"""Which models and tensors a word of the command line means: a name, a glob over names, or a path."""

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from gate.errors import UsageError
from gate.globs import GlobError, glob_pattern
from gate.plan import ModelPlan

_FEW = 10
_LONGEST = 200
"""Of what is compared letter by letter with names."""
_MOST_COMPARED = 20_000


def models_called(word: str, plans: Sequence[ModelPlan], manifest: str, base: Path) -> tuple[ModelPlan, ...]:
    """The models that `word` means: one of that name, else of that weight file, else those that it matches as a glob.

    `base` is the manifest's folder. Raises `UsageError` where there is none.
    """
    at = {os.path.normpath(folder / word) for folder in (Path.cwd(), base)}
    ways = (
        [plan for plan in plans if plan.name == word],
        [plan for plan in plans if word == plan.weights or str(plan.path) in at],
        [plan for plan in plans if word and plan.glob == word],
        [plan for plan in plans if is_matched(word, plan.name) or is_matched(word, plan.weights)],
    )
    found = next(filter(None, ways), [])
    if not found:
        known = [name for plan in plans for name in dict.fromkeys((plan.name, plan.weights))]
        raise UsageError(f"{manifest} has no model {word}", advice(word, known, "its models are"))
    return tuple(found)


def tensors_called(word: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names that `word` is or matches, in their order; none where there is none."""
    names = tuple(names)
    return (word,) if word in names else tuple(name for name in names if is_matched(word, name))


def is_matched(glob: str, name: str) -> bool:
    """Whether a glob matches a name; raises `UsageError` where it makes no sense."""
    try:
        return glob_pattern(glob).fullmatch(name) is not None
    except GlobError as error:
        raise UsageError(
            f"the glob {glob} makes no sense: {error.msg}", "give a name, or a glob like head/**"
        ) from error


def advice(word: str, known: Sequence[str], they_are: str) -> str:
    """What may have been meant: the names that are near, else the first ones there are."""
    if word.strip("/") and any(name.startswith(f"{word.strip('/')}/") for name in known):
        return f"it is the beginning of names: `{word.strip('/')}/**` means all of them"
    short = [name for name in known[:_MOST_COMPARED] if len(name) <= _LONGEST]
    if len(word) <= _LONGEST and (near := get_close_matches(word, short, n=3)):
        return f"did you mean {' or '.join(near)}?"
    if len(word) <= _LONGEST and (ends := [name for name in short if word and word in name][:3]):
        return f"did you mean {' or '.join(ends)}?"
    more = ", …" if len(known) > _FEW else ""
    return f"{they_are} {', '.join(known[:_FEW])}{more}" if known else f"{they_are} not there"
