"""What a manifest says of loading: it is read, or refused with what is wrong and what to do."""

from datetime import date
from typing import Any

import pytest

from gate.errors import ManifestError
from gate.manifest.fields import split_code
from gate.manifest.load import parse_manifest
from gate.manifest.loading import PredictionEntry
from gate.manifest.model import ModelEntry
from gate.manifest.text import Path


def model(*lines: str, weights: str = "a.h5", reference: bool = True) -> ModelEntry:
    """The model of a manifest; `lines` begin on line 4, or 5 with a reference."""
    head = ["version: 1", "models:", f"  - weights: '{weights}'"] + ["    reference: b.h5"] * reference
    text = "\n".join([*head, *(f"    {line}" for line in lines)]) + "\n"
    return parse_manifest(text, "m").manifest.models[0]


def problems(*lines: str, reference: bool = True) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        model(*lines, reference=reference)
    return [str(problem).removeprefix("m:") for problem in caught.value.problems]


def prediction(body: str, reference: bool = True) -> PredictionEntry:
    return model(f"predictions: [{{{body}}}]", reference=reference).predictions[0]


def test_what_holds_where_nothing_is_said() -> None:
    said = model()
    assert (said.architecture, said.load, said.restore, said.roundtrip, said.predictions) == (
        None,
        None,
        None,
        None,
        (),
    )
    loaded = parse_manifest("version: 1\nmodels: [{weights: a}]\n", "m")
    assert loaded.manifest.defaults.device == "auto"


def test_the_device() -> None:
    for device in ("auto", "cpu", "gpu"):
        text = f"version: 1\ndefaults: {{device: {device}}}\nmodels: [{{weights: a}}]\n"
        assert parse_manifest(text, "m").manifest.defaults.device == device
    with pytest.raises(ManifestError) as caught:
        parse_manifest("version: 1\ndefaults: {device: cuda}\nmodels: [{weights: a}]\n", "m")
    assert str(caught.value) == 'm:2:12: defaults.device: expected auto, cpu or gpu, found the text "cuda"'


def test_architecture_and_load() -> None:
    built = model("architecture: {json: a.json}", "load: {keras: 2}")
    assert built.architecture is not None
    assert (built.architecture.code, built.architecture.keras, built.architecture.json_) == (None, None, "a.json")
    assert built.load
    assert (built.load.code, built.load.keras) == (None, 2)
    assert model("load: false", "roundtrip: false").load is False
    assert model("architecture: {keras: a.keras}", weights="m/*.h5").architecture is not None


def test_restore_and_roundtrip() -> None:
    said = model(
        "architecture: {code: 'a.py:f'}",
        "restore: {waive: [{match: 'a/**', reason: r, until: 2027-03-01}, {match: b, reason: s}], partial: ['c/*', d]}",
        "roundtrip: [saved_model, weights.h5]",
    )
    assert said.restore is not None
    assert [(one.match, one.reason, one.until) for one in said.restore.waive] == [
        ("a/**", "r", date(2027, 3, 1)),
        ("b", "s", None),
    ]
    assert said.restore.partial == ("c/*", "d")
    assert said.roundtrip == ("saved_model", "weights.h5")
    assert model("roundtrip: false").roundtrip is False


def test_predictions() -> None:
    plain = prediction("expected: reference")
    assert (plain.inputs, plain.seed, plain.samples, plain.signature, plain.outputs) == (None, 0, 8, None, ())
    agreeing = prediction("expected: a.npy, agreement: {metric: topk, at_least: 0.5}").agreement
    assert agreeing is not None
    assert (agreeing.metric, agreeing.at_least, agreeing.k, agreeing.threshold) == ("topk", 0.5, 5, 0.5)
    different = prediction("expected: a.npy, difference: {mean: 1, quantile: {q: 0.9, at_most: 0.1}}").difference
    assert different is not None
    assert different.quantile is not None
    assert (different.max, different.mean, different.quantile.q, different.quantile.at_most) == (None, 1.0, 0.9, 0.1)
    measured = prediction("inputs: a.npz, metric: {code: 'm.py:f', max_drop: 0.1}").metric
    assert measured is not None
    assert (measured.code, measured.at_least, measured.at_most, measured.max_drop) == ("m.py:f", None, None, 0.1)


