"""A manifest loads, or says everything that is wrong with it, each with file, line and column."""

import math
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gate.errors import ManifestError, UsageError
from gate.manifest import LoadedManifest, load_manifest
from gate.manifest.fields import STATISTICS
from gate.manifest.load import MAX_BYTES, parse_manifest
from gate.position import Position

FILE = "weight-gate.yml"


def load(text: str) -> LoadedManifest:
    return parse_manifest(text, FILE)


def problems(text: str) -> list[str]:
    """What is wrong with a manifest, without the file's name."""
    with pytest.raises(ManifestError) as caught:
        load(text)
    lines = [str(problem) for problem in caught.value.problems]
    assert str(caught.value) == "\n".join(lines)
    assert all(line.startswith(FILE + ":") for line in lines)
    return [line.removeprefix(FILE + ":") for line in lines]


def entry(*lines: str, reference: bool = True) -> str:
    """A manifest of one model; `lines` begin on line 4, or 5 with a reference."""
    head = ["version: 1", "models:", "  - weights: a.h5"] + ["    reference: b.h5"] * reference
    return "\n".join([*head, *(f"    {line}" for line in lines)]) + "\n"


def rule(body: str, reference: bool = True) -> str:
    """A manifest of one rule, `match: x` and `body`; the rule stands on line 6, or 5 without reference."""
    return entry("tensors:", f"  - {{match: x, {body}}}", reference=reference)


FULL = """\
version: 1
defaults:
  tolerance: {rtol: 1e-6, atol: 1e-8}
models:
  - name: classifier
    weights: models/classifier.weights.h5
    reference: models/golden.keras
    digest: sha256:9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    names: [{from: "^old_head/", to: "head/"}]
    groups: {optimizer: compare}
    tensors:
      - {match: "backbone/**", expect: identical}
      - {match: "**/moving_*", tolerance: {rtol: 1e-2, atol: 0}}
      - {match: "temperature", expect: ignored, reason: "recalibrated nightly", until: 2027-03-01}
      - {match: "mask/**", inf: allowed}
      - match: "head/bias"
        shape: [3]
        dtype: float32
        values: [0.1, -0.2, .nan]
        mean: {value: 0.0667, atol: 1e-4}
        max: 3
    statistics: {mean: 1e-5, std: {rtol: 1}}
    load: false
  - weights: models/detector.weights.h5
    reference: {git: origin/main, path: models/golden/detector.keras, missing: allowed}
    architecture: {code: "src/models.py:build"}
    load: {keras: 2}
    restore:
      waive:
        - {match: "head/**", reason: trained later, until: 2027-03-01}
      partial: ["backbone/**"]
    roundtrip: [keras, weights.h5]
    predictions:
      - inputs: tests/golden.npz
        outputs: [logits]
        expected: reference
        tolerance: {rtol: 1e-5, atol: 1e-6}
        metric: {code: "src/metrics.py:accuracy", at_least: 0.97, max_drop: 0.002}
      - {seed: 3, samples: 2, signature: serve, expected: golden.npy, agreement: {metric: topk, at_least: 1, k: 2}}
"""


def test_a_full_manifest() -> None:
    manifest = load(FULL).manifest
    assert manifest.version == 1
    assert manifest.defaults.tolerance is not None
    assert (manifest.defaults.tolerance.rtol, manifest.defaults.tolerance.atol) == (1e-6, 1e-8)
    model, _ = manifest.models
    assert model.name_of() == "classifier"
    assert model.digest == "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    assert (model.names[0].from_, model.names[0].to) == ("^old_head/", "head/")
    assert (model.groups.optimizer, model.groups.metrics, model.groups.rng) == ("compare", "list", "list")
    assert model.load is False
    identical, moving, temperature, mask, bias = model.tensors
    assert identical.expect == "identical"
    assert moving.tolerance is not None
    assert moving.tolerance.atol == 0.0
    assert (temperature.until, temperature.reason) == (date(2027, 3, 1), "recalibrated nightly")
    assert (mask.inf, mask.nan) == ("allowed", None)
    assert (bias.shape, bias.dtype) == ((3,), "float32")
    assert isinstance(bias.values, tuple)
    assert bias.values[:2] == (0.1, -0.2)
    assert math.isnan(bias.values[2])
    assert set(bias.statistics) == {"mean", "max"}
    assert bias.statistics["max"].value == 3.0
    assert model.statistics is not None
    assert {key: (said.rtol, said.atol) for key, said in model.statistics.thresholds.items()} == {
        "mean": (None, 1e-5),
        "std": (1.0, None),
    }


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("version",), 1, 1),
        (("models",), 4, 1),
        (("models", 0), 5, 5),
        (("models", 0, "weights"), 6, 5),
        (("models", 0, "tensors", 2), 14, 9),
        (("models", 0, "tensors", 2, "until"), 14, 81),
        (("models", 0, "tensors", 4, "values", 1), 19, 23),
        (("models", 0, "tensors", 4, "mean", "atol"), 20, 31),
        (("models", 0, "statistics", "std"), 22, 30),
        (("models", 1, "architecture", "code"), 26, 20),
        (("models", 1, "load", "keras"), 27, 12),
        (("models", 1, "restore", "waive", 0), 30, 11),
        (("models", 1, "restore", "waive", 0, "until"), 30, 53),
        (("models", 1, "restore", "partial", 0), 31, 17),
        (("models", 1, "roundtrip", 1), 32, 24),
        (("models", 1, "predictions", 0), 34, 9),
        (("models", 1, "predictions", 0, "metric", "max_drop"), 38, 67),
        (("models", 1, "predictions", 1, "expected"), 39, 49),
        (("models", 1, "predictions", 1, "agreement", "k"), 39, 110),
        # What is not written stands where it would be.
        (("models", 0, "tensors", 0, "tolerance", "rtol"), 12, 9),
        (("models", 0, "tensors", 99), 11, 5),
        (("models", 0, "predictions", 0, "expected"), 5, 5),
        (("models", 1, "predictions", 1, "cosine"), 39, 9),
        (("models", "x"), 4, 1),
        (("nothing",), 1, 1),
    ],
)
def test_positions(path: tuple[str | int, ...], line: int, column: int) -> None:
    assert load(FULL).position(*path) == Position(FILE, line, column)


