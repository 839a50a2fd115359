import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from rich.cells import cell_len

from gate.manifest.unified_diff import unified_diff
from gate.reports.console import _Page, wrap, write_console
from gate.reports.stream import Color
from gate.results import CheckResult, Finding, LeftOut, ModelResult, Outcome, RunResult, Suggestion
from reports.runner import commands
from reports.samples import HOSTILE, hostile_run, letters, mixed, model, passed, run, values
from reports.strategies import hostile_text, runs, steady

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _shown(one: RunResult, width: int = 100, color: Color = "never", **reports: str) -> str:
    stream = io.StringIO()
    write_console(one, stream, color=color, width=width, reports=reports)
    return stream.getvalue()


def test_the_verdict_is_first_and_last() -> None:
    lines = _shown(mixed(), width=120, junit="build/junit.xml").splitlines()
    verdict = "weight-gate 0.1.0: ERROR: 1 could not be checked, 1 did not hold, 1 waived (8 checks of 3 models)"
    assert lines[0] == lines[-1] == verdict


def test_what_failed_where_why_and_what_to_do() -> None:
    text = _shown(mixed(), junit="build/junit.xml")
    for piece in (
        "classifier  models/classifier.weights.h5",
        "FAILED   values     13 of 312 tensors are not as their rules say",
        "- backbone/block_{0..11}/kernel (12 tensors)",
        "worst: backbone/block_7/kernel: 37 of 9,408 elements differ",
        "worst at [3, 1, 0, 14]: 0.5112 instead of 0.25, allowed 2.6e-07",
        "what to do: retrain the frozen layers",
        "asked for at weight-gate.yml:14:9",
        "WAIVED   restore",
        "coverage  311 of 312 tensors, 99.9 % of bytes compared; 298 bit for bit equal",
        "ranker: roundtrip",
        "build/junit.xml",
        "weight-gate check --root models",
    ):
        assert piece in text, piece


@pytest.mark.parametrize("width", [80, 120])
def test_prose_is_wrapped_and_no_name_is_broken(width: int) -> None:
    name = "/".join(f"a_rather_long_layer_name_{chr(97 + i)}" for i in range(6))
    path = "models/" + "deep/" * 30 + "m.keras"
    check = CheckResult("values", Outcome.FAILED, "s", (Finding("v", "why " * 60, name),))
    text = _shown(run(model("m", check)), width, junit=path)
    assert name in text
    assert path in text
    for line in text.splitlines():
        assert cell_len(line) <= width or "/" in line, line


@steady
@given(hostile_text)
def test_wrapping_loses_no_word(text: str) -> None:
    shown = "".join(text.split("\n"))
    for width in (1, 10, 80):
        assert " ".join(wrap(shown, width)).split() == shown.split()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("color", ["always", "never"])
@pytest.mark.parametrize("width", [40, 80])
def test_hostile_names_give_no_command_and_no_control(text: str, color: Color, width: int) -> None:
    for outcome in Outcome:
        shown = _shown(hostile_run(text, outcome), width, color, **{text: text})
        assert not commands(shown)
        bare = ANSI.sub("", shown) if color == "always" else shown
        assert all(line.isprintable() for line in bare.split("\n"))


@steady
@given(runs)
def test_no_run_gives_a_command(any_run: RunResult) -> None:
    assert not commands(_shown(any_run, 60, "always"))
    assert not commands(_shown(any_run, 80, "never"))


def test_spans_of_one_line_form_no_command_together() -> None:
    page = _Page(80)
    page.line((":", ""), (":error:", ""), (":x", ""))
    page.line(("#", ""), ("#[error]x", ""))
    assert not commands(page.render(color=False))


def test_names_are_never_markup() -> None:
    check = CheckResult("values", Outcome.FAILED, "[red]s[/red]", (Finding("v", "[bold]r[/bold]", "[link=x]n :tada:"),))
    text = _shown(run(model("m", check)))
    assert "[red]s[/red]" in text
    assert "[bold]r[/bold]" in text
    assert "- [link=x]n :tada:" in text


