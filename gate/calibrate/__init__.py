"""How much predictions differ by themselves on this machine, and the tolerance that follows from it."""
