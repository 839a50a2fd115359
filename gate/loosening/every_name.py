"""Every name there may be, as far as some globs tell names apart: for each set of globs, a name that just it matches.

The globs are made one automaton, as in Rabin and Scott, "Finite automata and their decision problems", 1959: two names
that lead to the same states are matched by the same globs. So a question about every name is one about a few of them.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from gate.glob_machine import Machine, add
from gate.globs import glob_to_regex

_MOST_STATES = 4000
_MOST_STEPS = 3_000_000
"""In all: a second or two."""
_LARGEST = 20_000
"""Characters of all regular expressions together."""
# First the characters that a made-up name is nicest with.
_ALPHABET = "xabcdefghijklmnopqrstuvwyz0123456789_" + "".join(map(chr, range(32, 127)))


@dataclass(frozen=True)
class Names:
    """By the set of globs that match it, counted from 0, the shortest such name; `all_of_them` unless too many."""

    found: dict[frozenset[int], str]
    all_of_them: bool


def every_name(globs: Sequence[str]) -> Names:
    """The sets of `globs` that some name matches, the empty set included where one matches none."""
    regexes = [glob_to_regex(glob) for glob in globs]
    if sum(map(len, regexes)) > _LARGEST:
        return Names({}, False)
    machine = Machine()
    starts, ends = [], {}
    for number, regex in enumerate(regexes):
        start = machine.state()
        starts.append(start)
        ends[add(regex, machine, start)] = number
    letters = _letters(machine, "".join(globs))
    begin = (machine.closed(frozenset(starts)), True)
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
            after = (machine.closed(frozenset(reached)), letter == "/")
            if after not in names:
                if len(names) > _MOST_STATES:
                    return Names(found, False)
                names[after] = name + letter
                waiting.append(after)
    return Names(found, True)


def _letters(machine: Machine, text: str) -> list[tuple[str, frozenset[str]]]:
    """One character for each way in which the sets of characters tell them apart, and the sets that it is in."""
    sets = {what for steps in machine.steps for what, _ in steps}
    patterns = {what: re.compile(what, re.DOTALL) for what in sets}
    slash = frozenset(what for what in sets if patterns[what].fullmatch("/"))
    kinds: dict[frozenset[str], str] = {}
    for letter in dict.fromkeys((_ALPHABET + text).replace("/", "")):
        kinds.setdefault(frozenset(what for what in sets if patterns[what].fullmatch(letter)), letter)
    return [*((letter, takes) for takes, letter in kinds.items()), ("/", slash)]
