"""What every report says of how a model was loaded: with what, in which steps. Raw, as in `gate.reports.wording`."""

from collections.abc import Iterable, Mapping

from gate.reports.wording import duration
from gate.results import RunResult, Step

_VERSIONS = {"tensorflow": "TensorFlow", "keras": "Keras"}
_SETTINGS = {"onednn": "oneDNN", "tf32": "TF32"}
_TOLD = {*_VERSIONS, *_SETTINGS, "device", "threads", "confinement"}
_NOT_CONFINED = "not confined"


def loaded_with(runtime: Mapping[str, str]) -> str:
    """`TensorFlow 2.21.0, Keras 3.15.1 on cpu, 2 threads; oneDNN on, TF32 off; confined by …`; empty for nothing."""
    parts = [_joined(runtime, _VERSIONS)]
    if device := runtime.get("device"):
        parts[0] += f" on {device}" if parts[0] else device
    if threads := runtime.get("threads"):
        parts[0] += f"{', ' if parts[0] else ''}{threads} thread{'' if threads == '1' else 's'}"
    parts.append(_joined(runtime, _SETTINGS))
    parts.append(", ".join(f"{key} {value}" for key, value in sorted(runtime.items()) if key not in _TOLD))
    if level := runtime.get("confinement"):
        parts.append(level if level.startswith(_NOT_CONFINED) else f"confined by {level}")
    return "; ".join(part for part in parts if part)


def loaded_alike(run: RunResult) -> str:
    """The same, where several models were loaded, and all of them so; empty where not."""
    told = [text for model in run.models if (text := loaded_with(model.runtime))]
    return told[0] if len(told) > 1 and len(set(told)) == 1 else ""


def merged(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps of the same name as one: their times added up, the largest peak."""
    found: dict[str, Step] = {}
    for step in steps:
        before = found.get(step.what, Step(step.what, 0.0, 0))
        peak = max(before.peak_bytes, step.peak_bytes)
        found[step.what] = Step(step.what, before.seconds + step.seconds, peak)
    return tuple(found.values())


def stepwise(steps: Iterable[Step]) -> list[str]:
    """`load 0.41 s, 612 MB` and `predict 0.09 s, 640 MB`."""
    return [f"{step.what} {duration(step.seconds)}, {memory(step.peak_bytes)}" for step in merged(steps)]


def memory(count: int) -> str:
    """`612 MB`, `2.35 GB`: in millions and thousand millions of bytes, rounded up; `?` where it was not seen."""
    if count <= 0:
        return "? MB"
    if count <= 999_000_000:
        return f"{-(-count // 1_000_000)} MB"
    return f"{-(-count // 10_000_000) / 100:.2f} GB"


def _joined(runtime: Mapping[str, str], names: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {runtime[key]}" for key, name in names.items() if runtime.get(key))
