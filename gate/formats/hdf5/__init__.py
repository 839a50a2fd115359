"""HDF5 as data, by the "HDF5 File Format Specification Version 3.0" (The HDF Group), whose sections docstrings cite.

`tree` is what readers see, `file` opens it. Everything that Keras and h5py write by default is read by this package
itself, with bounds on every loop; what is rarer is left to libhdf5 (`through_h5py`), imported only then.
"""
