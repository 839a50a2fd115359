"""What a manifest asks of a model and of its tensors, and which line asks for it. Judges nothing, reads no values."""
