"""What a manifest asks of a model beside its tensors, and which models it has at all."""

from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from support.loosening import SEEN, TODAY, compared, one, told

DIGEST: dict[str, Any] = {"digest": "sha256:" + "0" * 64}
URL = {"url": "https://example.com/gold.npz", "sha256": "0" * 64}
CODE = {"code": "src/m.py:f"}
PREDICTION: dict[str, Any] = {"inputs": "in.npz", "expected": "reference"}


def predicts(**keys: Any) -> dict[str, Any]:
    said = {**PREDICTION, **keys}
    return one(predictions=[{key: value for key, value in said.items() if value is not None}])


def scored(**bounds: Any) -> dict[str, Any]:
    return predicts(metric={"code": "src/m.py:accuracy", **bounds})


LOOSER: dict[str, tuple[Any, Any, str, str]] = {
    "no reference": (one(), one(reference=None), "reference-dropped", "compared with gold.npz, and now with nothing"),
    "another file": (one(), one(reference="silver.npz"), "reference-changed", "and now with silver.npz"),
    "a file in place of a commit": (
        one(reference={"git": "origin/main"}),
        one(),
        "reference-changed",
        "compared with m.npz at origin/main, and now with gold.npz",
    ),
    "a lock in place of a file": (
        one(),
        one(reference={"lock": "m.lock.yml"}),
        "reference-changed",
        "and now with the lock m.lock.yml",
    ),
    "a file in place of a lock": (
        one(reference={"lock": "m.lock.yml"}),
        one(reference="copy.npz"),
        "reference-changed",
        "compared with the lock m.lock.yml, and now with copy.npz",
    ),
    "a commit in place of a file": (one(), one(reference={"git": "HEAD^2"}), "reference-changed", "m.npz at HEAD^2"),
    "a commit in place of an address": (
        one(reference=URL),
        one(reference={"git": "main"}),
        "reference-changed",
        "main",
    ),
    "a commit in place of a branch": (
        one(reference={"git": "main"}),
        one(reference={"git": "0" * 40}),
        "reference-changed",
        "000",
    ),
    "an address in place of a lock": (
        one(reference={"lock": "m.lock.yml"}),
        one(reference=URL),
        "reference-changed",
        "https",
    ),
    "another path in a commit": (
        one(reference={"git": "main"}),
        one(reference={"git": "main", "path": "bad.npz"}),
        "reference-changed",
        "bad.npz at main",
    ),
    "another commit": (
        one(reference={"git": "origin/main"}),
        one(reference={"git": "v1"}),
        "reference-changed",
        "m.npz at v1",
    ),
    "another digest of an address": (
        one(reference=URL),
        one(reference={**URL, "sha256": "1" * 64}),
        "reference-changed",
        "(111111111111)",
    ),
    "may be missing": (
        one(reference={"git": "origin/main"}),
        one(reference={"git": "origin/main", "missing": "allowed"}),
        "reference-changed",
        "may be missing now",
    ),
    "gone on purpose": (
        one(weights="*.npz", reference={"git": "origin/main"}),
        one(weights="*.npz", reference={"git": "origin/main", "removed": ["old.npz"]}),
        "model-removed",
        "old.npz is said to be gone",
    ),
    "digest": (one(**DIGEST), one(), "digest-dropped", "no longer asked for"),
    "another digest": (one(**DIGEST), one(digest="sha256:" + "1" * 64), "digest-dropped", "another file's"),
    "names": (one(), one(names=[{"from": "^a/", "to": "b/"}]), "rename-added", "a rename can hide a swap"),
    "names in another order": (
        one(names=[{"from": "a", "to": "b"}, {"from": "b", "to": "c"}]),
        one(names=[{"from": "b", "to": "c"}, {"from": "a", "to": "b"}]),
        "rename-added",
        "another order",
    ),
    "fewer names": (
        one(names=[{"from": "^a/", "to": "b/"}]),
        one(),
        "rename-dropped",
        "`^a/` to `b/` is gone from `names`",
    ),
    "another name": (one(), one(name="other"), "model-moved", "it was called m and is called other"),
    "groups": (one(groups={"optimizer": "compare"}), one(), "group-dropped", "optimizer is no longer compared"),
    "statistics": (one(statistics={"mean": 1e-3}), one(), "statistics-wider", "no longer compared"),
    "wider statistics": (one(statistics={"mean": 1e-3}), one(statistics={"mean": 1}), "statistics-wider", "is within"),
    "not loaded": (one(), one(load=False), "not-loaded", "no longer loaded"),
    "own loader": (one(), one(load=CODE), "loading-changed", "says what arrived"),
    "another loader": (one(load=CODE), one(load={"code": "src/m.py:g"}), "loading-changed", "now src/m.py:g does"),
    "no own loader": (one(load=CODE), one(), "not-loaded", "src/m.py:f no longer loads it"),
    "another Keras": (one(), one(load={"keras": 2}), "loading-changed", "now Keras 2 does"),
    "no architecture": (one(architecture=CODE), one(), "not-loaded", "may no longer be loaded"),
    "another architecture": (
        one(architecture=CODE),
        one(architecture={"json": "m.json"}),
        "loading-changed",
        "src/m.py:f built its model, and now m.json does",
    ),
    "an architecture in place of its own": (
        one(weights="m.keras"),
        one(weights="m.keras", architecture=CODE),
        "loading-changed",
        "in place of what the file holds",
    ),
    "another device": (
        one(top={"defaults": {"device": "gpu"}}),
        one(),
        "loading-changed",
        "`defaults.device` was gpu and is auto",
    ),
    "no round-trip": (one(), one(roundtrip=False), "roundtrip-shorter", "no longer saved"),
    "fewer formats": (
        one(roundtrip=["keras", "h5"]),
        one(roundtrip=["keras"]),
        "roundtrip-shorter",
        "as h5",
    ),
    "a waiver of restoring": (
        one(),
        one(restore={"waive": [{"match": "head/*", "reason": "r"}]}),
        "restore-waived",
        "`head/*`",
    ),
    "a wider waiver": (
        one(restore={"waive": [{"match": "head/bias", "reason": "r"}]}),
        one(restore={"waive": [{"match": "head/*", "reason": "r"}]}),
        "restore-waived",
        "without an end (r)",
    ),
    "a longer waiver": (
        one(restore={"waive": [{"match": "head/*", "reason": "r", "until": "2027-01-01"}]}),
        one(restore={"waive": [{"match": "head/*", "reason": "r", "until": "2027-01-05"}]}),
        "waiver-longer",
        "from 2027-01-02 on",
    ),
    "partial": (
        one(architecture=CODE),
        one(architecture=CODE, restore={"partial": ["body/**"]}),
        "restore-waived",
        "need no longer come from the file",
    ),
    "less partial": (
        one(architecture=CODE, restore={"partial": ["body/**", "head/**"]}),
        one(architecture=CODE, restore={"partial": ["body/**"]}),
        "restore-waived",
        "variables like head/x",
    ),
    "more partial": (
        one(architecture=CODE, restore={"partial": ["a/*"]}),
        one(architecture=CODE, restore={"partial": ["a/*", "b/*"]}),
        "restore-waived",
        "variables like b/x need no longer stay as they were built",
    ),
    "partial no more": (
        one(architecture=CODE, restore={"partial": ["a/*"]}),
        one(architecture=CODE),
        "restore-waived",
        "need no longer stay as they were built",
    ),
    "no predictions": (predicts(), one(), "predictions-weaker", "no longer asked for"),
    "other inputs": (predicts(), predicts(inputs="other.npz"), "predictions-weaker", "inputs are others"),
    "other outputs expected": (predicts(), predicts(expected="out.npz"), "predictions-weaker", "outputs are others"),
    "fewer samples": (
        predicts(inputs=None, samples=8),
        predicts(inputs=None, samples=2),
        "predictions-weaker",
        "`samples` were 8 and are 2",
    ),
    "fewer outputs": (predicts(), predicts(outputs=["a"]), "predictions-weaker", "fewer outputs"),
    "wider predictions": (
        predicts(),
        predicts(tolerance={"rtol": 1e-2, "atol": 1e-6}),
        "predictions-weaker",
        "was the device's own and is rtol=0.01",
    ),
    "no element by element": (
        predicts(),
        predicts(agreement={"metric": "argmax", "at_least": 0.9}),
        "predictions-weaker",
        "no longer compared element by element",
    ),
    "agreement": (
        predicts(agreement={"metric": "argmax", "at_least": 0.9}),
        predicts(agreement={"metric": "argmax", "at_least": 0.8}),
        "predictions-weaker",
        "`agreement.at_least` was 0.9 and is 0.8",
    ),
    "cosine": (
        predicts(cosine={"at_least": 0.9}),
        predicts(cosine={"at_least": 0.8}),
        "predictions-weaker",
        "`cosine.at_least`",
    ),
    "difference": (
        predicts(difference={"max": 0.1, "quantile": {"q": 0.9, "at_most": 0.1}}),
        predicts(difference={"max": 0.1, "quantile": {"q": 0.9, "at_most": 0.2}}),
        "predictions-weaker",
        "`difference.quantile`",
    ),
    "metric": (scored(at_least=0.9), scored(at_least=0.8), "predictions-weaker", "`metric.at_least`"),
    "max_drop": (scored(at_least=0.9, max_drop=0.1), scored(at_least=0.9), "predictions-weaker", "`metric.max_drop`"),
    "policy": (
        one(top={"policy": {"loosening": "fail"}}),
        one(),
        "policy-weaker",
        "`policy.loosening` was fail and is warn",
    ),
    "mutation score": (
        one(top={"policy": {"mutation_score": 0.9}}),
        one(top={"policy": {"mutation_score": 0.8}}),
        "policy-weaker",
        "was 0.9 and is 0.8",
    ),
}

