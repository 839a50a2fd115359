"""TensorFlow's own formats, read as data: no TensorFlow is imported."""