_UNTIL = (
    "is for rules that waive something (`expect: ignored`, `expect: any`, `nan: allowed`, `inf: allowed`, `tolerance`)"
)
_EXPECT = "close, identical, changed, any, new, removed or ignored"
_STATISTIC = "a number, or a mapping of value, rtol, atol, at_least, at_most"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # The top level.
        ("version: 1\n", ["1:1: models: is missing"]),
        ("models:\n  - weights: a.h5\n", ["1:1: version: is missing"]),
        ("version: 1\nmodels: []\n", ["2:1: models: needs at least one entry"]),
        ("version: 1\nmodels:\n", ["2:1: models: has no value: give it one, or remove it"]),
        (
            "version: 1\nmodels: {weights: a.h5}\n",
            ["2:1: models: expected a list, found a mapping: each entry of a list begins with `- `"],
        ),
        ("version: 1\nmodels: [a.h5]\n", ['2:10: models[0]: expected a mapping with weights, found the text "a.h5"']),
        ("- version: 1\n", ["1:1: expected a mapping of version, defaults, policy, models, found a list"]),
        ("hello\n", ['1:1: expected a mapping of version, defaults, policy, models, found the text "hello"']),
        (
            "version: 2\nmodels: [{weights: a.h5}]\n",
            ["1:1: version: expected 1, found the number 2: this weight-gate reads version 1 of the manifest"],
        ),
        (
            "version: '1'\nmodels: [{weights: a.h5}]\n",
            ['1:1: version: expected 1, found the text "1": this weight-gate reads version 1 of the manifest'],
        ),
        (
            "version: true\nmodels: [{weights: a.h5}]\n",
            ["1:1: version: expected 1, found true: this weight-gate reads version 1 of the manifest"],
        ),
        ("version: 1\nmodel: []\nmodels: [{weights: a}]\n", ['2:1: model: unknown key, did you mean "models"?']),
        (
            "version: 1\ndefaults: {tolerance: 1e-6}\nmodels: [{weights: a}]\n",
            ["2:12: defaults.tolerance: expected {rtol: …, atol: …}, found the number 1e-06"],
        ),
        (
            "version: 1\ntolerance: {rtol: 0, atol: 0}\nmodels: [{weights: a}]\n",
            ["2:1: tolerance: unknown key here: it belongs in defaults or models[].tensors[]"],
        ),
        # Models.
        ("version: 1\nmodels: [{name: a}]\n", ["2:10: models[0].weights: is missing"]),
        (entry("wieghts: b"), ['5:5: models[0].wieghts: unknown key, did you mean "weights"?']),
        (
            entry("colour: red"),
            [
                (
                    "5:5: models[0].colour: unknown key: known here are weights, name, reference, digest, names, "
                    "groups, tensors, statistics, architecture, load, restore, roundtrip and predictions"
                )
            ],
        ),
        (entry("name: 1.10"), ['5:5: models[0].name: expected a text, found the number 1.1: put it in quotes, "1.10"']),
        (entry("name: ''"), ["5:5: models[0].name: expected a text, found an empty one"]),
        (
            entry('name: "a\\r\\x1b"'),
            [r'5:5: models[0].name: expected one line without control characters, found "a\u000d\u001b"'],
        ),
        (
            entry("digest: md5:1"),
            ['5:5: models[0].digest: expected sha256: and 64 hexadecimal digits, found "md5:1"'],
        ),
        (entry("weights: c.h5"), ["5:5: models[0].weights: duplicate key, first set on line 3: remove one of the two"]),
        (entry("reference:", reference=False), ["4:5: models[0].reference: has no value: give it one, or remove it"]),
        (
            entry("reference: ./x/../a.h5", reference=False),
            ["4:5: models[0].reference: is the weight file itself: comparing a file with itself proves nothing"],
        ),
        (
            entry("reference: 'g/{name}.h5'", reference=False),
            [
                (
                    '4:5: models[0].reference: unknown placeholder "{name}": known are {file} and {stem}; a brace '
                    "itself is written twice"
                )
            ],
        ),
        (
            entry("reference: 'g/*.h5'", reference=False),
            [
                (
                    "4:5: models[0].reference: a reference names one file, not a glob: {file} and {stem} stand for the "
                    "name of the weight file"
                )
            ],
        ),
        (
            "version: 1\nmodels:\n  - {weights: m/*.h5, name: a, digest: 'sha256:" + "0" * 64 + "'}\n",
            [
                (
                    "3:23: models[0].name: `weights` is a glob, and each file that matches is called by its own name: "
                    "remove one of the two"
                ),
                (
                    "3:32: models[0].digest: `weights` is a glob, and each file that matches has its own digest: "
                    "remove one of the two"
                ),
            ],
        ),
        (
            "version: 1\nmodels: [{weights: 'm/*.h5', reference: './m/{file}'}]\n",
            ["2:30: models[0].reference: is the weight file itself: comparing a file with itself proves nothing"],
        ),
        (
            "version: 1\nmodels: [{weights: ..}]\n",
            ['2:11: models[0].weights: no name can be taken from "..": give a `name`'],
        ),
        (
            "version: 1\nmodels:\n  - weights: a/m.h5\n  - weights: b/m.keras\n",
            ['4:5: models[1].weights: models[0] is called "m" too: give each model a `name` of its own'],
        ),
        (
            "version: 1\nmodels:\n  - weights: a/m.h5\n  - weights: b.h5\n    name: m\n",
            ['5:5: models[1].name: models[0] is called "m" too: give each model a `name` of its own'],
        ),
        (
            entry("groups: {optimiser: compare, rng: yes}"),
            [
                '5:14: models[0].groups.optimiser: unknown key, did you mean "optimizer"?',
                '5:34: models[0].groups.rng: expected compare or list, found the text "yes"',
            ],
        ),
        (
            entry("names: {from: a, to: b}"),
            ["5:5: models[0].names: expected a list, found a mapping: each entry of a list begins with `- `"],
        ),
        (entry("names: [{from: a}]"), ["5:13: models[0].names[0].to: is missing"]),
        (
            entry(r"names: [{from: '(a', to: b}]"),
            [
                (
                    '5:14: models[0].names[0].from: the regular expression "(a" makes no sense: missing ), '
                    "unterminated subpattern at position 0"
                )
            ],
        ),
        (
            entry(r"names: [{from: '(a)', to: '\2'}]"),
            [
                (
                    r'5:27: models[0].names[0].to: "\\2" does not fit the regular expression: invalid group reference '
                    "2 at position 1"
                )
            ],
        ),
        (
            entry(r"names: [{from: a, to: '\g<b>'}]"),
            [r"""5:23: models[0].names[0].to: "\\g<b>" does not fit the regular expression: unknown group name 'b'"""],
        ),
        # What needs a reference.
        (
            entry("names: [{from: a, to: b}]", "statistics: {mean: 1}", reference=False),
            [
                "4:5: models[0].names: needs a `reference`, and this model has none",
                "5:5: models[0].statistics: needs a `reference`, and this model has none",
            ],
        ),
        (
            rule("expect: changed", reference=False),
            ["5:20: models[0].tensors[0].expect: changed needs a `reference`, and this model has none"],
        ),
        (
            rule("tolerance: {rtol: 0, atol: 0}", reference=False),
            [
                (
                    "5:20: models[0].tensors[0].tolerance: compares nothing: this model has neither a `reference` nor "
                    "a rule with `values` or statistics"
                )
            ],
        ),
        # The block of statistics.
        (
            entry("statistics: {}"),
            [
                (
                    "5:5: models[0].statistics: compares nothing: give one of mean, std, min, max, norm, sparsity, "
                    "skewness or kurtosis"
                )
            ],
        ),
        (
            entry("statistics: {average: 1, mean: -1, std: {}, min: '1', max: {atol: .inf}}"),
            [
                (
                    "5:18: models[0].statistics.average: unknown key: known here are mean, std, min, max, norm, "
                    "sparsity, skewness and kurtosis"
                ),
                "5:30: models[0].statistics.mean: must be 0 or more, found the number -1",
                "5:40: models[0].statistics.std: expects nothing: give atol, rtol or both",
                (
                    "5:49: models[0].statistics.min: expected a number, or a mapping of rtol, atol, found the text "
                    '"1": a number in quotes is a text: remove the quotes'
                ),
                "5:65: models[0].statistics.max.atol: expected a finite number, found the number .inf",
            ],
        ),
        # Rules.
        (rule("expct: new"), ['6:20: models[0].tensors[0].expct: unknown key, did you mean "expect"?']),
        (
            rule("reason: why"),
            [
                (
                    "6:9: models[0].tensors[0]: says nothing of the tensors it matches: give one of expect, tolerance, "
                    "nan, inf, shape, dtype, values, mean, std, min, max, norm, sparsity, skewness or kurtosis"
                )
            ],
        ),
        (entry("tensors: [{expect: new}]"), ["5:15: models[0].tensors[0].match: is missing"]),
        (
            entry("tensors: [{match: '[z-a]', expect: new}]"),
            ['5:16: models[0].tensors[0].match: the glob "[z-a]" makes no sense: bad character range z-a'],
        ),
        (
            entry("tensors: [{match: '', expect: new}]"),
            ["5:16: models[0].tensors[0].match: expected a glob, found an empty text"],
        ),
        (
            rule("expect: same"),
            [f'6:20: models[0].tensors[0].expect: expected {_EXPECT}, found the text "same"'],
        ),
        (
            rule("expect: identcal"),
            [
                (
                    f'6:20: models[0].tensors[0].expect: expected {_EXPECT}, found the text "identcal", did you mean '
                    '"identical"?'
                )
            ],
        ),
        (
            rule("nan: true"),
            ["6:20: models[0].tensors[0].nan: expected allowed or forbidden, found true: write allowed"],
        ),
        (rule("inf: no"), ['6:20: models[0].tensors[0].inf: expected allowed or forbidden, found the text "no"']),
        (
            rule("tolerance: {rtol: 1e-3}"),
            ["6:20: models[0].tensors[0].tolerance.atol: is missing: a tolerance has both, rtol and atol"],
        ),
        (
            rule("tolerance: {rtol:1e-3, atol: 1_0}"),
            [
                "6:20: models[0].tensors[0].tolerance.rtol: is missing: a tolerance has both, rtol and atol",
                '6:32: models[0].tensors[0].tolerance["rtol:1e-3"]: unknown key, did you mean "rtol"?',
                (
                    '6:43: models[0].tensors[0].tolerance.atol: expected a number, found the text "1_0": YAML 1.2 '
                    "numbers have no underscores: write 10"
                ),
            ],
        ),
        (
            rule("tolerance: {rtol: no, atol: .nan}"),
            [
                '6:32: models[0].tensors[0].tolerance.rtol: expected a number, found the text "no"',
                "6:42: models[0].tensors[0].tolerance.atol: expected a finite number, found the number .nan",
            ],
        ),
        (
            rule("tolerance: {rtol: -1, atol: 1e999}"),
            [
                "6:32: models[0].tensors[0].tolerance.rtol: must be 0 or more, found the number -1",
                (
                    '6:48: models[0].tensors[0].tolerance.atol: "1e999": a number beyond float64\'s range: infinity is '
                    "written .inf"
                ),
            ],
        ),
        (
            rule("expect: identical, tolerance: {rtol: 0, atol: 0}"),
            [
                (
                    "6:39: models[0].tensors[0].tolerance: identical is bit for bit and has no tolerance: "
                    "remove one of the two"
                )
            ],
        ),
        (
            rule("expect: ignored"),
            ["6:20: models[0].tensors[0].expect: ignored needs a reason: say why the tensor is not checked"],
        ),
        (
            rule("expect: removed, shape: [1], mean: 1"),
            [
                (
                    "6:37: models[0].tensors[0].shape: shape has no meaning with `expect: removed`: "
                    "such a tensor is not in the file"
                ),
                (
                    "6:49: models[0].tensors[0].mean: mean has no meaning with `expect: removed`: "
                    "such a tensor is not in the file"
                ),
            ],
        ),
        (
            rule("expect: ignored, reason: r, nan: allowed"),
            [
                (
                    "6:48: models[0].tensors[0].nan: nan has no meaning with `expect: ignored`: "
                    "such a tensor is not looked at"
                )
            ],
        ),
        (
            rule("expect: identical, until: 2027-03-01, reason: r"),
            [f"6:39: models[0].tensors[0].until: {_UNTIL}: expect would no longer be asked for after that day"],
        ),
        (
            rule("expect: removed, until: 2027-03-01, reason: r"),
            [f"6:37: models[0].tensors[0].until: {_UNTIL}: expect would no longer be asked for after that day"],
        ),
        (
            rule("nan: allowed, until: 2027-03-01"),
            ["6:34: models[0].tensors[0].until: a waiver needs a reason: say why it is there"],
        ),
        (
            rule("nan: allowed, reason: r, until: 2027-3-1"),
            ['6:45: models[0].tensors[0].until: expected a day like 2027-03-01, found the text "2027-3-1"'],
        ),
        (
            rule("nan: allowed, reason: r, until: 2027-02-30"),
            ['6:45: models[0].tensors[0].until: there is no such day as "2027-02-30"'],
        ),
        (rule("shape: 3"), ["6:20: models[0].tensors[0].shape: expected a list, found the number 3: write [3]"]),
        (
            rule("shape: [1.0, -1, '3', true, ~]"),
            [
                "6:28: models[0].tensors[0].shape[0]: expected a whole number, found the number 1.0",
                "6:33: models[0].tensors[0].shape[1]: must be 0 or more, found the number -1",
                (
                    '6:37: models[0].tensors[0].shape[2]: expected a whole number, found the text "3": a number in '
                    "quotes is a text: remove the quotes"
                ),
                "6:42: models[0].tensors[0].shape[3]: expected a whole number, found true",
                "6:48: models[0].tensors[0].shape[4]: has no value: give it one, or remove it",
            ],
        ),
        (rule("dtype: float"), ['6:20: models[0].tensors[0].dtype: no dtype of that name, did you mean "float32"?']),
        (
            rule("dtype: flot32"),
            ['6:20: models[0].tensors[0].dtype: no dtype of that name: the text "flot32", did you mean "float32"?'],
        ),
        (
            rule("shape: [2], values: [1, 2, 3]"),
            ["6:32: models[0].tensors[0].values: the values have the shape [3], but `shape` says something else"],
        ),
        (
            rule("values: [[1, 2], [3]]"),
            [
                (
                    "6:20: models[0].tensors[0].values: lists of equal lengths make a tensor, but values[1] has the "
                    "shape [1] and values[0] has [2]"
                )
            ],
        ),
        (
            rule("values: [1, yes]"),
            ["6:20: models[0].tensors[0].values: values of one kind only, not numbers and texts together"],
        ),
        (
            rule("dtype: uint8, values: [256]"),
            ["6:34: models[0].tensors[0].values: uint8 holds 0 to 255, not 256"],
        ),
        (
            rule("values: [1, ~]"),
            ["6:32: models[0].tensors[0].values[1]: has no value: give it one, or remove it"],
        ),
        (rule("mean: 1e"), [f'6:20: models[0].tensors[0].mean: expected {_STATISTIC}, found the text "1e"']),
        (rule("mean: .nan"), ["6:20: models[0].tensors[0].mean: expected a finite number, found the number .nan"]),
        (
            rule("mean: {}, max: {atol: 1, at_least: 0}, min: {at_least: 2, at_most: 1}"),
            [
                "6:20: models[0].tensors[0].mean: expects nothing: give value, at_least or at_most",
                "6:36: models[0].tensors[0].max.atol: atol belongs to a value: at_least and at_most are exact",
                "6:78: models[0].tensors[0].min.at_most: no number holds: at_most is less than at_least",
            ],
        ),
        (
            rule("std: -1, sparsity: {at_most: 90}, norm: {value: 5, at_most: 1}"),
            [
                "6:20: models[0].tensors[0].std: std is never negative",
                "6:40: models[0].tensors[0].sparsity.at_most: sparsity is a share from 0 to 1, not a percentage",
                "6:61: models[0].tensors[0].norm.value: no number holds: value is not within at_least and at_most",
            ],
        ),
        (
            rule("dtype: string, mean: 1"),
            ["6:35: models[0].tensors[0].mean: statistics need real numbers, not string"],
        ),
        # YAML.
        (
            "",
            [
                (
                    "1:1: the manifest is empty: the smallest one is `version: 1` and `models:` with one entry "
                    "`- weights: PATH`"
                )
            ],
        ),
        ("# soon\n---\n", ["1:1: the manifest is empty"]),
        ("version: 1\x00\n", [r'1:11: a control character, "\u0000": in double quotes it is written as an escape']),
        ("version: 1 # x\u2028models: []\n", [r'1:15: a control character, "\u2028"']),
        ("version: 1\r\nmodels:\r\n\t- a\r\n", ["3:1: a tab: YAML indents with spaces"]),
    ],
)
def test_mistakes(text: str, said: list[str]) -> None:
    got = problems(text)
    if len(said) == 1 and len(got) == 1:
        assert got[0].startswith(said[0])
    else:
        assert got == said


