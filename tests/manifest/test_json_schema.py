"""The shipped schema is the models', is draft-07, and agrees with them where it can say the same."""

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from gate.errors import ManifestError
from gate.manifest import schema
from gate.manifest.json_schema import schema_text
from gate.manifest.load import parse_manifest


def accepted(manifest: Any) -> bool:
    """Whether both the schema and the loader take it; they must agree."""
    by_schema = jsonschema.Draft7Validator(schema()).is_valid(manifest)
    try:
        parse_manifest(json.dumps(manifest), "weight-gate.yml")
    except ManifestError:
        by_loader = False
    else:
        by_loader = True
    assert by_schema == by_loader
    return by_loader


def test_the_shipped_file_is_in_step() -> None:
    shipped = resources.files("gate.manifest").joinpath("weight-gate.schema.json").read_text("utf-8")
    assert shipped == schema_text(), "run: weight-gate schema > gate/manifest/weight-gate.schema.json"
    assert json.loads(shipped) == schema()


def test_draft_07() -> None:
    made = schema()
    jsonschema.Draft7Validator.check_schema(made)
    assert made["$schema"] == "http://json-schema.org/draft-07/schema#"

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            assert not {"$defs", "prefixItems", "dependentRequired"} & node.keys()
            if "$ref" in node:
                assert set(node) == {"$ref"}  # draft-07 ignores what stands beside it
                assert node["$ref"].removeprefix("#/definitions/") in made["definitions"]
            assert node.get("type") != "null"
            list(map(walk, node.values()))
        elif isinstance(node, list):
            list(map(walk, node))

    walk(made)


def test_every_key_is_described() -> None:
    for name, definition in schema()["definitions"].items():
        assert definition["description"], name
        for mapping in [definition, *definition.get("anyOf", [])]:
            for key, value in mapping.get("properties", {}).items():
                assert value.get("description"), (name, key)


def test_editors_see_words_and_defaults() -> None:
    definitions = schema()["definitions"]
    assert "identical" in definitions["TensorRule"]["properties"]["expect"]["enum"]
    assert definitions["Groups"]["properties"]["optimizer"]["default"] == "list"
    assert "1e-6" in definitions["ToleranceEntry"]["properties"]["rtol"]["description"]


def of(*, reference: bool = True, **keys: Any) -> dict[str, Any]:
    return {"version": 1, "models": [{"weights": "a.h5", **({"reference": "b.h5"} if reference else {}), **keys}]}


def from_(**keys: Any) -> dict[str, Any]:
    return {"version": 1, "models": [{"weights": "a.h5", "reference": keys}]}


def rule(*, reference: bool = True, **keys: Any) -> dict[str, Any]:
    return of(reference=reference, tensors=[{"match": "x", **keys}])


def predicts(*, reference: bool = True, **keys: Any) -> dict[str, Any]:
    return of(reference=reference, predictions=[keys])


def by_lock(**keys: Any) -> dict[str, Any]:
    return {"version": 1, "models": [{"weights": "a.h5", "reference": {"lock": "a.yml"}, "predictions": [keys]}]}


