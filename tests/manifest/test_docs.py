"""The manifest's page is true: its examples load, and it names every key."""

import re
from pathlib import Path

import jsonschema
import pytest

from gate.manifest import schema
from gate.manifest.fields import DTYPES
from gate.manifest.load import parse_manifest
from gate.manifest.parts import PARTS, keys_of
from gate.manifest.yaml_nodes import read_yaml

PAGE = (Path(__file__).parents[2] / "docs" / "manifest.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_load_and_fit_the_schema(example: str) -> None:
    parse_manifest(example, "docs/manifest.md")
    root, _ = read_yaml(example)
    assert root is not None
    jsonschema.validate(root.data(), schema(), cls=jsonschema.Draft7Validator)


def test_every_key_and_dtype_is_on_the_page() -> None:
    words = {key for part in PARTS.values() for key in keys_of(part)} | set(DTYPES)
    assert sorted(word for word in words if f"`{word}`" not in PAGE and f"`defaults.{word}`" not in PAGE) == []
