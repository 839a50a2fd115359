"""Pairing, on random models whose files tell less than the whole: never a wrong pair, and nothing is lost.

What two files tell can be too little for anybody: `dense` alone in one and `dense_1` alone in the other are one layer
if a builder was called twice, and two if each file lost the other's. So layers are lost on one side only; and where a
file leaves out levels of the chain (`a/x` for `a/b/x`, which `a/x` of the other file then meets), nothing else differs.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.tensors.pairing import Pairing, Rename, pair
from gate.tensors.weightset import Layer, Step, Tensor, layer_of
from support.random_models import FORMATS, File, random_model, saved
from support.tensors import tensor

FAR = 1000
"""How many layers of each class were made before, in a second build: default names of the two share none."""
quick = settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 1 << 32).map(Random)
ONCE_WRONG = (
    374176930,  # `block/0` of two variables, whose parent has no name, met `block/0` of three
    3592355986,  # `mixer/stem` met `stem`: its counterpart was there without its name
    3087194965,  # the same, two levels deeper
    317874533,  # the same, with a default name counted in a layer without a name
    2779296929,  # the same
    389810367,  # the same, with a layer around that goes by another number
    3949626918,  # `head` met another `head`, and that made a wrong pair by shapes of what was left over
    1505427165,  # `stage_1/unit/stage_1` met `stage_1`: its counterpart has a variable more
    1777445179,  # `block/embedding_4` met `block/embedding_3`, counted anew, though both files have both names
)
"""Seeds of cases of which a pair was wrong."""
ONCE_ONE_WAY = (
    3527923627,  # `/2/gamma` by its place, though one file has a layer of just those variables that could be it too
    4211818754,  # the same, where both files have the whole layer under its names: nothing is in doubt
    2147731529,  # the same, below a layer that both name
    3710803747,  # `scale` could be another layer's, whose own whole name both files have
)
"""Seeds of cases that paired otherwise there than back, or of which a first mend paired less."""


@dataclass
class Case:
    ours: File
    theirs: File

    @property
    def right(self) -> dict[str, str]:
        """The reference's name of every variable that both files hold, by the candidate's."""
        theirs = {id(variable): name for name, variable in self.theirs.variables.items()}
        return {name: theirs[id(v)] for name, v in self.ours.variables.items() if id(v) in theirs}


def case_of(random: Random) -> Case:
    model = random_model(random, random.choice((1, 1, 2, 3)))
    shift, lose = random.choice((0, 0, FAR)), random.choice(("nothing", "layers", "variables"))
    gone = frozenset(
        variable
        for node in model.below()
        for share in [random.random()]
        for variable in node.variables
        if (lose == "layers" and share < 0.3) or (lose == "variables" and random.random() < 0.2)
    )
    levels = not shift and not gone
    whole = saved(model, random.choice(list(FORMATS)), random, levels_lost=levels)
    part = saved(model, random.choice(list(FORMATS)), random, shift, gone, levels_lost=levels)
    return Case(whole, part) if random.random() < 0.5 else Case(part, whole)


def pairs_of(pairing: Pairing) -> dict[str, str]:
    return {name: pairing.reference[name].name for name in pairing.both}


def wrong(case: Case) -> dict[str, str]:
    right = case.right
    found = pairs_of(pair(case.ours.tensors, case.theirs.tensors))
    return {ours: theirs for ours, theirs in found.items() if right.get(ours) != theirs}


@quick
@given(seeds)
def test_a_pair_is_right_or_refused(random: Random) -> None:
    assert wrong(case_of(random)) == {}


@pytest.mark.parametrize("seed", ONCE_WRONG)
def test_what_was_wrong_once_is_right_or_refused(seed: int) -> None:
    assert wrong(case_of(Random(seed))) == {}


@quick
@given(seeds)
def test_every_tensor_is_there_once(random: Random) -> None:
    case = case_of(random)
    pairing = pair(case.ours.tensors, case.theirs.tensors)
    assert dict(pairing.candidate) == case.ours.tensors
    assert Counter(tensor.name for tensor in pairing.reference.values()) == Counter(list(case.theirs.tensors))
    doubtful = [each.reference for each in pairing.uncertain]
    assert len(set(doubtful)) == len(doubtful)
    assert set(doubtful) <= set(pairing.only_reference)
    for each in pairing.uncertain:
        assert set(each.candidates) <= set(pairing.candidate)
        assert each.candidates


def there_and_back(case: Case) -> tuple[dict[str, str], dict[str, str]]:
    """The pairs, by the candidate's names, with either file as the reference."""
    there = pairs_of(pair(case.ours.tensors, case.theirs.tensors))
    back = pairs_of(pair(case.theirs.tensors, case.ours.tensors))
    return there, {ours: theirs for theirs, ours in back.items()}