@pytest.mark.parametrize(
    ("stream", "color", "environment", "colored"),
    [
        (io.StringIO, "auto", {}, False),
        (io.StringIO, "always", {}, True),
        (Terminal, "auto", {}, True),
        (Terminal, "auto", {"NO_COLOR": "1"}, False),
        (Terminal, "auto", {"NO_COLOR": ""}, True),
        (Terminal, "auto", {"TERM": "dumb"}, False),
        (Terminal, "never", {}, False),
        (Terminal, "always", {"NO_COLOR": "1"}, True),
        (io.StringIO, "auto", {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"}, False),
    ],
)
def test_color_only_where_it_is_wanted(
    stream: type[io.StringIO],
    color: Color,
    environment: dict[str, str],
    colored: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = stream()
    write_console(mixed(), out, color=color)
    assert ("\x1b[" in out.getvalue()) == colored


def test_color_changes_no_word() -> None:
    assert ANSI.sub("", _shown(mixed(), color="always")) == _shown(mixed())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_any_encoding_will_do(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    write_console(hostile_run("é 漢字 🙂 \ud800"), stream)
    assert raw.getvalue().decode(encoding)


def test_many_findings_are_capped() -> None:
    names = [chr(97 + i) * 3 for i in range(25)]
    found = tuple(Finding("v", f"differs {name.upper()}", name, severity=float(i)) for i, name in enumerate(names))
    text = _shown(run(model("m", CheckResult("values", Outcome.FAILED, "s", found))))
    assert "15 more findings, see the JSON report" in text
    assert text.index("- yyy") < text.index("- xxx")
    assert "- aaa" not in text


def test_five_hundred_failing_tensors_fit_a_screen() -> None:
    assert len(_shown(run(model("m", values(500))), 80).splitlines()) < 40


def test_what_a_model_was_loaded_with_and_how_long_each_step_took() -> None:
    text = " ".join(_shown(run(model("m", passed()))).split())
    assert (
        "loaded with TensorFlow 2.21.0, Keras 3.15.1 on cpu, 2 threads; oneDNN on, TF32 off; confined by no_new_privs, "
        "Landlock ABI 7 (files, TCP, signals), seccomp (no sockets)"
    ) in text
    assert "steps start TensorFlow 2.75 s, 246 MB; load 0.25 s, 612 MB; load tagged copies 0.90 s, 651 MB" in text
    bare = _shown(run(ModelResult("m", "w", checks=(passed(),))))
    assert "loaded with" not in bare
    assert "steps" not in bare


def test_three_hundred_tensors_that_were_not_loaded_fit_a_screen() -> None:
    names = [f"stage_{chr(97 + i % 26)}{i // 26}/conv/kernel" for i in range(300)]
    found = [Finding("not-loaded", "the load put it into no variable", name, hint="see why") for name in names]
    found.append(Finding("load-warning", "a warning while loading: Skipping"))
    check = CheckResult("restore", Outcome.FAILED, "0 of 300 tensors restored", tuple(found))
    text = _shown(run(model("m", check)), 80)
    assert len(text.splitlines()) < 40
    assert text.count("the load put it into no variable") == text.count("see why") == 1
    assert "(300 tensors)" in text
    assert "a warning while loading: Skipping" in text


def test_no_kind_is_crowded_out_by_another() -> None:
    found = [Finding("altered", f"differs {letters(i).upper()}", letters(i)) for i in range(25)]
    found += [Finding("load-warning", f"warning {chr(97 + i)}") for i in range(12)]
    text = _shown(run(model("m", CheckResult("restore", Outcome.FAILED, "s", tuple(found)))))
    assert "- a\n" in text
    assert "- warning a" in text
    assert "27 more findings (20 altered, 7 load-warning), see the JSON report" in text


def test_advice_for_several_is_given_once_beside_them() -> None:
    found = tuple(Finding("altered", f"{i} of 9 elements", name, hint="see why") for i, name in enumerate("abc"))
    lines = _shown(run(model("m", CheckResult("restore", Outcome.FAILED, "3 differ", found)))).splitlines()
    at = lines.index("      - a")
    assert lines[at : at + 7] == [
        "      - a",
        "        0 of 9 elements",
        "      - b",
        "        1 of 9 elements",
        "      - c",
        "        2 of 9 elements",
        "      what to do: see why",
    ]


def test_one_word_for_one_reason() -> None:
    check = CheckResult("restore", Outcome.ERROR, "", (Finding("crash", "the child crashed"),))
    assert _shown(run(model("m", check))).count("the child crashed") == 1


def test_passed_checks_take_a_line_each() -> None:
    text = _shown(run(model("m", passed(), passed("finite"))))
    assert text.count("PASSED   ") == 2


@pytest.mark.parametrize("name", ["weight-gate.yml", "a b.yml", "ci/gate.yml"])
@pytest.mark.parametrize("color", ["never", "always"])
def test_a_patch_that_is_cut_from_the_console_applies(tmp_path: Path, name: str, color: Color) -> None:
    """Blank lines, spaces at the end of lines and tabs too are what they were."""
    old = "version: 1\n\nmodels:\n  # a\tb  \n  - weights: m\n\n    reference: g\n"
    new = old.replace("reference: g\n", "reference: h\n    tensors: []\n")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(old)
    offer = Suggestion("tolerance", "The smallest tolerance", ("why",), unified_diff(old, new, name), "diff")
    text = ANSI.sub("", _shown(run(replace(model("m", values()), suggestions=(offer,))), 60, color))
    before, start, rest = text.partition("\n\n--- a/")
    assert before
    assert start
    patch = start.lstrip("\n") + rest.partition("\n\n")[0] + "\n"
    for each in (patch, text):  # what stands before and after it is none of its business
        command = ["git", "apply", "--check"]
        done = subprocess.run(command, cwd=tmp_path, input=each, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    subprocess.run(["git", "apply"], cwd=tmp_path, input=patch, text=True, check=True)
    assert (tmp_path / name).read_text() == new


def _digests(*names: str) -> CheckResult:
    found = tuple(
        Finding("lock-mismatch", "another digest", name, (f"mean {number} → {number + 1}",), "approve it")
        for number, name in enumerate(names)
    )
    return CheckResult("values", Outcome.FAILED, "two of them", found)


def test_what_is_said_of_several_tensors_in_the_same_words_is_said_once() -> None:
    text = _shown(run(model("m", _digests("head", "body", "tail"))))
    assert text.count("another digest") == text.count("approve it") == 1
    lines = [line.strip() for line in text.splitlines()]
    at = lines.index("another digest")
    assert lines[at + 1 : at + 4] == [
        "- head: mean 0 → 1",
        "- body: mean 1 → 2",
        "- tail: mean 2 → 3",
    ]


def test_quiet_is_what_is_not_green_the_reports_and_the_verdict() -> None:
    stream = io.StringIO()
    write_console(mixed(), stream, width=100, color="never", reports={"junit": "r.xml"}, quiet=True)
    text = stream.getvalue()
    assert "PASSED  " not in text
    assert "WAIVED" not in text
    assert "coverage" not in text
    assert "FAILED   values" in text
    assert "what to do: retrain the frozen layers" in text
    assert "r.xml" in text
    assert text.splitlines()[-1].startswith("weight-gate 0.1.0: ERROR: ")


def test_quiet_says_next_to_nothing_where_everything_is_green() -> None:
    stream = io.StringIO()
    write_console(run(model("m", passed())), stream, width=100, color="never", quiet=True)
    assert len(stream.getvalue().splitlines()) == 1


def test_models_that_are_left_out_take_a_line_for_each_reason() -> None:
    left = tuple(LeftOut(name, f"{name}.keras", "not named by --model") for name in ("a", "b"))
    text = _shown(replace(run(model("m", passed())), left_out=left))
    assert text.count("2 models left out: not named by --model") == 1
    assert "WAIVED" not in text
    assert "a.keras" not in text


def test_what_all_models_were_loaded_with_is_said_once() -> None:
    one, two = (replace(model(name, passed()), runtime={"tensorflow": "2.21.0"}) for name in "ab")
    assert _shown(run(one, two)).count("loaded with") == 1
    other = replace(two, runtime={"tensorflow": "2.20.0"})
    assert _shown(run(one, other)).count("loaded with") == 2