SHA = "a" * 64
_SHAPES = "expected a file, {lock: …}, {git: …}, or {url: …, sha256: …}"
_NO_COMMIT = "give a branch, a tag or a commit, like origin/main, v1.2 or HEAD~1"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        # Shapes.
        ("5", f"4:5: models[0].reference: {_SHAPES}, found the number 5"),
        ("[b.h5]", f"4:5: models[0].reference: {_SHAPES}, found a list"),
        ("{}", "4:5: models[0].reference: names no source: give file, lock, git or url"),
        ("{path: b.h5}", "4:5: models[0].reference: names no source: give file, lock, git or url"),
        ("{git: a, url: 'https://a/b'}", "4:5: models[0].reference: has several sources: leave one of git and url"),
        ("{file: ./a.h5}", "4:5: models[0].reference: is the weight file itself: comparing a file with itself"),
        # Keys.
        ("{gti: main}", '4:17: models[0].reference.gti: unknown key, did you mean "git"?'),
        ("{git: main, pth: x}", '4:28: models[0].reference.pth: unknown key, did you mean "path"?'),
        (
            "{pin: a.yml}",
            "4:17: models[0].reference.pin: unknown key: known here are file, lock, git, path, missing, removed, ",
        ),
        ("{lock: a.yml, git: main}", "4:5: models[0].reference: has several sources: leave one of lock and git"),
        ("{lock: a.yml, path: b}", "4:30: models[0].reference.path: path belongs to a reference from git"),
        (
            "{file: b.h5, missing: allowed}",
            "4:29: models[0].reference.missing: missing belongs to a reference from git",
        ),
        (f"{{git: main, sha256: {SHA}}}", "4:28: models[0].reference.sha256: sha256 belongs to a reference from url"),
        ("{git: }", "4:17: models[0].reference.git: has no value"),
        # Words.
        (
            "{git: main, missing: true}",
            "4:28: models[0].reference.missing: expected allowed or forbidden, found true: write allowed",
        ),
        (
            "{git: main, missing: alowed}",
            '4:28: models[0].reference.missing: expected allowed or forbidden, found the text "alowed", did you mean',
        ),
        # Commits.
        ("{git: 1.2}", '4:17: models[0].reference.git: expected a text, found the number 1.2: put it in quotes, "1.2"'),
        ("{git: ''}", "4:17: models[0].reference.git: expected a text, found an empty one"),
        ("{git: 'a b'}", f'4:17: models[0].reference.git: "a b" names no commit: {_NO_COMMIT}'),
        ("{git: --upload-pack=x}", f'4:17: models[0].reference.git: "--upload-pack=x" names no commit: {_NO_COMMIT}'),
        ("{git: ':/fix'}", f'4:17: models[0].reference.git: ":/fix" names no commit: {_NO_COMMIT}'),
        ("{git: 'a^{/fix}'}", f'4:17: models[0].reference.git: "a^{{/fix}}" names no commit: {_NO_COMMIT}'),
        ("{git: 'v1^{tree}'}", f'4:17: models[0].reference.git: "v1^{{tree}}" names no commit: {_NO_COMMIT}'),
        ("{git: 'heads/*'}", f'4:17: models[0].reference.git: "heads/*" names no commit: {_NO_COMMIT}'),
        ("{git: ^main}", f'4:17: models[0].reference.git: "^main" names no commit: {_NO_COMMIT}'),
        ('{git: "a\\nb"}', r'4:17: models[0].reference.git: expected one line without control characters, found "a\u0'),
        (
            "{git: 'HEAD:a.h5'}",
            '4:17: models[0].reference.git: "HEAD:a.h5" names no commit: the commit alone, and the file under `path`',
        ),
        ("{git: a..b}", '4:17: models[0].reference.git: "a..b" names no commit: one commit, not a range'),
        (
            "{git: '@{u}'}",
            '4:17: models[0].reference.git: "@{u}" names no commit: what a log of this machine alone knows',
        ),
        (
            "{git: main, removed: [a.h5]}",
            "4:28: models[0].reference.removed: `weights` is no glob: nothing of it can be",
        ),
        ("{git: main, removed: []}", "4:28: models[0].reference.removed: "),
        ("{file: g.h5, removed: [a.h5]}", "4:29: models[0].reference.removed: removed belongs to a reference from git"),
        # Files.
        ("origin/main", '4:5: models[0].reference: "origin/main" is no file: write {git: …}, like {git: origin/main}'),
        (
            "origin/main:a.h5",
            '4:5: models[0].reference: "origin/main:a.h5" is no file: write {git: …}, like {git: origin',
        ),
        ("https://a/b", '4:5: models[0].reference: "https://a/b" is no file: write {url: …, sha256: …}'),
        ("{file: 'g/*.h5'}", "4:17: models[0].reference.file: a reference names one file, not a glob"),
        (
            "{git: main, path: '{name}'}",
            '4:28: models[0].reference.path: unknown placeholder "{name}": known are {file}',
        ),
        # Addresses.
        ("{url: https://a/b}", "4:5: models[0].reference: needs `sha256`: what lies at an address can change"),
        (
            "{url: https://a/b, sha256: b}",
            '4:35: models[0].reference.sha256: expected the 64 hexadecimal digits of the file\'s SHA-256, found "b"',
        ),
        (f"{{url: a/b, sha256: {SHA}}}", "4:17: models[0].reference.url: expected an address like https://host/golden"),
        (f"{{url: http://a/b, sha256: {SHA}}}", "4:17: models[0].reference.url: http is not encrypted: give an https"),
        (
            f"{{url: https://me:pw@a/b, sha256: {SHA}}}",
            "4:17: models[0].reference.url: an address with a user's name or password would be shown in reports",
        ),
    ],
)
def test_references(reference: str, said: str) -> None:
    (problem,) = problems(entry(f"reference: {reference}", reference=False))
    assert problem.startswith(said)


