"""Recordings in the TFRecord files of TensorFlow Datasets, read without it; a member is the offset of a record."""

import zlib
from pathlib import Path

import numpy as np

from pipelines import examples
from pipelines.example_files import ExampleFile
from pipelines.status import Rejected
from pipelines.tfds_features import read_features_of
from pipelines.wav import as_wav


class TfdsFile(ExampleFile):
    """A TFRecord file beside the `features.json` that says how its audio is kept."""

    def __init__(self, path: str, *, most_bytes: int) -> None:
        super().__init__(path)
        self._most_bytes = most_bytes
        try:
            self._audio = read_features_of(Path(path).parent).audio
        except ValueError as error:
            raise Rejected("unsupported", str(error)) from error

    def _wav(self, payload: bytes, member: str) -> bytes:
        """A file that was kept as it is, or a WAV file of the kept samples."""
        audio = self._audio
        try:
            values = examples.raw_values(payload, audio.key)
        except ValueError as error:
            raise Rejected("corrupt", f"the record at byte {member}: {error}") from error
        if audio.encoding == "none":
            samples = np.asarray(values)
        elif len(values) != 1 or not isinstance(values, list):
            raise Rejected("missing", f"the record at byte {member} has no audio")
        elif audio.encoding == "file":
            return values[0]
        else:
            raw = self._inflated(values[0]) if audio.encoding == "zlib" else values[0]
            kind = np.dtype(audio.dtype).newbyteorder("<")
            samples = np.frombuffer(raw[: len(raw) // kind.itemsize * kind.itemsize], kind).astype(audio.dtype)
        if not len(samples) or len(samples) % audio.channels:
            raise Rejected(
                "empty", f"the record at byte {member} has {len(samples)} samples, {audio.channels} channels"
            )
        if audio.rate is None:
            raise Rejected("unsupported", "features.json does not say the sample rate")
        return as_wav(samples.reshape(-1, audio.channels) if audio.channels > 1 else samples, rate=audio.rate)

    def _inflated(self, content: bytes) -> bytes:
        inflater = zlib.decompressobj()
        try:
            raw = inflater.decompress(content, self._most_bytes)
        except zlib.error as error:
            raise Rejected("corrupt", f"its zlib stream is damaged: {error}") from error
        if not inflater.eof:
            raise Rejected("unsupported", f"more than {self._most_bytes} bytes of audio, or a stream that ends early")
        return raw
