"""The manifest's JSON Schema (draft-07), for editors; generated from the models, so that it cannot drift.

It knows keys, types, enumerations, bounds, and those cross checks that draft-07 can say. `load_manifest` checks more.
"""

import json
from typing import Any

from gate.manifest.crosscheck import OF_THE_REFERENCE, SAYING
from gate.manifest.crosscheck_loading import COMPARING, OF_RANDOM_INPUTS
from gate.manifest.fields import REFERENCE_WORD
from gate.manifest.model import Manifest

SCHEMA_ID = "urn:weight-gate:manifest:1"

# Nothing that needs a reference which can be loaded.
_NO_REFERENCE_TO_LOAD: dict[str, Any] = {
    "items": {
        "properties": {
            "expected": {"not": {"const": REFERENCE_WORD}},
            "metric": {"properties": {"max_drop": False}},
        }
    }
}
# Cross checks that draft-07 can say, by definition.
_SAID_TWICE: dict[str, Any] = {
    "StatisticExpectation": {
        "anyOf": [{"required": [key]} for key in ("value", "at_least", "at_most")],
        "dependencies": {"rtol": ["value"], "atol": ["value"]},
    },
    "StatisticThreshold": {"minProperties": 1},
    "Statistics": {"minProperties": 1},
    "ReferenceEntry": {
        "oneOf": [{"required": [key]} for key in ("file", "lock", "git", "url")],
        "dependencies": {"path": ["git"], "missing": ["git"], "removed": ["git"], "sha256": ["url"], "url": ["sha256"]},
    },
    "TensorRule": {
        "anyOf": [{"required": [key]} for key in SAYING],
        "dependencies": {"until": ["reason"]},
        "allOf": [
            {
                "if": {"required": ["expect"], "properties": {"expect": {"enum": ["ignored", "removed"]}}},
                "then": {"properties": {key: False for key in SAYING if key != "expect"}},
            },
            {
                "if": {"required": ["expect"], "properties": {"expect": {"const": "ignored"}}},
                "then": {"required": ["reason"]},
            },
            {
                "if": {"required": ["expect"], "properties": {"expect": {"const": "identical"}}},
                "then": {"properties": {"tolerance": False}},
            },
        ],
    },
    "ArchitectureEntry": {"minProperties": 1, "maxProperties": 1},
    "LoadEntry": {"minProperties": 1, "maxProperties": 1},
    "RestoreEntry": {"minProperties": 1},
    "AgreementEntry": {
        "allOf": [
            {"if": {"properties": {"metric": {"not": {"const": owner}}}}, "then": {"properties": {key: False}}}
            for key, owner in (("k", "topk"), ("threshold", "threshold"))
        ]
    },
    "DifferenceEntry": {"minProperties": 1},
    "MetricEntry": {"anyOf": [{"required": [key]} for key in ("at_least", "at_most", "max_drop")]},
    "PredictionEntry": {
        "anyOf": [{"required": ["expected"]}, {"required": ["metric"]}],
        "dependencies": {
            **{key: ["expected"] for key in COMPARING},
            "metric": ["inputs"],
            "inputs": {"properties": dict.fromkeys(OF_RANDOM_INPUTS, False)},
        },
    },
    "ModelEntry": {
        "dependencies": {"names": ["reference"], "statistics": ["reference"]},
        "if": {"not": {"required": ["reference"]}},
        "then": {
            "properties": {
                "tensors": {"items": {"properties": {"expect": {"not": {"enum": list(OF_THE_REFERENCE)}}}}},
                "predictions": _NO_REFERENCE_TO_LOAD,
            }
        },
        "allOf": [
            {
                "if": {"required": ["load"], "properties": {"load": {"const": False}}},
                "then": {
                    "properties": {
                        **dict.fromkeys(("architecture", "restore", "predictions"), False),
                        "roundtrip": {"const": False},
                    }
                },
            },
            {
                "if": {"required": ["load"], "properties": {"load": {"required": ["code"], "type": "object"}}},
                "then": {"properties": {"architecture": False}},
            },
            {
                "if": {"required": ["restore"], "properties": {"restore": {"required": ["partial"]}}},
                "then": {"required": ["architecture"]},
            },
            {
                "if": {
                    "required": ["reference"],
                    "properties": {"reference": {"required": ["lock"], "type": "object"}},
                },
                "then": {"properties": {"predictions": _NO_REFERENCE_TO_LOAD}},
            },
        ],
    },
}
# Bounds that every number meets.
_NEVER_MISSED = (("AgreementEntry", "at_least", 0), ("CosineEntry", "at_least", -1), ("QuantileEntry", "q", 0))
# What may be written instead of the mapping.
_SHORT: dict[str, Any] = {
    "StatisticExpectation": {"type": "number"},
    "StatisticThreshold": {"type": "number", "minimum": 0},
    "ReferenceEntry": {"type": "string", "minLength": 1},
}
_VALUES: dict[str, Any] = {
    "description": "A number, a boolean or a text, or nested lists of one kind of them, all of one length per level.",
    "anyOf": [
        {"type": ["number", "boolean", "string"]},
        {"type": "array", "items": {"$ref": "#/definitions/Values"}},
    ],
}


def schema() -> dict[str, Any]:
    """The JSON Schema of a manifest."""
    made = _draft7(Manifest.model_json_schema(by_alias=True, ref_template="#/definitions/{model}"))
    definitions = made.pop("$defs")
    for name, more in _SAID_TWICE.items():
        definitions[name].update(more)
    for name, key, bound in _NEVER_MISSED:
        definitions[name]["properties"][key]["exclusiveMinimum"] = bound
    for name, short in _SHORT.items():
        mapping = definitions[name]
        description = mapping.pop("description")
        definitions[name] = {"description": description, "anyOf": [short, mapping]}
    definitions["Values"] = _VALUES
    definitions["ModelEntry"]["properties"]["roundtrip"]["anyOf"][1]["uniqueItems"] = True
    definitions["PredictionEntry"]["properties"]["outputs"]["uniqueItems"] = True
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": SCHEMA_ID,
        "title": "weight-gate manifest",
        **made,
        "definitions": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The shipped file: what `weight-gate schema` prints."""
    return json.dumps(schema(), indent=2) + "\n"


def _draft7(node: Any) -> Any:
    """What pydantic made, without titles and nulls, and with no key beside a `$ref`: draft-07 ignores those."""
    if isinstance(node, list):
        return [_draft7(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("title") == "Values" and "properties" not in node:
        node = {"$ref": "#/definitions/Values", **node}
    out = {key: _draft7(value) for key, value in node.items() if key != "title" or isinstance(value, dict)}
    if out.get("default", 0) is None or (out.get("default") == [] and "minItems" in out):
        del out["default"]  # what a key that is left out means, and may not be written
    if "anyOf" in out:
        rest = [option for option in out["anyOf"] if option != {"type": "null"}]
        out["anyOf"] = rest
        if len(rest) == 1:
            del out["anyOf"]
            out = {**rest[0], **out}
    if "$ref" in out and len(out) > 1:
        out = {"allOf": [{"$ref": out.pop("$ref")}], **out}
    return out
