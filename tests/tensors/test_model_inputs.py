"""Arrays fitted to a model's inputs, and inputs that are made up."""

import math
import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gate.errors import GateError
from gate.tensors.model_inputs import FREE_LENGTH, WORDS, InputSpec, fit, made_up, random_inputs
from support.cli import ROOT

IMAGE = InputSpec("image", "float32", (None, 2, 3))
TOKENS = InputSpec("tokens", "int32", (None, None))

PINNED = [2.5532696, 0.099238224, -1.3465375, 0.62685233]  # made once, NumPy 2.4.6
PINNED_INTEGERS = [0, 0, 1, 0, 0, 0, 1, 0]


def cast(array: Any, dtype: str) -> Any:
    array = np.asarray(array)
    return fit({"x": array}, [InputSpec("x", dtype, None)]).inputs["x"]


# Names


def test_arrays_go_to_the_inputs_of_their_names() -> None:
    image, tokens, labels = np.ones((4, 2, 3), np.float32), np.ones((4, 5), np.int32), np.arange(4)
    fitted = fit({"labels": labels, "tokens": tokens, "image": image}, [IMAGE, TOKENS])
    assert list(fitted.inputs) == ["image", "tokens"]
    assert fitted.inputs["image"] is image
    assert fitted.inputs["tokens"] is tokens
    assert fitted.rest == {"labels": labels}


@pytest.mark.parametrize("name", ["", "x", "instances"])
def test_one_array_goes_to_one_input(name: str) -> None:
    array = np.ones((1, 2, 3), np.float32)
    fitted = fit({name: array}, [IMAGE])
    assert fitted.inputs["image"] is array
    assert not fitted.rest


def test_the_name_of_the_input_beats_having_no_name() -> None:
    unnamed, named = np.zeros((1, 2, 3), np.float32), np.ones((1, 2, 3), np.float32)
    assert fit({"": unnamed, "image": named}, [IMAGE]).inputs["image"] is named
    fitted = fit({"labels": named, "": unnamed}, [IMAGE])
    assert fitted.inputs["image"] is unnamed
    assert list(fitted.rest) == ["labels"]


def test_what_the_model_takes_and_what_there_is_are_told() -> None:
    with pytest.raises(GateError) as caught:
        fit({"images": np.ones((4, 2, 3)), "tokens": np.ones((4, 5), np.int32)}, [IMAGE, TOKENS])
    assert caught.value.reason == (
        "there is no array for the input 'image': the model takes 'image' (float32, (any, 2, 3)), "
        "'tokens' (int32, (any, any)), and there is 'images' (float64, (4, 2, 3)), 'tokens' (int32, (4, 5))"
    )
    assert "under its name" in caught.value.hint


@pytest.mark.parametrize("arrays", [{}, {"": np.ones((1, 2, 3))}, {"a": np.ones(1), "b": np.ones(1)}])
def test_there_is_no_guessing(arrays: Any) -> None:
    with pytest.raises(GateError, match="there is no array for the input"):
        fit(arrays, [IMAGE, TOKENS])
    if "" not in arrays:
        with pytest.raises(GateError, match="there is no array for the input 'image'"):
            fit(arrays, [IMAGE])


def test_a_model_without_inputs_takes_none() -> None:
    with pytest.raises(GateError, match="takes no inputs"):
        fit({"": np.ones(1)}, [])


def test_hostile_names_are_told_in_one_line() -> None:
    with pytest.raises(GateError) as caught:
        fit({"a\r::error::": np.ones(1), "b" * 10000: np.ones(1)}, [InputSpec("x\n", "float32", (None,))])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


# Shapes


@pytest.mark.parametrize("shape", [(4, 2), (4, 3, 2), (4, 2, 1), (2, 3, 4), (1, 4, 2, 3), ()])
def test_shapes_are_those_of_the_model(shape: tuple[int, ...]) -> None:
    with pytest.raises(GateError, match=r"'image' \(float32, \(any, 2, 3\)\) got an array of the shape \("):
        fit({"image": np.ones(shape, np.float32)}, [IMAGE])


