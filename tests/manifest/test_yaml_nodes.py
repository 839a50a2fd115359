"""YAML text becomes data with positions; what YAML 1.1 or PyYAML would wave through is a problem."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.manifest import yaml_nodes
from gate.manifest.yaml_nodes import MAX_DEPTH, MAX_PROBLEMS, read_yaml


@pytest.fixture(params=["C", "Python"], autouse=True)
def _parser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both of PyYAML's parsers give the same."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "Python":
            patch.delattr(yaml, "CSafeLoader")
        yield


def data_of(text: str) -> Any:
    root, problems = read_yaml(text)
    assert problems == []
    assert root is not None
    return root.data()


def problems_of(text: str) -> list[str]:
    _, problems = read_yaml(text)
    return [f"{p.mark.line}:{p.mark.column}: {p.reason}" + (f": {p.hint}" if p.hint else "") for p in problems]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1e-6\nb: no\nc: 1:30\nd: 2027-03-01", {"a": 1e-6, "b": "no", "c": "1:30", "d": "2027-03-01"}),
        ("on: y", {"on": "y"}),
        ("[1, '2', \"3\", |-\n 4]", None),
        ("- '1'\n- \"1\"\n- |-\n  1\n- >-\n  1", ["1"] * 4),
        ("!!str 1", "1"),
        ("!!map {a: !!seq [!!int '1', !!float 1, !!null '']}", {"a": [1, 1.0, None]}),
        ("a: &x [1, 2]\nb: *x\nc: [*x]", {"a": [1, 2], "b": [1, 2], "c": [[1, 2]]}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("&k a: 1\nb: *k", {"a": 1, "b": "a"}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ('"<<": 1', {"<<": 1}),
        ("{a: {}, b: []}", {"a": {}, "b": []}),
    ],
)
def test_data(text: str, data: Any) -> None:
    if data is None:
        assert problems_of(text)
    else:
        assert data_of(text) == data


def test_no_document() -> None:
    assert read_yaml("") == (None, [])
    assert read_yaml("# nothing\n") == (None, [])


_STAR = "a text that begins with * needs quotes"
_FIT = "this does not fit the lines above: check the indentation, and put a text that begins with [ or { in quotes"
_COLON = "a `: ` where no key can stand: check the indentation, and put a text that holds `: ` in quotes"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", ["3:1: duplicate key, first set on line 1: remove one of the two"]),
        ("a: 1\n'a': 2\n!!str a: 2", ["2:1", "3:1"]),
        ("&k a: 1\n*k : 2", ["2:1: duplicate key, first set on line 1"]),
        ("1: 2\ntrue: 3\n~: 4\n[a]: 5\n1.5: 6", ["1:1: keys are texts", "2:1", "3:1", "4:1", "5:1"]),
        ("? {a: 1}\n: 2", ["1:3: keys are texts, and a list or mapping is none"]),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 1", ["3:3: merge keys (<<) are not part of YAML 1.2"]),
        ("a: !foo 1", ['1:4: the tag "!foo" is not read here']),
        ("a: ! 1", ['1:4: the tag "!" is not read here']),
        ("a: !!python/name:os.system ''", ['1:4: the tag "!!python/name:os.system" is not read here']),
        ("a: !!set {b}", ['1:4: the tag "!!set" is not read here']),
        ("a: !!timestamp 2027-03-01", ['1:4: the tag "!!timestamp"']),
        ("a: !!seq {}", ['1:4: the tag "!!seq"']),
        ("a: !!binary aGk=", ['1:4: the tag "!!binary"']),
        ("a: !!int no", ['1:4: "no": the text is no !!int']),
        ("a: 1e999", ['1:4: "1e999": a number beyond float64']),
        ("a: &x [*x]", ['1:8: the alias "*x" stands within what it stands for']),
        ("&x {a: *x}", ['1:8: the alias "*x" stands within']),
        ("a: *y", [f'1:4: there is no anchor for the alias "*y": {_STAR}']),
        ("match: *", [f'1:8: {_STAR}: a glob is written "**/kernel"']),
        ("match: **/kernel", [f"1:8: {_STAR}"]),
        ("a: &", ["1:4: a text that begins with & needs quotes"]),
        ("a: 1\n---\nb: 2", ["2:1: a second document: a manifest is one document"]),
        ("a: 1\n...\n---\n", ["3:1: a second document"]),
        ("%YAML 1.1\n---\na: 1", [": a manifest is YAML 1.2: remove the `%YAML` line"]),
        ("%YAML 3.0\n---\na: 1", [": a manifest is YAML 1.2"]),
        ("a:\n\t- b", ["2:1: a tab: YAML indents with spaces"]),
        ("a: @x", ['1:4: no text begins with "@" without quotes: put it in quotes']),
        ("a: `x`", ['1:4: no text begins with "`" without quotes']),
        ("a: %x", ['1:4: no text begins with "%" without quotes']),
        ("a: b: c", [f"1:5: {_COLON}"]),
        ("a: 1\n b: 2", [f"2:3: {_COLON}"]),
        ("a:\n  - b\n c: 1", [f"3:2: {_FIT}"]),
        ("match: [ab]/x", [f"1:12: {_FIT}"]),
        ("a: 1\n- b", [f"2:1: {_FIT}"]),
        ("a: 'x", ["1:4: the quotes that begin here are never closed"]),
        ('a: "\\d"', ["in double quotes a backslash begins an escape: use single quotes"]),
        ("a: [1, 2", ["1:4: the list that begins here lacks a `,` or its `]`"]),
        ("a: {x: b/[c]/d}", ["1:4: the mapping that begins here lacks a `,` or its `}`"]),
        ('a: "\\ud800"', [""]),
    ],
)
def test_problems(text: str, said: list[str]) -> None:
    problems = problems_of(text)
    assert len(problems) == len(said)
    for problem, words in zip(problems, said, strict=True):
        assert words in problem


def test_problems_have_the_path_they_stand_at() -> None:
    _, problems = read_yaml("m:\n  - x: {a: 1, a: 2}\n  - y: !no 1\n")
    assert [problem.path for problem in problems] == [("m", 0, "x", "a"), ("m", 1, "y")]


def test_all_problems_at_once() -> None:
    assert len(problems_of("a: 1\na: 2\n1: 2\n<<: 1\nb: !x 1\nc: *d\n")) == 5


def test_problems_are_capped() -> None:
    assert len(problems_of("a: 1\n" * 1000)) == MAX_PROBLEMS


def test_positions() -> None:
    root, _ = read_yaml("a:\n  - b: [1, é, 3]\n  -   c\nd: &x {e: 1}\nf: *x\n")
    assert root is not None
    marks = {}
    for path in (("a",), ("a", 0), ("a", 0, "b"), ("a", 0, "b", 2), ("a", 1), ("f",), ("f", "e")):
        node = root
        for step in path:
            child = node.step(step)
            assert child is not None
            mark, node = child
        marks[path] = tuple(mark)
    assert marks == {
        ("a",): (1, 1),
        ("a", 0): (2, 5),
        ("a", 0, "b"): (2, 5),
        ("a", 0, "b", 2): (2, 15),
        ("a", 1): (3, 7),
        ("f",): (5, 1),
        ("f", "e"): (4, 8),  # where the anchor has it
    }


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


def test_expansion_is_capped() -> None:
    assert "aliases counted" in problems_of(bomb(20))[0]
    assert problems_of(bomb(4)) == []


def test_the_number_of_values_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_nodes, "MAX_NODES", 100)
    assert data_of("[" + "0," * 99 + "]") == [0] * 99
    assert "more than 100 values" in problems_of("[" + "0," * 100 + "]")[0]


@pytest.mark.parametrize("text", ["[" * 10_000, "{a: " * 10_000, "- " * 10_000, "? " * 10_000])
def test_depth_is_capped(text: str) -> None:
    assert "deep" in problems_of(text)[0]


def test_depth_through_aliases_is_capped() -> None:
    half = MAX_DEPTH // 2 + 2
    text = f"a: &a {'[' * half}{']' * half}\nb: {'[' * half}*a{']' * half}"
    assert "deep" in problems_of(text)[0]
    assert data_of("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1))


def _trees(characters: st.SearchStrategy[str], floats: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    texts = st.text(characters, max_size=12)
    leaves = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), floats, texts)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )


_SURROGATES: tuple[Literal["Cs"]] = ("Cs",)
_ANY = st.characters(exclude_categories=_SURROGATES)
_JSON = st.characters(max_codepoint=0xFFFF, exclude_categories=_SURROGATES, exclude_characters="\x7f")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(_trees(_ANY, st.floats(allow_nan=False)), st.booleans())
def test_what_pyyaml_writes_with_tags_is_read_back(tree: Any, flow: bool) -> None:
    assert data_of(yaml.safe_dump(tree, default_flow_style=flow, default_style='"')) == tree


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(_trees(_JSON, st.floats(allow_nan=False, allow_infinity=False)), st.sampled_from([None, 2]))
def test_json_is_read_back(tree: Any, indent: int | None) -> None:
    assert data_of(json.dumps(tree, indent=indent)) == tree


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.text(st.sampled_from(list("ab:- \n{}[],&*!|>'\"#%@`?~<.0123\\\té")), max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    root, problems = read_yaml(text)
    if root is not None:
        root.data()
    lines = text.split("\n")
    for problem in problems:
        assert 1 <= problem.mark.line <= len(lines)
        assert problem.reason
