"""What the modules of this package raise among themselves; `file` and `walk` turn it into errors of `gate.errors`."""


class Damaged(ValueError):  # noqa: N818 -- not an error of the gate's own family
    """The bytes break the format. Says what and where in the file; the walk adds which object."""


class Unsupported(Exception):  # noqa: N818 -- no error: libhdf5 reads such files
    """The file is sound as far as it was read, and uses a part of the format that is left to libhdf5."""