def test_a_glob_has_no_one_digest() -> None:
    text = f"version: 1\nmodels:\n  - weights: '*.h5'\n    reference: {{url: https://a/b, sha256: {SHA}}}\n"
    assert problems(text) == [
        "4:5: models[0].reference: `weights` is a glob, and the digest of one file cannot be that of each: remove one"
    ]


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("b.h5", ("b.h5", None, None, None, None, None)),
        ("./origin/b.h5", ("./origin/b.h5", None, None, None, None, None)),
        ("{file: b.h5}", ("b.h5", None, None, None, None, None)),
        ("{git: origin/main}", (None, "origin/main", None, None, None, None)),
        ("{git: HEAD~1^2, missing: allowed}", (None, "HEAD~1^2", None, "allowed", None, None)),
        ("{git: 'v1^{}', path: 'gold/{file}'}", (None, "v1^{}", "gold/a.h5", None, None, None)),
        ("{git: '@'}", (None, "@", None, None, None, None)),
        ("{git: refs/pull/7/head}", (None, "refs/pull/7/head", None, None, None, None)),
        (f"{{url: s3://b/k, sha256: {SHA.upper()}}}", (None, None, None, None, "s3://b/k", SHA)),
    ],
)
def test_sources(written: str, source: tuple[str | None, ...]) -> None:
    model = load(entry(f"reference: {written}", reference=False)).manifest.models[0]
    said = model.reference_for()
    assert said is not None
    assert (said.file, said.git, said.path, said.missing, said.url, said.sha256) == source


