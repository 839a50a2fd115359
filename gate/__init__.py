"""weight-gate: a CI gate for TensorFlow model weights."""

__version__ = "0.1.0"
