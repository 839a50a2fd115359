"""Names from layouts that only old or odd programs write; docs/names.md is the specification."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gate.errors import GateError, UnreadableError
from gate.formats import open_weights
from gate.formats.keras_config import by_stored_key, layer_config, snake_case
from gate.formats.keras_names import distinct
from gate.formats.keras_variables import class_of_key, variable_names
from gate.tensors.weightset import Group
from support.files import attribute, example, write_sharded


def names(path: Path) -> list[str]:
    with open_weights(path) as weights:
        return list(weights.tensors)


def weights_file(path: Path, *keys: str, layer_names: dict[str, str] | None = None) -> Path:
    """A `.weights.h5` with a one-element tensor at each key."""
    with h5py.File(path, "w") as file:
        for key in keys:
            file[key] = np.zeros(1, np.float32)
        for key, name in (layer_names or {}).items():
            file.require_group(key).attrs["name"] = name
    return path


def test_without_layer_names_the_stored_keys_stand(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "m", "layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0")
    with open_weights(path) as weights:
        assert list(weights.tensors) == ["dense/kernel", "dense/bias", "dense_1/kernel"]
        assert any("no layer names" in note for note in weights.notes)


@pytest.mark.parametrize("front", ["layers\\", "_layer_checkpoint_dependencies\\", "_layer_checkpoint_dependencies/"])
def test_files_of_keras_2_saved_on_windows(tmp_path: Path, front: str) -> None:
    path = weights_file(tmp_path / "m", f"{front}dense/vars/0", f"{front}dense/vars/1")
    assert names(path) == ["dense/kernel", "dense/bias"]


def test_keras_2_archives_take_names_from_the_architecture(tmp_path: Path) -> None:
    """Per class, in the architecture's order: Keras 2.15 wrote no names into the groups."""

    def layer(kind: str, name: str) -> dict[str, Any]:
        return {"module": "keras.layers", "class_name": kind, "config": {"name": name}, "registered_name": None}

    bidirectional = layer("Bidirectional", "both")
    bidirectional["config"]["layer"] = layer("LSTM", "lstm")
    layers = [layer("InputLayer", "in"), layer("Dense", "first"), layer("Conv2D", "image"), layer("Dense", "second"),
              bidirectional]  # fmt: skip
    config = {"class_name": "Functional", "config": {"name": "model", "layers": layers}}
    cell = "layers/bidirectional/{}_layer/cell/vars/{}"
    inner = weights_file(
        tmp_path / "inner", "layers/dense/vars/0", "layers/conv2d/vars/0", "layers/dense_1/vars/0",
        *(cell.format(way, index) for way in ("backward", "forward") for index in range(3)),
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", inner.read_bytes())
    rnn = ["kernel", "recurrent_kernel", "bias"]
    assert names(tmp_path / "m.keras") == [
        "first/kernel", "image/kernel", "second/kernel",
        *(f"both/backward_lstm/lstm_cell/{name}" for name in rnn),
        *(f"both/forward_lstm/lstm_cell/{name}" for name in rnn),
    ]  # fmt: skip


def test_ten_comes_after_nine_even_in_a_rewritten_file(tmp_path: Path) -> None:
    keys = [f"layers/dense{f'_{index}' if index else ''}/vars/0" for index in range(12)]
    path = weights_file(tmp_path / "m", *sorted(keys))  # written in the order of text
    assert names(path) == [f"dense{f'_{index}' if index else ''}/kernel" for index in range(12)]


def test_two_of_one_name_take_their_containers(tmp_path: Path) -> None:
    path = weights_file(
        tmp_path / "m", "left/dense/vars/0", "right/dense/vars/0", "layers/dense/vars/0",
        layer_names={"left/dense/vars": "same", "right/dense/vars": "same", "layers/dense/vars": "other"},
    )  # fmt: skip
    assert set(names(path)) == {"left/same/kernel", "right/same/kernel", "other/kernel"}


def test_names_are_always_distinct() -> None:
    assert distinct([("a",), ("a",), ("a~2",)]) == ["a", "a~3", "a~2"]
    assert distinct([("a", "x/a"), ("a", "y/a"), ("b", "z/b")]) == ["x/a", "y/a", "b"]
    assert (
        distinct([("a", "b"), ("a", "c"), ("b", "d")]) == ["d", "c", "b"]
        or len(set(distinct([("a", "b"), ("a", "c"), ("b", "d")]))) == 3
    )


def test_groups(tmp_path: Path) -> None:
    path = weights_file(
        tmp_path / "m", "layers/dense/vars/0", "layers/dropout/seed_generator/vars/0", "optimizer/vars/0",
        "optimizer/vars/1", "optimizer/inner_optimizer/vars/0", "metrics/mean/vars/0",
        layer_names={"layers/dropout/vars": "drop", "layers/dropout/seed_generator/vars": "seed_generator_7",
                     "layers/dense/vars": "head", "optimizer/vars": "adam", "metrics/mean/vars": "loss"},
    )  # fmt: skip
    with open_weights(path) as weights:
        found = {tensor.name: tensor.group for tensor in weights}
    assert found == {
        "head/kernel": Group.WEIGHTS,
        "rng/drop/seed_generator_state": Group.RNG,
        "optimizer/0": Group.OPTIMIZER,
        "optimizer/1": Group.OPTIMIZER,
        "optimizer/inner_optimizer/0": Group.OPTIMIZER,
        "metrics/loss/0": Group.METRICS,
    }


def test_groups_called_vars_within_vars_are_not_left_out(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.zeros(2)
        file["layers/dense/vars/more/vars/0"] = np.ones(2)
        file["layers/dense/vars/more/vars/deep/vars/x"] = np.ones(3)
    assert len(names(path)) == 3


def test_a_legacy_file_may_have_a_layer_called_vars(tmp_path: Path) -> None:
    path = legacy(tmp_path / "model.h5", {"vars": ["vars/kernel:0"], "layers": ["layers/kernel:0"]})
    with open_weights(path) as weights:
        assert weights.format == "h5"
    assert names(path) == ["vars/kernel", "layers/kernel"]


def test_nothing_in_the_file_is_left_out(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "m", "layers/dense/vars/0", "layers/dense/stray", "loose", "layers/dense/vars/odd/x")
    assert set(names(path)) == {"dense/0", "dense/stray", "loose", "dense/odd/x"} or len(names(path)) == 4


@pytest.mark.parametrize(
    ("class_name", "count", "settings", "expected"),
    [
        ("Dense", 2, None, ("kernel", "bias")),
        ("Dense", 1, {"use_bias": False}, ("kernel",)),
        ("Dense", 3, None, None),
        ("SeparableConv2D", 2, {"use_bias": False}, ("depthwise_kernel", "pointwise_kernel")),
        ("BatchNormalization", 4, None, ("gamma", "beta", "moving_mean", "moving_variance")),
        ("BatchNormalization", 2, None, ("moving_mean", "moving_variance")),
        ("BatchNormalization", 3, None, ("0", "moving_mean", "moving_variance")),
        ("BatchNormalization", 3, {"scale": False, "center": True}, ("beta", "moving_mean", "moving_variance")),
        ("BatchNormalization", 3, {"scale": True, "center": False}, ("gamma", "moving_mean", "moving_variance")),
        ("BatchNormalization", 7, {"scale": True, "center": True}, None),
        ("LayerNormalization", 1, None, ("0",)),
        ("LayerNormalization", 1, {"scale": False, "center": True}, ("beta",)),
        ("Embedding", 1, None, ("embeddings",)),
        ("Unknown", 1, None, None),
    ],
)
def test_variables(class_name: str, count: int, settings: Any, expected: Any) -> None:
    assert variable_names(class_name, count, settings) == expected


def test_class_keys() -> None:
    assert class_of_key("dense_12") == "dense"
    assert class_of_key("conv2d") == "conv2d"
    assert [snake_case(name) for name in ("Conv2D", "PReLU", "ConvLSTM2D", "GRU")] == [
        "conv2d", "p_re_lu", "conv_lstm2d", "gru",
    ]  # fmt: skip
    layers = [layer_config({"class_name": name, "config": {"name": name}}) for name in ("Dense", "Conv2D", "Dense")]
    assert list(by_stored_key([layer for layer in layers if layer])) == ["dense", "conv2d", "dense_1"]


def legacy(path: Path, layers: dict[str, list[str]], config: Any = None) -> Path:
    with h5py.File(path, "w") as file:
        top = file.create_group("model_weights")
        if config:
            file.attrs["model_config"] = json.dumps(config)
        attribute(top, "layer_names", list(layers))
        for layer, weights in layers.items():
            group = top.create_group(layer)
            attribute(group, "weight_names", weights)
            for name in weights:
                group[name] = np.zeros(1, np.float32)
    return path


@pytest.mark.parametrize(
    ("layer", "weight", "expected"),
    [
        ("dense_1", "dense_1/kernel:0", "dense_1/kernel"),
        ("dense_1", "dense_1_W", "dense_1/W"),  # Keras 1
        ("dense_1", "sequential_3/dense_1/kernel", "dense_1/kernel"),  # Keras 3
        ("dense_1", "dense_1_3/kernel:0", "dense_1/dense_1_3/kernel"),
        ("dense_1", "dense_1/dense_1/kernel:0", "dense_1/kernel"),
        ("block/conv", "block/conv/kernel:0", "block/conv/kernel"),
        ("both", "both/forward_lstm/kernel:0", "both/forward_lstm/kernel"),
        ("resnet", "conv1/kernel:0", "resnet/conv1/kernel"),
    ],
)
def test_legacy_names(tmp_path: Path, layer: str, weight: str, expected: str) -> None:
    assert names(legacy(tmp_path / "m.h5", {layer: [weight]})) == [expected]


def test_legacy_nested_models_get_their_chain_from_the_architecture(tmp_path: Path) -> None:
    def model(name: str, *layers: Any) -> dict[str, Any]:
        return {"class_name": "Functional", "config": {"name": name, "layers": list(layers)}}

    dense = {"class_name": "Dense", "config": {"name": "deep"}}
    path = legacy(tmp_path / "m.h5", {"outer": ["deep/kernel:0"]}, model("top", model("outer", model("inner", dense))))
    assert names(path) == ["outer/inner/deep/kernel"]


def test_legacy_order_and_parts(tmp_path: Path) -> None:
    layers = {f"dense_{index}_{'x' * 60}": [f"dense_{index}/kernel:0"] for index in range(1200)}
    with h5py.File(legacy(tmp_path / "m.h5", layers)) as file:
        assert "layer_names1" in file["model_weights"].attrs
    assert [name.split("/")[0] for name in names(tmp_path / "m.h5")] == list(layers)


def test_legacy_lists_and_contents_that_disagree(tmp_path: Path) -> None:
    path = legacy(tmp_path / "m.h5", {"a": ["a/kernel:0"]})
    with h5py.File(path, "a") as file:
        file["model_weights/a/a/extra:0"] = np.zeros(1)
    with open_weights(path) as weights:
        assert len(weights) == 2
        assert any("leave out" in note for note in weights.notes)
    with h5py.File(path, "a") as file:
        del file["model_weights/a/a/kernel:0"]
    with pytest.raises(UnreadableError, match="which it does not hold"):
        open_weights(path)
    with h5py.File(path, "a") as file:
        del file["model_weights/a"]
    with pytest.raises(UnreadableError, match="lists the layer 'a', which it does not hold"):
        open_weights(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weight_map": {"/layers/dense/vars": "../m_00000.weights.h5"}}, "is not beside it"),
        ({"weight_map": {"/layers/dense/vars": "gone.weights.h5"}}, "is not there"),
        ({"weight_map": {"/layers/nowhere/vars": "m_00000.weights.h5"}}, "and it is not"),
        ({"weight_map": {"/layers/dense/vars": []}}, "not a list of names"),
        ({"weight_map": []}, "has no weight_map"),
    ],
)
def test_sharded_indexes_that_lie(tmp_path: Path, change: Any, reason: str) -> None:
    path = write_sharded(tmp_path / "m.weights.json", example())
    path.write_text(json.dumps(change))
    with pytest.raises(GateError, match=reason):
        open_weights(path)


def test_a_shard_that_is_a_pointer_or_missing(tmp_path: Path) -> None:
    path = write_sharded(tmp_path / "m.weights.json", example())
    shard = tmp_path / "m_00001.weights.h5"
    shard.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(GateError, match="Git LFS pointer"):
        open_weights(path)
    shard.unlink()
    with pytest.raises(GateError, match=r"shard .* is not there"):
        open_weights(path)