def test_everything_at_once() -> None:
    """Problems of YAML, of keys, of values and of what they mean together, in the order of lines."""
    got = problems(
        "version: 1\n"
        "models:\n"
        "  - weights: a.h5\n"
        "    weights: b.h5\n"
        "    digest: !foo x\n"
        "    tensors:\n"
        "      - {match: 'a', expct: new, mean: yes}\n"
        "      - {match: 'b', expect: changed}\n"
        "      - {match: 'c', expect: ignored}\n"
    )
    assert [problem.split(":")[0] for problem in got] == ["4", "5", "7", "7", "8", "9"]


def test_many_problems_end_in_a_count() -> None:
    got = problems("version: 1\nmodels: [{weights: a}]\n" + "".join(f"k{i}: 1\n" for i in range(300)))
    assert len(got) == 101
    assert got[-1].endswith("and 200 more problems")


@pytest.mark.parametrize(
    "text",
    [
        entry("tensors: [{match: x, expect: ignored, reason: r}, {match: y, nan: allowed}]", reference=False),
        entry("tensors: [{match: x, tolerance: {rtol: 0, atol: 0}}, {match: '*', values: 1}]", reference=False),
        entry("groups: {optimizer: compare}", "load: false", reference=False),
        entry("tensors: []", "names: []"),
        rule("inf: allowed, reason: r, until: 2027-03-01"),
        rule("tolerance: {rtol: 0, atol: 1}, reason: r, until: 2027-03-01"),
        rule("expect: any, mean: 0, reason: r"),
        rule("expect: any, reason: r, until: 2027-03-01"),
        rule("tolerance: {rtol: 0, atol: 1}, mean: 0", reference=False),
        rule("expect: new, shape: [2], values: [1, 2]"),
        rule("shape: [], values: 5"),
        "version: 1\nmodels:\n  - {weights: 'a/*.h5', reference: 'b/{stem}.keras'}\n  - {weights: 'c/*.h5'}\n",
        "version: 1\nmodels:\n  - {weights: a, tensors: &t [{match: x, shape: []}]}\n  - {weights: b, tensors: *t}\n",
        '{"version": 1, "models": [{"weights": "a.h5"}]}',
    ],
)
def test_manifests_that_hold(text: str) -> None:
    assert load(text).manifest.version == 1


