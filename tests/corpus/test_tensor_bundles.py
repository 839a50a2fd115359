"""Checkpoints that other people trained: every tensor, bit for bit, as TensorFlow has it."""

import pytest

from corpus.packages import Corpus
from support.checkpoints import as_tensorflow_has_it

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.corpus,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # TensorFlow's own
]


SURROGATES = (
    "idaes/core/surrogate/plotting/tests/keras_surrogate",
    "idaes/models_extra/power_generation/properties/sofc/sofc_surrogate_data",
)


@pytest.mark.parametrize(
    ("package", "path", "count"),
    [
        ("guesslang==0.9.3", "guesslang/data/model/model.ckpt-40198", 33),
        ("guesslang==2.0.3", "guesslang/data/model/variables/variables", 10),
        ("guesslang==2.2.1", "guesslang/data/model/variables/variables", 10),
        ("idaes-pse==2.3.0", f"{SURROGATES[0]}/variables/variables", 30),
        ("idaes-pse==2.3.0", f"{SURROGATES[1]}/variables/variables", 42),
    ],
)
def test_checkpoints_of_other_people(package: str, path: str, count: int, corpus: Corpus) -> None:
    assert as_tensorflow_has_it(corpus(package, path)) == count
