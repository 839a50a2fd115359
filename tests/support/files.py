"""Weight files in every format, written with numpy and h5py alone: the layouts TensorFlow and Keras write.

`WRITERS[key](path, {"conv/kernel": array, …})` writes a file from which `open_weights` gives back exactly those names,
in that order, with their dtypes, shapes and bytes. The last part of a name is the variable, what comes before it
layers, each inside the one before. Keras' own files number the variables of a layer: a name is had back where the
layer's variables are, in this order, those of a Keras layer (`kernel, bias`, `gamma, beta, moving_mean,
moving_variance`, `embeddings`, …), or numbers, or anything else, which is then stored under its own name.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Writer = Callable[[Path, Arrays], Path]

# Variables of a layer -> (class, its key, settings that say so)
_CLASSES: dict[tuple[str, ...], tuple[str, str, dict[str, Any]]] = {
    ("kernel", "bias"): ("Dense", "dense", {"use_bias": True}),
    ("kernel",): ("Dense", "dense", {"use_bias": False}),
    ("embeddings",): ("Embedding", "embedding", {}),
    ("alpha",): ("PReLU", "p_re_lu", {}),
    ("gamma", "beta"): ("LayerNormalization", "layer_normalization", {"center": True, "scale": True}),
    ("gamma", "beta", "moving_mean", "moving_variance"): (
        "BatchNormalization", "batch_normalization", {"center": True, "scale": True},
    ),
    ("moving_mean", "moving_variance"): (
        "BatchNormalization", "batch_normalization", {"center": False, "scale": False},
    ),
    ("depthwise_kernel", "pointwise_kernel", "bias"): ("SeparableConv2D", "separable_conv2d", {"use_bias": True}),
    ("kernel", "recurrent_kernel", "bias"): ("LSTMCell", "lstm_cell", {"use_bias": True}),
    ("mean", "variance", "count"): ("Normalization", "normalization", {}),
}  # fmt: skip


@dataclass
class Layer:
    """One layer of a file to be written."""

    name: str
    variables: dict[str, Array] = field(default_factory=dict)
    layers: "dict[str, Layer]" = field(default_factory=dict)

    @property
    def kind(self) -> tuple[str, str, dict[str, Any]]:
        if self.layers:
            return ("Functional", "functional", {})
        return _CLASSES.get(tuple(self.variables), ("CustomLayer", "custom_layer", {}))

    @property
    def numbered(self) -> bool:
        return tuple(self.variables) in _CLASSES


def tree(arrays: Arrays) -> Layer:
    """The layers that names speak of."""
    root = Layer("model")
    for name, array in arrays.items():
        *chain, variable = name.split("/")
        layer = root
        for part in chain:
            layer = layer.layers.setdefault(part, Layer(part))
        layer.variables[variable] = np.asarray(array)
    return root


def dataset(group: Any, key: str, array: Array, said: bool = True) -> None:
    """One dataset as Keras writes it: bfloat16 and the like are opaque, and named only in Keras 3's own format."""
    opaque = array.dtype.kind == "V"
    data = array.view(f"V{array.dtype.itemsize}") if opaque else array
    stored = group.create_dataset(key, data=data)
    if opaque and said:
        stored.attrs["dtype"] = array.dtype.name


def config(layer: Layer) -> dict[str, Any]:
    """What `config.json` says of a layer."""
    class_name, _, settings = layer.kind
    builtin = class_name != "CustomLayer"
    inner = {"name": layer.name, **settings}
    if layer.layers or layer.name == "model":
        class_name = "Functional"
        inner["layers"] = [config(sub) for sub in layer.layers.values()]
    return {
        "module": ("keras" if class_name == "Functional" else "keras.layers") if builtin else "models",
        "class_name": class_name,
        "config": inner,
        "registered_name": None if builtin else class_name,
        "name": layer.name,
    }


def keras_groups(group: Any, layer: Layer) -> None:
    """Keras 3's groups: `layers/dense_1/vars/0`, the layer's name an attribute of `vars`."""
    variables = group.create_group("vars")
    variables.attrs["name"] = layer.name
    for index, (name, array) in enumerate(layer.variables.items()):
        dataset(variables, str(index) if layer.numbered else name, array)
    counts: Counter[str] = Counter()
    for inner in layer.layers.values():
        key = inner.kind[1]
        number = counts[key]
        counts[key] += 1
        keras_groups(group.create_group(f"layers/{key}_{number}" if number else f"layers/{key}"), inner)


def write_keras_weights(path: Path, arrays: Arrays) -> Path:
    """Keras 3 `.weights.h5`."""
    import h5py

    with h5py.File(path, "w") as file:
        keras_groups(file, tree(arrays))
    return path


def hdf5_bytes(arrays: Arrays) -> bytes:
    """The bytes of a `.weights.h5`."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        keras_groups(file, tree(arrays))
    return buffer.getvalue()


def write_keras(path: Path, arrays: Arrays, compression: int = zipfile.ZIP_STORED) -> Path:
    """Keras 3 `.keras`."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}))
        archive.writestr("config.json", json.dumps(config(tree(arrays))))
        archive.writestr("model.weights.h5", hdf5_bytes(arrays))
    return path


