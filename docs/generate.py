"""docs/manifest-keys.md, made of the models that read manifests: python docs/generate.py (or `make docs`)

Keys, defaults and sentences are those of `gate.manifest`; what values look like comes from the JSON Schema that is
made of the same models. `tests/docs` holds that the page is what this makes now.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gate.manifest.json_schema import schema
from gate.manifest.part import Part
from gate.manifest.parts import PARTS, SHAPES
from gate.manifest.text import Path as Place

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "manifest-keys.md"

_HEAD = """# Every key of the manifest

Made by `make docs` from the models that read manifests; [the manifest](manifest.md) explains them. The third column
says that a key is required, or what holds without it; "-" where that is nothing, or told in the last column.
"""
# Where docs/manifest.md explains a part.
_EXPLAINED = {
    "Manifest": "top-level",
    "Defaults": "top-level",
    "ToleranceEntry": "tolerance",
    "Policy": "policy",
    "ModelEntry": "models",
    "ReferenceEntry": "reference",
    "NameRule": "names",
    "Groups": "groups",
    "TensorRule": "tensors-rules",
    "StatisticExpectation": "statistics-of-one-tensor",
    "StatisticThreshold": "statistics",
    "Statistics": "statistics",
    "ArchitectureEntry": "architecture",
    "LoadEntry": "load",
    "RestoreEntry": "restore",
    "WaiveEntry": "restore",
    "PredictionEntry": "predictions",
    "AgreementEntry": "predictions",
    "CosineEntry": "predictions",
    "DifferenceEntry": "predictions",
    "QuantileEntry": "predictions",
    "MetricEntry": "predictions",
}
# What texts are that the schema knows no word for, by part and key.
_TEXTS = {
    ("ModelEntry", "weights"): "path or glob",
    ("ReferenceEntry", "file"): "path",
    ("ReferenceEntry", "lock"): "path",
    ("ReferenceEntry", "git"): "branch, tag or commit",
    ("ReferenceEntry", "path"): "path",
    ("ReferenceEntry", "url"): "address",
    ("TensorRule", "match"): "glob",
    ("ArchitectureEntry", "keras"): "path",
    ("ArchitectureEntry", "json"): "path",
    ("WaiveEntry", "match"): "glob",
    ("RestoreEntry", "partial"): "list of globs",
}
# What the patterns of the schema mean.
_PATTERNS = {
    "^[0-9a-fA-F]{64}$": "64 hexadecimal digits",
    "^sha256:[0-9a-fA-F]{64}$": "`sha256:` and 64 hexadecimal digits",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "day, like `2027-03-01`",
    r"\.(npz|npy|json)$": "path of a `.npz`, `.npy` or `.json` file",
    r"^reference$|\.(npz|npy|json)$": "`reference`, or path of a `.npz`, `.npy` or `.json` file",
    r"^[^:]+\.py:[^\s:().]+(\.[^\s:().]+)*$": "`PATH.py:FUNCTION`",
}


def page() -> str:
    """The whole page."""
    definitions = schema()
    places: dict[type[Part], list[Place]] = {}
    for place, part in PARTS.items():
        places.setdefault(part, []).append(place)
    sections = (_section(part, of, definitions) for part, of in places.items())
    return "\n".join([_HEAD, *sections])


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _section(part: type[Part], places: list[Place], made: dict[str, Any]) -> str:
    found = made if part.__name__ == "Manifest" else made["definitions"][part.__name__]
    description = found["description"]
    mapping = found if "properties" in found else found["anyOf"][-1]
    also = [f"`{_spelled(place)}`" for place in places[1:]]
    words = [_escaped(description), f"[More](manifest.md#{_EXPLAINED[part.__name__]})."]
    if also:
        words.insert(1, f"Also at {', '.join(also)}.")
    lines = [f"## {_heading(places)}", "", " ".join(words), "", "| key | value | without it | |", "|---|---|---|---|"]
    required = mapping.get("required", ())
    for key, said in mapping["properties"].items():
        without = "required" if key in required else _default(said)
        cells = [f"`{key}`", _value(key, said, places[0]), without, _cell(_escaped(said.get("description", "")))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _heading(places: list[Place]) -> str:
    return f"`{_spelled(places[0])}`" if places[0] else "Top level"


def _spelled(place: Place) -> str:
    return "".join("[]" if step == 0 else f".{step}" for step in place).removeprefix(".")


def _default(said: dict[str, Any]) -> str:
    default = said.get("default")
    if default in (None, [], {}) or isinstance(default, dict):
        return "-"
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"


def _value(key: str, said: dict[str, Any], place: Place) -> str:
    """What a value looks like: the shape of a mapping with a link to its keys, or a kind of scalar."""
    for inside, many in (((*place, key), ""), ((*place, key, 0), "list of ")):
        if part := PARTS.get(inside):
            first = next(at for at, each in PARTS.items() if each is part)
            return f"{many}[{_cell(SHAPES[part])}](#{slug(_spelled(first))})"
    return _TEXTS.get((PARTS[place].__name__, key)) or _cell(" or ".join(dict.fromkeys(_kinds(said))))


def _kinds(said: dict[str, Any]) -> Iterator[str]:
    """The kinds of value that a piece of schema accepts, in words."""
    if "const" in said:
        yield f"`{json.dumps(said['const'])}`"
    elif "enum" in said:
        yield ", ".join(f"`{each}`" for each in said["enum"])
    elif "anyOf" in said or "allOf" in said:
        for each in said.get("anyOf", said.get("allOf", ())):
            yield from _kinds(each)
    elif "$ref" in said:
        yield from _referred(said["$ref"].rpartition("/")[2])
    elif said["type"] == "array":
        yield f"list of: {' or '.join(_kinds(said['items']))}"
    elif said["type"] in ("number", "integer"):
        yield _number(said)
    elif "pattern" in said:
        yield _PATTERNS[said["pattern"]]
    else:
        yield {"regex": "regular expression"}.get(said.get("format", ""), "text")


def _referred(name: str) -> Iterator[str]:
    if name == "Values":
        yield "number, boolean or text, or nested lists of one of them"
    else:
        raise KeyError(f"docs/generate.py knows no words for {name}")


def _number(said: dict[str, Any]) -> str:
    word = "number" if said["type"] == "number" else "whole number"
    least = said.get("minimum", said.get("exclusiveMinimum"))
    if least is None:
        return word
    start = f"more than {least}" if "exclusiveMinimum" in said else str(least)
    return f"{word}, {start} to {said['maximum']}" if "maximum" in said else f"{word}, {start} or more"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _escaped(text: str) -> str:
    """A description as Markdown: what is in backticks stays, and nothing else is markup."""
    pieces = text.split("`")
    for i in range(0, len(pieces), 2):
        pieces[i] = re.sub(r"([\\*_\[\]<>])", r"\\\1", pieces[i])
    return "`".join(pieces)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
