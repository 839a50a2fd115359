"""What was measured and what is proposed, for a console. Every name in it is foreign text, and escaped."""

import io
import math
import textwrap
from collections.abc import Iterable, Iterator

from gate.calibrate.noise import Row
from gate.calibrate.result import Calibrated, Entry, can_be_asked
from gate.checks.wording import distance
from gate.reports.escaping import harmless, plain
from gate.reports.table import write_table
from gate.tensors.tolerance import Tolerance
from gate.wording import counted

OF_WEIGHTS = """\
Weights at rest have no noise: they take part in no arithmetic, and a file that is read twice is the same to the bit.
Where nothing was retrained, `expect: identical` holds. What the published tolerances of values (docs/tolerances.md)
allow is a cast, or another platform's last bit.
"""
_WIDTH = 100
_COLUMNS = ("compared with the first run", "output", "equal to the bit", "largest |a - e|", "needs rtol", "and atol")


def model_text(model: Calibrated, margin: float) -> str:
    """One model: its table for each entry, and what follows."""
    lines = [plain(f"{model.plan.name}  {model.plan.weights}"), *_wrapped(_about(model), 2)]
    for entry in model.entries:
        lines += ["", *_entry(model, entry, margin)]
    return harmless("".join(f"{line}\n" for line in lines))


def _about(model: Calibrated) -> Iterator[str]:
    if model.unloaded:
        yield f"not measured: {model.unloaded}"
    if (trouble := model.trouble) is not None:
        yield f"could not be measured: {trouble.reason}" + (f": {trouble.hint}" if trouble.hint else "")
    if runtime := model.runtime:
        told = f"{runtime['device']}, {counted(int(runtime['threads']), 'thread')}, oneDNN {runtime['onednn']}"
        yield f"measured on {told}; tensorflow {runtime['tensorflow']}; keras {runtime['keras']}"


def _entry(model: Calibrated, entry: Entry, margin: float) -> Iterator[str]:
    inputs = plain(entry.asked.inputs.name) if entry.asked.inputs else "inputs made up"
    called = "without `predictions`" if entry.index is None else f"predictions[{entry.index}]"
    yield f"  {called}: {counted(entry.runs.samples, 'sample')}, {inputs}"
    table = io.StringIO()
    write_table(table, _COLUMNS, [_row(row) for row in entry.runs.rows], color="never")
    yield from (f"    {line}" for line in table.getvalue().splitlines())
    yield from _wrapped((f"not measured: {condition}: {why}" for condition, why in entry.runs.skipped), 4)
    yield from _wrapped(_conclusion(model, entry, margin), 4)


def _wrapped(lines: Iterable[str], indent: int) -> Iterator[str]:
    for line in lines:
        yield from textwrap.wrap(
            plain(line),
            _WIDTH,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )


def _row(row: Row) -> tuple[str, ...]:
    equal = f"{row.equal} of {row.runs}"
    if row.equal == row.runs:
        return row.condition, row.output, equal, "0", "", ""
    largest = "" if math.isinf(row.largest) else _short(row.largest)
    needed = ("none", "") if row.needed is None else (_short(row.needed.rtol), _short(row.needed.atol))
    return row.condition, row.output, equal, largest, *needed


def _conclusion(model: Calibrated, entry: Entry, margin: float) -> Iterator[str]:
    proposal = entry.proposal
    if (noise := proposal.noise) is not None:
        yield f"noise: rtol={_short(noise.rtol)}, atol={_short(noise.atol)} is what all runs need, two by two"
    if proposal.tolerance is None:
        yield f"no tolerance is proposed: {proposal.why_not}"
        return
    yield (
        f"proposed: {proposal.tolerance}, {margin:g} times that, and at least {margin:g} units in the last place of a "
        "float32"
    )
    if entry.index is None:
        yield _without_predictions(model)
    elif entry.compares_numbers:
        whose = "the manifest has" if entry.asked.tolerance else "without a `tolerance` the entry has the published"
        yield f"{whose} {entry.now}: {_taken(entry.used)}"
    else:
        yield "the entry compares no numbers, so nothing is changed: this would be for golden outputs of this very file"
    if tighter := _tighter(proposal.tolerance, entry.published):
        yield (
            f"its {tighter} is tighter than in the published {entry.published}, which is meant for other processors "
            "and versions too: measure again where the gate runs"
        )


def _without_predictions(model: Calibrated) -> str:
    if can_be_asked(model.plan):
        return "the manifest has no `predictions`: the entry that is added holds while the weights are the reference's"
    return (
        "the manifest has no `predictions`, and no model to compare with: save inputs and what the model makes of "
        "them, and add `predictions: [{inputs: …, expected: …, tolerance: …}]`"
    )


def _taken(used: float) -> str:
    if used > 1:
        return "that is less than the noise, so the check is red now and then"
    return f"the noise takes {float(f'{100 * used:.2g}'):g} % of it" if used else "the noise takes nothing of it"


def _tighter(wanted: Tolerance, published: Tolerance) -> str:
    return " and ".join(part for part in ("rtol", "atol") if getattr(wanted, part) < getattr(published, part))


def _short(value: float) -> str:
    return distance(float(f"{value:.2g}"))