@pytest.mark.parametrize(
    ("body", "elementwise", "from_reference"),
    [
        ("expected: reference", True, True),
        ("expected: ./reference.npy", True, False),
        ("expected: a.npy, cosine: {at_least: 1}", False, False),
        ("expected: a.npy, difference: {max: 0}", False, False),
        ("expected: a.npy, agreement: {metric: sign, at_least: 1}", False, False),
        ("expected: a.npy, cosine: {at_least: 1}, tolerance: {rtol: 0, atol: 0}", True, False),
        ("inputs: a.npz, expected: a.npy, metric: {code: 'm.py:f', at_least: 1}", True, False),
        ("inputs: a.npz, metric: {code: 'm.py:f', at_least: 1}", False, False),
    ],
)
def test_how_outputs_are_compared(body: str, elementwise: bool, from_reference: bool) -> None:
    said = prediction(body)
    assert (said.is_elementwise, said.from_reference) == (elementwise, from_reference)


def paths(line: str) -> list[tuple[Path, str]]:
    return list(model(line, reference=False).paths())


def test_the_paths_and_the_code_of_a_model() -> None:
    said = model(
        "architecture: {code: 'src/m.py:C.build'}",
        "predictions:",
        "  - {inputs: i.npz, expected: reference, metric: {code: 'n.py:f', at_most: 1}}",
        "  - {expected: e.json}",
    )
    assert sorted(said.paths(), key=str) == [
        (("architecture", "code"), "src/m.py"),
        (("predictions", 0, "inputs"), "i.npz"),
        (("predictions", 0, "metric", "code"), "n.py"),
        (("predictions", 1, "expected"), "e.json"),
        (("reference",), "b.h5"),
    ]
    assert list(said.hooks()) == [
        (("architecture", "code"), "src/m.py:C.build"),
        (("predictions", 0, "metric", "code"), "n.py:f"),
    ]
    assert paths("architecture: {keras: a/b.keras}") == [(("architecture", "keras"), "a/b.keras")]
    assert paths("architecture: {json: c.json}") == [(("architecture", "json"), "c.json")]
    assert paths("load: {code: 's.py:f'}") == [(("load", "code"), "s.py")]
    assert paths("load: false") == []
    assert paths("reference: {file: 'g/{stem}.h5'}") == [(("reference",), "g/a.h5")]
    assert paths("reference: {git: main}") == []
    assert paths("reference: {git: main, path: 'g/{file}'}") == [(("reference", "path"), "g/a.h5")]
    assert paths(f"reference: {{url: 'https://a/b', sha256: {'a' * 64}}}") == []
    assert list(model("load: false").hooks()) == []


@pytest.mark.parametrize(
    ("written", "file", "function"),
    [
        ("src/models.py:build", "src/models.py", "build"),
        ("../a b.py:Model.from_file", "../a b.py", "Model.from_file"),
        ("m.py.py:_f1", "m.py.py", "_f1"),
        ("m.py:größe", "m.py", "größe"),
    ],
)
def test_code(written: str, file: str, function: str) -> None:
    said = model(f"architecture: {{code: '{written}'}}")
    assert said.architecture is not None
    assert said.architecture.code == written
    assert split_code(written) == (file, function)


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("src/m.py", ": say which function of the file"),
        ("src/m.py::build", ": one colon, not two"),
        ("src/m.py:build()", ": the function's name alone, without brackets"),
        ("src.m:build", ": the file itself, src/m.py, not a module's name"),
        ("src/m.py:", ""),
        (":build", ""),
        (".:build", ""),
        ("src/m:build", ""),
        ("src/m.py:1f", ""),
        ("src/m.py:class", ""),
        ("src/m.py:a..b", ""),
        ("src/m.py: f", ""),
        ("src/m.py:f; import os", ""),
        ("c:m.py:f", ""),
    ],
)
def test_what_is_no_code(written: str, advice: str) -> None:
    (said,) = problems(f"architecture: {{code: '{written}'}}")
    example = "PATH.py:FUNCTION, like src/models.py:build"
    if written == ".:build":
        assert said.startswith(f'5:20: models[0].architecture.code: expected {example}, found ".:build"')
    else:
        assert said == f'5:20: models[0].architecture.code: expected {example}, found "{written}"{advice}'


