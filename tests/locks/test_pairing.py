"""A lock pairs with another file just as the file does that it is of: default names counted anew, across formats."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from gate.formats import open_weights
from gate.locks.lock import Lock
from gate.locks.make import locked_as
from gate.locks.text import lock_text, parse_lock
from gate.locks.weights import weights_of
from gate.results import Outcome
from gate.tensors.locked import LOCKED_STATISTICS
from gate.tensors.pairing import Pairing, pair
from gate.tensors.weightset import Tensor
from support.judging import check_of, judge_manifest
from support.locks import MADE, write_lock
from support.random_models import FORMATS, random_model, saved

DIGEST, PATH = f"sha256:{'0' * 64}", Path("a")


def through_a_lock(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors of a file as its lock has them, once it was written and read."""
    statistics = dict.fromkeys(LOCKED_STATISTICS, 0.0)
    locked = [locked_as(each, f"blake3:{'0' * 64}", statistics) for each in tensors.values()]
    text = lock_text(Lock("a", DIGEST, "npz", MADE, tuple(locked)))
    return weights_of(parse_lock(text, "a"), "a", PATH).tensors


def told(pairing: Pairing) -> Any:
    both = [(name, pairing.candidate[name].name, pairing.reference[name].name) for name in pairing.both]
    left = (pairing.only_candidate, pairing.only_reference)
    return both, left, pairing.notes, pairing.uncertain, dict(pairing.ways)


@pytest.mark.parametrize("theirs", sorted(FORMATS))
@pytest.mark.parametrize("ours", sorted(FORMATS))
def test_random_models_pair_alike(ours: str, theirs: str) -> None:
    """Each in two formats, with the names of layers that were made later in the process."""
    for seed in range(25):
        random = Random(seed)
        root = random_model(random)
        candidate = saved(root, ours, random, shift=random.choice((0, 3)))
        reference = saved(root, theirs, random)
        if reference.tensors:
            expected = told(pair(candidate.tensors, reference.tensors))
            assert told(pair(candidate.tensors, through_a_lock(reference.tensors))) == expected, f"seed {seed}"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One builder called twice: the second model's layers are called `dense_2` and so on; its weights are the first's.

    Then a third, one value of which is another.
    """
    import keras

    folder = tmp_path_factory.mktemp("real")
    keras.backend.clear_session()

    def build() -> Any:
        kl = keras.layers
        block = keras.Sequential([keras.Input((6,)), kl.Dense(5), kl.BatchNormalization(), kl.Dense(5)])
        given = keras.Input((6,))
        return keras.Model(given, kl.Dense(2)(kl.LayerNormalization()(block(given) + kl.Dense(5)(given))))

    first, second, third = build(), build(), build()
    numbers = np.random.default_rng(1)
    values = [numbers.standard_normal(each.shape).astype(np.float32) for each in first.weights]
    first.set_weights(values)
    second.set_weights(values)
    values[-1] = values[-1] + 1
    third.set_weights(values)
    for name, model in (("first", first), ("second", second), ("third", third)):
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        model.save(folder / f"{name}.h5")
        model.export(folder / name, verbose=False)
    return folder


KINDS = (".keras", ".weights.h5", ".h5", "")


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("theirs", KINDS)
@pytest.mark.parametrize("ours", KINDS)
def test_the_same_builder_called_again_is_green_by_a_lock(real: Path, ours: str, theirs: str) -> None:
    lock = write_lock(real / f"first{theirs}", real / f"{ours}{theirs}.lock.yml")
    manifest = real / "weight-gate.yml"
    names = {}
    for candidate in ("second", "third"):
        manifest.write_text(
            f"version: 1\nmodels: [{{weights: {candidate}{ours}, load: false, reference: {{lock: {lock.name}}}}}]\n"
        )
        model = judge_manifest(manifest).models[0]
        if candidate == "second":
            assert model.outcome is Outcome.PASSED
            assert model.coverage.identical == model.coverage.tensors == 14
        else:
            values = check_of(model, "values")
            assert values.outcome is Outcome.FAILED
            assert len(values.findings) == 1
            names[candidate] = values.findings[0].tensor
    assert str(names["third"]).endswith("bias")


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("theirs", KINDS)
@pytest.mark.parametrize("ours", KINDS)
def test_real_files_pair_alike(real: Path, ours: str, theirs: str) -> None:
    with open_weights(real / f"second{ours}") as candidate, open_weights(real / f"first{theirs}") as reference:
        expected = told(pair(candidate.tensors, reference.tensors))
        assert expected[0]
        assert told(pair(candidate.tensors, through_a_lock(reference.tensors))) == expected


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", [".keras", ".h5", ""])
def test_a_lock_has_the_versions_that_the_file_tells(real: Path, kind: str) -> None:
    import keras
    import tensorflow as tf

    lock = parse_lock(write_lock(real / f"first{kind}", real / "v.lock.yml").read_text(), "v")
    told_by = {"tensorflow": tf.__version__} if not kind else {"keras": keras.__version__}
    assert lock.made.tools == {**MADE.tools, **told_by}
