"""Recordings in the rows of an HDF5 file, as PANNs packs them; a member is a row number. The only importer of h5py."""

import threading
from typing import Any

import h5py
import numpy as np

from pipelines.status import Rejected
from pipelines.wav import as_wav

_NAMES, _SAMPLES, _TARGETS, _RATE = "audio_name", "waveform", "target", "sample_rate"


class Hdf5:
    """A file with `audio_name` [rows], `waveform` [rows, samples], `target` [rows, classes]; its attribute: Hz."""

    index_bytes = 10_000

    def __init__(self, path: str, *, most_bytes: int) -> None:
        self._lock = threading.Lock()
        try:
            self._file = h5py.File(path, "r")
            self._samples = self._dataset(_SAMPLES, dimensions=2)
            self._rate = int(self._file.attrs[_RATE])
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise Rejected("unsupported", f"no HDF5 file of PANNs that can be read: {error}") from error
        if self._samples.shape[1] * self._samples.dtype.itemsize > most_bytes:
            raise Rejected(
                "unsupported", f"a row has {self._samples.shape[1]} samples; up to {most_bytes} bytes are read"
            )

    def members(self) -> list[tuple[str, int]]:
        """See `sources.members`; the packer leaves rows without a name where it had no file."""
        num_bytes = self._samples.shape[1] * self._samples.dtype.itemsize
        return [(str(row), num_bytes) for row, name in enumerate(self.names()) if name]

    def read(self, member: str) -> bytes:
        """See `sources.read_source`."""
        row = int(member) if member.isdecimal() else -1
        if not 0 <= row < self._samples.shape[0]:
            raise Rejected("missing", f"the file has no row {member!r}: it has {self._samples.shape[0]}")
        with self._lock:
            try:
                samples = self._samples[row]
            except (OSError, ValueError) as error:
                raise Rejected("corrupt", f"the file is damaged at row {row}: {error}") from error
        return as_wav(samples, rate=self._rate)

    def names(self) -> list[str]:
        """The name of each row's recording; empty: there was none.

        Raises:
          ValueError: no names, one for each row.
        """
        names = self._column(_NAMES, dimensions=1)
        return [name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name) for name in names]

    def targets(self) -> "np.ndarray[Any, Any]":
        """Which classes each row has: bool [rows, classes].

        Raises:
          ValueError: no targets, a row of them for each row.
        """
        return self._column(_TARGETS, dimensions=2).astype(bool)

    def _column(self, name: str, *, dimensions: int) -> "np.ndarray[Any, Any]":
        try:
            column = self._dataset(name, dimensions=dimensions)
            if column.shape[0] != self._samples.shape[0]:
                raise ValueError(f"`{name}` has {column.shape[0]} rows, `{_SAMPLES}` {self._samples.shape[0]}")
            return np.asarray(column[:])
        except (OSError, KeyError, TypeError) as error:
            raise ValueError(f"no `{name}` that can be read: {error}") from error

    def _dataset(self, name: str, *, dimensions: int) -> "h5py.Dataset":
        """A dataset in this very file: HDF5 can point to any file of the machine."""
        dataset = self._file[name] if isinstance(self._file.get(name, getlink=True), h5py.HardLink) else None
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise ValueError(f"`{name}` is no dataset in the file itself")
        if dataset.ndim != dimensions:
            raise ValueError(f"`{name}` has {dataset.ndim} dimensions instead of {dimensions}")
        return dataset