_LOAD = "expected false, {code: …} or {keras: 2}, found"
_ROUNDTRIP = "expected false or a list of formats, like [keras], found"
_FORMATS = "expected keras, weights.h5, h5, checkpoint or saved_model, found"
_NOT_LOADED = "needs loading, and `load: false` says that the file is not loaded: remove one of the two"
_ITSELF = "`load: {code: …}` builds the model itself: remove one of the two"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        # architecture
        ("architecture: {}", ["5:5: {m}.architecture: builds nothing: give code, keras or json"]),
        (
            "architecture: m.py:f",
            ['5:5: {m}.architecture: expected {code: …}, {keras: …} or {json: …}, found the text "m.py:f"'],
        ),
        (
            "architecture: {json: x, code: 'm.py:f', keras: y}",
            [
                "5:20: {m}.architecture.json: code is given too: remove one of the two",
                "5:45: {m}.architecture.keras: code is given too: remove one of the two",
            ],
        ),
        ("architecture: {jsn: x}", ['5:20: {m}.architecture.jsn: unknown key, did you mean "json"?']),
        (
            "architecture: {keras: 'a/*.keras'}",
            ['5:20: {m}.architecture.keras: expected the path of one file, found the glob "a/*.keras"'],
        ),
        (
            "architecture: {json: 'a/{stem}.json'}",
            ['5:20: {m}.architecture.json: "a/{stem}.json" has a placeholder: only a `reference` has those'],
        ),
        (
            "architecture: {json: 'https://a/b.json'}",
            [
                (
                    '5:20: {m}.architecture.json: "https://a/b.json" is no file: fetch it before the gate runs, '
                    "and give its path"
                )
            ],
        ),
        # load
        ("load: true", ["5:5: {m}.load: loading is the default: remove it"]),
        ("load: yes", ["5:5: {m}.load: loading is the default: remove it"]),
        ("load: no", [f'5:5: {{m}}.load: {_LOAD} the text "no": `no` is a text in YAML 1.2: write false']),
        (
            "load: 'false'",
            [f'5:5: {{m}}.load: {_LOAD} the text "false": in quotes it is a text: remove the quotes'],
        ),
        ("load: 0", [f"5:5: {{m}}.load: {_LOAD} the number 0"]),
        ("load: []", [f"5:5: {{m}}.load: {_LOAD} a list"]),
        ("load:", ["5:5: {m}.load: has no value: give it one, or remove it"]),
        ("load: {}", ["5:5: {m}.load: loads nothing: give code or keras"]),
        (
            "load: {keras: 3}",
            [
                (
                    "5:12: {m}.load.keras: expected 2, found the number 3: Keras 2 is what tf-keras loads, and 3 is "
                    "the default"
                )
            ],
        ),
        ("load: {code: 'a.py:f', keras: 2}", ["5:28: {m}.load.keras: code is given too: remove one of the two"]),
        ("load: {code: }", ["5:12: {m}.load.code: has no value: give it one, or remove it"]),
        # restore
        ("restore: {}", ["5:5: {m}.restore: says nothing: give waive, partial or both"]),
        ("restore: false", ["5:5: {m}.restore: expected a mapping of waive, partial, found false"]),
        ("restore: {waive: []}", ["5:15: {m}.restore.waive: needs at least one entry"]),
        (
            "restore: {waive: [{match: a}, {reason: b}, c]}",
            [
                "5:23: {m}.restore.waive[0].reason: is missing: say why this need not hold",
                "5:35: {m}.restore.waive[1].match: is missing",
                '5:48: {m}.restore.waive[2]: expected {match: …, reason: …}, found the text "c"',
            ],
        ),
        (
            "restore: {waive: [{match: '[z-a]', reason: b, until: soon}]}",
            [
                '5:24: {m}.restore.waive[0].match: the glob "[z-a]" makes no sense: bad character range z-a',
                '5:51: {m}.restore.waive[0].until: expected a day like 2027-03-01, found the text "soon"',
            ],
        ),
        (
            "restore: {partial: ['b/**']}",
            ["5:15: {m}.restore.partial: needs an `architecture`, which builds what does not come from the file"],
        ),
        # roundtrip
        ("roundtrip: true", ["5:5: {m}.roundtrip: a round-trip in the file's own format is the default: remove it"]),
        (
            "roundtrip: no",
            [f'5:5: {{m}}.roundtrip: {_ROUNDTRIP} the text "no": `no` is a text in YAML 1.2: write false'],
        ),
        ("roundtrip: keras", [f'5:5: {{m}}.roundtrip: {_ROUNDTRIP} the text "keras"']),
        ("roundtrip: {keras: 1}", [f"5:5: {{m}}.roundtrip: {_ROUNDTRIP} a mapping"]),
        ("roundtrip: []", ["5:5: {m}.roundtrip: needs at least one entry"]),
        ("roundtrip: [h5, h5]", ['5:21: {m}.roundtrip[1]: the text "h5" is given twice: remove one of the two']),
        (
            "roundtrip: [weights.h4, 5]",
            [
                f'5:17: {{m}}.roundtrip[0]: {_FORMATS} the text "weights.h4", did you mean "weights.h5"?',
                f'5:29: {{m}}.roundtrip[1]: {_FORMATS} the number 5: put it in quotes, "5"',
            ],
        ),
        # predictions
        ("predictions:", ["5:5: {m}.predictions: has no value: give it one, or remove it"]),
        ("predictions: []", ["5:5: {m}.predictions: needs at least one entry"]),
        (
            "predictions: {inputs: a.npz}",
            ["5:5: {m}.predictions: expected a list, found a mapping: each entry of a list begins with `- `"],
        ),
        (
            "predictions: [a.npz]",
            ['5:19: {m}.predictions[0]: expected a mapping with expected or metric, found the text "a.npz"'],
        ),
        # at the wrong place
        ("code: x", ["5:5: {m}.code: unknown key here: it belongs in models[].architecture or models[].load"]),
        ("device: cpu", ["5:5: {m}.device: unknown key here: it belongs in defaults"]),
    ],
)
def test_mistakes(line: str, said: list[str]) -> None:
    assert problems(line) == [text.replace("{m}", "models[0]") for text in said]


