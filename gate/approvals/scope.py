"""Which tensors an approval is for: the globs of `--only`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gate.globs import glob_pattern

EVERYTHING = "**"


@dataclass(frozen=True)
class Scope:
    """Globs over tensor names, as `match:` has them. Without one, everything is meant."""

    globs: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether the tensor `name` is meant."""
        return not self.globs or any(glob_pattern(each).fullmatch(name) for each in self.globs)

    def takes_all(self, names: Iterable[str]) -> bool:
        """Whether every tensor is meant."""
        return EVERYTHING in self.globs or all(map(self.takes, names))

    def idle(self, names: Collection[str]) -> tuple[str, ...]:
        """The globs that match none of `names`: they were written for another model, or have a slip."""
        return tuple(
            each for each in self.globs if each != EVERYTHING and not any(map(glob_pattern(each).fullmatch, names))
        )