@quick
@given(seeds)
def test_both_ways_give_the_same_pairs(random: Random) -> None:
    there, back = there_and_back(case_of(random))
    assert there == back


@pytest.mark.parametrize("seed", ONCE_ONE_WAY)
def test_what_went_one_way_only_goes_both_or_neither(seed: int) -> None:
    case = case_of(Random(seed))
    there, back = there_and_back(case)
    assert there == back
    assert wrong(case) == {}


@quick
@given(seeds)
def test_the_order_in_which_tensors_are_stored_means_nothing(random: Random) -> None:
    case = case_of(random)
    found = pair(case.ours.tensors, case.theirs.tensors)
    ours, theirs = (random.sample(list(side.tensors.items()), len(side.tensors)) for side in (case.ours, case.theirs))
    again = pair(dict(ours), dict(theirs))
    assert pairs_of(again) == pairs_of(found)
    assert {each.reference for each in again.uncertain} == {each.reference for each in found.uncertain}


@quick
@given(seeds)
def test_a_model_is_like_itself(random: Random) -> None:
    file = saved(random_model(random), random.choice(list(FORMATS)), random)
    again = dict(random.sample(list(file.tensors.items()), len(file.tensors)))
    pairing = pair(file.tensors, again)
    assert pairs_of(pairing) == {name: name for name in file.tensors}
    assert not pairing.uncertain


@quick
@given(seeds)
def test_rules_settle_everything(random: Random) -> None:
    case = case_of(random)
    left = case.right
    there = [Rename(f"^{re.escape(theirs)}$", f"~{number}~") for number, theirs in enumerate(left.values())]
    back = [Rename(f"^~{number}~$", ours.replace("\\", r"\\")) for number, ours in enumerate(left)]
    lost = set(case.theirs.tensors) - set(case.right.values())
    apart = [Rename(f"^{re.escape(name)}$", f"lost/{number}/x") for number, name in enumerate(lost)]
    settled = pair(case.ours.tensors, case.theirs.tensors, [*apart, *there, *back])
    assert pairs_of(settled) == left
    assert not settled.uncertain
    assert Counter(tensor.name for tensor in settled.reference.values()) == Counter(list(case.theirs.tensors))


# What the properties found, each as small as it can be.


def held(name: str, *steps: tuple[str | None, str], variable: str = "kernel", shape: tuple[int, ...] = (4,)) -> Tensor:
    layer = Layer(tuple(Step(step, node) for step, node in steps))
    return replace(tensor(name, [0.0] * shape[0]), layer=layer, variable=variable)


def by_name(*found: Tensor) -> dict[str, Tensor]:
    return {each.name: each for each in found}


def test_two_layers_that_a_file_takes_for_one_lose_no_tensor() -> None:
    ours = by_name(held("a/x/kernel", ("a", "a"), ("x", "a/x")), held("x/kernel", ("x", "x")))
    theirs = by_name(held("x/kernel~1", ("x", "x")), held("x/kernel~2", ("x", "x")))
    pairing = pair(ours, theirs)
    assert sorted(each.name for each in pairing.reference.values()) == sorted(theirs)
    assert pairing.both == ()
    assert len(pairing.uncertain) == 2


