"""Loading for real: a confined child process that imports TensorFlow, and what the gate asks of it."""
