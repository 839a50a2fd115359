"""The text of a first manifest: short, and with a comment for each thing that is left to decide."""

import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from gate.init.draft import Entry
from gate.manifest.yaml_writing import flow, scalar
from gate.reports.escaping import visible

_WIDTH = 118
_OFTEN = 3
"""Entries that may each say the same; what more of them say is said once."""
SCHEMA = "weight-gate.schema.json"
_HEAD = """\
# Written by `weight-gate init`; the comments are for you to decide. `weight-gate schema` prints the schema for editors.
version: 1
models:
"""


def manifest_text(entries: Sequence[Entry], remarks: Iterable[str], schema: bool = False) -> str:
    """The whole file; `remarks` are of no model. What many entries say stands at the end, once.

    `schema`: the schema lies beside it, and editors are told so.
    """
    counts = Counter(remark for entry in entries for remark in entry.decide)
    often = {remark: count for remark, count in counts.items() if count > _OFTEN}
    lines = [line for entry in entries for line in _entry(entry, often)]
    shared = (f"of {count} of the {len(entries)} models: {remark}" for remark, count in often.items())
    tail = [line for remark in (*shared, *remarks) for line in comment(remark, 0)]
    head = f"# yaml-language-server: $schema=./{SCHEMA}\n{_HEAD}" if schema else _HEAD
    return head + "".join(f"{line}\n" for line in (*lines, *tail))


def comment(text: str, indent: int) -> list[str]:
    """One remark, as many lines as it takes; no character of it can end a line."""
    start = " " * indent + "# "
    room = _WIDTH - len(start) - 2
    wrapped = textwrap.wrap(visible(text), room, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{start}{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(wrapped)]


def _entry(entry: Entry, said: Collection[str]) -> Iterator[str]:
    keys = [f"{scalar(key)}: {flow(value)}" for key, value in entry.keys.items()]
    for number, line in enumerate(keys):
        yield f"  {'- ' if number == 0 else '  '}{line}"
    if entry.rules:
        yield "    tensors:"
    for rule, why in entry.rules:
        yield f"      - {flow(rule)}" + (f"  # {visible(why)}" if why else "")
    for remark in entry.decide:
        if remark not in said:
            yield from comment(remark, 4)