HARMLESS: dict[str, tuple[Any, Any]] = {
    "a reference": (one(reference=None), one()),
    "the same path in other words": (one(), one(reference="./gold.npz")),
    "the path that it has anyhow": (
        one(reference={"git": "main"}),
        one(reference={"git": "main", "path": "./m.npz"}),
    ),
    "the file's name in words": (one(reference="gold/{file}"), one(reference="gold/m.npz")),
    "a model for what holds none": (one(), one(architecture=CODE)),
    "a digest": (one(), one(**DIGEST)),
    "more groups": (one(), one(groups={"optimizer": "compare"})),
    "loaded": (one(load=False), one()),
    "its own format in words": (one(weights="m.keras"), one(weights="m.keras", roundtrip=["keras"])),
    "a waiver in pieces": (
        one(restore={"waive": [{"match": "head/{kernel,bias}", "reason": "r"}]}),
        one(restore={"waive": [{"match": "head/bias", "reason": "r"}, {"match": "head/kernel", "reason": "s"}]}),
    ),
    "a waiver that ends": (
        one(restore={"waive": [{"match": "head/*", "reason": "r"}]}),
        one(restore={"waive": [{"match": "head/*", "reason": "r", "until": "2027-01-01"}]}),
    ),
    "partial in pieces": (
        one(architecture=CODE, restore={"partial": ["body/{a,b}"]}),
        one(architecture=CODE, restore={"partial": ["body/a", "body/b"]}),
    ),
    "predictions in another order": (
        one(predictions=[PREDICTION, {**PREDICTION, "inputs": "b.npz"}]),
        one(predictions=[{**PREDICTION, "inputs": "b.npz"}, PREDICTION]),
    ),
    "closer predictions": (predicts(), predicts(tolerance={"rtol": 1e-6, "atol": 1e-7})),
    "agreement too": (
        predicts(tolerance={"rtol": 1e-6, "atol": 1e-7}),
        predicts(tolerance={"rtol": 1e-6, "atol": 1e-7}, agreement={"metric": "argmax", "at_least": 0.9}),
    ),
    "a higher score": (scored(at_least=0.8), scored(at_least=0.9)),
    "a stricter policy": (one(), one(top={"policy": {"loosening": "fail", "mutation_score": 0.9}})),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("m", "a", "b"):
        (tmp_path / f"{name}.npz").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("name", LOOSER)
@pytest.mark.parametrize("is_read", [True, False])
def test_what_lets_more_through(name: str, is_read: bool, folder: Path) -> None:
    before, after, kind, words = LOOSER[name]
    said = compared(before, after, folder) if is_read else compared(before, after, folder, None)
    assert {each.kind for each in said} == {kind}
    assert any(words in each.reason for each in said), said


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("is_read", [True, False])
def test_what_lets_no_more_through(name: str, is_read: bool, folder: Path) -> None:
    before, after = HARMLESS[name]
    assert compared(before, after, folder) == () if is_read else compared(before, after, folder, None) == ()


# Which models there are


def models(*entries: Any) -> dict[str, Any]:
    return {"models": [each if isinstance(each, dict) else {"weights": each} for each in entries]}


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        (models("a.npz", "b.npz"), models("a.npz"), "b"),
        (models("*.npz"), models("a*.npz"), "b.npz, m.npz"),
        (models("*.npz"), models("a.npz", "m.npz"), "b.npz"),
        (models("gone.npz", "a.npz"), models("a.npz"), "gone"),
        (models("gone/*.npz", "a.npz"), models("a.npz"), "gone/*.npz"),
    ],
)
def test_a_model_that_nothing_judges_any_more(before: Any, after: Any, named: str, folder: Path) -> None:
    (said,) = compared(before, after, folder)
    assert said.kind == "model-removed"
    assert named in said.reason
    assert said.position is not None
    assert said.position.file == "weight-gate.yml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (models("a.npz", "b.npz"), models("b.npz", "a.npz")),
        (models("a.npz", "b.npz", "m.npz"), models("*.npz")),
        (models("*.npz"), models("a.npz", "b.npz", "m.npz")),
        (models("*.npz"), models("[a-b].npz", "m.npz")),
        (models("a.npz"), models("a.npz", {"weights": "a.npz", "name": "again", "load": False})),
        (models("a.npz"), models("./a.npz")),
    ],
)
def test_the_same_files_in_other_entries(before: Any, after: Any, folder: Path) -> None:
    assert compared(before, after, folder) == ()


