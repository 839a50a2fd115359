"""Names meet names; content never pairs anything."""

import pytest

from gate.errors import GateError
from gate.position import Position
from gate.tensors.pairing import Pairing, Rename, rewrite
from support.tensors import tensors


def test_both_sides_are_told_apart() -> None:
    pairing = Pairing(tensors({"a": [1], "b": [2]}), tensors({"b": [1], "c": [3]}))
    assert pairing.both == ("b",)
    assert pairing.only_candidate == ("a",)
    assert pairing.only_reference == ("c",)
    assert pairing.names == ("a", "b", "c")


def test_renames_apply_in_order() -> None:
    found = rewrite(
        tensors({"old/kernel": [1], "keep/kernel": [2]}), [Rename("^old/", "head/"), Rename("kernel$", "w")]
    )
    assert list(found) == ["head/w", "keep/w"]
    assert found["head/w"].name == "old/kernel"


def test_a_rename_that_matches_nothing_is_an_error() -> None:
    at = Position("weight-gate.yml", 7, 5)
    with pytest.raises(GateError, match=r"weight-gate.yml:7:5: .*`\^odl/` matches no tensor") as error:
        rewrite(tensors({"old/kernel": [1]}), [Rename("^odl/", "head/", at)])
    assert error.value.exit_code == 4


def test_two_tensors_never_become_one() -> None:
    with pytest.raises(GateError, match="a/k and b/k both become x/k"):
        rewrite(tensors({"a/k": [1], "b/k": [2]}), [Rename("^[ab]/", "x/")])