_PATHS = "a path that ends in .npz, .npy or .json, found"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", [": compares nothing: give expected, metric or both"]),
        ("inputs: a.npz", [": compares nothing: give expected, metric or both"]),
        (
            "inputs: a.csv, expected: ref",
            [f'.inputs: expected {_PATHS} "a.csv"', f'.expected: expected reference, or {_PATHS} "ref"'],
        ),
        ("expected: '*.npy'", ['.expected: expected the path of one file, found the glob "*.npy"']),
        (
            "inputs: '{stem}.npy', expected: b.npy",
            ['.inputs: "{stem}.npy" has a placeholder: only a `reference` has those'],
        ),
        (
            "tolerance: {rtol: 0, atol: 0}, agreement: {metric: sign, at_least: 1}, cosine: {at_least: 1}",
            [
                f".{key}: needs `expected`: what the outputs are compared with, reference or a file"
                for key in ("tolerance", "agreement", "cosine")
            ],
        ),
        (
            "inputs: a.npz, seed: 1, samples: 2, expected: b.npy",
            [
                f".{key}: {key} is of random inputs, and these come from a file: remove one of the two"
                for key in ("seed", "samples")
            ],
        ),
        (
            "seed: -1, samples: 0, expected: b.npy",
            [".seed: must be 0 or more, found the number -1", ".samples: must be 1 or more, found the number 0"],
        ),
        ("expected: b.npy, outputs: logits", ['.outputs: expected a list, found the text "logits": write ["logits"]']),
        ("expected: b.npy, outputs: []", [".outputs: needs at least one entry"]),
        ("expected: b.npy, outputs: [a, a]", ['.outputs[1]: the text "a" is given twice: remove one of the two']),
        # agreement
        ("expected: b.npy, agreement: 1", [".agreement: expected {metric: …, at_least: …}, found the number 1"]),
        ("expected: b.npy, agreement: {metric: sign}", [".agreement.at_least: is missing"]),
        ("expected: b.npy, agreement: {at_least: 1, k: 2}", [".agreement.metric: is missing"]),
        (
            "expected: b.npy, agreement: {metric: top_k, at_least: 99}",
            [
                (
                    '.agreement.metric: expected argmax, topk, sign or threshold, found the text "top_k", did you '
                    'mean "topk"?'
                ),
                ".agreement.at_least: expected a share from 0 to 1, found the number 99",
            ],
        ),
        (
            "expected: b.npy, agreement: {metric: argmax, at_least: '5 %', k: 1, threshold: 1}",
            [
                (
                    '.agreement.at_least: expected a number, found the text "5 %": a share is written as a number, '
                    "5 % as 0.05"
                ),
                ".agreement.k: k belongs to `metric: topk`",
                ".agreement.threshold: threshold belongs to `metric: threshold`",
            ],
        ),
        # cosine, difference
        (
            "expected: b.npy, cosine: {at_least: -2}",
            [".cosine.at_least: expected a cosine from -1 to 1, found the number -2"],
        ),
        (
            "expected: b.npy, cosine: {at_least: .nan}",
            [".cosine.at_least: expected a finite number, found the number .nan"],
        ),
        ("expected: b.npy, difference: {}", [".difference: compares nothing: give one of max, mean or quantile"]),
        ("expected: b.npy, difference: {max: -1}", [".difference.max: must be 0 or more, found the number -1"]),
        (
            "expected: b.npy, difference: {quantile: {q: 99, at_most: 0}}",
            [".difference.quantile.q: expected a share from 0 to 1, found the number 99"],
        ),
        (
            "expected: b.npy, difference: {quantile: 1}",
            [".difference.quantile: expected {q: …, at_most: …}, found the number 1"],
        ),
        # metric
        ("metric: {code: 'm.py:f', at_least: 1}", [".metric: needs `inputs`: labels come from that file"]),
        (
            "inputs: a.npz, metric: {code: 'm.py:f'}",
            [".metric: compares nothing: give one of at_least, at_most or max_drop"],
        ),
        (
            "inputs: a.npz, metric: {at_least: 2, at_most: 1}",
            [".metric.code: is missing", ".metric.at_most: no number holds: at_most is less than at_least"],
        ),
    ],
)
def test_mistakes_in_predictions(body: str, said: list[str]) -> None:
    got = [text.partition(": ")[2] for text in problems(f"predictions: [{{{body}}}]")]
    assert got == [f"models[0].predictions[0]{text}" for text in said]


