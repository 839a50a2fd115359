"""What does it cost to prove that a model loads, beside loading it once by hand?

    python benchmarks/loading.py [--gigabytes 1] [--formats keras weights.h5 …] [--rounds 3] [--dir FOLDER] [--clean]

For each format: a script that loads the file once and predicts, and `weight-gate check` with restore (tagged loads in
two rounds, the real load, each variable compared with the file) and round-trip (loaded from another path, saved, loaded
again, predictions compared). Whole processes in interleaved rounds. Memory is the most `RssAnon` of the gate's own
process and, apart, of its children.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":  # run as a script: its own folder is on the path, the repository is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import ROOT, SAMPLE_SECONDS, environment, tree

LAYERS_PER_GIGABYTE = 60
FORMATS = ("keras", "weights.h5", "h5", "checkpoint", "saved_model")
BUILDER = """import keras


def build():
    return keras.Sequential(
        [keras.Input((2048,))]
        + [keras.layers.Dense(2048, activation="relu", name=f"block_{number:03}") for number in range(%d)],
        name="benchmark",
    )
"""
BY_HAND = {
    "keras": "model = keras.saving.load_model(path); model.predict(x, verbose=0)",
    "h5": "model = keras.saving.load_model(path, compile=False); model.predict(x, verbose=0)",
    "weights.h5": "model = build(); model.load_weights(path); model.predict(x, verbose=0)",
    "checkpoint": "model = build(); tf.train.Checkpoint(model=model).read(path); model.predict(x, verbose=0)",
    "saved_model": "tf.saved_model.load(path).signatures['serving_default'](tf.constant(x))",
}


@dataclass
class Cost:
    """One command's rounds: seconds, and the most private memory of its own process and of the others below it."""

    wall: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    children: list[float] = field(default_factory=list)
    said: str = ""


def private_mib(pid: int) -> float:
    """`RssAnon` of one process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:")) / 1024


def run(command: list[str], folder: Path, cost: Cost) -> None:
    """Once."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    own = children = 0.0
    done = threading.Event()

    def sample() -> None:
        nonlocal own, children
        while not done.wait(SAMPLE_SECONDS * 5):
            own = max(own, private_mib(process.pid))
            children = max(children, sum(private_mib(each) for each in tree(process.pid) if each != process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    said, _ = process.communicate()
    done.set()
    sampler.join()
    if process.returncode != 0:
        raise SystemExit(f"{command} ended with {process.returncode}:\n{said}")
    cost.wall.append(time.perf_counter() - started)
    cost.own.append(own)
    cost.children.append(children)
    cost.said = said


def prepare(folder: Path, layers: int, formats: list[str]) -> None:
    """The model in each format, the code that builds it, and a manifest each."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "made.txt").exists() and (folder / "made.txt").read_text("utf-8") == f"{layers} {formats}":
        return
    made = [sys.executable, "-m", "benchmarks.make_files", "large", str(folder), str(layers), *formats]
    subprocess.run(made, check=True, env=environment(), cwd=ROOT)
    (folder / "models.py").write_text(BUILDER % layers, encoding="utf-8")
    for form in formats:
        more = '    architecture: {code: "models.py:build"}\n' if form in {"weights.h5", "checkpoint"} else ""
        text = f"version: 1\nmodels:\n  - weights: reference.{form}\n{more}"
        (folder / f"{form}.yml").write_text(text, encoding="utf-8")
        by_hand = (
            "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
            "import numpy as np, keras, tensorflow as tf\nfrom models import build\n"
            f"path, x = 'reference.{form}', np.ones((4, 2048), np.float32)\n{BY_HAND[form]}\n"
        )
        (folder / f"load_{form.replace('.', '_')}.py").write_text(by_hand, encoding="utf-8")
    (folder / "made.txt").write_text(f"{layers} {formats}", encoding="utf-8")


def main() -> None:
    """Measure, and print a table and the steps of the last round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=FORMATS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "weight-gate-loading")
    parser.add_argument("--clean", action="store_true")
    options = parser.parse_args()
    layers = max(1, round(options.gigabytes * LAYERS_PER_GIGABYTE))
    prepare(options.dir, layers, options.formats)
    costs: dict[tuple[str, str], Cost] = {}
    for _ in range(options.rounds):
        for form in options.formats:
            hand = [sys.executable, f"load_{form.replace('.', '_')}.py"]
            gate = [sys.executable, "-m", "gate", "check", f"{form}.yml", "--allow-code", "--no-reports"]
            for name, command in (("by hand", hand), ("check", gate)):
                run(command, options.dir, costs.setdefault((form, name), Cost()))
    print(
        f"{layers * 16.8 / 1000:.2f} GB, {options.rounds} rounds: median seconds; most private MiB, own and children's"
    )
    for (form, name), cost in costs.items():
        ratio = statistics.median(cost.wall) / statistics.median(costs[form, "by hand"].wall)
        print(
            f"{form:12} {name:8} {statistics.median(cost.wall):7.2f} s  x{ratio:4.1f}"
            f"  own {max(cost.own):7.0f}  children {max(cost.children):7.0f}"
        )
    for (form, name), cost in costs.items():
        if name == "check":
            print(
                f"\n{form}:", *(line for line in cost.said.splitlines() if "step" in line or "peak" in line), sep="\n"
            )
    if options.clean:
        shutil.rmtree(options.dir)


if __name__ == "__main__":
    main()
