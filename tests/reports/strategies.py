"""Random hostile texts and random runs."""

from hypothesis import settings
from hypothesis import strategies as st

from gate.position import Position
from gate.results import CheckResult, Coverage, Finding, Loosening, ModelResult, Outcome, RunResult, Step
from reports.samples import HOSTILE, RUNTIME

steady = settings(deadline=None, max_examples=60)  # the machines that run this are shared

_FRAGMENTS = [
    *(":", "::", "#", "##", "[", "]", "(", ")", "`", "``", "|", "\\", "<", ">", "&", "@", "!", "-", "1.", "/", "www."),
    *("\r", "\n", "\x1b[", "\u200b", "\ufe0f", "\u202e", "\ud800", "\ufffe", "\x00", " ", "a", "error", "http", "%0A"),
]
any_text = st.text(st.characters(exclude_categories=()), max_size=30)
hostile_text = st.one_of(
    st.sampled_from(HOSTILE),
    any_text,
    st.lists(st.sampled_from(_FRAGMENTS), max_size=12).map("".join),
)

positions = st.none() | st.builds(Position, hostile_text, st.integers(1, 999), st.integers(1, 99))
findings = st.builds(
    Finding,
    kind=st.sampled_from(["value-mismatch", "missing-tensor"]) | hostile_text,
    reason=hostile_text,
    tensor=st.none() | hostile_text | st.from_regex(r"a_[0-3]/b_[0-3]", fullmatch=True),
    details=st.lists(hostile_text, max_size=2).map(tuple),
    hint=hostile_text,
    severity=st.floats(),
    position=positions,
)
checks = st.builds(
    CheckResult,
    check=st.sampled_from(["structure", "values", "nothing-checked"]) | hostile_text,
    outcome=st.sampled_from(Outcome),
    summary=st.just("") | hostile_text,
    findings=st.lists(findings, max_size=3).map(tuple),
    position=positions,
    checked=st.integers(0, 2),
    seconds=st.floats(),
)
runtimes = st.dictionaries(st.sampled_from(sorted(RUNTIME)) | hostile_text, hostile_text, max_size=8)
steps = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(["start TensorFlow", "load", "save as keras"]) | hostile_text,
        seconds=st.floats(),
        peak_bytes=st.integers(0, 2**63),
    ),
    max_size=5,
).map(tuple)
models = st.builds(
    ModelResult,
    name=st.sampled_from(["a", "b"]) | hostile_text,
    weights=hostile_text,
    reference=st.none() | hostile_text,
    checks=st.lists(checks, max_size=4).map(tuple),
    coverage=st.builds(Coverage, *[st.integers(0, 5)] * 5),
    notes=st.lists(hostile_text, max_size=2).map(tuple),
    position=positions,
    seconds=st.floats(),
    runtime=runtimes,
    steps=steps,
)
some_findings = st.lists(findings, max_size=2).map(tuple)
loosenings = st.builds(
    Loosening,
    base=hostile_text,
    found=some_findings,
    endless=some_findings,
    approved=some_findings,
    notes=st.lists(hostile_text, max_size=2).map(tuple),
    fails=st.booleans(),
)
runs = st.builds(
    RunResult,
    loosening=st.just(Loosening()) | loosenings,
    models=st.lists(models, max_size=3).map(tuple),
    command=hostile_text,
    started=st.just("2026-03-01T12:30:05") | hostile_text,
    version=hostile_text,
    manifest=st.none() | hostile_text,
    seconds=st.floats(),
    environment=st.dictionaries(hostile_text, hostile_text, max_size=2),
)
