"""Tag an artefact, round by round, and read the copy with the gate's own readers."""

from pathlib import Path

import numpy as np

from gate.formats import open_weights
from gate.runtime.tagged_copy import Fill, copy_artifact, fill, twins
from gate.runtime.tags import Codebook
from gate.tensors.weightset import Tensor


class Tagged:
    """An artefact's copy: `fill` it for one round after the other."""

    def __init__(self, path: Path, target: Path) -> None:
        with open_weights(path) as weights:
            self.format, self.files = weights.format, weights.files
            self.tensors: list[Tensor] = list(weights)
            self.values = [each.read().copy() for each in self.tensors]
        self.book = Codebook([each.dtype for each in self.tensors])
        self.twins = twins(self.format, self.files, {each.stored_as for each in self.tensors})
        self.copy = copy_artifact(self.format, self.files, target)

    def fill(self, turn: int) -> dict[str, int]:
        """What each key holds now."""
        told = {
            each.stored_as: self.book.value(index, turn)
            for index, each in enumerate(self.tensors)
            if self.book.taggable(index)
        }
        told |= {key: told[partner] for key, partner in self.twins.items()}
        fill(self.format, self.copy, [Fill(key, value) for key, value in told.items()])
        return told


def tag_and_read(path: Path, target: Path) -> Path:
    """Every tensor of the copy is its tag and all else is as it was, in every round; the copy's path."""
    with open_weights(path) as weights:
        originals = {file: file.read_bytes() for file in weights.files}
    tagged = Tagged(path, target)
    with open_weights(tagged.copy) as again:
        assert [each.read().tobytes() for each in again if each.dtype != object] == [
            each.tobytes() for each in tagged.values if each.dtype != object
        ]
    for turn in range(tagged.book.rounds):
        told = tagged.fill(turn)
        with open_weights(tagged.copy) as again:
            assert [each.stored_as for each in again] == [each.stored_as for each in tagged.tensors]
            for now, before, value in zip(again, tagged.tensors, tagged.values, strict=True):
                assert (now.name, now.dtype, now.shape) == (before.name, before.dtype, before.shape)
                expected = np.full(now.shape, told[now.stored_as], now.dtype) if now.stored_as in told else value
                assert now.read().tolist() == expected.tolist()
            for verify in again.checksums.values():
                verify()
    assert all(file.read_bytes() == data for file, data in originals.items())
    return tagged.copy