def test_loading_and_not_loading() -> None:
    lines = (
        "architecture: {json: a}",
        "restore: {waive: [{match: a, reason: b}]}",
        "roundtrip: [keras]",
        "predictions: [{expected: a.npy}]",
    )
    keys = ("architecture", "restore", "roundtrip", "predictions")
    assert problems(*lines, "load: false") == [
        f"{line}:5: models[0].{key}: {_NOT_LOADED}" for line, key in enumerate(keys, start=5)
    ]
    assert len(model(*lines).predictions) == 1


def test_one_thing_builds_the_model() -> None:
    own = "load: {code: 'a.py:f'}"
    assert problems(own, "architecture: {json: a}") == [f"6:5: models[0].architecture: {_ITSELF}"]
    assert problems(own, "restore: {partial: [a]}") == [
        f"6:15: models[0].restore.partial: needs an `architecture`, and {_ITSELF}"
    ]
    assert model("load: {keras: 2}", "architecture: {json: a}", "restore: {partial: [a]}").load


def test_what_needs_a_reference() -> None:
    lines: tuple[str, ...] = (
        "predictions:",
        "  - {expected: reference}",
        "  - {inputs: a.npz, metric: {code: 'm.py:f', max_drop: 1}}",
    )
    lacking = "needs a `reference`, and this model has none"
    assert problems(*lines, reference=False) == [
        f"5:10: models[0].predictions[0].expected: reference {lacking}",
        f"6:50: models[0].predictions[1].metric.max_drop: max_drop {lacking}",
    ]
    assert len(model(*lines).predictions) == 2


def test_what_a_lock_cannot_give() -> None:
    lines = (
        "reference: {lock: a.lock.yml}",
        "predictions:",
        "  - {expected: reference}",
        "  - {inputs: a.npz, metric: {code: 'm.py:f', max_drop: 1}}",
    )
    why = "needs a reference that can be loaded, and a lock holds no values: give a file of golden outputs"
    found = problems(*lines, reference=False)
    assert [line.partition(why)[0] for line in found] == [
        "6:10: models[0].predictions[0].expected: reference ",
        "7:50: models[0].predictions[1].metric.max_drop: max_drop ",
    ]
    golden = "  - {inputs: a.npz, expected: out.npz, metric: {code: 'm.py:f', at_least: 1}}"
    assert len(model(*lines[:2], golden, reference=False).predictions) == 1


def test_mistakes_hide_no_others() -> None:
    """A wrong value of one key leaves the checks between keys at work."""
    got = problems("load: false", "architecture: {code: 5}", "roundtrip: [keras, tflite]", "colour: red")
    assert [(line.split(":")[0], line.split(": ")[1]) for line in got] == [
        ("6", "models[0].architecture"),
        ("6", "models[0].architecture.code"),
        ("7", "models[0].roundtrip"),
        ("7", "models[0].roundtrip[1]"),
        ("8", "models[0].colour"),
    ]


def test_python_data_too() -> None:
    """The models hold without a file, and take their own kind."""
    written: dict[str, Any] = {"weights": "a", "load": {"keras": 2}, "roundtrip": ["keras"]}
    made = ModelEntry.model_validate(written)
    again = ModelEntry(weights="a", load=made.load, roundtrip=made.roundtrip)
    assert again == made
