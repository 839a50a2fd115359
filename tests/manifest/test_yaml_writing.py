"""What is written is the same for readers of YAML 1.2 and for those of YAML 1.1."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gate.manifest.yaml_nodes import read_yaml
from gate.manifest.yaml_writing import flow, scalar

ODD = [
    "yes", "No", "ON", "off", "y", "N", "null", "~", "true", "1:30", "2027-01-01", "2027-1-1", "1_000", "017", "0b10",
    "0x_f", "1e5", "1.5", ".5", "+.5_0", "1_0.5e+3", "190:20:30", "=", "<<", "-1", "+12", ".inf", "0o17", "1.", "",
]  # fmt: skip
WORDS = st.text("yesnoftru0123456789_.:eE+-xb~=<", min_size=0, max_size=12)


@pytest.mark.parametrize("text", ODD)
def test_a_name_that_another_reader_takes_for_something_else_is_quoted(text: str) -> None:
    assert scalar(text) == f'"{text}"'


@pytest.mark.parametrize("text", ["head/kernel", "0.1.0", "1a", "yes/no", "model.npz", "e5"])
def test_no_other_is(text: str) -> None:
    assert scalar(text) == text


@given(WORDS)
@example("2027-01-01t1")
def test_both_readers_have_the_text(text: str) -> None:
    written = flow({"key": text, text: [text]})
    root, problems = read_yaml(written)
    assert root is not None
    assert not problems
    assert root.data() == yaml.safe_load(written) == ({"key": text, text: [text]} if text != "key" else {"key": [text]})
