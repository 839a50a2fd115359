"""Edits of a manifest's text mean what they say, and leave every other character alone."""

import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.manifest.edit import Append, EditError, Put, edited, snippet
from gate.manifest.load import parse_manifest
from gate.manifest.model import Manifest
from gate.manifest.unified_diff import unified_diff
from support.manifest_texts import RULES, texts
from support.repositories import Repo

RULE = {"match": "head/**", "tolerance": {"rtol": 1e-5, "atol": 0.0}}
PLAIN = "version: 1\nmodels:\n  - weights: m\n    reference: g\n"
Written = tuple[dict[str, Any], str]
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def only_inserted(old: str, new: str) -> bool:
    more = len(new) - len(old)
    return more > 0 and any(new[:at] + new[at + more :] == old for at in range(len(old) + 1))


@SLOW
@given(texts(), RULES, st.data())
def test_an_added_rule_is_all_that_is_added(written: Written, rule: Any, data: st.DataObject) -> None:
    meant, text = written
    index = data.draw(st.integers(0, len(meant["models"]) - 1))
    new = edited(text, [Append(("models", index, "tensors"), rule)])
    meant["models"][index].setdefault("tensors", []).append(rule)
    assert parse_manifest(new, "m").manifest == Manifest.model_validate(meant)
    assert only_inserted(text, new)


@SLOW
@given(texts(), st.data())
def test_an_added_key_is_all_that_is_added(written: Written, data: st.DataObject) -> None:
    meant, text = written
    index = data.draw(st.integers(0, len(meant["models"]) - 1))
    digest = "sha256:" + "0" * 64
    new = edited(text, [Put(("models", index, "digest"), digest)])
    meant["models"][index]["digest"] = digest
    assert parse_manifest(new, "m").manifest == Manifest.model_validate(meant)
    assert only_inserted(text, new)


@SLOW
@given(texts(), st.data())
def test_a_value_is_replaced_where_it_stands(written: Written, data: st.DataObject) -> None:
    meant, text = written
    wanted: dict[tuple[str | int, ...], Any] = {}
    for index, model in enumerate(meant["models"]):
        wanted["models", index, "weights"] = "other file.keras"
        wanted["models", index, "reference"] = data.draw(st.sampled_from(["new.keras", {"git": "HEAD~1"}]))
        for key in ("tensors", "predictions"):
            for number, _ in enumerate(model.get(key, [])):
                wanted["models", index, key, number, "tolerance"] = {"rtol": 0.25, "atol": 2e-7}
    path = data.draw(st.sampled_from(sorted(wanted, key=str)))
    new = edited(text, [Put(path, wanted[path])])
    after = deepcopy(meant)
    part: Any = after
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = wanted[path]
    assert parse_manifest(new, "m").manifest == Manifest.model_validate(after)
    same = [line for line in text.split("\n") if "#" in line and line.lstrip().startswith("#")]
    outside = [line for line in same if line in new.split("\n")]
    if path[-1] != "reference":  # what stands within a block goes with it
        assert outside == same


