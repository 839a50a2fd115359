"""An open HDF5 file: read by this package, or, where it uses what is rare, through libhdf5."""

from collections.abc import Callable

from gate.formats.hdf5.signals import Unsupported
from gate.formats.hdf5.tree import Folder
from gate.formats.hdf5.walk import Walk
from gate.formats.limits import Limits
from gate.formats.mapping import Window


class Hdf5File:
    """One file in a window: its tree is `root`. `shown` names it in messages."""

    def __init__(self, window: Window, shown: str, limits: Limits) -> None:
        self._window = window
        self._shown = shown
        self._limits = limits
        self._otherwise: tuple[Folder, Callable[[], None]] | None = None
        try:
            self.root = Walk(window, shown, limits, self._through_h5py).tree()
        except Unsupported:
            self.root = self._through_h5py()

    def _through_h5py(self) -> Folder:
        """The tree by libhdf5, with the same checks: slower, and less safe with damaged files."""
        from gate.formats.hdf5.through_h5py import through_h5py  # noqa: PLC0415 -- h5py's tenth of a second

        if self._otherwise is None:
            self._otherwise = through_h5py(self._window, self._shown, self._limits)
        return self._otherwise[0]

    def close(self) -> None:
        """Let go of what libhdf5 holds."""
        if self._otherwise is not None:
            self._otherwise[1]()
