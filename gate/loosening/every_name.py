"""Every name there may be, as far as some globs tell names apart: for each set of globs, a name that just it matches.

The globs are made one automaton, as in Rabin and Scott, "Finite automata and their decision problems", 1959: two names
that lead to the same states are matched by the same globs. So a question about every name is one about a few of them.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gate.globs import glob_to_regex

_MOST_STATES = 4000
_MOST_STEPS = 3_000_000
"""In all: a second or two."""
_LARGEST = 20_000
"""Characters of all regular expressions together."""
_COUNTED = re.compile(r"\{([0-9]+)\}")
# First the characters that a made-up name is nicest with.
_ALPHABET = "xabcdefghijklmnopqrstuvwyz0123456789_" + "".join(map(chr, range(32, 127)))


@dataclass(frozen=True)
class Names:
    """By the set of globs that match it, counted from 0, the shortest such name; `all_of_them` unless too many."""

    found: dict[frozenset[int], str]
    all_of_them: bool


@dataclass
class _Machine:
    """States of a nondeterministic automaton: steps by a set of characters, and steps by none."""

    steps: list[list[tuple[str, int]]] = field(default_factory=list)
    silent: list[list[int]] = field(default_factory=list)

    def state(self) -> int:
        self.steps.append([])
        self.silent.append([])
        return len(self.steps) - 1


def every_name(globs: Sequence[str]) -> Names:
    """The sets of `globs` that some name matches, the empty set included where one matches none."""
    regexes = [glob_to_regex(glob) for glob in globs]
    if sum(map(len, regexes)) > _LARGEST:
        return Names({}, False)
    machine = _Machine()
    starts, ends = [], {}
    for number, regex in enumerate(regexes):
        start = machine.state()
        starts.append(start)
        ends[_Reader(regex, machine).choice(start)] = number
    letters = _letters(machine, "".join(globs))
    begin = (_closed(machine, frozenset(starts)), True)
    names = {begin: ""}
    waiting = deque([begin])
    found: dict[frozenset[int], str] = {}
    steps = 0
    while waiting:
        at, is_begun = waiting.popleft()
        name = names[at, is_begun]
        if not is_begun:  # no part of a tensor's name is empty
            found.setdefault(frozenset(ends[state] for state in at if state in ends), name)
        steps += len(at) * len(letters)
        if steps > _MOST_STEPS:
            return Names(found, False)
        for letter, takes in letters:
            if letter == "/" and is_begun:
                continue
            reached = (to for state in at for what, to in machine.steps[state] if what in takes)
            after = (_closed(machine, frozenset(reached)), letter == "/")
            if after not in names:
                if len(names) > _MOST_STATES:
                    return Names(found, False)
                names[after] = name + letter
                waiting.append(after)
    return Names(found, True)


def _letters(machine: _Machine, text: str) -> list[tuple[str, frozenset[str]]]:
    """One character for each way in which the sets of characters tell them apart, and the sets that it is in."""
    sets = {what for steps in machine.steps for what, _ in steps}
    patterns = {what: re.compile(what, re.DOTALL) for what in sets}
    slash = frozenset(what for what in sets if patterns[what].fullmatch("/"))
    kinds: dict[frozenset[str], str] = {}
    for letter in dict.fromkeys((_ALPHABET + text).replace("/", "")):
        kinds.setdefault(frozenset(what for what in sets if patterns[what].fullmatch(letter)), letter)
    return [*((letter, takes) for takes, letter in kinds.items()), ("/", slash)]


def _closed(machine: _Machine, states: frozenset[int]) -> frozenset[int]:
    """With all that is reached without a character."""
    found, waiting = set(states), list(states)
    while waiting:
        for to in machine.silent[waiting.pop()]:
            if to not in found:
                found.add(to)
                waiting.append(to)
    return frozenset(found)


class _Reader:
    """What `gate.globs.glob_to_regex` writes, and no other regular expression, as states of a machine."""

    def __init__(self, regex: str, machine: _Machine) -> None:
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
