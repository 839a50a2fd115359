"""Do the tolerances that `weight-gate calibrate` proposes hold, and what do they catch?

    python benchmarks/calibrated.py [--runs 50] [--only NAME …]

For each model: golden outputs are made of the model as it is, `weight-gate calibrate --write` puts its proposal into a
manifest that compares with them, and `weight-gate check` is run again and again, with another number of threads or
setting of oneDNN each time. Then every weight tensor is damaged in ways that happen, one at a time, and the outputs are
compared by the same tolerance; and `weight-gate mutate --load` damages copies of the file. Prints the tables of
docs/calibrate.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import ml_dtypes
import numpy as np

from gate.asked import Architecture, Code, Loading
from gate.formats import open_weights
from gate.formats.example_data import read_arrays
from gate.manifest import load_manifest
from gate.runtime.ways import way_of
from gate.tensors.agreement import compare_outputs
from gate.tensors.tolerance import Tolerance
from gate.tensors.weightset import Group

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
SETTINGS: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = (
    ((), {}),
    (("--threads", "1"), {}),
    (("--threads", "2"), {}),
    (("--threads", "4"), {}),
    ((), {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    (("--threads", "1"), {"TF_ENABLE_ONEDNN_OPTS": "0"}),
)


@dataclass(frozen=True)
class Model:
    """One model: where it comes from, and what a manifest says of it."""

    name: str
    weights: str
    inputs: str
    more: str = ""
    of_entry: str = ""
    builder: str = ""
    outputs: tuple[str, ...] = ()

    def manifest(self) -> str:
        """What is asked of it: what it predicted before."""
        entry = f"{{inputs: inputs-of-it.npz, expected: outputs-of-it.npz{self.of_entry}}}"
        head = f"version: 1\nmodels:\n  - weights: {self.weights}\n{self.more}"
        return f"{head}    roundtrip: false\n    predictions:\n      - {entry}\n"


MODELS = (
    Model(
        "weights_and_builder",
        "models/digits.weights.h5",
        "golden/inputs.npz",
        '    architecture: {code: "src/models.py:build"}\n',
        builder="src/models.py:build",
    ),
    Model("saved_model", "models/digits", "data/validation.npz", of_entry=", signature: serving_default"),
    Model(
        "tf1_checkpoint",
        "checkpoints/model.ckpt-660",
        "data/images.npz",
        of_entry=', outputs: ["output/logits"]',
        outputs=("output/logits",),
    ),
    Model("made: convolutions", "model.keras", "inputs.npz"),
)


def make(folder: Path) -> None:
    """Convolutions and batch normalisation, trained for a moment to tell which corner of an image is brightest."""
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(11)
    random = np.random.default_rng(11)
    images = random.uniform(0, 1, (512, 32, 32, 3)).astype(np.float32)
    corners = random.integers(0, 4, 512)
    for image, corner in zip(images, corners, strict=True):
        at, along = divmod(int(corner), 2)
        image[16 * at : 16 * at + 16, 16 * along : 16 * along + 16] += 0.2
    found = given = keras.Input((32, 32, 3), name="image")
    for number, filters in enumerate((16, 32, 64)):
        found = keras.layers.Conv2D(filters, 3, padding="same", name=f"conv_{number}")(found)
        found = keras.layers.BatchNormalization(name=f"norm_{number}")(found)
        found = keras.layers.MaxPooling2D()(keras.layers.ReLU()(found))
    found = keras.layers.Dense(64, "relu", name="hidden")(keras.layers.Flatten()(found))
    model = keras.Model(given, keras.layers.Dense(4, name="corner")(found))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, corners, epochs=5, verbose=0)
    model.save(folder / "model.keras")
    np.savez(folder / "inputs.npz", image=images[:64])


class Served:
    """The model, loaded as the gate's child loads it: what it predicts, and variables that can be written."""

    def __init__(self, model: Model, folder: Path) -> None:
        from gate.runtime.loaders import LOADERS  # noqa: PLC0415

        path = folder / model.weights
        loading = Loading()
        if model.builder:
            file, _, function = model.builder.partition(":")
            loading = Loading(architecture=Architecture(code=Code(folder / file, function, model.builder)))
            sys.path.insert(0, str(folder))
        with open_weights(path) as weights:
            how = way_of(weights, loading, frozenset({Group.WEIGHTS}))
        if isinstance(how, str):
            raise SystemExit(f"{model.name}: {how}")
        self.loaded: Any = LOADERS[how.way](how, str(path), lambda _: None)
        self.outputs = model.outputs
        self.inputs, _ = self.loaded.fitted(read_arrays(folder / model.inputs, model.inputs), None, True)

    def predict(self) -> dict[str, np.ndarray[Any, Any]]:
        found: dict[str, np.ndarray[Any, Any]] = self.loaded.predict(self.inputs, None, self.outputs)
        return found

    def variables(self) -> Iterator[tuple[str, Callable[[], Any], Callable[[Any], None]]]:
        for held in self.loaded.variables:
            if held.group is not Group.WEIGHTS or held.dtype.kind != "f":
                continue
            yield held.name, held.read, held.assign or self._assign_of_graph(held.name)

    def _assign_of_graph(self, name: str) -> Callable[[Any], None]:
        """Of a graph of TensorFlow 1."""
        import tensorflow as tf  # noqa: PLC0415

        with self.loaded.graph.as_default():
            variable = next(each for each in tf.compat.v1.global_variables() if each.op.name == name)
        initial = variable.initializer
        return lambda value: self.loaded.session.run(initial, {initial.inputs[1]: value})


