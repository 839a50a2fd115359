"""Globs as an automaton: it reads a name once, whatever the glob, where a regular expression may try again and again.

As in Thompson, "Regular expression search algorithm", 1968: all states that a character can lead to are held at once.
"""

import re
from dataclasses import dataclass, field

_COUNTED = re.compile(r"\{([0-9]+)\}")
_MOST_KEPT = 2000


@dataclass
class Machine:
    """States of a nondeterministic automaton: steps by a set of characters, and steps by none."""

    steps: list[list[tuple[str, int]]] = field(default_factory=list)
    silent: list[list[int]] = field(default_factory=list)

    def state(self) -> int:
        self.steps.append([])
        self.silent.append([])
        return len(self.steps) - 1

    def closed(self, states: frozenset[int]) -> frozenset[int]:
        """With all that is reached without a character."""
        found, waiting = set(states), list(states)
        while waiting:
            for to in self.silent[waiting.pop()]:
                if to not in found:
                    found.add(to)
                    waiting.append(to)
        return frozenset(found)


class Automaton:
    """Names that a regular expression of `gate.globs.glob_to_regex` matches as a whole."""

    def __init__(self, regex: str) -> None:
        self._machine = Machine()
        start = self._machine.state()
        self._end = add(regex, self._machine, start)
        self._begin = self._machine.closed(frozenset((start,)))
        self._takes: dict[str, re.Pattern[str]] = {
            what: re.compile(what, re.DOTALL) for steps in self._machine.steps for what, _ in steps
        }
        self._kept: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def fullmatch(self, name: str, /) -> object | None:
        """Something where it matches, as of `re.Pattern.fullmatch`; None where it does not."""
        at = self._begin
        for letter in name:
            following = self._kept.get((at, letter))
            if following is None:
                following = self._after(at, letter)
            at = following
            if not at:
                return None
        return name if self._end in at else None

    def _after(self, at: frozenset[int], letter: str) -> frozenset[int]:
        steps, takes = self._machine.steps, self._takes
        known: dict[str, bool] = {}
        reached = set()
        for state in at:
            for what, to in steps[state]:
                if what not in known:
                    known[what] = takes[what].fullmatch(letter) is not None
                if known[what]:
                    reached.add(to)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        found = self._kept[at, letter] = self._machine.closed(frozenset(reached))
        return found


def add(regex: str, machine: Machine, start: int) -> int:
    """Put what the regular expression of a glob matches into a machine, from `start` on; where it ends."""
    return _Reader(regex, machine).choice(start)


class _Reader:
    """What `gate.globs.glob_to_regex` writes, and no other regular expression, as states of a machine."""

    def __init__(self, regex: str, machine: Machine) -> None:
        self.regex = regex
        self.machine = machine
        self.at = 0

    def choice(self, start: int) -> int:
        """The state in which one of some expressions, with | between them, was read."""
        end = self.machine.state()
        while True:
            self.machine.silent[self._sequence(start)].append(end)
            if not self.regex.startswith("|", self.at):
                return end
            self.at += 1

    def _sequence(self, start: int) -> int:
        while self.at < len(self.regex) and self.regex[self.at] not in "|)":
            start = self._item(start)
        return start

    def _item(self, start: int) -> int:
        begun = self.at
        end = self._atom(start)
        if self.regex.startswith("*", self.at):
            self.at += 1
            self.machine.silent[end].append(start)
            after = self.machine.state()
            self.machine.silent[start].append(after)
            return after
        if counted := _COUNTED.match(self.regex, self.at):
            for _ in range(int(counted[1]) - 1):
                self.at = begun
                end = self._atom(end)
            self.at = counted.end()
        return end

    def _atom(self, start: int) -> int:
        if self.regex.startswith("(?:", self.at):
            self.at += 3
            inside = self.machine.state()  # of its own, so that a star leads back to nothing before it
            self.machine.silent[start].append(inside)
            end = self.choice(inside)
            self.at += 1
            return end
        what = self._one()
        end = self.machine.state()
        self.machine.steps[start].append((what, end))
        return end

    def _one(self) -> str:
        """The regular expression of one character."""
        begun = self.at
        if self.regex.startswith("(?!/)", self.at):
            self.at += 5
        if self.regex[self.at] == "[":
            self.at += 2 if self.regex[self.at + 1] == "^" else 1
            while self.regex[self.at] != "]":
                self.at += 2 if self.regex[self.at] == "\\" else 1
            self.at += 1
        else:
            self.at += 2 if self.regex[self.at] == "\\" else 1
        return self.regex[begun : self.at]
