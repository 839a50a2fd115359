"""Locks: a small, reviewable file with digests and statistics of every tensor, in place of the values themselves."""