def test_a_missing_axis_of_samples_is_named() -> None:
    with pytest.raises(GateError) as caught:
        fit({"image": np.ones((2, 3), np.float32)}, [IMAGE])
    assert "array[None]" in caught.value.hint
    with pytest.raises(GateError) as caught:
        fit({"image": np.ones((2, 4), np.float32)}, [InputSpec("image", "float32", (None, 3))])
    assert "array[None]" not in caught.value.hint


def test_free_lengths_and_free_ranks_are_free() -> None:
    assert fit({"": np.ones((7, 0), np.int32)}, [TOKENS]).inputs["tokens"].shape == (7, 0)
    assert fit({"": np.ones((1, 2, 3, 4))}, [InputSpec("x", "float64", None)]).inputs["x"].shape == (1, 2, 3, 4)
    assert fit({"": np.array(2, np.float32)}, [InputSpec("x", "float32", ())]).inputs["x"].shape == ()


# Dtypes


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_float64_is_rounded_to_the_floats_models_have(dtype: str) -> None:
    array = np.array([0.1, -1e-3, math.nan, math.inf, 0.0])
    found = cast(array, dtype)
    assert found.dtype == np.dtype(getattr(ml_dtypes, dtype, dtype))
    assert found.tobytes() == array.astype(found.dtype).tobytes()


@pytest.mark.parametrize(
    ("value", "dtype"), [(1e300, "float32"), (7e4, "float16"), (-7e4, "float16"), (1e39, "bfloat16")]
)
def test_no_number_becomes_an_infinity(value: float, dtype: str) -> None:
    with pytest.raises(GateError, match=f"got an array of float64 with values that {dtype} does not have"):
        cast(np.array([1.0, value]), dtype)


INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]


