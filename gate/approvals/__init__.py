"""What `weight-gate update` does: what an approval would write, where it may, all of it or nothing, and on record."""
