"""Which tensor of a file belongs to which of its reference: by name, after the reference's names were rewritten.

Never by content: that would hide a swap.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gate.errors import GateError
from gate.position import Position
from gate.tensors.weightset import Tensor


@dataclass(frozen=True)
class Rename:
    """`re.sub(pattern, replacement, name)` on every name of the reference."""

    pattern: str
    replacement: str
    position: Position | None = None


@dataclass(frozen=True)
class Pairing:
    """Both files' tensors by the name they are compared under, each in its own file's order."""

    candidate: Mapping[str, Tensor]
    reference: Mapping[str, Tensor]
    renumbered: tuple[str, ...] = ()  # what `gate.tensors.default_names` did to the reference's names

    @property
    def both(self) -> tuple[str, ...]:
        return tuple(name for name in self.candidate if name in self.reference)

    @property
    def only_candidate(self) -> tuple[str, ...]:
        return tuple(name for name in self.candidate if name not in self.reference)

    @property
    def only_reference(self) -> tuple[str, ...]:
        return tuple(name for name in self.reference if name not in self.candidate)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of either side: what rules are matched against."""
        return (*self.candidate, *self.only_reference)


def rewrite(tensors: Mapping[str, Tensor], renames: Sequence[Rename]) -> Mapping[str, Tensor]:
    """The reference's tensors under their new names.

    Raises `GateError` where a rename matches no name, or where two tensors would get one name.
    """
    names = {name: name for name in tensors}
    for rename in renames:
        pattern = re.compile(rename.pattern)
        if not any(pattern.search(new) for new in names.values()):
            raise GateError(
                f"the `names` rule `{rename.pattern}` matches no tensor of the reference",
                "list its names with `weight-gate list` and correct the rule, or remove it",
                rename.position,
            )
        names = {old: pattern.sub(rename.replacement, new) for old, new in names.items()}
    taken: dict[str, str] = {}
    for old, new in names.items():
        if new in taken:
            raise GateError(
                f"`names` makes one name of two tensors of the reference: {taken[new]} and {old} both become {new}",
                "make the pattern narrower",
                renames[-1].position if renames else None,
            )
        taken[new] = old
    return {new: tensors[old] for old, new in names.items()}
