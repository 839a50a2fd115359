"""Tensors and what can be said of them: names, rules, comparison, statistics. Knows numpy, no file format."""