def test_a_move_is_one_where_the_old_file_is_gone(folder: Path) -> None:
    before, after = one(weights="old.npz", name="same"), one(name="same")
    assert told(compared(before, after, folder, None)) == {("model-moved", None)}
    assert told(compared(before, one(name="other"), folder, None)) == {("model-removed", None)}
    (folder / "old.npz").write_bytes(b"")
    assert told(compared(before, after, folder, None)) == {("model-removed", None)}


@pytest.mark.parametrize("is_read", [True, False])
def test_a_moved_file_is_compared_with_what_lies_elsewhere(folder: Path, is_read: bool) -> None:
    git = {"git": "main", "missing": "allowed"}
    before = one(weights="old/m.npz", reference=git)
    seen = SEEN if is_read else None
    assert told(compared(before, one(reference=git), folder, seen)) == {
        ("model-moved", None),
        ("reference-changed", None),
    }
    still = one(reference={**git, "path": "old/m.npz"})
    assert told(compared(before, still, folder, seen)) == {("model-moved", None)}


def test_a_tensor_rule_of_a_moved_file_is_told_by_its_tensors(folder: Path) -> None:
    before, after = one(weights="old/m.npz"), one({"match": "head/*", "expect": "any"})
    assert ("expect-weaker", "head/bias") in told(compared(before, after, folder))


