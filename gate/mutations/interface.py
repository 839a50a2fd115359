"""The seam of all kinds of damage: what one may look at (`Base`), and what it makes (`Mutation`)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gate.checks.interface import Subject
from gate.mutations.overlay import Overlay
from gate.tensors.rules import Expect
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Tensor

HELD = frozenset({Expect.CLOSE, Expect.IDENTICAL})
"""Expectations by which a tensor's values are the reference's."""


@dataclass(frozen=True)
class Mutation:
    """One kind of damage, done once: which tensors it changes, takes away or adds.

    Names are those that tensors are compared under. `told` says where, in words.
    """

    kind: str
    changed: Mapping[str, Overlay] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    added: Mapping[str, Tensor] = field(default_factory=dict)
    told: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors that it is about."""
        return (*self.changed, *self.dropped, *self.added)

    @property
    def structural(self) -> bool:
        """Whether names or dtypes are others, so that tensors have to be paired anew."""
        return bool(self.dropped or self.added) or any(each.dtype is not None for each in self.changed.values())


@dataclass(frozen=True)
class Base:
    """The undamaged model. `seed` decides, with a kind and a site, everything that is drawn."""

    subject: Subject
    seed: int = 0

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """Those of the compared groups."""
        return self.subject.pairing.candidate

    @cached_property
    def layers(self) -> Mapping[str, tuple[str, ...]]:
        """The names of each layer's tensors: of those that have all but the last part of their names in common."""
        found: dict[str, list[str]] = {}
        for name in self.tensors:
            found.setdefault(name.rpartition("/")[0], []).append(name)
        return {layer: tuple(names) for layer, names in found.items()}

    def reference(self, name: str) -> Tensor:
        """The reference's tensor of that name."""
        return self.subject.pairing.reference[name]

    def readable(self, name: str) -> bool:
        """Whether the reference has the values of a tensor: a lock has none."""
        return self.reference(name).locked is None

    def held(self, name: str) -> bool:
        """Whether a rule holds a tensor to the reference's values."""
        return name in self.subject.compared and self.subject.expectations[name].expect in HELD

    def expected(self, name: str) -> Tensor:
        """What a tensor should hold: the reference's values where a rule holds it to them, else its own."""
        return self.reference(name) if self.held(name) and self.readable(name) else self.tensors[name]

    def allowed(self, name: str) -> Tolerance:
        """The tolerance of its rule."""
        return self.subject.criterion(name).tolerance

    def random(self, kind: str, site: str) -> np.random.Generator:
        """Always the same numbers for one seed, kind and site, whatever else is damaged."""
        words = f"{kind}\0{site}".encode("utf-8", "surrogatepass")
        return np.random.default_rng([self.seed, *words])


Site = tuple[str, ...]
"""The tensors that one damage is about, by name."""


@dataclass(frozen=True)
class Damage:
    """One kind of damage: a sentence on what it is, where it can be done, and how. `make` gives None where it cannot.

    `once`: it is done to the whole model.
    """

    title: str
    sites: Callable[[Base], Iterable[Site]]
    make: Callable[[Base, Site, np.random.Generator], Mutation | None]
    once: bool = False
