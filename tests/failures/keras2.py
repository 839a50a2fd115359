"""Files as Keras 2 wrote them, and what Keras 2 computed: h5py and numpy alone, since Keras 2 is not installed.

tf-keras 2.21 was held against it once: it loads these files, and answers the same within 2e-7.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Layers = Mapping[str, Mapping[str, Array]]


def values(seed: int, *shape: int) -> Array:
    """Weights of a size that leaves activations where they are curved."""
    return np.random.default_rng(seed).normal(0, 0.7, shape).astype(np.float32)


def write_weights(path: Path, layers: Layers, version: str) -> None:
    """`model.save_weights("….h5")`: the names of the weights as in `layers`, with `:0`."""
    import h5py

    with h5py.File(path, "w") as file:
        _write_layers(file, layers, version)


def write_model(path: Path, layers: Layers, version: str, config: Mapping[str, Any]) -> None:
    """`model.save("….h5")` of a model that was not compiled."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version.encode()
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        _write_layers(file.create_group("model_weights"), layers, version)


def chain(*layers: tuple[str, str, Mapping[str, Any]]) -> dict[str, Any]:
    """The `model_config` of layers one after the other: class, name, and what else their config has."""
    described: list[dict[str, Any]] = [
        {
            "class_name": kind,
            "name": name,
            "config": {"name": name, **said},
            "inbound_nodes": [[[layers[number - 1][1], 0, 0, {}]]] if number else [],
        }
        for number, (kind, name, said) in enumerate(layers)
    ]
    ends: dict[str, Any] = {"input_layers": [[layers[0][1], 0, 0]], "output_layers": [[layers[-1][1], 0, 0]]}
    return {"class_name": "Model", "config": {"name": "model_1", "layers": described, **ends}}


def hard_sigmoid(x: Array) -> Array:
    """Keras 1 and 2: slope 0.2. Keras 3 has slope 1/6."""
    return np.asarray(np.clip(0.2 * x + 0.5, 0, 1), np.float32)


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _write_layers(group: Any, layers: Layers, version: str) -> None:
    group.attrs["layer_names"] = [name.encode() for name in layers]
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = version.encode()
    for name, weights in layers.items():
        layer = group.create_group(name)
        layer.attrs["weight_names"] = [f"{weight}:0".encode() for weight in weights]
        for weight, array in weights.items():
            layer[f"{weight}:0"] = array
