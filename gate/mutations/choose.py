"""Which tensors are damaged, and how: spread over kinds, rules, sizes and layers, and the same for the same seed."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gate.mutations import DAMAGES
from gate.mutations.interface import Base, Mutation, Site
from gate.mutations.measure import has_effect
from gate.tensors.rules import Rule

_TRIES = 8  # sites of one kind that turn out to be none, in a row

Stratum = tuple[tuple[int, ...], int]


@dataclass
class Plan:
    """What was chosen so far: `mutations` gives one after the other, until `count` or until no tensor is left."""

    base: Base
    kinds: Sequence[str]
    count: int
    hit: Counter[int] = field(default_factory=Counter)
    """How often a rule's tensors were damaged, by its place among the active rules."""

    def mutations(self) -> Iterator[Mutation]:
        """Kind after kind, round after round; of each kind what is next by `turn`."""
        random = self.base.random("choose", "")
        queues = {kind: _Queue(self, kind, random) for kind in self.kinds}
        order = list(queues)
        if self.count < len(order):  # a fair share of the kinds, in their order
            kept = set(random.choice(len(order), self.count, replace=False).tolist())
            order = [kind for number, kind in enumerate(order) if number in kept]
        made = 0
        while order and made < self.count:
            for kind in list(order):
                mutation = queues[kind].next()
                if mutation is None:
                    order.remove(kind)
                    continue
                yield mutation
                made += 1
                if made == self.count:
                    break

    @property
    def unhit(self) -> tuple[Rule, ...]:
        """The rules of which no tensor was damaged, though the file has some."""
        rules = self.base.subject.rules.active
        names = tuple(self.base.tensors)
        return tuple(
            rule for at, rule in enumerate(rules) if not self.hit[at] and any(rule.matches(name) for name in names)
        )

    def signature(self, name: str) -> tuple[int, ...]:
        """Which rules speak of a tensor."""
        if name not in self._signatures:
            rules = self.base.subject.rules.active
            self._signatures[name] = tuple(at for at, rule in enumerate(rules) if rule.matches(name))
        return self._signatures[name]

    def stratum(self, name: str) -> Stratum:
        """Which rules speak of a tensor, and how many digits its size has."""
        tensor = self.base.tensors.get(name)
        return self.signature(name), len(str(tensor.size)) if tensor else 0

    def turn(self, stratum: Stratum) -> tuple[bool, float]:
        """What comes first: rules that nothing was done to, then the tensors that are behind their share."""
        share = (self.spread[stratum] + 1) / max(1, self._sizes[stratum])
        return self.spread[stratum[0]] > 0, share

    @cached_property
    def _sizes(self) -> Counter[Stratum]:
        return Counter(self.stratum(name) for name in self.base.tensors)

    spread: Counter[object] = field(default_factory=Counter)
    """How often tensors of one stratum, and of the same rules, were damaged."""
    _signatures: dict[str, tuple[int, ...]] = field(default_factory=dict)


class _Queue:
    """The sites of one kind that are left."""

    def __init__(self, plan: Plan, kind: str, random: np.random.Generator) -> None:
        self._plan = plan
        self._kind = kind
        self._strata: dict[Stratum, deque[Site]] = {}
        self._effective = False
        self._idle: tuple[Stratum, Site, Mutation] | None = None
        sites = list(DAMAGES[kind].sites(plan.base))
        for at in random.permutation(len(sites)).tolist():
            site = sites[at]
            self._strata.setdefault(plan.stratum(site[0]), deque()).append(site)

    def next(self) -> Mutation | None:
        """The next damage of this kind; None where there is none any more.

        One that changes nothing, zeros that are zeroed, is taken only where the kind can do nothing else.
        """
        for stratum, site, made in self._made():
            if has_effect(made):
                self._effective = True
                return self._taken(stratum, site, made)
            if self._idle is None:
                self._idle = (stratum, site, made)
        if self._effective or self._idle is None:
            return None
        idle, self._effective = self._idle, True
        return self._taken(*idle)

    def _made(self) -> Iterator[tuple[Stratum, Site, Mutation]]:
        """What can be done, as long as somebody asks; ends after too many sites in a row that are none."""
        plan, damage = self._plan, DAMAGES[self._kind]
        failed = 0
        while failed < _TRIES:
            left = [stratum for stratum, sites in self._strata.items() if sites]
            if not left:
                return
            stratum = min(left, key=plan.turn)
            site = self._strata[stratum].popleft()
            made = damage.make(plan.base, site, plan.base.random(self._kind, "\0".join(site)))
            if made is None:
                failed += 1
                continue
            failed = 0
            yield stratum, site, made

    def _taken(self, stratum: Stratum, site: Site, made: Mutation) -> Mutation:
        self._plan.spread.update((stratum[0], stratum))
        for name in site:
            self._plan.hit.update(self._plan.signature(name))
        return replace(made, kind=self._kind)