@pytest.mark.parametrize(
    "manifest",
    [
        of(),
        of(reference=False),
        by_lock(inputs="a.npz", expected="b.npz", metric={"code": "m.py:f", "at_least": 1}),
        of(name="n", digest="sha256:" + "0aF" * 21 + "0", load=False, groups={"rng": "compare"}),
        of(names=[{"from": "a", "to": ""}], statistics={"mean": 0, "std": {"rtol": 1}}, tensors=[]),
        from_(file="b.h5"),
        from_(git="origin/main"),
        from_(git="HEAD~2^1^{}", path="g/{file}", missing="allowed"),
        from_(git="@", missing="forbidden"),
        from_(url="https://a.example/b", sha256="0aF" * 21 + "0"),
        from_(url="s3://bucket/key", sha256="0" * 64),
        {**of(), "defaults": {"tolerance": {"rtol": 0, "atol": 1e-6}}},
        rule(expect="identical"),
        rule(expect="ignored", reason="r", until="2027-03-01"),
        rule(reference=False, expect="ignored", reason="r"),
        rule(shape=[], dtype="float8_e4m3fn", values=1),
        rule(values=[[1, 2.5], [3, 4]], mean=1, std={"at_least": 0, "at_most": 1}),
        rule(values=["a", "b"]),
        rule(nan="allowed", inf="forbidden"),
        of(architecture={"code": "src/m.py:Model.build"}),
        of(architecture={"keras": "a.keras"}, load={"keras": 2}, restore={"partial": ["a/**"]}),
        of(architecture={"json": "a.json"}, roundtrip=["keras", "weights.h5", "h5", "checkpoint", "saved_model"]),
        of(load={"code": "m.py:f"}, restore={"waive": [{"match": "a", "reason": "r", "until": "2027-03-01"}]}),
        of(load=False, roundtrip=False),
        of(roundtrip=False),
        {**of(), "defaults": {"device": "gpu"}},
        predicts(expected="reference"),
        predicts(reference=False, expected="a/golden.npz", seed=1, samples=1, signature="s", outputs=["a", "b"]),
        predicts(expected="a.json", agreement={"metric": "topk", "at_least": 0.5, "k": 1}, cosine={"at_least": -0.9}),
        predicts(expected="a.npy", agreement={"metric": "threshold", "at_least": 1, "threshold": -2}),
        predicts(expected="a.npy", agreement={"metric": "topk", "at_least": 1}, tolerance={"rtol": 0, "atol": 0}),
        predicts(expected="a.npy", difference={"max": 0, "mean": 0.5, "quantile": {"q": 0.9, "at_most": 1e-3}}),
        predicts(inputs="a.json", metric={"code": "m.py:f", "at_least": 0, "at_most": 1, "max_drop": 0}),
        predicts(reference=False, inputs="a.npy", metric={"code": "m.py:f", "at_most": -1}),
    ],
)
def test_both_accept(manifest: dict[str, Any]) -> None:
    assert accepted(manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        [],
        {"version": 1},
        {"version": 1, "models": []},
        {"version": 2, "models": [{"weights": "a"}]},
        {"version": 1, "models": [{}]},
        {**of(), "x": 1},
        {**of(), "defaults": {"tolerance": {"rtol": 0}}},
        {**of(), "defaults": {"tolerance": 1e-6}},
        {**of(), "defaults": None},
        from_(),
        from_(pin="a"),
        from_(path="a"),
        from_(git="a", url="https://a/b", sha256="0" * 64),
        from_(file="b.h5", git="a"),
        from_(file="b.h5", missing="allowed"),
        from_(git="a", sha256="0" * 64),
        from_(git="a", missing=True),
        from_(git="a", missing=None),
        from_(git=""),
        from_(git=1),
        from_(git="-a"),
        from_(git="a b"),
        from_(git="a..b"),
        from_(git="@{u}"),
        from_(git="a@{1}"),
        from_(git=":/a"),
        from_(git="HEAD:a"),
        from_(git="a^{tree}"),
        from_(git="a^!"),
        from_(git="a?"),
        from_(git="a\\b"),
        from_(url="https://a/b"),
        from_(url="a/b", sha256="0" * 64),
        from_(url="https://a/b", sha256="sha256:" + "0" * 64),
        of(reference=False) | {"models": [{"weights": "a.h5", "reference": ["b"]}]},
        of(reference=False) | {"models": [{"weights": "a.h5", "reference": ""}]},
        of(x=1),
        of(name=""),
        of(name=None),
        of(digest="sha256:0"),
        of(load=True),
        of(load={"code": "a:b"}),
        of(load={}),
        of(load={"keras": 3}),
        of(load={"keras": 2, "code": "a.py:b"}),
        of(load=None),
        of(architecture={}),
        of(architecture="a.json"),
        of(architecture={"json": "a", "keras": "b"}),
        of(architecture={"code": "a.py"}),
        of(architecture={"code": "a.py::b"}),
        of(architecture={"code": "a.py:b()"}),
        of(architecture={"code": "a.py:b."}),
        of(load=False, architecture={"json": "a"}),
        of(load=False, restore={"waive": [{"match": "a", "reason": "r"}]}),
        of(load=False, roundtrip=["keras"]),
        of(load=False, predictions=[{"expected": "reference"}]),
        of(load={"code": "a.py:b"}, architecture={"json": "a"}),
        of(load={"code": "a.py:b"}, restore={"partial": ["a"]}),
        of(restore={}),
        of(restore={"waive": []}),
        of(restore={"waive": [{"match": "a"}]}),
        of(restore={"partial": ["a"]}),
        of(architecture={"json": "a"}, restore={"partial": []}),
        of(architecture={"json": "a"}, restore={"partial": "a"}),
        of(roundtrip=True),
        of(roundtrip=None),
        of(roundtrip=[]),
        of(roundtrip="keras"),
        of(roundtrip=["keras", "keras"]),
        of(roundtrip=["tflite"]),
        {**of(), "defaults": {"device": "tpu"}},
        of(predictions=[]),
        of(predictions={"expected": "reference"}),
        predicts(),
        predicts(inputs="a.npz"),
        predicts(inputs="a.csv", expected="reference"),
        predicts(expected="ref"),
        predicts(reference=False, expected="reference"),
        predicts(expected="reference", seed=-1),
        predicts(expected="reference", samples=0),
        predicts(expected="reference", samples=1.5),
        predicts(expected="reference", inputs="a.npz", seed=1),
        predicts(expected="reference", inputs="a.npz", samples=1),
        predicts(expected="reference", outputs=[]),
        predicts(expected="reference", outputs=["a", "a"]),
        predicts(expected="reference", outputs="a"),
        predicts(cosine={"at_least": 1}),
        predicts(inputs="a.npz", metric={"code": "m.py:f", "at_least": 1}, difference={"max": 1}),
        predicts(metric={"code": "m.py:f", "at_least": 1}),
        predicts(inputs="a.npz", metric={"code": "m.py:f"}),
        predicts(inputs="a.npz", metric={"at_least": 1}),
        predicts(inputs="a.npz", metric={"code": "m.py:f", "max_drop": -1}),
        by_lock(expected="reference"),
        by_lock(inputs="a.npz", metric={"code": "m.py:f", "max_drop": 1}),
        predicts(reference=False, inputs="a.npz", metric={"code": "m.py:f", "max_drop": 1}),
        predicts(expected="reference", agreement={"metric": "argmax"}),
        predicts(expected="reference", agreement={"at_least": 1}),
        predicts(expected="reference", agreement={"metric": "argmax", "at_least": 1.1}),
        predicts(expected="reference", agreement={"metric": "argmax", "at_least": 1, "k": 5}),
        predicts(expected="reference", agreement={"metric": "topk", "at_least": 1, "k": 0}),
        predicts(expected="reference", agreement={"metric": "sign", "at_least": 1, "threshold": 0}),
        predicts(expected="reference", cosine={"at_least": 2}),
        predicts(expected="reference", cosine={"at_least": -1.5}),
        predicts(expected="reference", difference={}),
        predicts(expected="reference", difference={"quantile": {"q": 0.5}}),
        predicts(expected="reference", difference={"quantile": {"q": 50, "at_most": 1}}),
        of(reference=False, names=[{"from": "a", "to": "b"}]),
        of(reference=False, statistics={"mean": 1}),
        of(names=[{"from": "a"}]),
        of(names=[{"from": "", "to": "a"}]),
        of(statistics={}),
        of(statistics={"mean": -1}),
        of(statistics={"mean": {}}),
        of(statistics={"median": 1}),
        of(groups={"rng": True}),
        of(tensors={"match": "x"}),
        rule(),
        rule(reason="r"),
        rule(expect="same"),
        rule(expect="ignored"),
        rule(expect="removed", shape=[1]),
        rule(expect="ignored", reason="r", nan="allowed"),
        rule(expect="identical", tolerance={"rtol": 0, "atol": 0}),
        rule(reference=False, expect="changed"),
        rule(nan="allowed", until="2027-03-01"),
        rule(nan="allowed", reason="r", until="tomorrow"),
        rule(shape=[-1]),
        rule(shape=["1"]),
        rule(shape=3),
        rule(dtype="float"),
        rule(values=[None]),
        rule(values={"a": 1}),
        rule(mean="1"),
        rule(mean={}),
        rule(mean={"at_least": 1, "atol": 1}),
        rule(mean={"value": 1, "atol": -1}),
        rule(tolerance={"rtol": "1e-6", "atol": 0}),
    ],
)
def test_both_refuse(manifest: Any) -> None:
    assert not accepted(manifest)


def test_the_full_example_is_valid_as_editors_read_it() -> None:
    manifest = yaml.safe_load("version: 1\nmodels:\n  - {weights: a, tensors: [{match: x, values: [[1], [2]]}]}\n")
    jsonschema.validate(manifest, schema(), cls=jsonschema.Draft7Validator)