def write_sharded(path: Path, arrays: Arrays, per_shard: int = 3) -> Path:
    """Keras 3 `.weights.json` and its shards, `per_shard` tensors each; a layer may lie in two."""
    import h5py

    stem = path.name.removesuffix(".json").removesuffix(".weights")
    whole = io.BytesIO(hdf5_bytes(arrays))
    weight_map: dict[str, list[str]] = {}
    total = 0
    with h5py.File(whole, "r") as source:
        stored: list[str] = []
        source.visititems(lambda name, item: stored.append(name) if isinstance(item, h5py.Dataset) else None)
        stored.sort(key=lambda name: h5py.h5o.get_info(source[name].id).addr)
        names: list[str] = []
        source.visititems(lambda name, item: names.append(name) if "name" in item.attrs else None)
        shards = [stored[at : at + per_shard] for at in range(0, len(stored), per_shard)] or [[]]
        for number, keys in enumerate(shards):
            shard = path.with_name(f"{stem}_{number:05}.weights.h5")
            with h5py.File(shard, "w") as target:
                for name in names if number == 0 else []:  # only the first shard has every layer's name
                    target.create_group(name).attrs["name"] = source[name].attrs["name"]
                for key in keys:
                    parent = target.require_group(key.rpartition("/")[0])
                    source.copy(source[key], parent, key.rpartition("/")[2])
                    weight_map.setdefault(f"/{key.rpartition('/')[0]}", []).append(shard.name)
                    total += source[key].nbytes
    once = {group: list(dict.fromkeys(names)) for group, names in weight_map.items()}
    path.write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": once}, indent=4))
    return path


def legacy_groups(group: Any, root: Layer) -> None:
    """Keras 1 and 2's groups: by layer, with the list `weight_names`."""

    def weights(layer: Layer, chain: str) -> list[tuple[str, Array]]:
        own = [(f"{chain}/{name}", array) for name, array in layer.variables.items()]
        return own + [pair for inner in layer.layers.values() for pair in weights(inner, f"{chain}/{inner.name}")]

    def put(target: Any, pairs: list[tuple[str, Array]]) -> None:
        attribute(target, "weight_names", [name for name, _ in pairs])
        for name, array in pairs:
            dataset(target, name, array, said=False)

    attribute(group, "layer_names", list(root.layers))
    group.attrs["backend"] = "tensorflow"
    group.attrs["keras_version"] = "2.15.0"
    for layer in root.layers.values():
        put(group.create_group(layer.name), weights(layer, layer.name))
    put(
        group.create_group("top_level_model_weights"),
        [(f"{root.name}/{name}", array) for name, array in root.variables.items()],
    )


def attribute(group: Any, name: str, values: list[str]) -> None:
    """A list of names as Keras stores it: fixed-length bytes, in numbered parts beyond what one attribute holds."""
    data = [value.encode() for value in values]
    parts = 1
    while any(np.asarray(part).nbytes > 64512 for part in np.array_split(np.asarray(data), parts)):
        parts += 1
    if parts == 1:
        group.attrs[name] = data
    else:
        for number, part in enumerate(np.array_split(np.asarray(data), parts)):
            group.attrs[f"{name}{number}"] = part


def write_legacy(path: Path, arrays: Arrays) -> Path:
    """Keras 2 `.h5`, a whole model."""
    import h5py

    root = tree(arrays)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(config(root))
        legacy_groups(file.create_group("model_weights"), root)
    return path


def write_legacy_weights(path: Path, arrays: Arrays) -> Path:
    """Keras 2 `.h5`, weights only."""
    import h5py

    with h5py.File(path, "w") as file:
        legacy_groups(file, tree(arrays))
    return path


def write_npz(path: Path, arrays: Arrays, compression: int = zipfile.ZIP_STORED) -> Path:
    """`np.savez`, without its say in what the file is called."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy")  # with a fixed date, so that equal arrays make equal files
            member.compress_type = compression
            archive.writestr(member, buffer.getvalue())
    return path


_SAFETENSORS = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32",
    "uint64": "U64", "int64": "I64", "float16": "F16", "float32": "F32", "float64": "F64", "complex64": "C64",
    "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip


def safetensors_bytes(header: Any, data: bytes) -> bytes:
    """A safetensors file of any header, right or wrong."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def write_safetensors(path: Path, arrays: Arrays) -> Path:
    """`.safetensors`, by the specification."""
    header: dict[str, Any] = {}
    pieces: list[bytes] = []
    at = 0
    for name, value in arrays.items():
        array = np.asarray(value)
        data = array.tobytes()
        header[name] = {
            "dtype": _SAFETENSORS[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [at, at + len(data)],
        }
        at += len(data)
        pieces.append(data)
    path.write_bytes(safetensors_bytes(header, b"".join(pieces)))
    return path


WRITERS: dict[str, Writer] = {
    "keras": write_keras,
    "weights.h5": write_keras_weights,
    "weights.json": write_sharded,
    "h5": write_legacy,
    "h5-weights": write_legacy_weights,
    "npz": write_npz,
    "safetensors": write_safetensors,
}

SUFFIXES: dict[str, str] = {"h5-weights": ".h5", **{key: f".{key}" for key in WRITERS if key != "h5-weights"}}


def write(key: str, folder: Path, arrays: Arrays, stem: str = "model") -> Path:
    """A file of format `key` in `folder`, with the suffix people give it."""
    return WRITERS[key](folder / f"{stem}{SUFFIXES[key]}", arrays)


def example(seed: int = 0) -> dict[str, Array]:
    """A small model: a convolution, a normalisation and a head, twelve hundred float32 numbers."""
    random = np.random.default_rng(seed)

    def some(*shape: int) -> Array:
        return random.standard_normal(shape).astype(np.float32)

    return {
        "conv/kernel": some(3, 3, 3, 8),
        "conv/bias": some(8),
        "bn/gamma": some(8),
        "bn/beta": some(8),
        "bn/moving_mean": some(8),
        "bn/moving_variance": np.abs(some(8)),
        "head/kernel": some(8, 3),
        "head/bias": some(3),
    }