def test_a_name_without_its_layers_name_pairs_nothing() -> None:
    ours = by_name(held("kernel", (None, "0")), held("right/kernel", ("right", "1")))
    theirs = by_name(held("left/kernel", ("left", "0")), held("kernel", (None, "1")))
    assert pair(ours, theirs).both == ()
    assert {each.reference for each in pair(ours, theirs).uncertain} >= {"kernel (reference)"}


def test_a_place_means_nothing_where_another_layer_could_be_the_one() -> None:
    """`part_2` holds just what `/2` held; that `/2` is there too, with less, settles nothing, whichever file asks."""

    def second(*variables: str) -> tuple[Tensor, ...]:
        layer = Layer((Step(None, "/2"),), ("layers", 2))
        return tuple(replace(held(f"/2/{each}", variable=each), layer=layer) for each in variables)

    whole = by_name(*second("gamma", "beta"))
    parts = [held(f"part_2/{each}", (None, "/1"), (None, "/1/2"), variable=each) for each in ("gamma", "beta")]
    other = by_name(*second("gamma"), *parts)
    assert pair(whole, other).both == pair(other, whole).both == ()
    assert pairs_of(pair(whole, by_name(*second("gamma")))) == {"/2/gamma": "/2/gamma"}
    other = by_name(*second("gamma", "beta"), *parts)
    for one, another in ((whole, other), (other, whole)):
        assert pairs_of(pair(one, another)) == {name: name for name in whole}


def test_a_rule_may_say_that_a_name_means_the_same() -> None:
    ours = by_name(held("kernel", (None, "0")), held("right/kernel", ("right", "1")))
    theirs = by_name(held("kernel", (None, "0")), held("left/kernel", ("left", "1")))
    settled = pair(ours, theirs, [Rename("^kernel$", "kernel"), Rename("^left/", "right/")])
    assert pairs_of(settled) == {"kernel": "kernel", "right/kernel": "left/kernel"}
    assert not settled.uncertain


def test_the_same_names_are_no_reason_where_one_file_made_them_of_positions() -> None:
    """Keras 2.15 stores no layer names: `dense` is the first of its class, whatever it is called."""
    ours = by_name(held("dense/kernel", (None, "dense")), held("dense_1/kernel", (None, "dense_1")))
    theirs = by_name(held("dense_1/kernel", ("dense_1", "0")), held("dense/kernel", ("dense", "1")))
    assert pair(ours, theirs).both == ()
    assert pairs_of(pair(ours, ours)) == {name: name for name in ours}


def test_a_counted_name_means_nothing_in_another_layer() -> None:
    ours = by_name(
        held("dense/kernel", ("dense", "0")),
        held("a/dense_1/kernel", ("a", "1"), ("dense_1", "1/0")),
    )
    theirs = by_name(held("b/dense_8/kernel", ("b", "1"), ("dense_8", "1/0")), held("other/kernel", ("other", "2")))
    assert "dense/kernel" not in pairs_of(pair(ours, theirs))


def test_names_that_both_files_have_are_not_counted_anew() -> None:
    """Both hold `top/block/unit/dense_3` and `…/dense_4`, and each leaves out some levels."""
    ours = by_name(
        held(
            "top/block/unit/dense_3/kernel", ("top", "0"), ("block", "0/0"), ("unit", "0/0/0"), ("dense_3", "0/0/0/0")
        ),
        held("top/block/dense_4/kernel", ("top", "0"), ("block", "0/0"), ("dense_4", "0/0/1")),
    )
    theirs = by_name(
        held("top/block/dense_3/kernel", ("top", "0"), ("block", "0/0"), ("dense_3", "0/0/0")),
        held("block/unit/dense_4/kernel", ("block", "1"), ("unit", "1/0"), ("dense_4", "1/0/0")),
    )
    assert pairs_of(pair(ours, theirs)) == {"top/block/unit/dense_3/kernel": "top/block/dense_3/kernel"}