@given(st.sampled_from(INTEGERS), st.sampled_from(INTEGERS), st.data())
def test_integers_are_cast_where_they_fit(source: str, target: str, data: Any) -> None:
    low, high = int(np.iinfo(source).min), int(np.iinfo(source).max)
    edges = st.sampled_from([0, 1, low, high, high // 2, high // 2 + 1]) | st.integers(low, high)
    values = data.draw(st.lists(edges, min_size=1, max_size=4))
    array = np.array(values, source)
    if all(np.iinfo(target).min <= value <= np.iinfo(target).max for value in values):
        assert cast(array, target).tolist() == values
        assert cast(array, target).dtype == target
    else:
        with pytest.raises(GateError, match="does not have"):
            cast(array, target)


@given(
    st.sampled_from(INTEGERS),
    st.sampled_from([("float16", 11), ("bfloat16", 8), ("float32", 24), ("float64", 53)]),
    st.data(),
)
def test_integers_become_floats_where_none_is_rounded(source: str, target: tuple[str, int], data: Any) -> None:
    dtype, digits = target
    low, high = int(np.iinfo(source).min), int(np.iinfo(source).max)
    near = st.builds(lambda e, d: 2**e + d, st.integers(0, 64), st.integers(-2, 2)).filter(lambda i: low <= i <= high)
    values = data.draw(st.lists(near | st.integers(low, high), min_size=1, max_size=3))

    def exact(value: int) -> bool:
        odd = abs(value)
        while odd and odd % 2 == 0:
            odd //= 2
        return odd < 2**digits and (dtype != "float16" or abs(value) <= 65504)

    array = np.array(values, source)
    if all(map(exact, values)):
        assert [int(value) for value in cast(array, dtype).tolist()] == values
    else:
        with pytest.raises(GateError, match="does not have"):
            cast(array, dtype)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool", "int4"])
@pytest.mark.parametrize("source", [np.float64, np.float32, ml_dtypes.bfloat16, np.complex64])
def test_floats_never_become_integers(dtype: str, source: Any) -> None:
    with pytest.raises(GateError, match=f"with values that {dtype} does not have"):
        cast(np.ones(3, source), dtype)


@pytest.mark.parametrize(("value", "dtype", "fits"), [
    (np.array([True, False]), "float32", True),
    (np.array([True, False]), "int32", True),
    (np.array([1, 0]), "bool", True),
    (np.array([1, 2]), "bool", False),
    (np.array([-8, 7]), "int4", True),
    (np.array([8]), "int4", False),
    (np.array([0.5, math.nan], np.float32), "float64", True),
    (np.array([0.5, math.nan, math.inf], np.float32), "float16", True),
    (np.array([0.1], np.float32), "float16", False),
    (np.array([1e5], np.float32), "float16", False),
    (np.array([0.1], np.float64), "float8_e4m3fn", False),
    (np.array([0.5], np.float64), "float8_e4m3fn", True),
    (np.array([0.5, math.nan], ml_dtypes.bfloat16), "float32", True),
    (np.array([0.5, math.nan]), "complex128", True),
    (np.array([3]), "complex64", True),
    (np.array([1 + 1j]), "float64", False),
    (np.array([1 + 0j]), "float64", False),
    (np.array([1e300 + 0j]), "complex64", False),
])  # fmt: skip
def test_values_stay_what_they_are(value: Any, dtype: str, fits: bool) -> None:
    if fits:
        found = cast(value, dtype)
        assert found.dtype == np.dtype(getattr(ml_dtypes, dtype, dtype))
        assert np.array_equal(found.astype(np.complex128), value.astype(np.complex128), equal_nan=True)
    else:
        with pytest.raises(GateError, match="does not have"):
            cast(value, dtype)


@pytest.mark.parametrize("texts", [np.array(["a"]), np.array([b"a"]), np.array(["a"], np.object_)])
def test_texts_are_texts(texts: Any) -> None:
    assert cast(texts, "string") is texts
    with pytest.raises(GateError, match="got an array of string"):
        cast(texts, "float32")
    with pytest.raises(GateError, match="got an array of float64"):
        cast(np.ones(1), "string")


@pytest.mark.parametrize(
    "dtype", ["resource", "variant", "qint8", "object", "", "(2,2)f4", "f4,f4", "datetime64", "finfo"]
)
def test_inputs_that_no_array_can_be(dtype: str) -> None:
    with pytest.raises(GateError, match="takes what no file of arrays holds"):
        cast(np.ones(1), dtype)
    with pytest.raises(GateError, match="takes what no file of arrays holds"):
        random_inputs([InputSpec("x", dtype, (None,))], 1, 0)


def test_several_inputs_go_by_the_models_own_default_names_too() -> None:
    wanted = specs("input_layer_7", "input_layer_3", own=True)
    first, second = np.zeros((2, 4), np.float32), np.ones((2, 4), np.float32)
    for arrays in ({"input_0": first, "input_1": second}, {"input_layer_3": second, "input_layer_7": first}):
        found = fit({**arrays, "labels": np.zeros(2)}, wanted)
        assert found.inputs["input_0"] is first
        assert found.inputs["input_1"] is second
        assert list(found.rest) == ["labels"]
    with pytest.raises(GateError, match="no array for the input"):
        fit({"input_0": first, "input_layer_3": second}, wanted)


# Made-up inputs


def one(dtype: str, shape: tuple[int | None, ...], samples: int = 8, seed: int = 0, name: str = "x") -> Any:
    return random_inputs([InputSpec(name, dtype, shape)], samples, seed)[name]


@pytest.mark.parametrize(("shape", "wanted"), [
    ((None, 3), (5, 3)), ((None, None, 3), (5, FREE_LENGTH, 3)), ((2, None), (2, FREE_LENGTH)), ((), ()), ((4,), (4,)),
    ((None,), (5,)), ((None, 0), (5, 0)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool", "string", "complex64", "uint8"])
def test_shapes_and_dtypes_are_those_asked_for(shape: Any, wanted: tuple[int, ...], dtype: str) -> None:
    found = one(dtype, shape, samples=5)
    assert found.shape == wanted
    assert found.dtype == (np.dtype(np.object_) if dtype == "string" else np.dtype(getattr(ml_dtypes, dtype, dtype)))
    fitted = fit({"": found}, [InputSpec("x", dtype, shape)])
    assert fitted.inputs["x"] is found


def test_floats_are_standard_normal() -> None:
    found = one("float64", (None, 1000), 20).ravel()
    assert stats.kstest(found, "norm").pvalue > 0.01
    assert np.isfinite(found).all()


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "bool", "int4"])
def test_integers_are_zero_and_one(dtype: str) -> None:
    found = one(dtype, (None, 1000), 2).astype(np.int64)
    assert set(found.ravel().tolist()) == {0, 1}
    assert 0.4 < found.mean() < 0.6


def test_texts_are_of_the_list() -> None:
    assert set(one("string", (None,), 500).tolist()) == set(WORDS)


def test_the_seed_and_the_name_decide() -> None:
    first = one("float32", (None, 4))
    assert np.array_equal(first, one("float32", (None, 4)))
    assert not np.array_equal(first, one("float32", (None, 4), seed=1))
    assert not np.array_equal(first, one("float32", (None, 4), name="y"))
    both = random_inputs([InputSpec("y", "float32", (None, 4)), InputSpec("x", "float32", (None, 4))], 8, 0)
    assert np.array_equal(both["x"], first)
    assert list(both) == ["y", "x"]


def specs(*names: str, own: bool = False) -> list[InputSpec]:
    """Inputs of these names, or of these as the model's own where it shows their places."""
    return [InputSpec(f"input_{at}" if own else name, "float32", (None, 4), name) for at, name in enumerate(names)]


@pytest.mark.parametrize(("keras", "exported", "expected"), [
    (["keras_tensor_5"], ["inputs"], ["input"]),
    (["image"], ["image"], ["input"]),
    (["input_layer_9", "input_layer_10"], ["input_layer_10", "input_layer_9"], ["input_0", "input_1"]),
    (["input_layer_1", "input_layer"], ["input_layer", "input_layer_1"], ["input_1", "input_0"]),
    (["input_0", "input_1"], ["args_0", "args_0_1"], ["input_0", "input_1"]),
    (["zed", "input_layer", "alpha"], ["alpha", "input_layer", "zed"], ["zed", "input_0", "alpha"]),
])  # fmt: skip
def test_every_graph_of_a_model_has_the_same_made_up_inputs(
    keras: list[str], exported: list[str], expected: list[str]
) -> None:
    """A SavedModel takes its inputs in the order of the alphabet; the two lists of each case are one model's."""
    ours, theirs = made_up(specs(*keras, own=True)), made_up(specs(*exported))
    assert list(ours.values()) == expected
    assert sorted(theirs.values()) == sorted(expected)
    if set(keras) == set(exported):
        assert [theirs[name] for name in keras] == expected


def test_inputs_of_other_names_are_made_up_otherwise() -> None:
    assert set(made_up(specs("q", "p")).values()).isdisjoint(made_up(specs("args_0", "args_0_1")).values())


def test_more_samples_begin_with_the_fewer() -> None:
    assert np.array_equal(one("float32", (None, 4), samples=100)[:8], one("float32", (None, 4)))


def test_the_numbers_never_change() -> None:
    """Golden outputs may have been made with them, by another process and another NumPy."""
    script = (
        "from gate.tensors.model_inputs import InputSpec, random_inputs; "
        "x = random_inputs([InputSpec('x', 'float32', (None, 2))], 2, 7)['x']; print(x.ravel().tolist())"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, text=True, capture_output=True, cwd=ROOT).stdout
    assert told == f"{one('float32', (None, 2), 2, 7).ravel().tolist()}\n"
    assert one("float32", (None, 2), 2, 7).ravel().tolist() == pytest.approx(PINNED, rel=1e-6)
    assert one("int32", (None,), 8, 7).tolist() == PINNED_INTEGERS


def test_what_does_not_fit_in_memory_is_refused() -> None:
    with pytest.raises(GateError, match="would have 80,000,000,000 numbers for 8 samples") as caught:
        one("float32", (None, 100_000, 100_000))
    assert "samples" in caught.value.hint


def test_a_free_rank_is_not_guessed() -> None:
    with pytest.raises(GateError, match="says nothing of the shape of its input 'x'"):
        random_inputs([InputSpec("x", "float32", None)], 8, 0)