@pytest.mark.parametrize("key", STATISTICS)
def test_every_statistic(key: str) -> None:
    loaded = load(
        entry("tensors:", f"  - {{match: x, {key}: {{at_least: 0, at_most: 1}}}}", f"statistics: {{{key}: 1e-3}}")
    )
    model = loaded.manifest.models[0]
    assert list(model.tensors[0].statistics) == [key]
    assert model.statistics is not None
    assert model.statistics.thresholds[key].atol == 1e-3


# The file itself.


def refusal(path: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load_manifest(path, "shown.yml")
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("shown.yml:")
    return caught.value


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"\xef\xbb\xbf" + FULL.encode())  # editors on Windows write the mark
    loaded = load_manifest(path)
    assert loaded.file == str(path)
    assert loaded.position("version") == Position(str(path), 1, 1)
    assert load_manifest(path, FILE).position("models").file == FILE


def test_a_missing_file(tmp_path: Path) -> None:
    assert "`weight-gate init` writes one" in refusal(tmp_path / FILE).hint
    (tmp_path / "weight-gate.yaml").write_text("version: 1\n")
    assert '"weight-gate.yaml" is there' in refusal(tmp_path / FILE).hint


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path).reason
    assert (
        "no such manifest" in refusal(tmp_path / "a\x00b").reason
        or "cannot be read" in refusal(tmp_path / "a\x00b").reason
    )
    assert refusal(tmp_path / ("x" * 5000)).hint
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in refusal(tmp_path / "fifo").reason
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert refusal(tmp_path / "loop").hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text(FULL)
    path.chmod(0)
    assert "Permission denied" in refusal(path).reason


