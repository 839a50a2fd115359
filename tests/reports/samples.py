"""Runs to report on, and the names that pull requests try."""

from gate.position import Position
from gate.results import CheckResult, Coverage, Finding, Loosening, ModelResult, Outcome, RunResult, Step

HOSTILE = (
    "x\r::error::y",
    "::error file=a,line=1::z",
    "  ::set-output name=a::b",
    "##[error]z",
    "##vso[task.complete result=Succeeded]",
    "#\u200b#[error]z",
    ":\u200d:error:\ufe0f:z",
    "]]>",
    "<![CDATA[x]]>",
    "\x1b[31mred\x1b[0m",
    "lone \ud800 surrogate",
    "\ufffe\uffff",
    "nul\x00",
    "a|b",
    "`",
    "``` ```` `",
    "`tick`",
    "<script>alert(1)</script>",
    "<!-- hidden",
    "</details></summary>",
    "@everyone",
    "me@example.com",
    "https://evil.example/x?y=1",
    "www.evil.example",
    "![pic](https://evil.example/p.png)",
    "[text](javascript:alert(1))",
    "<https://evil.example>",
    "[ref]: https://evil.example",
    "fixes #12",
    "owner/repo#12",
    ":tada:",
    "\u202eevil\u202c",
    "\u2066iso\u2069",
    "%0A::warning::",
    "new\nline",
    "\u2028\u2029\u0085",
    "- item",
    "1. one",
    "1) one",
    "# heading",
    "---",
    "===",
    "+ plus",
    "> quote",
    "    indented",
    "| --- |",
    ":-:",
    "***bold*** __b__ ~~s~~ $x$ \\",
    "&lt;b&gt; &#64;",
    "[bold]rich[/bold] [link=https://evil.example]x[/link]",
    "",
    " ",
    "  two  spaces  ",
    "long" * 2500,
    "é 漢字 🙂",
)

AT = Position("weight-gate.yml", 4, 5)
RULE = Position("weight-gate.yml", 14, 9)


RUNTIME = {
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
    "device": "cpu",
    "threads": "2",
    "onednn": "on",
    "tf32": "off",
    "confinement": "no_new_privs, Landlock ABI 7 (files, TCP, signals), seccomp (no sockets)",
}
STEPS = (
    Step("start TensorFlow", 1.5, 246_000_000),
    Step("load", 0.25, 612_000_000),
    Step("start TensorFlow", 1.25, 245_000_000),
    Step("load tagged copies", 0.9, 650_500_000),
)


def letters(number: int) -> str:
    """A number spelled without digits, which would fold."""
    return "".join(chr(97 + int(digit)) for digit in str(number))


def values(count: int = 12) -> CheckResult:
    """`count` kernels beyond their tolerance, number 7 the worst, and one bias."""
    found = tuple(
        Finding(
            "value-mismatch",
            f"{number + 30} of 9,408 elements differ by more than allowed",
            tensor=f"backbone/block_{number}/kernel",
            details=(
                "worst at [3, 1, 0, 14]: 0.5112 instead of 0.25, allowed 2.6e-07",
                "smallest tolerance that passes: rtol 1.05 with atol 1e-08",
            ),
            hint="retrain the frozen layers from the reference, or drop `expect: identical`",
            severity=1000.0 if number == 7 else float(number),
            position=RULE,
        )
        for number in range(count)
    )
    bias = Finding(
        "value-mismatch",
        "equal to the reference, though the rule says changed",
        tensor="head/bias",
        details=('"head/bias" holds what the reference has as "head_1/bias"',),
        severity=2.0,
        position=Position("weight-gate.yml", 15, 9),
    )
    return CheckResult(
        "values",
        Outcome.FAILED,
        f"{count + 1} of 312 tensors are not as their rules say",
        (*found, bias),
        AT,
        checked=312,
        seconds=1.26,
    )


def passed(name: str = "structure", *, checked: int = 312) -> CheckResult:
    return CheckResult(
        name, Outcome.PASSED, f"{checked} of {checked} tensors as the reference has them", checked=checked
    )


def waived(reason: str = "recalibrated nightly") -> CheckResult:
    return CheckResult(
        "restore",
        Outcome.WAIVED,
        "1 tensor left out",
        (Finding("waived", reason, tensor="temperature", position=RULE),),
        AT,
    )


def error() -> CheckResult:
    return CheckResult(
        "roundtrip",
        Outcome.ERROR,
        "the model could not be loaded",
        (
            Finding(
                "child-crashed",
                "the loading process ended with signal 11 after 3.2 s",
                details=("last line: Fatal Python error: Segmentation fault",),
                hint="run it with --keep-logs and read the child's log",
            ),
        ),
        AT,
        seconds=3.2,
    )


def model(name: str = "classifier", *checks: CheckResult) -> ModelResult:
    return ModelResult(
        name,
        f"models/{name}.weights.h5",
        reference="models/golden/classifier.keras",
        checks=checks or (passed(), passed("finite"), values(), waived()),
        coverage=Coverage(312, 4_000_000, 311, 3_999_999, 298),
        notes=("`temperature` is left out: recalibrated nightly, until 2027-03-01",),
        position=AT,
        seconds=2.5,
        runtime=RUNTIME,
        steps=STEPS,
    )


def run(*models: ModelResult, command: str = "weight-gate check --root models") -> RunResult:
    return RunResult(
        models,
        command=command,
        started="2026-03-01T12:30:05",
        version="0.1.0",
        manifest="weight-gate.yml",
        seconds=4.25,
        environment={"python": "3.11.7", "tensorflow": "2.21.0", "sandbox": "landlock, seccomp"},
    )


def mixed() -> RunResult:
    """One of each outcome, over three models."""
    return run(model(), model("embedder", passed(), passed("values")), model("ranker", passed(), error()))


def hostile_runtime(text: str) -> dict[str, str]:
    """`text` as every key there is, and under one that nobody knows."""
    return dict.fromkeys((*RUNTIME, text), text)


def hostile_run(text: str, outcome: Outcome = Outcome.FAILED) -> RunResult:
    """`text` in every field that takes any."""
    position = Position(text, 3, 7)
    found = Finding(text, text, tensor=text, details=(text, text), hint=text, severity=3.0, position=position)
    general = Finding(text, text)
    check = CheckResult(text, outcome, text, (found, general), position, checked=1, seconds=0.5)
    steps = (Step(text, 0.5, 1), Step(f"{text} ", 0.5, 1))
    one = ModelResult(
        text, text, text, (check, check), Coverage(1, 1, 1, 1, 0), (text,), position, 0.5, hostile_runtime(text), steps
    )
    said = Loosening(text, (found, general), (general,), (general,), (text,))
    return RunResult((one, one), text, text, text, text, 1.0, {text: text}, loosening=said)
