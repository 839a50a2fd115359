"""What is asked of the loaded model: whether it is loaded, what need not arrive, what it is saved as."""

from collections.abc import Iterator
from datetime import date

from gate.loosening.entries import Entry
from gate.loosening.every_name import every_name
from gate.loosening.said import cropped, loosened
from gate.loosening.tensors import days
from gate.manifest.loading import ArchitectureEntry, RestoreEntry, WaiveEntry
from gate.results import Finding

_MOST_DAYS = 16
_WITHOUT_A_MODEL = (".npz", ".npy", ".safetensors", ".weights.h5", ".weights.json")
"""Whatever builds one for these has more of them judged."""
# As `gate.runtime.gathered.OWN_FORMATS` has them, by what paths end in.
_OWN = (
    (".keras", "keras"),
    (".weights.h5", "weights.h5"),
    (".weights.json", "weights.h5"),
    (".h5", "h5"),
    (".hdf5", "h5"),
)


def looser_loading(before: Entry, after: Entry, today: date) -> Iterator[Finding]:
    """What the later entry lets a load do, or leaves out, that the earlier one does not."""
    was, now = before.said.load, after.said.load
    if now is False:
        if was is not False:
            yield loosened("not-loaded", after.called, "`load: false`: it is no longer loaded", after.at("load"))
        return  # nothing else is asked of it
    if was is False:
        return
    yield from _loaded_by(before, after)
    yield from _built_by(before, after)
    yield from _roundtrip(before, after)
    yield from _waived(before, after, today)
    yield from _partial(before, after)


def _loaded_by(before: Entry, after: Entry) -> Iterator[Finding]:
    loads = [said or None for said in (before.said.load, after.said.load)]
    was, now = (said.code if said else None for said in loads)
    at, stood = after.at("load"), before.at_if_said("load")
    if was is not None and now is None:
        reason = f"{cropped(was)} no longer loads it, and nothing may"
        yield loosened("not-loaded", after.called, reason, at, was=stood)
    elif was is None and now is not None:
        reason = f"the repository's own code loads it now, and says what arrived: {cropped(now)}"
        yield loosened("loading-changed", after.called, reason, at)
    elif was is not None and now is not None and was != now:
        reason = f"{cropped(was)} loaded it, and now {cropped(now)} does"
        yield loosened("loading-changed", after.called, reason, at, was=stood)
    one, other = (f"Keras {said.keras}" if said and said.keras else "the Keras that is there" for said in loads)
    if one != other:
        yield loosened("loading-changed", after.called, f"{one} loaded it, and now {other} does", at, was=stood)


def _built_by(before: Entry, after: Entry) -> Iterator[Finding]:
    was, now = before.said.architecture, after.said.architecture
    at, stood = after.at("architecture"), before.at_if_said("architecture")
    if was is not None and now is None:
        reason = f"{_built(was)} no longer builds a model for it: it may no longer be loaded"
        yield loosened("not-loaded", after.called, reason, at, was=stood)
    elif was is not None and now is not None and was != now:
        reason = f"{_built(was)} built its model, and now {_built(now)} does"
        yield loosened("loading-changed", after.called, reason, at, was=stood)
    elif was is None and now is not None and not after.said.weights.endswith(_WITHOUT_A_MODEL):
        reason = f"{_built(now)} builds its model, in place of what the file holds"
        yield loosened("loading-changed", after.called, reason, at)


def _built(said: ArchitectureEntry) -> str:
    return cropped(said.code or said.keras or said.json_ or "")


def _roundtrip(before: Entry, after: Entry) -> Iterator[Finding]:
    was, now = before.said.roundtrip, after.said.roundtrip
    asked = _formats(before, was)
    left = set(asked) - set(_formats(after, now))
    if now is False and was is not False:
        reason = "it is no longer saved and loaded again"
    elif left and now is not False:
        reason = f"it is no longer saved and loaded again as {', '.join(sorted(left))}"
    else:
        return
    yield loosened("roundtrip-shorter", after.called, reason, after.at("roundtrip"), was=before.at_if_said("roundtrip"))


def _formats(entry: Entry, said: "tuple[str, ...] | bool | None") -> tuple[str, ...]:
    """The formats that are asked for; of the file's own, which nobody named, as far as its path tells it."""
    if isinstance(said, tuple):
        return said
    own = next((name for end, name in _OWN if entry.said.weights.endswith(end)), "")
    return (own,) if own and said is None else ()


def _waived(before: Entry, after: Entry, today: date) -> Iterator[Finding]:
    """Waivers that take in a name that none did; of tensors and of variables, which no file names."""
    was, now = _waivers(before.said.restore), _waivers(after.said.restore)
    if not now or now == was:
        return
    names = every_name([each.match for each in (*was, *now)])
    told: set[int] = set()
    every = days(today, (each.until for each in was), (each.until for each in now))
    for day in every[:_MOST_DAYS]:
        held = {number for number, each in enumerate(was) if _holds(each, day)}
        holds = {number for number, each in enumerate(now) if _holds(each, day)}
        for found, name in names.found.items():
            if found & held:
                continue
            for number in sorted(holds - told):
                if len(was) + number in found:
                    told.add(number)
                    yield _new(after, number, now[number], name, day, today)
    if not names.all_of_them or len(every) > _MOST_DAYS:
        reason = "whether `restore` waives more cannot be told: there are too many patterns, or days"
        yield loosened("untold", after.called, reason, after.at("restore"))


def _new(after: Entry, number: int, waiver: WaiveEntry, name: str, day: date, today: date) -> Finding:
    end = f"until {waiver.until}" if waiver.until else "without an end"
    such = "" if name == waiver.match else f", like {cropped(name)},"
    what = f"`{cropped(waiver.match)}`{such} need not be restored, {end} ({cropped(waiver.reason)})"
    kind, reason = ("restore-waived", what) if day == today else ("waiver-longer", f"from {day} on: {what}")
    return loosened(kind, after.called, reason, after.at("restore", "waive", number))


def _waivers(said: RestoreEntry | None) -> tuple[WaiveEntry, ...]:
    return said.waive if said else ()


def _holds(waiver: WaiveEntry, day: date) -> bool:
    return waiver.until is None or day <= waiver.until


def _partial(before: Entry, after: Entry) -> Iterator[Finding]:
    """Variables that had to come from the file and now have to stay as they were built, and the other way round.

    Neither is the stricter of the two: each lets through what the other refuses. Without `partial` all come from it.
    """
    was = before.said.restore.partial if before.said.restore else ()
    now = after.said.restore.partial if after.said.restore else ()
    if set(was) == set(now):
        return
    names = every_name([*was, *now])
    number = len(was)
    less = more = None
    for found, name in names.found.items():
        came = not was or any(each < number for each in found)
        comes = not now or any(each >= number for each in found)
        if came and not comes:
            less = less or name
        elif comes and not came:
            more = more or name
    reasons = [f"variables like {cropped(less)} need no longer come from the file"] if less else []
    reasons += [f"variables like {cropped(more)} need no longer stay as they were built"] if more else []
    if not names.all_of_them and not reasons:
        reasons = ["`partial` changed"]
    at = after.at("restore", "partial")
    yield from (loosened("restore-waived", after.called, reason, at) for reason in reasons)