def test_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text("#" * (MAX_BYTES + 1))
    assert "larger than 1,048,576 bytes" in refusal(path).reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (FULL.encode("utf-16"), "1:1: the manifest is UTF-16: save it as UTF-8"),
        (FULL.encode("utf-32"), "1:1: the manifest is UTF-32: save it as UTF-8"),
        (FULL.encode("utf-16-le"), "1:2: a NUL character: this is UTF-16 or no text: save it as UTF-8"),
        (b"version: 1\nname: \xe9\n", "2:7: the byte 0xe9 is not UTF-8: save it as UTF-8"),
        (b"", "1:1: the manifest is empty"),
        (b"\xef\xbb\xbf", "1:1: the manifest is empty"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    assert str(refusal(path)).removeprefix("shown.yml:").startswith(said)


# Nothing breaks it.


def survives(text: str) -> None:
    try:
        loaded = load(text)
    except ManifestError as error:
        found = error.problems
    else:
        assert loaded.manifest.models
        return
    assert found
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in found:
        shown = str(problem)
        assert shown.isprintable()
        assert "pydantic" not in shown
        assert problem.position is not None
        assert 1 <= problem.position.line <= len(lines)


_WORDS = """
version defaults tolerance models weights name reference digest names from to groups optimizer tensors match expect
nan inf shape dtype values mean std sparsity value rtol atol at_least at_most reason until statistics load roundtrip
device rng code << x architecture keras json restore waive partial predictions inputs seed samples outputs expected
agreement metric k threshold cosine difference quantile q max_drop
"""
_KEYS = st.sampled_from(_WORDS.split())
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=6),
    st.sampled_from(
        [
            "a.h5",
            "m/*.h5",
            "m.py:f",
            "a.npz",
            "reference",
            "keras",
            "argmax",
            "**",
            "identical",
            "ignored",
            "allowed",
            "compare",
            "2027-03-01",
            "(",
            "[z-a]",
            "{x}",
        ]
    ),
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | _SCALARS, inner, max_size=5),
    max_leaves=25,
)