def test_the_default_of_a_prediction_is_that_of_each_device(folder: Path) -> None:
    stated = predicts(tolerance={"rtol": 1e-5, "atol": 1e-6})
    on_gpu = {**predicts(), "defaults": {"device": "gpu"}}
    assert told(compared(stated, on_gpu, folder)) == {("loading-changed", None), ("predictions-weaker", None)}
    assert told(compared(on_gpu, stated, folder)) == {("loading-changed", None)}


@pytest.mark.parametrize("is_read", [True, False])
def test_what_nobody_touched_is_never_untold(folder: Path, is_read: bool) -> None:
    rules = [
        {
            "match": f"**/{number}*x*/**",
            "nan": "allowed",
            "reason": "r",
            "until": f"2027-{1 + number % 12:02d}-{1 + number % 28:02d}",
        }
        for number in range(400)
    ]
    waive = [{"match": f"*a{number}*/**", "reason": "r", "until": rules[number]["until"]} for number in range(400)]
    before = one(*rules, restore={"waive": waive})
    after = one(*rules, restore={"waive": waive}, **DIGEST)
    assert compared(before, after, folder, SEEN if is_read else None) == ()


def test_a_glob_in_pieces_is_compared_piece_by_piece(folder: Path) -> None:
    strict = {"tensors": [{"match": "**", "expect": "identical"}], "reference": "gold/{file}"}
    before = models({"weights": "*.npz", **strict})
    after = models({"weights": "[am].npz", **strict}, {"weights": "b.npz", "reference": "gold/a.npz"})
    said = compared(before, after, folder, None, TODAY)
    assert {(each.kind, each.reason.partition(":")[0]) for each in said} == {
        ("reference-changed", "b"),
        ("expect-weaker", "b"),
    }


# A manifest is a stranger's


def test_the_largest_manifests_take_seconds(folder: Path) -> None:
    """Within 1 MiB: many rules, ends, waivers, models, renames and predictions, none of which was there before."""
    many = range(600)
    days = [f"{2027 + number // 300}-{1 + number % 12:02d}-{1 + number % 28:02d}" for number in many]
    rules = [
        {"match": f"**/{number}*x*/**/y*{number}", "nan": "allowed", "reason": "r", "until": days[number]}
        for number in many
    ]
    waive = [{"match": f"*a{number}*/**", "reason": "r", "until": days[number]} for number in many]
    names = [{"from": f"a{number}", "to": "b"} for number in many]
    predictions = [{**PREDICTION, "samples": None, "cosine": {"at_least": 0.5}} for _ in many]
    predictions = [{key: value for key, value in each.items() if value is not None} for each in predictions]
    heavy = one(*rules, names=names, restore={"waive": waive}, predictions=predictions)
    started = perf_counter()
    for seen in (SEEN, None):
        for before, after in ((one(), heavy), (heavy, one()), (heavy, one(*rules[1:]))):
            assert {each.kind for each in compared(before, after, folder, seen)}
    entries = [{"weights": f"w{number}.npz"} for number in range(5000)]
    assert len(compared(models(*entries), models("a.npz"), folder)) == 5000
    assert compared(models(*entries), models(*reversed(entries)), folder) == ()
    assert perf_counter() - started < 40
