"""What this project calls good: the gate calls it with the model's outputs and all arrays of the inputs' file."""

from collections.abc import Mapping

import numpy as np


def accuracy(logits: np.ndarray, data: Mapping[str, np.ndarray]) -> float:
    """The share of digits that are read right."""
    return float(np.mean(np.argmax(logits, axis=-1) == data["label"]))