def _cast(dtype: Any) -> Callable[[Any, Any], Any]:
    return lambda values, _: values.astype(dtype).astype(values.dtype)


def _eight_bits(values: Any, _: Any) -> Any:
    step = np.abs(values).max() / 127 or 1.0
    return (np.round(values / step) * step).astype(values.dtype)


def _one(change: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def damaged(values: Any, _: Any) -> Any:
        made = values.copy()
        at = np.unravel_index(np.argmax(np.abs(made)), made.shape)
        made[at] = change(made[at])
        return made

    return damaged


DAMAGES: dict[str, Callable[[Any, np.random.Generator], Any]] = {
    "all zeros: never loaded": lambda values, _: np.zeros_like(values),
    "drawn anew, with its mean and deviation": lambda values, random: random.normal(
        values.mean(), values.std() or 0.05, values.shape
    ).astype(values.dtype),
    "shuffled": lambda values, random: random.permutation(values.reshape(-1)).reshape(values.shape),
    "1 % noise": lambda values, random: (
        values + (0.01 * (values.std() or 1.0) * random.normal(0, 1, values.shape)).astype(values.dtype)
    ),
    "rounded to 8 bits": _eight_bits,
    "rounded to bfloat16": _cast(ml_dtypes.bfloat16),
    "rounded to float16": _cast(np.float16),
    "its largest element with the other sign": _one(lambda value: -value),
    "its largest element 1 % larger": _one(lambda value: value * 1.01),
}


def caught(served: Served, golden: dict[str, Any], tolerance: Tolerance) -> dict[str, tuple[int, int]]:
    """By damage: how many tensors were damaged by it at all, and in how many the outputs tell."""
    found: dict[str, tuple[int, int]] = {}
    for name, read, assign in list(served.variables()):
        values = np.array(read())
        if not values.size:
            continue
        for damage, make_damaged in DAMAGES.items():
            made = make_damaged(values, np.random.default_rng([*name.encode(), *damage.encode()]))
            if np.array_equal(made, values):
                continue
            assign(made)
            outputs = served.predict()
            told = any(compare_outputs(outputs[output], each, tolerance).violating for output, each in golden.items())
            of, count = found.get(damage, (0, 0))
            found[damage] = (of + 1, count + told)
        assign(values)
    return found


def gate(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "INPUT_"))}
    return subprocess.run(
        [sys.executable, "-m", "gate", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def trial(model: Model, folder: Path, runs: int) -> dict[str, Any]:
    """One model in a folder of its own."""
    if model.name.startswith("made"):
        make(folder)
    else:
        shutil.copytree(EXAMPLES / model.name, folder, dirs_exist_ok=True)
    served = Served(model, folder)
    golden = served.predict()
    save: Any = np.savez
    save(folder / "inputs-of-it.npz", **served.inputs)
    save(folder / "outputs-of-it.npz", **golden)
    manifest = folder / "calibrated.yml"
    manifest.write_text(model.manifest())
    done = gate(folder, "calibrate", manifest.name, "--write", "--allow-code")
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    said = load_manifest(manifest).manifest.models[0].predictions[0].tolerance
    tolerance = Tolerance(said.rtol, said.atol) if said else Tolerance(0.0, 0.0)
    green = 0
    for number in range(runs):
        options, environment = SETTINGS[number % len(SETTINGS)]
        checked = gate(folder, "check", manifest.name, "--no-reports", "--allow-code", *options, **environment)
        green += checked.returncode == 0
        if checked.returncode:
            print(checked.stdout + checked.stderr, file=sys.stderr)
    found = {"model": model.name, "tolerance": str(tolerance), "green": green, "runs": runs}
    damaged = gate(folder, "mutate", manifest.name, "--load", "100", "--allow-code", "--json")
    if damaged.returncode:
        raise SystemExit(damaged.stdout + damaged.stderr)
    said_of_it = json.loads(damaged.stdout)["models"][0]
    return {
        **found,
        "mutations": {key: said_of_it[key] for key in ("caught", "counted", "score")},
        "caught": caught(served, golden, tolerance),
    }


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    results = []
    for model in MODELS:
        if options.only and model.name not in options.only:
            continue
        with tempfile.TemporaryDirectory(prefix="weight-gate-") as scratch:
            results.append(trial(model, Path(scratch), options.runs))
            print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print("| model | proposed | green | mutation score | damaged tensors caught |\n|---|---|---|---|---|")
    for each in results:
        of, count = (sum(numbers) for numbers in zip(*each["caught"].values(), strict=True))
        share = f"{count} of {of} ({100 * count / of:.1f} %)"
        mutations = each["mutations"]
        score = f"{mutations['score']:.3f} ({mutations['caught']} of {mutations['counted']})"
        print(f"| {each['model']} | {each['tolerance']} | {each['green']} of {each['runs']} | {score} | {share} |")
    print("\n| damage to one tensor | " + " | ".join(each["model"] for each in results) + " |")
    print("|---|" + "---|" * len(results))
    for damage in DAMAGES:
        cells = (each["caught"].get(damage, (0, 0)) for each in results)
        print(f"| {damage} | " + " | ".join(f"{count} of {of}" for of, count in cells) + " |")


if __name__ == "__main__":
    main()