def dumped(data: Any) -> str:
    text: str = yaml.safe_dump(data, allow_unicode=True)
    return text


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_ANYTHING)
def test_no_structure_breaks_it(data: Any) -> None:
    survives(dumped(data))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(_KEYS, _ANYTHING, max_size=6), st.dictionaries(_KEYS, _ANYTHING, max_size=6))
def test_no_model_and_no_rule_breaks_it(model: dict[str, Any], rule: dict[str, Any]) -> None:
    tensors = [{"match": "a", **rule}]
    survives(dumped({"version": 1, "models": [{"weights": "a.h5", "tensors": tensors, **model}]}))


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(exclude_categories=()))
    | st.text(st.sampled_from(list("version: 1\nmdl-[]{}&*!\"'#|>%\t\r,?~<")))
)
@example("\ud800")
def test_no_text_breaks_it(text: str) -> None:
    survives(text)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60))
def test_no_bytes_break_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    with pytest.raises(UsageError):
        load_manifest(path)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_damage_breaks_it(data: st.DataObject) -> None:
    """A real manifest with a part cut out and something put in its place."""
    start = data.draw(st.integers(0, len(FULL)))
    stop = data.draw(st.integers(start, min(len(FULL), start + 30)))
    survives(
        FULL[:start]
        + data.draw(st.text(max_size=4) | st.sampled_from(["~", "*a", "&a ", "- ", ": ", "[", "}"]))
        + FULL[stop:]
    )