def test_nothing_is_counted_beside_a_layer_whose_name_is_unknown() -> None:
    ours = by_name(held("kernel", (None, "0")), held("dense_1/kernel", ("dense_1", "1")))
    theirs = by_name(held("dense_7/kernel", ("dense_7", "0")), held("other/kernel", (None, "1")))
    assert pair(ours, theirs).both == ()


def test_a_layer_around_may_go_by_another_number() -> None:
    ours = {name: replace(tensor(name, [0.0]), layer=layer_of(name)) for name in ("block/proj/kernel",)}
    names = ("proj/kernel", "block_9/proj/kernel")
    theirs = {name: replace(tensor(name, [0.0]), layer=layer_of(name)) for name in names}
    assert "proj/kernel" not in pairs_of(pair(ours, theirs)).values()


@pytest.mark.parametrize(("ours", "theirs"), [("dense", "dense_1"), ("dense_3", "dense_1")])
def test_what_nobody_can_tell_apart_pairs_as_of_one_builder(ours: str, theirs: str) -> None:
    """Were they two layers of one model, each lost on the other side, this would be wrong; the report says it."""
    pairing = pair(
        {f"{ours}/kernel": tensor(f"{ours}/kernel", [1])}, {f"{theirs}/kernel": tensor(f"{theirs}/kernel", [1])}
    )
    assert pairs_of(pairing) == {f"{ours}/kernel": f"{theirs}/kernel"}
    assert f"{theirs} as {ours}" in pairing.notes[0]


def test_a_number_means_nothing_beside_one_more_under_a_parent_without_a_name() -> None:
    def block(*sizes: int) -> dict[str, Tensor]:
        steps = ((None, "0"), ("block", "0/1"))
        found = [held(f"words/block/{at}", *steps, variable=str(at), shape=(size,)) for at, size in enumerate(sizes)]
        return by_name(*(replace(each, layer=Layer(each.layer.steps, (0, 1))) for each in found if each.layer))

    found = pair(block(2, 3), block(4, 2, 3))
    assert found.both == ()
    candidates = ("words/block/0", "words/block/1")
    assert {each.candidates for each in found.uncertain} == {candidates}
    assert len(found.uncertain) == 3
    assert pairs_of(pair(block(2, 3), block(2, 4))) == {name: name for name in candidates}  # another size is a finding


def test_a_number_means_nothing_where_the_first_was_removed() -> None:
    def numbered(*sizes: int) -> dict[str, Tensor]:
        sized = enumerate(sizes)
        return by_name(*(held(f"a/{at}", ("a", "a"), variable=str(at), shape=(size,)) for at, size in sized))

    found = pair(numbered(2, 3), numbered(4, 2, 3), removed=lambda name: name == "a/0")
    assert pairs_of(found) == {"a/0": "a/1", "a/1": "a/2"}
    found = pair(numbered(2, 2), numbered(4, 2, 2), removed=lambda name: name == "a/0")
    assert "a/1" not in pairs_of(found)
    assert {each.candidates for each in found.uncertain} == {("a/0", "a/1")}


@pytest.mark.parametrize("more", [{}, {"bias": (4,)}], ids=["nameless", "a variable more"])
def test_the_only_one_of_a_name_is_not_the_only_one_that_it_could_be(more: dict[str, tuple[int, ...]]) -> None:
    """`mixer/stem` has a counterpart that lacks its name, or some of whose variables are lost here."""
    ours = by_name(held("mixer/stem/kernel", ("mixer", "0"), ("stem", "0/0")))
    stem = (None if not more else "stem", "0/0")
    theirs = by_name(
        held("stem/kernel", ("stem", "1")),
        held("kernel", (None, "0"), stem),
        *(held(name, (None, "0"), stem, variable=name, shape=shape) for name, shape in more.items()),
    )
    assert pair(ours, theirs).both == ()
    assert "stem/kernel" in {each.reference for each in pair(ours, theirs).uncertain}
    theirs = {name: each for name, each in theirs.items() if name == "stem/kernel"}
    assert pairs_of(pair(ours, theirs)) == {"mixer/stem/kernel": "stem/kernel"}
