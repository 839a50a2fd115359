"""How the files of one TensorFlow checkpoint are called: PREFIX.index, PREFIX.data-00000-of-00001, PREFIX.meta."""

import re

_ENDING = r"\.(?:index|meta|data-[0-9]{5,}-of-[0-9]{5,})"

PART = re.compile(rf"(.*){_ENDING}", re.DOTALL)
"""A file of a checkpoint; its group is the prefix."""
PART_IN_BYTES = re.compile(PART.pattern.encode("ascii"), re.DOTALL)
ENDING_IN_BYTES = re.compile(_ENDING.encode("ascii"))
