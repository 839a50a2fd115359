"""Every name there may be, as far as some globs tell names apart: for each set of globs, a name that just it matches.

The globs are made one automaton, as in Rabin and Scott, "Finite automata and their decision problems", 1959: two names
that lead to the same states are matched by the same globs. So a question about every name is one about a few of them.
"""

import re
import sys
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
_ALPHABET = "xabcdefghijklmnopqrstuvwyz0123456789_" + "".join(map(chr, range(32, 127))) + "é\x01\U0001f600"
_HALVES = range(0xD800, 0xE000)
_LAST_BELOW, _FIRST_ABOVE = _HALVES.start - 1, _HALVES.stop


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
    """One character for each way in which the sets of characters tell them apart, and the sets that it is in.

    Which sets a character is in changes only at a character that one of them names, alone or as an end of a range. So
    those and their neighbours are of all kinds there are.
    """
    sets = {what for steps in machine.steps for what, _ in steps}
    patterns = {what: re.compile(what, re.DOTALL) for what in sets}
    slash = frozenset(what for what in sets if patterns[what].fullmatch("/"))
    kinds: dict[frozenset[str], str] = {}
    near = _neighbours("".join(what for what in sets if "[" in what))
    for letter in dict.fromkeys((_ALPHABET + text + near).replace("/", "")):
        kinds.setdefault(frozenset(what for what in sets if patterns[what].fullmatch(letter)), letter)
    return [*((letter, takes) for takes, letter in kinds.items()), ("/", slash)]


def _neighbours(text: str) -> str:
    """The characters right before and after those of `text`; none that is half of one, as no name has it."""
    codes = {near for letter in set(text) for near in (ord(letter) - 1, ord(letter) + 1)}
    whole = {_LAST_BELOW if code == _HALVES[-1] else _FIRST_ABOVE if code == _HALVES[0] else code for code in codes}
    return "".join(chr(code) for code in sorted(whole) if 0 <= code <= sys.maxunicode and code not in _HALVES)