@SLOW
@given(texts(), RULES)
def test_the_diff_is_applied_by_patch(tmp_path_factory: pytest.TempPathFactory, written: Written, rule: Any) -> None:
    _, text = written
    new = edited(text, [Append(("models", 0, "tensors"), rule), Put(("models", 0, "weights"), "other.keras")])
    folder = tmp_path_factory.mktemp("patch")
    file = folder / "weight-gate.yml"
    file.write_bytes(text.encode())
    patch = unified_diff(text, new, file.name).encode()
    done = subprocess.run(["patch", "-p1", "--binary"], cwd=folder, input=patch, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert file.read_bytes() == new.encode()


@pytest.mark.parametrize("name", ["weight-gate.yml", "a b.yml", 'ü "x"\t\\.yml', "ci/gate.yml"])
@pytest.mark.parametrize("below", ["", "sub"])
@pytest.mark.parametrize(
    "text",
    ["version: 1\nmodels:\n  - weights: m\n    reference: g\n", "version: 1\r\nmodels: [{weights: m, reference: g}]"],
)
@pytest.mark.parametrize("tool", ["git apply", "git apply --check", "patch -p1"])
def test_the_diff_is_applied_by_git_and_patch(tmp_path: Path, name: str, below: str, text: str, tool: str) -> None:
    repo = Repo.init(tmp_path)
    folder = tmp_path / below
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text.encode())
    repo.commit()
    new = edited(text, [Append(("models", 0, "tensors"), RULE)])
    patch = unified_diff(text, new, name)
    command = [*tool.split(), *(["--binary"] if tool.startswith("patch") else [])]
    done = subprocess.run(command, cwd=folder, input=patch.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert (folder / name).read_bytes() == (text if "--check" in tool else new).encode()


def test_a_rule_takes_the_layout_of_its_neighbours() -> None:
    head = "version: 1\nmodels:\n- weights: m.keras   # the one\n  reference: g\n"
    assert edited(head, [Append(("models", 0, "tensors"), RULE)]) == (
        head + '  tensors:\n  - {match: "head/**", tolerance: {rtol: 1e-5, atol: 0.0}}\n'
    )
    block = head + "  tensors:\n    - match: a\n      expect: identical  # frozen\n    # more\n"
    assert edited(block, [Append(("models", 0, "tensors"), RULE)]) == block.replace(
        "# frozen\n",
        '# frozen\n    - match: "head/**"\n      tolerance: {rtol: 1e-5, atol: 0.0}\n',
    )
    flow = "version: 1\nmodels: [{weights: m.keras, reference: g, tensors: []}]\n"
    assert edited(flow, [Append(("models", 0, "tensors"), RULE)]) == flow.replace(
        "[]", '[{match: "head/**", tolerance: {rtol: 1e-5, atol: 0.0}}]'
    )


def test_a_tolerance_keeps_its_layout_and_comments() -> None:
    text = "version: 1\nmodels:\n- weights: m\n  reference: g\n  tensors:\n  - match: a\n"
    text += "    tolerance:\n      atol: 1e-8  # why\n      rtol: 1e-6\n"
    new = edited(text, [Put(("models", 0, "tensors", 0, "tolerance"), {"rtol": 2e-5, "atol": 1e-8})])
    assert new == text.replace("1e-6", "2e-5")


def test_a_list_of_entries_has_a_line_for_each() -> None:
    text = "version: 1\nmodels:\n    - weights: m"
    entries = [{"inputs": "x.npz", "expected": "y.npz"}]
    new = edited(text, [Put(("models", 0, "predictions"), entries)])
    assert new == text + "\n      predictions:\n          - {inputs: x.npz, expected: y.npz}"


def test_what_an_alias_stands_for_is_not_changed_for_others() -> None:
    text = (
        "version: 1\nmodels:\n- weights: a\n  reference: g\n"
        "  tensors: &rules\n  - {match: x, tolerance: &t {rtol: 0, atol: 0}}\n"
        "- weights: b\n  reference: g\n  tensors: *rules\n"
    )
    for path in (("models", 0, "tensors"), ("models", 1, "tensors")):
        with pytest.raises(EditError) as refused:
            edited(text, [Append(path, RULE)])
        assert 'match: "head/**"' in refused.value.snippet
    with pytest.raises(EditError):
        edited(text, [Put(("models", 1, "tensors", 0, "tolerance"), {"rtol": 1.0, "atol": 1.0})])
    assert edited(text, [Put(("models", 1, "tensors"), [RULE])]).endswith(
        'tensors: [{match: "head/**", tolerance: {rtol: 1e-5, atol: 0.0}}]\n'
    )


def test_an_anchor_before_a_list_is_no_dash() -> None:
    text = "version: 1\nmodels:\n- weights: a\n  reference: g\n"
    text += "  tensors: &x-y\n    # - no\n    - {match: x, expect: any}\n"
    assert edited(text, [Append(("models", 0, "tensors"), RULE)]) == (
        text + '    - {match: "head/**", tolerance: {rtol: 1e-5, atol: 0.0}}\n'
    )


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Append(("models", 3, "tensors"), RULE), "models[3].tensors"),
        (Append(("models", 0, "weights"), RULE), "is no list"),
        (Put(("models", 0, "weights", "x"), 1), "nothing to put it into"),
        (Put(("models", 0, "tensors"), [{"match": "x", "tolerance": {"rtol": -1.0, "atol": 0.0}}]), "no manifest"),
        (Put(("nonsense",), 1), "no manifest"),
    ],
)
def test_what_makes_no_manifest_is_refused(edit: Append | Put, words: str) -> None:
    with pytest.raises(EditError, match=words.replace("[", r"\[")) as refused:
        edited("version: 1\nmodels:\n- weights: m.keras\n", [edit])
    assert refused.value.exit_code == 2
    assert refused.value.snippet


def test_a_snippet_says_where_it_belongs() -> None:
    edits: list[Append | Put] = [
        Append(("models", 0, "tensors"), RULE),
        Put(("models", 0, "digest"), "x"),
        Put(("models", 0), {"a": "*"}),
    ]
    assert snippet(edits) == (
        "# at the end of models[0].tensors\n"
        '- {match: "head/**", tolerance: {rtol: 1e-5, atol: 0.0}}\n'
        "# in models[0]\ndigest: x\n"
        '# instead of models[0]\n{a: "*"}\n'
    )


def test_the_text_of_the_file_is_kept(tmp_path: Path) -> None:
    from gate.manifest import load_manifest

    content = b"\xef\xbb\xbfversion: 1\r\nmodels: [{weights: m}]\r\n"
    (tmp_path / "m.yml").write_bytes(content)
    loaded = load_manifest(tmp_path / "m.yml")
    assert loaded.text.encode() == content
    assert loaded.position("version").column == 1
