"""What an explanation is made of: things that are said, each with the line of the manifest that they come from.

All texts are raw: names come from files. `gate.explaining.text` and `gate.explaining.document` make them harmless.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gate.errors import GateError, UsageError
from gate.position import Position


@dataclass(frozen=True)
class Said:
    """`key` names what is spoken of; `position` is the line that asks for it, None where nothing in the manifest does.

    `value` is what holds, as JSON has it, where that is more than the text.
    """

    key: str
    text: str
    position: Position | None = None
    value: Any = None


@dataclass(frozen=True)
class RuleShare:
    """A rule and the tensors of one model. `ruled` are those for which at least one of its words holds.

    `overruled` matches too, and later rules say everything else that this one says. Both are None where the names of
    the tensors are not known.
    """

    match: str
    says: str
    position: Position | None
    ended: str = ""
    ruled: tuple[str, ...] | None = None
    overruled: tuple[str, ...] = ()
    surely_idle: bool = True
    """Whether a rule without tensors matches nothing indeed: not where the reference could not be had."""


@dataclass(frozen=True)
class Matched:
    """A rule that matches a tensor: each of its keys, whether it holds, and what says otherwise."""

    match: str
    position: Position | None
    keys: tuple[tuple[Said, Position | None], ...]
    """With the line that overrules it, None where it holds."""
    ended: str = ""


@dataclass(frozen=True)
class TensorExplained:
    """One tensor: what it is, what it is compared with, what is expected of it key by key, and by which rules."""

    name: str
    kind: str
    facts: Mapping[str, Any]
    compared: Said
    keys: tuple[Said, ...]
    rules: tuple[Matched, ...]


@dataclass(frozen=True)
class ModelExplained:
    """One model. `troubles` are why `check` could not judge it as the files are now: what is missing, what is wrong."""

    name: str
    weights: str
    position: Position | None
    files: tuple[Said, ...]
    made: tuple[Said, ...]
    not_made: tuple[Said, ...]
    loading: tuple[Said, ...]
    waivers: tuple[Said, ...]
    policy: tuple[Said, ...]
    rules: tuple[RuleShare, ...] = ()
    unruled: tuple[str, ...] = ()
    """The tensors that no rule says anything of."""
    tensors: tuple[TensorExplained, ...] = ()
    troubles: tuple[GateError, ...] = ()
    unknown: Mapping[str, UsageError] = field(default_factory=dict)
    """Words that mean none of its tensors, and what to say of each."""
